/** Encrypted objects through the object layer, over data in memory. */
import { createHash } from "node:crypto";
import { test } from "tap";
import { FRAME_PLAIN_BYTES } from "../../../src/codec/sealed-frames.ts";
import type { Bucket, EncryptionRequest } from "../../../src/object/contract/object-store.ts";
import { objectKey } from "../../../src/object/contract/register-keys.ts";
import {
  decodeObjectRecord,
  encodeObjectRecord,
} from "../../../src/object/records/object-record.ts";
import { resealVersion, type VersionMeta } from "../../../src/object/records/stored-version.ts";
import { BufferSink, bytesSource } from "../../support/object/memory-data.ts";
import {
  codeOf,
  createFixture,
  putInput,
  type StoreFixture,
} from "../../support/object/store-fixture.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const CUSTOMER = Buffer.alloc(32, 9);
const CORRUPT = { code: "corrupt" };
const MODES: Readonly<Record<string, EncryptionRequest | undefined>> = {
  none: undefined,
  customer: { mode: "customer", key: CUSTOMER },
  managed: { mode: "managed" },
  kms: { mode: "kms", context: '{"a":"b"}' },
};
const random = new SeededRandom(12);

function accessOf(mode: string) {
  return mode === "customer" ? { customerKey: CUSTOMER } : {};
}

async function content(
  { store }: StoreFixture,
  bucket: Bucket,
  key: string,
  access: { customerKey?: Uint8Array } = {},
): Promise<Buffer> {
  const opened = await store.openObject({ bucket, key, conditions: {}, ...access });
  if (opened.inline !== undefined) return Buffer.from(opened.inline);
  const sink = new BufferSink();
  await opened.read({ offset: 0, length: opened.details.bytes }, sink);
  return sink.bytes;
}

test("putObject: encrypted in each mode, small and large, in ranges, with its ETag and checksum", async (t) => {
  const fixture = createFixture();
  const { store, data, registers } = fixture;
  const bucket = await store.createBucket("bucket");
  for (const mode of ["customer", "managed", "kms"]) {
    for (const size of [0, 1, 16, 17, FRAME_PLAIN_BYTES, FRAME_PLAIN_BYTES + 1, 200_000]) {
      const key = `${mode}/${size}`;
      const plain = random.bytes(size);
      const md5 = createHash("md5").update(plain).digest("hex");
      const put = await store.putObject(
        putInput(bucket, key, plain, { encryption: MODES[mode], checksumAlgorithm: "crc32" }),
      );
      t.equal(put.bytes, size);
      t.equal(put.etag === md5, mode === "managed", `${key}: SSE-S3 alone shows the MD5`);
      t.equal(put.encryption?.mode, mode);
      t.ok((await content(fixture, bucket, key, accessOf(mode))).equals(plain), key);
      const opened = await store.openObject({ bucket, key, conditions: {}, ...accessOf(mode) });
      t.same(opened.details.checksum, put.checksum);
      t.equal(opened.details.bytes, size);
      t.equal(opened.details.etag, put.etag);
      const offset = Math.floor(size / 3);
      const sink = new BufferSink();
      await opened.read({ offset, length: size - offset }, sink);
      t.ok(sink.bytes.equals(plain.subarray(offset)), `${key}: a range`);
      if (size < 16) continue;
      const stored = [...data.contents.values(), await bodyOf(fixture, bucket, key)];
      t.notOk(
        stored.some((bytes) => bytes.includes(plain.subarray(0, 16))),
        `${key}: at rest`,
      );
    }
  }
  const { objects } = await store.listObjects({
    bucket,
    prefix: "kms/",
    delimiter: undefined,
    after: undefined,
    limit: 100,
  });
  t.same(
    objects.map(({ bytes }) => bytes).sort((left, right) => left - right),
    [0, 1, 16, 17, FRAME_PLAIN_BYTES, FRAME_PLAIN_BYTES + 1, 200_000],
    "listings show plain sizes",
  );
  t.ok(registers);
});

async function bodyOf(fixture: StoreFixture, bucket: Bucket, key: string): Promise<Buffer> {
  const entry = await fixture.store.core.buckets.current(bucket);
  const body = await fixture.store.core.registers.read(objectKey(entry, key));
  if (body === undefined) throw new Error(`no record of ${key}`);
  return Buffer.from(body);
}

