import { test } from "tap";
import { createDeferred } from "../../../../src/base/deferred.ts";
import { bytesSource } from "../../../support/object/memory-data.ts";
import type { Fault } from "../../../support/object/memory-registers.ts";
import {
  codeOf,
  createFixture,
  createJanitor,
  putInput,
  readContent,
  tidyUp,
} from "../../../support/object/store-fixture.ts";

test("createBucket: exists once; a bucket made anew is another one", async (t) => {
  const { store } = createFixture();
  const first = await store.createBucket("bucket");
  t.equal(first.versioning, "unversioned");
  t.equal(await codeOf(store.createBucket("bucket")), "bucket-exists");
  await store.deleteBucket("bucket");
  t.equal(await codeOf(store.bucket("bucket")), "no-such-bucket");
  t.equal(await codeOf(store.deleteBucket("bucket")), "no-such-bucket");
  const second = await store.createBucket("bucket");
  t.not(second.id, first.id);
  t.equal(await codeOf(store.putObject(putInput(first, "a", "x"))), "no-such-bucket");
  t.equal(await codeOf(readContent(store, first, "a")), "no-such-bucket");
  t.equal(
    await codeOf(store.changeBucket("other", () => ({ versioning: "enabled" }))),
    "no-such-bucket",
  );
});

test("deleteBucket: versions and delete markers keep it, open uploads do not", async (t) => {
  const fixture = createFixture();
  const { store, data, registers } = fixture;
  const bucket = await store.createBucket("bucket");
  await store.changeBucket("bucket", () => ({ versioning: "enabled" }));
  const { versionId } = await store.deleteObject({ bucket, key: "a", conditions: {} });
  t.equal(await codeOf(store.deleteBucket("bucket")), "bucket-not-empty");
  t.equal((await store.bucket("bucket")).versioning, "enabled");
  if (versionId === undefined) throw new Error("a delete marker");
  await store.deleteObject({ bucket, key: "a", versionId, conditions: {} });
  const upload = await store.createUpload({
    bucket,
    key: "b",
    headers: {},
    storageClass: "STANDARD",
    checksum: undefined,
  });
  await store.putPart({
    bucket,
    key: "b",
    uploadId: upload.uploadId,
    partNumber: 1,
    source: bytesSource(Buffer.alloc(100)),
  });
  await store.deleteBucket("bucket");
  await tidyUp(createJanitor(fixture));
  t.equal(data.contents.size, 0);
  fixture.clock.advance(24 * 60 * 60 * 1000);
  await tidyUp(createJanitor(fixture));
  t.equal(registers.cells.size, 0);
});

test("deleteBucket: a put in flight is refused or makes the delete fail, at every moment", async (t) => {
  for (let turns = 0; turns < 40; turns++) {
    const { store, data } = createFixture();
    const bucket = await store.createBucket("bucket");
    const put = codeOf(store.putObject(putInput(bucket, "a", "too long to be kept inline")));
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    const removed = await codeOf(store.deleteBucket("bucket"));
    const outcome = `${await put} ${removed}`;
    t.match(outcome, /^(resolved bucket-not-empty|no-such-bucket resolved)$/);
    if (removed === "resolved") t.equal(data.contents.size, 0);
    else t.equal(await readContent(store, bucket, "a"), "too long to be kept inline");
  }
});

const FAULTS: Fault[] = ["lost", "applied-but-unknown", "refused"];

test("deleteBucket: cut off at any step, the next process finds the bucket whole or gone", async (t) => {
  for (const fault of FAULTS) {
    for (const full of [false, true]) {
      for (let step = 1; step <= 2; step++) {
        const before = createFixture();
        const bucket = await before.store.createBucket("bucket");
        if (full) await before.store.putObject(putInput(bucket, "a", "content"));
        let updates = 0;
        before.registers.nextFault = () => (++updates === step ? fault : "none");
        const cut = await codeOf(before.store.deleteBucket("bucket"));
        t.ok(["unknown-outcome", "no-quorum"].includes(cut));
        before.registers.nextFault = () => "none";
        const fixture = createFixture({}, before, 9);
        const { store } = fixture;
        if (full) {
          t.equal(await readContent(store, bucket, "a"), "content");
          t.equal(await codeOf(store.deleteBucket("bucket")), "bucket-not-empty");
        } else {
          await tidyUp(createJanitor(fixture));
          t.ok(["resolved", "no-such-bucket"].includes(await codeOf(store.bucket("bucket"))));
          t.ok(["resolved", "bucket-exists"].includes(await codeOf(store.createBucket("bucket"))));
        }
      }
    }
  }
});

