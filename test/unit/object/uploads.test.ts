import { createHash } from "node:crypto";
import fc from "fast-check";
import { test } from "tap";
import type { ChecksumAlgorithm } from "../../../src/base/payload.ts";
import type {
  Bucket,
  CompletePart,
  CompleteUploadInput,
  Upload,
} from "../../../src/object/object-store.ts";
import { bytesSource, checksumOf } from "../../support/object/memory-data.ts";
import type { Fault } from "../../support/object/memory-registers.ts";
import {
  codeOf,
  createFixture,
  createJanitor,
  putInput,
  readContent,
  type StoreFixture,
  tidyUp,
} from "../../support/object/store-fixture.ts";

const PARTS = ["the first part, long enough", "the second part, also long", "the last"];
const DAY_MS = 24 * 60 * 60_000;

interface Started {
  readonly bucket: Bucket;
  readonly upload: Upload;
  readonly parts: CompletePart[];
}

async function startUpload(
  { store }: StoreFixture,
  options: { key?: string; checksum?: Upload["checksum"]; versioned?: boolean } = {},
): Promise<Started> {
  const { key = "dir/key", checksum, versioned = false } = options;
  const bucket = await store.createBucket("bucket");
  if (versioned) await store.changeBucket("bucket", () => ({ versioning: "enabled" }));
  const upload = await store.createUpload({
    bucket,
    key,
    headers: { "content-type": "text/plain" },
    storageClass: "STANDARD",
    checksum,
  });
  const parts: CompletePart[] = [];
  for (const [index, content] of PARTS.entries()) {
    const { etag, number } = await store.putPart({
      bucket,
      key,
      uploadId: upload.uploadId,
      partNumber: index + 1,
      source: bytesSource(Buffer.from(content)),
    });
    parts.push({ number, etag });
  }
  return { bucket, upload, parts };
}

function completion({ bucket, upload, parts }: Started): CompleteUploadInput {
  return { bucket, key: upload.key, uploadId: upload.uploadId, parts, conditions: {} };
}

function expectedEtag(contents: readonly string[]): string {
  const hash = createHash("md5");
  for (const content of contents) hash.update(createHash("md5").update(content).digest());
  return `${hash.digest("hex")}-${contents.length}`;
}

test("completeUpload: makes one object of the parts, without moving bytes", async (t) => {
  const fixture = createFixture();
  const { store, data } = fixture;
  const started = await startUpload(fixture);
  const dataIds = [...data.contents.keys()];
  const result = await store.completeUpload(completion(started));
  t.equal(result.etag, expectedEtag(PARTS));
  t.equal(result.bytes, PARTS.join("").length);
  t.equal(result.versionId, undefined);
  t.equal(await readContent(store, started.bucket, "dir/key"), PARTS.join(""));
  t.strictSame([...data.contents.keys()], dataIds);
  const { details } = await store.openObject({
    bucket: started.bucket,
    key: "dir/key",
    conditions: {},
  });
  t.equal(details.headers["content-type"], "text/plain");
  t.strictSame(
    details.parts.map(({ number, bytes }) => [number, bytes]),
    PARTS.map((part, index) => [index + 1, part.length]),
  );
  t.equal(await codeOf(store.upload({ ...completion(started) })), "no-such-upload");
});

test("completeUpload: a subset of the parts counts, the others are deleted", async (t) => {
  const fixture = createFixture();
  const { store, data } = fixture;
  const started = await startUpload(fixture);
  const parts = started.parts.slice(0, 2);
  await store.completeUpload({ ...completion(started), parts });
  t.equal(await readContent(store, started.bucket, "dir/key"), PARTS.slice(0, 2).join(""));
  await tidyUp(createJanitor(fixture));
  t.equal(data.contents.size, 2);
});

