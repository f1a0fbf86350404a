import fc from "fast-check";
import { test } from "tap";
import { nameOfSealed, OpenedKeys } from "../../../../src/object/encryption/opened-keys.ts";

test("OpenedKeys: keeps as many as it may, the newest, and gives copies", async (t) => {
  const opened = new OpenedKeys(2);
  const key = Buffer.alloc(32, 1);
  opened.add("a", { generation: 1, key });
  key.fill(9);
  const copy = opened.get("a", 1);
  t.same(copy, new Uint8Array(32).fill(1));
  copy?.fill(5);
  t.same(opened.get("a", 1), new Uint8Array(32).fill(1));
  opened.add("a", { generation: 1, key });
  opened.add("b", { generation: 1, key });
  t.equal(opened.size, 2);
  opened.add("c", { generation: 1, key });
  t.equal(opened.size, 2);
  t.equal(opened.get("a", 1), undefined);
  t.same(opened.get("c", 1), key);
  t.equal(opened.get("c", 2), undefined, "another generation");
  t.equal(opened.get("c", 1), undefined, "is forgotten then");
  t.equal(opened.size, 1);
});

test("nameOfSealed: is another one for all that is not the same", async () => {
  const bytes = fc.uint8Array({ maxLength: 3 });
  const text = fc.string({ unit: fc.constantFrom("/", "1", "a"), maxLength: 3 });
  const one = fc.record({
    stored: fc.record({
      mode: fc.constantFrom("managed" as const, "kms" as const),
      salt: bytes,
      check: bytes,
      sealedKey: bytes,
      service: fc.constant(undefined),
    }),
    service: fc.record({ keyId: text, sealedDataKey: bytes, context: text }),
    place: fc.record({ bucket: fc.constantFrom("a", "b", "aa"), key: text }),
  });
  type One = typeof one extends fc.Arbitrary<infer Value> ? Value : never;
  const named = ({ stored, service, place }: One) => nameOfSealed(stored, service, place);
  const seen = new Map<string, string>();
  fc.assert(
    fc.property(one, (value) => {
      const name = named(value);
      const same = JSON.stringify(value);
      const before = seen.get(name) ?? same;
      seen.set(name, before);
      return before === same;
    }),
    { seed: 8, numRuns: 3000 },
  );
});