/** Puts a changed version in the place of the newest, as somebody would who can write records. */
async function forge(
  fixture: StoreFixture,
  { bucket, key }: { bucket: Bucket; key: string },
  change: (meta: VersionMeta) => Partial<VersionMeta>,
): Promise<void> {
  const { buckets, registers } = fixture.store.core;
  const entry = await buckets.current(bucket);
  await registers.update(objectKey(entry, key), (body) => {
    const record = decodeObjectRecord(body);
    const versions = record.versions.map((version) =>
      resealVersion(version, change(version.meta())),
    );
    const changed = encodeObjectRecord({ ...record, versions }, body);
    return { kind: "write", body: changed, result: new Uint8Array(0) };
  });
}

test("openObject: of a customer's object nothing is told without the key but its headers", async (t) => {
  const fixture = createFixture();
  const { store } = fixture;
  const bucket = await store.createBucket("bucket");
  const encryption = MODES["customer"];
  const { etag } = await store.putObject(putInput(bucket, "key", "0123456789", { encryption }));
  const place = { bucket, key: "key" };
  const problem = (refused: string) => ({ message: `encryption {"problem":"${refused}"}` });
  await t.rejects(store.openObject({ ...place, conditions: {} }), problem("key-required"));
  for (const ifMatch of [etag, "another"]) {
    const asked = store.openObject({ ...place, conditions: { ifMatch: [ifMatch] } });
    await t.rejects(asked, problem("key-required"), "conditions tell nothing either");
  }
  const wrong = { customerKey: Buffer.alloc(32, 1) };
  await t.rejects(store.openObject({ ...place, ...wrong, conditions: {} }), problem("key-wrong"));
  const { details } = await store.openObject({ ...place, conditions: {}, headersOnly: true });
  t.equal(details.encryption?.mode, "customer");
  t.equal(details.checksum, undefined);
  await store.putObject(putInput(bucket, "plain", "0123456789"));
  const plain = store.openObject({ bucket, key: "plain", conditions: {}, ...wrong });
  await t.rejects(plain, problem("key-not-applicable"));
});

test("openObject: data, keys and lengths of two objects cannot be exchanged", async (t) => {
  const fixture = createFixture();
  const { store } = fixture;
  const bucket = await store.createBucket("bucket");
  for (const mode of ["customer", "managed", "kms"]) {
    for (const size of [10, 100]) {
      const encryption = MODES[mode];
      const names = [`${mode}-${size}-a`, `${mode}-${size}-b`] as const;
      for (const key of names) {
        await store.putObject(putInput(bucket, key, random.bytes(size), { encryption }));
      }
      const metas: VersionMeta[] = [];
      for (const key of names) {
        await forge(fixture, { bucket, key }, (meta) => {
          metas.push(meta);
          return {};
        });
      }
      const [, other] = metas;
      if (other === undefined) throw new Error("two objects were put");
      const [key] = names;
      const read = () => content(fixture, bucket, key, accessOf(mode));
      const own = metas[0] ?? other;
      await forge(fixture, { bucket, key }, () => ({ content: other.content }));
      await t.rejects(read(), CORRUPT, `${mode}: the other's data`);
      await forge(fixture, { bucket, key }, () => ({ ...own, encryption: other.encryption }));
      await t.rejects(read(), `${mode}: the other's keys`);
      await forge(fixture, { bucket, key }, () => ({ ...other }));
      await t.rejects(read(), `${mode}: both, which belong to the other's place`);
      await forge(fixture, { bucket, key }, () => ({ ...own }));
      await t.resolves(read());
    }
  }
});

test("openObject: a changed bit of the stored bytes is noticed", async (t) => {
  const fixture = createFixture();
  const { store, data } = fixture;
  const bucket = await store.createBucket("bucket");
  const plain = random.bytes(FRAME_PLAIN_BYTES + 100);
  await store.putObject(putInput(bucket, "key", plain, { encryption: { mode: "managed" } }));
  const [stored] = data.contents.values();
  if (stored === undefined) throw new Error("the object has data");
  for (let round = 0; round < 20; round++) {
    const at = random.below(stored.length);
    stored.writeUInt8(stored.readUInt8(at) ^ 4, at);
    await t.rejects(content(fixture, bucket, "key"), CORRUPT);
    stored.writeUInt8(stored.readUInt8(at) ^ 4, at);
  }
  t.ok((await content(fixture, bucket, "key")).equals(plain));
});