test("completeUpload: repeated it gives the same answer for a day, then there is no such upload", async (t) => {
  const fixture = createFixture();
  const { store, clock, registers } = fixture;
  const started = await startUpload(fixture, { versioned: true });
  const janitor = createJanitor(fixture);
  const first = await store.completeUpload(completion(started));
  t.strictSame(await store.completeUpload(completion(started)), first);
  await tidyUp(janitor);
  clock.advance(DAY_MS / 2);
  await tidyUp(janitor);
  t.strictSame(await store.completeUpload(completion(started)), first);
  const other = { ...completion(started), parts: started.parts.slice(1) };
  t.equal(await codeOf(store.completeUpload(other)), "no-such-upload");
  clock.advance(DAY_MS);
  await tidyUp(janitor);
  t.equal(await codeOf(store.completeUpload(completion(started))), "no-such-upload");
  // The bucket's record and the object's.
  t.equal(registers.cells.size, 2);
  t.equal(registers.table("trash").length, 0);
});

test("completeUpload: rejects what S3 rejects", async (t) => {
  const fixture = createFixture();
  const { store } = fixture;
  const started = await startUpload(fixture);
  const [one, two, three] = started.parts;
  if (one === undefined || two === undefined || three === undefined) throw new Error("three parts");
  const cases: [string, CompletePart[], Partial<CompleteUploadInput>][] = [
    ["invalid-part-order", [two, one], {}],
    ["invalid-part-order", [one, one], {}],
    ["invalid-part", [one, { ...two, etag: one.etag }], {}],
    ["invalid-part", [one, { number: 9, etag: one.etag }], {}],
    ["entity-too-small", [one, three, { number: 4, etag: one.etag }], {}],
    ["invalid-argument", [], {}],
    ["invalid-argument", [one, two, three], { bytes: 7 }],
    ["digest-mismatch", [one], { checksum: { algorithm: "crc32", text: "AAAAAA==" } }],
    ["no-such-upload", [one], { uploadId: "f".repeat(32) }],
    ["no-such-upload", [one], { uploadId: "../x" }],
  ];
  await store.putPart({
    ...completion(started),
    partNumber: 4,
    source: bytesSource(Buffer.from(PARTS[0] ?? "")),
  });
  for (const [code, parts, more] of cases) {
    const call = store.completeUpload({ ...completion(started), parts, ...more });
    t.equal(await codeOf(call), code);
  }
  t.equal(await codeOf(store.completeUpload(completion(started))), "resolved");
});

const COMPOSITE: ChecksumAlgorithm[] = ["crc32", "crc32c", "sha1", "sha256"];

for (const algorithm of COMPOSITE) {
  test(`completeUpload: composite ${algorithm} is that of the parts' values`, async (t) => {
    const fixture = createFixture();
    const { store } = fixture;
    const started = await startUpload(fixture, { checksum: { algorithm, type: "COMPOSITE" } });
    const values = PARTS.map((part) => checksumOf(algorithm, Buffer.from(part)));
    const text = `${checksumOf(algorithm, Buffer.concat(values)).toString("base64")}-3`;
    t.equal(await codeOf(store.completeUpload(completion(started))), "invalid-part");
    const parts = started.parts.map((part, index) => ({
      ...part,
      checksum: { algorithm, value: values[index] ?? Buffer.alloc(0) },
    }));
    const result = await store.completeUpload({
      ...completion(started),
      parts,
      checksum: { algorithm, text },
    });
    t.strictSame(result.checksum, { algorithm, type: "COMPOSITE", text });
  });
}

for (const algorithm of ["crc32", "crc32c", "crc64nvme"] as const) {
  test(`completeUpload: full-object ${algorithm} is that of all bytes`, async (t) => {
    const fixture = createFixture();
    const { store } = fixture;
    const started = await startUpload(fixture, { checksum: { algorithm, type: "FULL_OBJECT" } });
    const text = checksumOf(algorithm, Buffer.from(PARTS.join(""))).toString("base64");
    const wrong = { algorithm, text: `${text}x` };
    const call = store.completeUpload({ ...completion(started), checksum: wrong });
    t.equal(await codeOf(call), "digest-mismatch");
    const result = await store.completeUpload({
      ...completion(started),
      checksum: { algorithm, text },
      checksumType: "FULL_OBJECT",
    });
    t.strictSame(result.checksum, { algorithm, type: "FULL_OBJECT", text });
  });
}

