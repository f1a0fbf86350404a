import { test } from "tap";
import type { ChecksumAlgorithm } from "../../../../src/base/payload.ts";
import type {
  CompletePart,
  CompleteUploadInput,
} from "../../../../src/object/contract/object-store.ts";
import { checksumOf } from "../../../support/checksum-of.ts";
import { bytesSource } from "../../../support/object/memory-data.ts";
import {
  codeOf,
  createFixture,
  createJanitor,
  putInput,
  readContent,
  tidyUp,
} from "../../../support/object/store-fixture.ts";

import {
  completion,
  DAY_MS,
  expectedEtag,
  PARTS,
  startUpload,
} from "../../../support/object/upload-steps.ts";

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
    ["invalid-part-order", [one, two, one], {}],
    ["invalid-part", [one, { ...one, etag: two.etag }], {}],
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
    const wrong = { algorithm, value: Buffer.alloc(values[0]?.length ?? 0) };
    const spoilt = started.parts.map((part) => ({ ...part, checksum: wrong }));
    const refused = store.completeUpload({ ...completion(started), parts: spoilt });
    t.equal(await codeOf(refused), "invalid-part", "another checksum than that of the part");
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

test("copyObject: a copy of parts has a checksum of the whole, of the same algorithm", async (t) => {
  const fixture = createFixture();
  const { store } = fixture;
  const checksum = { algorithm: "xxhash3", type: "COMPOSITE" } as const;
  const started = await startUpload(fixture, { checksum });
  await store.completeUpload(completion(started));
  const { bucket } = started;
  const copied = await store.copyObject({
    source: { bucket, key: "dir/key", conditions: {} },
    target: { bucket, key: "copy", conditions: {} },
    headers: (headers) => headers,
    storageClass: undefined,
    checksumAlgorithm: undefined,
  });
  const text = checksumOf("xxhash3", Buffer.from(PARTS.join(""))).toString("base64");
  t.strictSame(copied.checksum, { algorithm: "xxhash3", type: "FULL_OBJECT", text });
});

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