test("copyObject: from every mode to every mode", async (t) => {
  const fixture = createFixture();
  const { store } = fixture;
  const bucket = await store.createBucket("bucket");
  const target = await store.createBucket("target");
  for (const from of Object.keys(MODES)) {
    const plain = random.bytes(70_000);
    const source = { bucket, key: from, conditions: {}, ...accessOf(from) };
    await store.putObject(putInput(bucket, from, plain, { encryption: MODES[from] }));
    for (const to of Object.keys(MODES)) {
      const key = `${from}-${to}`;
      const copied = await store.copyObject({
        source,
        target: { bucket: target, key, conditions: {} },
        headers: (headers) => headers,
        storageClass: undefined,
        checksumAlgorithm: undefined,
        encryption: MODES[to],
      });
      t.equal(copied.encryption?.mode, MODES[to]?.mode);
      t.ok((await content(fixture, target, key, accessOf(to))).equals(plain), key);
    }
  }
  const withoutKey = store.copyObject({
    source: { bucket, key: "customer", conditions: {} },
    target: { bucket, key: "stolen", conditions: {} },
    headers: (headers) => headers,
    storageClass: undefined,
    checksumAlgorithm: undefined,
  });
  t.equal(await codeOf(withoutKey), "encryption");
});

test("copyObject: onto itself with another key moves no byte", async (t) => {
  const fixture = createFixture();
  const { store, data, keys, clock } = fixture;
  await keys.create("next", "test");
  const bucket = await store.createBucket("bucket");
  const plain = random.bytes(300);
  const fresh = Buffer.alloc(32, 77);
  const steps = [
    ["customer", { mode: "customer", key: fresh }, { customerKey: fresh }],
    ["kms", { mode: "kms", keyId: "next" }, {}],
    ["managed", { mode: "managed" }, {}],
  ] as const;
  for (const [mode, encryption, access] of steps) {
    const key = `self-${mode}`;
    const put = await store.putObject(
      putInput(bucket, key, plain, { encryption: MODES[mode], checksumAlgorithm: "sha1" }),
    );
    const dataIds = [...data.contents.keys()];
    clock.advance(1000);
    const copied = await store.copyObject({
      source: { bucket, key, conditions: {}, ...accessOf(mode) },
      target: { bucket, key, conditions: {} },
      headers: (headers) => ({ ...headers, "x-amz-meta-turned": "yes" }),
      storageClass: undefined,
      checksumAlgorithm: undefined,
      encryption,
    });
    t.same([...data.contents.keys()], dataIds, `${mode}: the same data`);
    t.equal(copied.etag, put.etag);
    t.same(copied.checksum, put.checksum);
    t.ok(copied.mtimeMs > put.mtimeMs);
    t.ok((await content(fixture, bucket, key, access)).equals(plain));
    const { details } = await store.openObject({ bucket, key, conditions: {}, ...access });
    t.equal(details.headers["x-amz-meta-turned"], "yes");
    t.same(details.checksum, put.checksum);
    if (mode === "customer") {
      t.equal(await codeOf(content(fixture, bucket, key, accessOf(mode))), "encryption");
    }
    if (mode === "kms") t.equal(details.encryption?.keyId, "next");
  }
});

test("updateEncryption: names another key for any version, in its place", async (t) => {
  const fixture = createFixture();
  const { store, data, keys } = fixture;
  await keys.create("next", "test");
  const bucket = await store.createBucket("bucket", { versioning: "enabled" });
  const plain = random.bytes(300);
  const encryption = MODES["managed"];
  const first = await store.putObject(putInput(bucket, "key", plain, { encryption }));
  await store.putObject(putInput(bucket, "key", "newer", { encryption }));
  const dataIds = [...data.contents.keys()];
  const versionId = first.versionId ?? "";
  const next = { mode: "kms", keyId: "next" } as const;
  await store.updateEncryption({ bucket, key: "key", versionId, encryption: next });
  const opened = await store.openObject({ bucket, key: "key", versionId, conditions: {} });
  t.same(opened.details.encryption, { mode: "kms", keyId: "next" });
  t.equal(opened.details.etag, first.etag);
  t.equal(opened.details.mtimeMs, first.mtimeMs);
  const sink = new BufferSink();
  await opened.read({ offset: 0, length: 300 }, sink);
  t.ok(sink.bytes.equals(plain));
  t.same([...data.contents.keys()], dataIds);
  await store.putObject(putInput(bucket, "plain", "text"));
  const plainObject = store.updateEncryption({ bucket, key: "plain", encryption: next });
  await t.rejects(plainObject, { message: 'encryption {"problem":"not-encrypted"}' });
});