test("createUpload: a full-object SHA is refused; putPart refuses another algorithm", async (t) => {
  const fixture = createFixture();
  const { store } = fixture;
  const started = await startUpload(fixture, {
    checksum: { algorithm: "crc32", type: "COMPOSITE" },
  });
  const { bucket } = started;
  const call = store.createUpload({
    bucket,
    key: "k",
    headers: {},
    storageClass: "STANDARD",
    checksum: { algorithm: "sha256", type: "FULL_OBJECT" },
  });
  t.equal(await codeOf(call), "invalid-argument");
  const value = checksumOf("sha1", Buffer.from("x"));
  const source = bytesSource(Buffer.from("x"), { checksum: { algorithm: "sha1", value } });
  const part = store.putPart({ ...completion(started), partNumber: 4, source });
  t.equal(await codeOf(part), "invalid-argument");
  for (const partNumber of [0, 10_001, 1.5]) {
    const bad = store.putPart({
      ...completion(started),
      partNumber,
      source: bytesSource(Buffer.from("x")),
    });
    t.equal(await codeOf(bad), "invalid-argument");
  }
});

test("putPart: a part that is uploaded again replaces the first, whose data is deleted", async (t) => {
  const fixture = createFixture();
  const { store, data, clock } = fixture;
  const started = await startUpload(fixture);
  const again = "the second part, another time";
  const { etag } = await store.putPart({
    ...completion(started),
    partNumber: 2,
    source: bytesSource(Buffer.from(again)),
  });
  t.equal(data.contents.size, 3);
  clock.advance(DAY_MS);
  await tidyUp(createJanitor(fixture));
  t.equal(data.contents.size, 2);
  t.equal(await codeOf(store.completeUpload(completion(started))), "invalid-part");
  const parts = started.parts.map((part) => (part.number === 2 ? { ...part, etag } : part));
  await store.completeUpload({ ...completion(started), parts });
  const expected = [PARTS[0], again, PARTS[2]].join("");
  t.equal(await readContent(store, started.bucket, "dir/key"), expected);
});

test("abortUpload: leaves nothing and is final", async (t) => {
  const fixture = createFixture();
  const { store, data, registers } = fixture;
  const started = await startUpload(fixture);
  await store.abortUpload(completion(started));
  t.equal(await codeOf(store.abortUpload(completion(started))), "no-such-upload");
  t.equal(await codeOf(store.completeUpload(completion(started))), "no-such-upload");
  const late = store.putPart({
    ...completion(started),
    partNumber: 1,
    source: bytesSource(Buffer.from(PARTS[0] ?? "")),
  });
  t.equal(await codeOf(late), "no-such-upload");
  await tidyUp(createJanitor(fixture));
  t.equal(data.contents.size, 0);
  t.equal(registers.cells.size, 2, "the bucket and, for parts that come late, the upload");
  fixture.clock.advance(DAY_MS);
  await tidyUp(createJanitor(fixture));
  t.equal(registers.cells.size, 1);
});

test("completeUpload: a condition that does not hold leaves the upload open", async (t) => {
  const fixture = createFixture();
  const { store } = fixture;
  const started = await startUpload(fixture);
  const { bucket } = started;
  await store.putObject(putInput(bucket, "dir/key", "earlier"));
  const conditions = { ifNoneMatch: ["*"] };
  const call = store.completeUpload({ ...completion(started), conditions });
  t.equal(await codeOf(call), "precondition-failed");
  t.equal(await readContent(store, bucket, "dir/key"), "earlier");
  await store.deleteObject({ bucket, key: "dir/key", conditions: {} });
  await store.completeUpload({ ...completion(started), conditions });
  t.equal(await readContent(store, bucket, "dir/key"), PARTS.join(""));
});

