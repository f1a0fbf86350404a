import fc from "fast-check";
import { test } from "tap";
import {
  BLANK_VALUE,
  decodeBody,
  decodeValue,
  encodeValue,
  type RegisterValue,
  WINDOW_OPERATIONS_MAX,
} from "../../../../cluster/register/value-envelope.ts";
import { StoreError } from "../../../../src/base/store-error.ts";

const operations = fc.record({
  id: fc.uint8Array({ minLength: 12, maxLength: 16 }),
  result: fc.uint8Array({ maxLength: 64 }),
});
const bodies = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined });

test("encodeValue, decodeValue: the last sixteen operations and the last body, whatever came before", async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(operations, bodies), { minLength: 1, maxLength: 40 }),
      (changes) => {
        let value: RegisterValue = BLANK_VALUE;
        let bytes: Uint8Array = new Uint8Array(0);
        for (const [operation, body] of changes) {
          bytes = encodeValue(value, operation, body);
          value = decodeValue(bytes);
        }
        const kept = changes.slice(-WINDOW_OPERATIONS_MAX).map(([operation]) => operation);
        const last = changes.at(-1)?.[1];
        return (
          same(value.body, last) &&
          same(decodeBody(bytes), last) &&
          value.window.length === kept.length &&
          value.window.every(
            (entry, index) =>
              same(entry.id, kept[index]?.id) && same(entry.result, kept[index]?.result),
          )
        );
      },
    ),
    { numRuns: 300 },
  );
  t.pass("no counterexample");
});

test("decodeValue, decodeBody: agree on any bytes, and refuse only with corrupt", async (t) => {
  const good = encodeValue(
    BLANK_VALUE,
    { id: new Uint8Array(14), result: Buffer.from("ok") },
    Buffer.from("body"),
  );
  const damaged = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 3 })
    .chain((patches) =>
      fc.nat(good.length).map((length) => {
        const bytes = Buffer.from(good.subarray(0, length));
        for (const [offset, value] of patches) if (offset < length) bytes[offset] = value;
        return bytes;
      }),
    );
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 80 })), (bytes) => {
      const whole = attempt(() => decodeValue(bytes).body);
      const body = attempt(() => decodeBody(bytes));
      return whole.refused === body.refused && same(whole.body, body.body);
    }),
    { numRuns: 3000 },
  );
  t.pass("no counterexample");
});

test("encodeValue: one write costs one entry, and its limits are kept", async (t) => {
  const id = new Uint8Array(14);
  t.equal(encodeValue(BLANK_VALUE, { id, result: new Uint8Array(0) }, Buffer.from("x")).length, 20);
  t.equal(encodeValue(BLANK_VALUE, { id, result: new Uint8Array(0) }, undefined).length, 19);
  const wrong = /^invalid-argument/;
  const result = new Uint8Array(0);
  t.throws(() => encodeValue(BLANK_VALUE, { id: new Uint8Array(11), result }, undefined), wrong);
  t.throws(() => encodeValue(BLANK_VALUE, { id: new Uint8Array(17), result }, undefined), wrong);
  t.throws(() => encodeValue(BLANK_VALUE, { id, result: new Uint8Array(65) }, undefined), wrong);
});

function same(left: Uint8Array | undefined, right: Uint8Array | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return Buffer.compare(left, right) === 0;
}

function attempt(run: () => Uint8Array | undefined): {
  refused: boolean;
  body: Uint8Array | undefined;
} {
  try {
    return { refused: false, body: run() };
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "corrupt") throw error;
    return { refused: true, body: undefined };
  }
}
