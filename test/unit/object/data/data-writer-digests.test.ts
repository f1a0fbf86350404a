import fc from "fast-check";
import { test } from "tap";
import { CHECKSUM_ALGORITHMS } from "../../../../src/base/payload.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import { BufferSource, chunksOf, type SourceStep } from "../../../support/buffer-source.ts";
import { checksumOf } from "../../../support/checksum-of.ts";
import { DataWorld, settle } from "../../../support/data-world.ts";
import { md5, STRIPE, sha256 } from "../../../support/written-data.ts";

test("DataWriter: computes what was asked for and what is expected, inline and sharded", async (t) => {
  const world = new DataWorld({ drives: 4 });
  for (const size of [0, 100, 5000]) {
    const content = world.random.bytes(size);
    for (const algorithm of CHECKSUM_ALGORITHMS) {
      const source = new BufferSource(chunksOf(content, 700), {
        expectations: { md5: md5(content), sha256: sha256(content) },
        trailing: { checksum: { algorithm, value: checksumOf(algorithm, content) } },
        trailingChecksum: algorithm,
      });
      const { digests } = await world.writer.write(world.request(source, { checksums: ["crc32"] }));
      t.same(digests.checksums[algorithm], checksumOf(algorithm, content));
      t.same(digests.checksums.crc32, checksumOf("crc32", content));
    }
  }
});

test("DataWriter: a wrong digest stores nothing, inline and sharded", async (t) => {
  const wrong = (bytes: number) => Buffer.alloc(bytes, 9);
  for (const size of [100, 5000]) {
    const world = new DataWorld({ drives: 4 });
    const content = world.random.bytes(size);
    const steps = chunksOf(content, 700);
    const checksum = { algorithm: "crc32c", value: wrong(4) } as const;
    const cases: [BufferSource, StoreError][] = [
      [
        new BufferSource(steps, { expectations: { md5: wrong(16) } }),
        new StoreError({ code: "digest-mismatch", digest: "md5" }),
      ],
      [
        new BufferSource(steps, { expectations: { sha256: wrong(32) } }),
        new StoreError({ code: "digest-mismatch", digest: "sha256" }),
      ],
      [
        new BufferSource(steps, { expectations: { checksum } }),
        new StoreError({ code: "digest-mismatch", digest: "checksum", algorithm: "crc32c" }),
      ],
      [
        new BufferSource(steps, { trailing: { checksum }, trailingChecksum: "crc32c" }),
        new StoreError({ code: "digest-mismatch", digest: "checksum", algorithm: "crc32c" }),
      ],
      [
        new BufferSource(steps, { trailing: { checksum } }),
        new StoreError({ code: "digest-mismatch", digest: "checksum", algorithm: "crc32c" }),
      ],
      [
        new BufferSource(steps, { declaredLength: size + 1 }),
        new StoreError({ code: "incomplete-body" }),
      ],
      [
        new BufferSource(steps, { declaredLength: size - 1 }),
        new StoreError({ code: "incomplete-body" }),
      ],
    ];
    for (const [source, error] of cases) {
      await t.rejects(world.writer.write(world.request(source)), error);
    }
    await settle();
    for (const drive of world.drives) {
      t.ok([...drive.files.values()].every(({ state }) => state === "aborted"));
    }
    t.ok(world.isAtRest);
  }
});

test("DataWriter: segments are checked in order, wherever they end", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(STRIPE + 10), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 50, max: 3000 }),
      fc.boolean(),
      async (segmentBytes, chunkBytes, unknownLength) => {
        const world = new DataWorld({ drives: 3, stripes: 4 });
        const seen: Uint8Array[] = [];
        const expected: Buffer[] = [];
        const steps: SourceStep[] = [];
        for (const bytes of segmentBytes) {
          const content = world.random.bytes(bytes);
          expected.push(sha256(content));
          steps.push(...chunksOf(content, chunkBytes), {
            segment: (digest) => {
              seen.push(digest);
              return undefined;
            },
          });
        }
        await world.writer.write(world.request(new BufferSource(steps, { unknownLength })));
        return (
          world.isAtRest &&
          seen.length === expected.length &&
          seen.every((digest, index) => expected[index]?.equals(digest) === true)
        );
      },
    ),
    { numRuns: 60 },
  );
  t.pass();
});

test("DataWriter: a segment end at exactly a stripe's end is checked", async (t) => {
  const world = new DataWorld({ drives: 3 });
  const content = world.random.bytes(2 * STRIPE);
  const seen: Uint8Array[] = [];
  const segment = (digest: Uint8Array) => {
    seen.push(digest);
    return undefined;
  };
  const parts = [content.subarray(0, STRIPE), content.subarray(STRIPE)];
  const steps = parts.flatMap((chunk): SourceStep[] => [{ chunk }, { segment }, { segment }]);
  await world.writer.write(world.request(new BufferSource(steps)));
  const none = sha256(Buffer.alloc(0));
  t.same(
    seen,
    parts.flatMap((part) => [sha256(part), none]),
  );
});

test("DataWriter: a segment that is refused fails the upload, inline and sharded", async (t) => {
  for (const size of [100, 3000]) {
    const world = new DataWorld({ drives: 3 });
    const refusal = new StoreError({
      code: "payload-rejected",
      s3Code: "SignatureDoesNotMatch",
      message: "the chunk was signed with something else",
    });
    const chunk = world.random.bytes(size);
    let asked = 0;
    const source = new BufferSource([
      { chunk },
      { segment: () => (asked++ === 0 ? undefined : refusal) },
      { chunk },
      { segment: () => (asked++ === 0 ? undefined : refusal) },
      { chunk },
    ]);
    await t.rejects(world.writer.write(world.request(source, { inlineBytesMax: 500 })), refusal);
    await settle();
    t.equal(asked, 2);
    t.ok(world.isAtRest);
  }
});