test("completeUpload: encrypted uploads, parts replaced, listed, copied and put together", async (t) => {
  const fixture = createFixture();
  const { store } = fixture;
  const bucket = await store.createBucket("bucket");
  for (const mode of ["customer", "managed", "kms"]) {
    const key = `multi-${mode}`;
    const access = accessOf(mode);
    const upload = await store.createUpload({
      bucket,
      key,
      headers: {},
      storageClass: "STANDARD",
      checksum: { algorithm: "crc32c", type: "FULL_OBJECT" },
      encryption: MODES[mode],
    });
    const address = { bucket, key, uploadId: upload.uploadId };
    const bodies = [random.bytes(100), random.bytes(FRAME_PLAIN_BYTES + 7), random.bytes(5)];
    const replaced = { ...address, partNumber: 2, source: bytesSource(random.bytes(50)) };
    await store.putPart({ ...replaced, ...access });
    const parts: Array<{ number: number; etag: string }> = [];
    for (const [index, body] of bodies.entries()) {
      const partNumber = index + 1;
      const source = bytesSource(body);
      const part = await store.putPart({ ...address, partNumber, source, ...access });
      t.equal(part.encryption?.mode, mode);
      const md5 = createHash("md5").update(body).digest("hex");
      t.equal(part.etag === md5, mode === "managed");
      parts.push({ number: partNumber, etag: part.etag });
    }
    const listed = await store.listParts({ ...address, after: 0, limit: 10 });
    t.equal(
      listed.parts.every(({ checksum }) => checksum !== undefined),
      mode !== "customer",
      "checksums of parts are listed where their key is ours",
    );
    const wanted = { ...address, parts, conditions: {} };
    if (mode === "customer") {
      const again = { ...address, partNumber: 1, source: bytesSource(Buffer.from("x")) };
      t.equal(await codeOf(store.putPart(again)), "encryption");
      t.equal(await codeOf(store.completeUpload(wanted)), "encryption");
    }
    const done = await store.completeUpload({ ...wanted, ...access });
    t.equal(done.encryption?.mode, mode);
    const whole = Buffer.concat(bodies);
    t.ok((await content(fixture, bucket, key, access)).equals(whole));
    const { details } = await store.openObject({ bucket, key, conditions: {}, ...access });
    t.same(details.checksum, done.checksum);
    t.equal(details.parts.length, 3);
    t.same((await store.completeUpload({ ...wanted, ...access })).checksum, done.checksum);
    const opened = await store.openObject({ bucket, key, conditions: {}, ...access });
    const sink = new BufferSink();
    await opened.read({ offset: 90, length: FRAME_PLAIN_BYTES }, sink);
    t.ok(sink.bytes.equals(whole.subarray(90, 90 + FRAME_PLAIN_BYTES)), "over two parts");
    const cuts: ReadonlyArray<readonly number[]> = [
      [0, 1],
      [1, 0, 2],
      [0, 0, 2],
    ];
    for (const order of cuts) {
      let before: VersionMeta["content"];
      await forge(fixture, { bucket, key }, ({ content: stored }) => {
        before = stored;
        if (stored?.kind !== "parts") return {};
        const chosen = order.flatMap((index) => stored.parts[index] ?? []);
        return { content: { kind: "parts", parts: chosen } };
      });
      await t.rejects(content(fixture, bucket, key, access), CORRUPT, `parts ${order}`);
      await forge(fixture, { bucket, key }, () => ({ content: before }));
    }
    t.ok((await content(fixture, bucket, key, access)).equals(whole));
  }
});

test("copyPart: a range of an encrypted object into an encrypted upload", async (t) => {
  const fixture = createFixture();
  const { store } = fixture;
  const bucket = await store.createBucket("bucket");
  const plain = random.bytes(90_000);
  const encryption = MODES["customer"];
  await store.putObject(putInput(bucket, "source", plain, { encryption }));
  const upload = await store.createUpload({
    bucket,
    key: "target",
    headers: {},
    storageClass: "STANDARD",
    checksum: undefined,
    encryption: MODES["kms"],
  });
  const address = { bucket, key: "target", uploadId: upload.uploadId };
  const source = { bucket, key: "source", conditions: {} };
  const range = { offset: 1000, length: 80_000 };
  const copy = { ...address, partNumber: 1, range };
  t.equal(await codeOf(store.copyPart({ ...copy, source })), "encryption");
  const part = await store.copyPart({ ...copy, source: { ...source, customerKey: CUSTOMER } });
  await store.completeUpload({
    ...address,
    parts: [{ number: 1, etag: part.etag }],
    conditions: {},
  });
  const found = await content(fixture, bucket, "target");
  t.ok(found.equals(plain.subarray(1000, 81_000)));
});
