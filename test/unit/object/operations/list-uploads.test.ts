import fc from "fast-check";
import { test } from "tap";
import type { Bucket } from "../../../../src/object/contract/object-store.ts";
import { createFixture, type StoreFixture } from "../../../support/object/store-fixture.ts";

import { completion, startUpload } from "../../../support/object/upload-steps.ts";

test("listParts: pages of every size show every part once", async (t) => {
  const fixture = createFixture();
  const { store } = fixture;
  const started = await startUpload(fixture);
  for (const limit of [1, 2, 3, 10]) {
    const numbers: number[] = [];
    let after = 0;
    for (;;) {
      const page = await store.listParts({ ...completion(started), after, limit });
      numbers.push(...page.parts.map(({ number }) => number));
      t.ok(page.parts.length <= limit);
      if (!page.truncated) break;
      after = page.nextPartNumber ?? Number.NaN;
    }
    t.strictSame(numbers, [1, 2, 3]);
  }
});

const KEYS = ["a", "a/b", "a/b/c", "a\u0000", "a\u0000b", "b/1", "é/x", "😀"];

test("listUploads: any page size, prefix and delimiter show what there is, in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...KEYS), { maxLength: 10 }),
      fc.constantFrom("", "a", "a/", "a\u0000", "é/"),
      fc.constantFrom(undefined, "/", "b", "\u0000"),
      fc.integer({ min: 1, max: 4 }),
      async (keys, prefix, delimiter, limit) => {
        const { store, clock } = createFixture();
        const bucket = await store.createBucket("bucket");
        const all: [string, string][] = [];
        for (const key of keys) {
          clock.advance(1);
          const upload = await store.createUpload({
            bucket,
            key,
            headers: {},
            storageClass: "STANDARD",
            checksum: undefined,
          });
          all.push([key, upload.uploadId]);
        }
        return (
          JSON.stringify(await listedUploads(store, { bucket, prefix, delimiter, limit })) ===
          JSON.stringify(expectedUploads(all, prefix, delimiter))
        );
      },
    ),
    { numRuns: 150 },
  );
});

function expectedUploads(
  all: [string, string][],
  prefix: string,
  delimiter: string | undefined,
): string[] {
  const shown: string[] = [];
  const sorted = [...all].sort(
    ([left, leftId], [right, rightId]) =>
      Buffer.compare(Buffer.from(left), Buffer.from(right)) || (leftId < rightId ? -1 : 1),
  );
  for (const [key, id] of sorted) {
    if (!key.startsWith(prefix)) continue;
    const at = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
    const text = at < 0 ? `${key} ${id}` : `prefix ${key.slice(0, at + 1)}`;
    if (shown.at(-1) !== text) shown.push(text);
  }
  return shown;
}

async function listedUploads(
  store: StoreFixture["store"],
  question: { bucket: Bucket; prefix: string; delimiter: string | undefined; limit: number },
): Promise<string[]> {
  const shown: string[] = [];
  let keyMarker: string | undefined;
  let uploadIdMarker: string | undefined;
  for (;;) {
    const page = await store.listUploads({ ...question, keyMarker, uploadIdMarker });
    const entries = [
      ...page.uploads.map(({ key, uploadId }) => ({ key, text: `${key} ${uploadId}` })),
      ...page.commonPrefixes.map((key) => ({ key, text: `prefix ${key}` })),
    ].sort((left, right) => Buffer.compare(Buffer.from(left.key), Buffer.from(right.key)));
    shown.push(...entries.map(({ text }) => text));
    if (!page.truncated) return shown;
    if (entries.length !== question.limit) throw new Error("a short page");
    keyMarker = page.nextKeyMarker;
    uploadIdMarker = page.nextUploadIdMarker;
  }
}
