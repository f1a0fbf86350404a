import { test } from "tap";
import type { Bucket, RenameObjectInput } from "../../../../src/object/contract/object-store.ts";
import {
  codeOf,
  createFixture,
  putInput,
  readContent,
  type StoreFixture,
} from "../../../support/object/store-fixture.ts";

const BUCKET = "bucket";

function rename({ store }: StoreFixture, bucket: Bucket, more: Partial<RenameObjectInput> = {}) {
  return store.renameObject({
    bucket,
    source: "old",
    target: "new",
    sourceConditions: {},
    conditions: {},
    token: undefined,
    ...more,
  });
}

async function withObject(content = "content, longer than what lives in a record") {
  const fixture = createFixture();
  const bucket = await fixture.store.createBucket(BUCKET);
  const headers = { "content-type": "text/plain", "x-amz-tagging": "a=b" };
  const put = await fixture.store.putObject(putInput(bucket, "old", content, { headers }));
  fixture.clock.advance(60_000);
  return { fixture, bucket, put, content };
}

test("renameObject: the object is under its new key, as it was", async (t) => {
  for (const content of ["small", "content, longer than what lives in a record"]) {
    const { fixture, bucket, put } = await withObject(content);
    const result = await rename(fixture, bucket);
    t.match(result, { etag: put.etag, versionId: undefined, source: { deleteMarker: false } });
    t.equal(await readContent(fixture.store, bucket, "new"), content);
    t.equal(await codeOf(readContent(fixture.store, bucket, "old")), "no-such-key");
    const { details } = await fixture.store.openObject({ bucket, key: "new", conditions: {} });
    t.match(details, { etag: put.etag, mtimeMs: put.mtimeMs });
    const headers = { "content-type": "text/plain", "x-amz-tagging": "a=b" };
    t.strictSame({ ...details.headers }, headers);
  }
});

test("renameObject: conditions of both names hold, and a failed one changes nothing", async (t) => {
  const { fixture, bucket, put } = await withObject();
  const { store } = fixture;
  const other = await store.putObject(putInput(bucket, "new", "other"));
  const failing: Partial<RenameObjectInput>[] = [
    { conditions: { ifNoneMatch: ["*"] } },
    { conditions: { ifMatch: [put.etag] } },
    { conditions: { ifUnmodifiedSinceMs: put.mtimeMs } },
    { conditions: { ifModifiedSinceMs: other.mtimeMs } },
    { target: "none", conditions: { ifModifiedSinceMs: 0 } },
    { sourceConditions: { ifMatch: [other.etag] } },
    { sourceConditions: { ifUnmodifiedSinceMs: put.mtimeMs - 10_000 } },
  ];
  for (const more of failing) {
    t.equal(
      await codeOf(rename(fixture, bucket, more)),
      "precondition-failed",
      JSON.stringify(more),
    );
  }
  const same = { sourceConditions: { ifNoneMatch: [put.etag] } };
  t.equal(await codeOf(rename(fixture, bucket, same)), "not-modified");
  t.equal(await codeOf(rename(fixture, bucket, { source: "none" })), "no-such-key");
  t.equal(await codeOf(rename(fixture, bucket, { target: "old" })), "invalid-argument");
  t.equal(await readContent(store, bucket, "new"), "other");
  const met = { conditions: { ifMatch: [other.etag] }, sourceConditions: { ifMatch: [put.etag] } };
  t.equal(await codeOf(rename(fixture, bucket, met)), "resolved");
  t.equal(await codeOf(readContent(store, bucket, "old")), "no-such-key");
});

test("renameObject: where versions are kept the source goes behind a marker", async (t) => {
  const { fixture, bucket, put, content } = await withObject();
  const { store } = fixture;
  await store.changeBucket(BUCKET, () => ({ versioning: "enabled" }));
  const result = await rename(fixture, bucket);
  t.ok(result.versionId);
  t.equal(result.source?.deleteMarker, true);
  t.equal(await readContent(store, bucket, "old", "null"), content);
  t.equal(await readContent(store, bucket, "new", result.versionId), content);
  t.equal(result.etag, put.etag);
});

test("renameObject: repeated with its token it does nothing more", async (t) => {
  const { fixture, bucket } = await withObject();
  const { store } = fixture;
  await store.changeBucket(BUCKET, () => ({ versioning: "enabled" }));
  const input = { token: "token-1", conditions: { ifNoneMatch: ["*"] } };
  const first = await rename(fixture, bucket, input);
  const again = await rename(fixture, bucket, input);
  t.strictSame({ ...again, source: undefined }, { ...first, source: undefined });
  t.equal(again.source, undefined, "the source was removed before");
  const markers = { keyMarker: undefined, versionIdMarker: undefined };
  const query = { bucket, prefix: "", delimiter: undefined, limit: 10, ...markers };
  t.equal((await store.listVersions(query)).versions.length, 3);
  t.equal(await codeOf(rename(fixture, bucket, { ...input, source: "x" })), "refused");
  t.equal(await codeOf(rename(fixture, bucket, { ...input, token: "2" })), "no-such-key");
});

test("renameObject: a source that outlived a crash goes when the request is repeated", async (t) => {
  const { fixture, bucket, content } = await withObject();
  const input = { token: "token", conditions: { ifNoneMatch: ["*"] } };
  let updates = 0;
  fixture.registers.nextFault = () => {
    updates += 1;
    return updates === 2 ? "lost" : "none";
  };
  t.equal(await codeOf(rename(fixture, bucket, input)), "unknown-outcome");
  t.equal(await readContent(fixture.store, bucket, "old"), content, "there under both names");
  t.equal(await readContent(fixture.store, bucket, "new"), content);
  t.match(await rename(fixture, bucket, input), { source: { deleteMarker: false } });
  t.equal(await codeOf(readContent(fixture.store, bucket, "old")), "no-such-key");
});

test("renameObject: what was written to the source meanwhile stays", async (t) => {
  const { fixture, bucket, content } = await withObject();
  const { store, data } = fixture;
  data.finishing = async () => {
    data.finishing = () => Promise.resolve();
    await store.putObject(putInput(bucket, "old", "written meanwhile"));
  };
  t.equal((await rename(fixture, bucket)).source, undefined);
  t.equal(await readContent(store, bucket, "old"), "written meanwhile");
  t.equal(await readContent(store, bucket, "new"), content);
});

test("renameObject: an encrypted object stays encrypted as it was", async (t) => {
  const { fixture, bucket } = await withObject();
  const { store } = fixture;
  const content = "something that nobody else is to read";
  const key = Buffer.alloc(32, 9);
  for (const encryption of [
    { mode: "managed" },
    { mode: "kms", keyId: "default-key", context: "{}" },
    { mode: "customer", key },
  ] as const) {
    const put = await store.putObject(putInput(bucket, "old", content, { encryption }));
    const access = encryption.mode === "customer" ? { customerKey: key } : {};
    if (encryption.mode === "customer")
      t.equal(await codeOf(rename(fixture, bucket)), "encryption");
    t.equal((await rename(fixture, bucket, access)).etag, put.etag, encryption.mode);
    const reading = { bucket, key: "new", conditions: {}, ...access };
    const { details, inline } = await store.openObject(reading);
    t.equal(details.encryption?.mode, encryption.mode);
    t.equal(details.etag, put.etag);
    t.equal(inline, undefined);
  }
});