test("Buckets: an outcome that nobody learnt leaves nothing stale in memory", async (t) => {
  const { store, registers } = createFixture();
  const bucket = await store.createBucket("bucket");
  registers.nextFault = () => "applied-but-unknown";
  t.equal(
    await codeOf(store.changeBucket("bucket", () => ({ versioning: "enabled" }))),
    "unknown-outcome",
  );
  registers.nextFault = () => "none";
  t.equal((await store.bucket("bucket")).versioning, "enabled");
  const { versionId } = await store.putObject(putInput(bucket, "a", "x"));
  t.ok(versionId);
});

test("Buckets: a slow read of a bucket that is deleted meanwhile is not remembered", async (t) => {
  const before = createFixture();
  const bucket = await before.store.createBucket("bucket");
  const { store, registers } = createFixture({}, before);
  const original = registers.read.bind(registers);
  const gate = createDeferred<void>();
  const started = createDeferred<void>();
  let reads = 0;
  // The first read finds out whether the bucket is being deleted, the second is remembered.
  registers.read = async (key) => {
    const body = await original(key);
    reads += 1;
    if (reads !== 2) return body;
    started.resolve();
    await gate.promise;
    return body;
  };
  const slow = store.bucket("bucket");
  await started.promise;
  await store.deleteBucket("bucket");
  gate.resolve();
  await slow.catch(() => {});
  t.equal(await codeOf(store.putObject(putInput(bucket, "a", "x"))), "no-such-bucket");
});

test("changeBucket: keeps what it is given until it is taken away", async (t) => {
  const fixture = createFixture();
  const { store } = fixture;
  await store.createBucket("bucket");
  await store.changeBucket("bucket", () => ({ documents: { policy: "{}" } }));
  await store.changeBucket("bucket", () => ({ documents: { cors: "<x/>" } }));
  await store.changeBucket("bucket", () => ({ documents: { policy: undefined } }));
  const other = createFixture({}, fixture);
  t.strictSame({ ...(await other.store.bucket("bucket")).documents }, { cors: "<x/>" });
});

test("listBuckets: pages of every size in order of the names", async (t) => {
  const { store } = createFixture();
  const names = ["b-1", "b-10", "b-2", "c", "a.b"];
  for (const name of names) await store.createBucket(name);
  await store.deleteBucket("c");
  for (const limit of [1, 2, 3, 10]) {
    const found: string[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await store.listBuckets({ prefix: "b", after, limit });
      found.push(...page.buckets.map(({ name }) => name));
      if (!page.truncated) break;
      after = found.at(-1);
    }
    t.strictSame(found, ["b-1", "b-10", "b-2"]);
  }
});

test("Buckets: the cache is bounded", async (t) => {
  const { store } = createFixture({ bucketsCachedMax: 2 });
  for (const name of ["a", "b", "c", "d"]) await store.createBucket(`bucket-${name}`);
  for (const name of ["a", "b", "c", "d"]) {
    t.equal((await store.bucket(`bucket-${name}`)).name, `bucket-${name}`);
  }
});

test("Buckets: lastKnown is the same bucket as of now, and never another of the name", async (t) => {
  const { store } = createFixture();
  const before = await store.createBucket("bucket");
  t.strictSame(store.lastKnown(before).documents, {});
  await store.changeBucket("bucket", () => ({ documents: { notification: "rules" } }));
  t.match(store.lastKnown(before).documents, { notification: "rules" });
  t.strictSame(before.documents, {});
  await store.deleteBucket("bucket");
  t.equal(store.lastKnown(before), before);
  await store.createBucket("bucket");
  t.equal(store.lastKnown(before), before);
});