test("copyPart: copies a range into data of its own", async (t) => {
  const fixture = createFixture();
  const { store, data } = fixture;
  const started = await startUpload(fixture);
  const { bucket } = started;
  await store.putObject(putInput(bucket, "source", "0123456789 the source of a copied part"));
  const address = { ...completion(started), partNumber: 4 };
  const source = { bucket, key: "source", conditions: {} };
  const before = data.contents.size;
  const part = await store.copyPart({ ...address, source, range: { offset: 11, length: 20 } });
  t.equal(part.bytes, 20);
  t.equal(data.contents.size, before + 1);
  const beyond = store.copyPart({ ...address, source, range: { offset: 30, length: 20 } });
  t.equal(await codeOf(beyond), "range-not-satisfiable");
  const parts = [{ number: 4, etag: part.etag }];
  await store.completeUpload({ ...completion(started), parts });
  t.equal(await readContent(store, bucket, "dir/key"), "the source of a copi");
});

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

const FAULTS: Fault[] = ["lost", "applied-but-unknown", "refused"];

for (const fault of FAULTS) {
  for (const recovery of ["retry", "janitor", "janitor after an overwrite"] as const) {
    test(`completeUpload: any step ${fault}, then ${recovery}: the object is completed once`, async (t) => {
      for (let step = 1; step <= 3; step++) {
        const before = createFixture();
        const started = await startUpload(before, { versioned: true });
        let updates = 0;
        before.registers.nextFault = () => (++updates === step ? fault : "none");
        const cut = await codeOf(before.store.completeUpload(completion(started)));
        t.equal(cut, fault === "refused" ? "no-quorum" : "unknown-outcome");
        before.registers.nextFault = () => "none";

        // Another process, over what the first one has stored.
        const fixture = createFixture({}, before, 99);
        const { store, clock, data } = fixture;
        const bucket = await store.bucket("bucket");
        if (recovery === "janitor after an overwrite") {
          await store.putObject(
            putInput(bucket, "dir/key", "written meanwhile, too long to inline"),
          );
        }
        if (recovery !== "retry") {
          clock.advance(120_000);
          await tidyUp(createJanitor(fixture));
        }
        const result = await store.completeUpload({ ...completion(started), bucket });
        t.strictSame(await store.completeUpload({ ...completion(started), bucket }), result);
        clock.advance(2 * DAY_MS);
        await tidyUp(createJanitor(fixture));
        const page = await store.listVersions({
          bucket,
          prefix: "",
          delimiter: undefined,
          keyMarker: undefined,
          versionIdMarker: undefined,
          limit: 10,
        });
        const completed = page.versions.filter(({ etag }) => etag === result.etag);
        t.equal(completed.length, 1, `step ${step}`);
        t.equal(completed[0]?.versionId, result.versionId);
        const content = await readContent(store, bucket, "dir/key", result.versionId);
        t.equal(content, PARTS.join(""));
        const inline = (PARTS[2] ?? "").length <= 16 ? 1 : 0;
        const others = recovery === "janitor after an overwrite" ? 1 : 0;
        t.equal(data.contents.size, PARTS.length - inline + others);
      }
    });
  }
}

test("completeUpload: a finished completion does not come back after the object was deleted", async (t) => {
  const before = createFixture();
  const started = await startUpload(before);
  let updates = 0;
  // The object is written; that the upload is done is not.
  before.registers.nextFault = () => (++updates === 3 ? "lost" : "none");
  t.equal(await codeOf(before.store.completeUpload(completion(started))), "unknown-outcome");
  before.registers.nextFault = () => "none";
  const fixture = createFixture({}, before, 99);
  const { store, clock, data, registers } = fixture;
  const bucket = await store.bucket("bucket");
  t.equal(await readContent(store, bucket, "dir/key"), PARTS.join(""));
  await store.deleteObject({ bucket, key: "dir/key", conditions: {} });
  clock.advance(120_000);
  await tidyUp(createJanitor(fixture));
  t.equal(await codeOf(readContent(store, bucket, "dir/key")), "no-such-key");
  clock.advance(2 * DAY_MS);
  await tidyUp(createJanitor(fixture));
  t.equal(data.contents.size, 0);
  t.equal(registers.cells.size, 1);
});
