import { test } from "tap";
import { type Logger, silentLogger } from "../../../../src/base/log.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import {
  encodeLockConfiguration,
  LOCK_DOCUMENT,
  withRetention,
} from "../../../../src/object/operations/object-lock.ts";
import {
  encodeLifecycle,
  LIFECYCLE_DOCUMENT,
  type LifecycleRule,
} from "../../../../src/object/upkeep/lifecycle-rules.ts";
import { LifecycleWorker } from "../../../../src/object/upkeep/lifecycle-worker.ts";
import {
  createFixture,
  putInput,
  type StoreFixture,
} from "../../../support/object/store-fixture.ts";

const DAY_MS = 1_000;

function rulesText(...rules: ReadonlyArray<Partial<LifecycleRule>>): string {
  const whole = rules.map((rule, index) => ({
    id: `rule-${index}`,
    enabled: true,
    filter: {},
    filterForm: "none" as const,
    ...rule,
  }));
  return encodeLifecycle({ rules: whole, updatedMs: 0 });
}

/** One pass over everything. */
async function runPass({ store }: StoreFixture, told: string[] = []): Promise<LifecycleWorker> {
  const worker = new LifecycleWorker({ dayMs: DAY_MS }, { core: store.core, isOurs: () => true });
  worker.onExpired(async ({ key, versions }) => {
    for (const { kind, deleteMarker } of versions) {
      told.push(`${key} ${kind}${deleteMarker ? " marker" : ""}`);
    }
    throw new StoreError({ code: "no-quorum", needed: 1, got: 0 });
  });
  while ((await worker.work()) === "busy");
  return worker;
}

async function keysOf({ store }: StoreFixture): Promise<readonly string[]> {
  const bucket = await store.bucket("bucket");
  const page = await store.listObjects({
    bucket,
    prefix: "",
    delimiter: undefined,
    after: undefined,
    limit: 100,
  });
  return page.objects.map(({ key }) => key);
}

async function versionsOf({ store }: StoreFixture): Promise<readonly string[]> {
  const bucket = await store.bucket("bucket");
  const page = await store.listVersions({
    bucket,
    prefix: "",
    delimiter: undefined,
    keyMarker: undefined,
    versionIdMarker: undefined,
    limit: 100,
  });
  return page.versions.map(({ key, deleteMarker }) => `${key}${deleteMarker ? " marker" : ""}`);
}

test("LifecycleWorker: removes what is due, by prefix, tag and size, and leaves the rest", async (t) => {
  const fixture = createFixture();
  const { store, clock } = fixture;
  const text = rulesText(
    { filter: { prefix: "old/" }, expiration: { days: 1 } },
    { filter: { tags: [{ key: "short", value: "yes" }] }, expiration: { days: 1 } },
    { filter: { bytesAbove: 15 }, expiration: { days: 1 } },
  );
  const bucket = await store.createBucket("bucket", { documents: { [LIFECYCLE_DOCUMENT]: text } });
  await store.putObject(putInput(bucket, "old/a", "x"));
  await store.putObject(putInput(bucket, "keep", "x"));
  await store.putObject(putInput(bucket, "large", "x".repeat(16)));
  const headers = { "x-amz-tagging": "short=yes" };
  await store.putObject(putInput(bucket, "tagged", "x", { headers }));
  await runPass(fixture);
  t.equal((await keysOf(fixture)).length, 4, "nothing is due yet");
  clock.advance(DAY_MS);
  await store.putObject(putInput(bucket, "old/b", "newer"));
  await runPass(fixture);
  t.strictSame(await keysOf(fixture), ["keep", "old/b"]);
});

test("LifecycleWorker: hides the current version and removes old ones where there are versions", async (t) => {
  const fixture = createFixture();
  const { store, clock } = fixture;
  const text = rulesText({ expiration: { days: 3 }, noncurrent: { days: 1 } });
  const documents = { [LIFECYCLE_DOCUMENT]: text };
  const bucket = await store.createBucket("bucket", { versioning: "enabled", documents });
  const told: string[] = [];
  await store.putObject(putInput(bucket, "key", "1"));
  await store.putObject(putInput(bucket, "key", "2"));
  clock.advance(DAY_MS);
  await runPass(fixture, told);
  t.strictSame(await versionsOf(fixture), ["key"]);
  clock.advance(2 * DAY_MS);
  await runPass(fixture, told);
  t.strictSame(await versionsOf(fixture), ["key marker", "key"]);
  clock.advance(DAY_MS);
  await runPass(fixture, told);
  t.strictSame(await versionsOf(fixture), ["key marker"]);
  clock.advance(2 * DAY_MS);
  await runPass(fixture, told);
  const expected = ["key removed", "key hidden marker", "key removed", "key removed marker"];
  t.strictSame(told, expected, "told of once each, and a failure to tell undoes nothing");
  t.strictSame(await versionsOf(fixture), [], "a marker that hides nothing expires like an object");
});

test("LifecycleWorker: says once for each bucket and pass what it did, and nothing of passes in vain", async (t) => {
  const { store, clock } = createFixture();
  const documents = { [LIFECYCLE_DOCUMENT]: rulesText({ expiration: { days: 1 } }) };
  const bucket = await store.createBucket("bucket", { documents });
  for (const key of ["a", "b"]) await store.putObject(putInput(bucket, key, "x"));
  const lines: unknown[] = [];
  const log: Logger = { ...silentLogger, info: (...line) => void lines.push(line) };
  const core = { ...store.core, log };
  const worker = new LifecycleWorker({ dayMs: DAY_MS }, { core, isOurs: () => true });
  while ((await worker.work()) === "busy");
  t.strictSame(lines, []);
  clock.advance(DAY_MS);
  while ((await worker.work()) === "busy");
  while ((await worker.work()) === "busy");
  const counts = { bucket: "bucket", versions: 2, uploads: 0, failed: 0 };
  t.strictSame(lines, [["lifecycle rules were carried out", counts]]);
});

test("LifecycleWorker: a locked version stays", async (t) => {
  const fixture = createFixture();
  const { store, clock } = fixture;
  const documents = {
    [LIFECYCLE_DOCUMENT]: rulesText({ noncurrent: { days: 1 } }),
    [LOCK_DOCUMENT]: encodeLockConfiguration({}),
  };
  const bucket = await store.createBucket("bucket", { versioning: "enabled", documents });
  const untilMs = clock.nowMs() + 5 * DAY_MS;
  const headers = withRetention({}, { mode: "GOVERNANCE", untilMs });
  await store.putObject(putInput(bucket, "key", "1", { headers }));
  await store.putObject(putInput(bucket, "key", "2"));
  clock.advance(2 * DAY_MS);
  await runPass(fixture);
  t.strictSame(await versionsOf(fixture), ["key", "key"]);
  clock.advance(4 * DAY_MS);
  await runPass(fixture);
  t.strictSame(await versionsOf(fixture), ["key"]);
});

test("LifecycleWorker: aborts uploads that nobody completes", async (t) => {
  const fixture = createFixture();
  const { store, clock } = fixture;
  const text = rulesText({ filter: { prefix: "up/" }, abortUploadsDays: 2 });
  const bucket = await store.createBucket("bucket", { documents: { [LIFECYCLE_DOCUMENT]: text } });
  const input = { bucket, headers: {}, storageClass: "STANDARD", checksum: undefined } as const;
  await store.createUpload({ ...input, key: "up/a" });
  await store.createUpload({ ...input, key: "other" });
  clock.advance(2 * DAY_MS);
  await store.createUpload({ ...input, key: "up/b" });
  const worker = await runPass(fixture);
  t.equal(worker.status().failed, 0);
  const page = await store.listUploads({
    bucket,
    prefix: "",
    delimiter: undefined,
    keyMarker: undefined,
    uploadIdMarker: undefined,
    limit: 10,
  });
  t.strictSame(
    page.uploads.map(({ key }) => key),
    ["other", "up/b"],
  );
});

test("LifecycleWorker: leaves alone what another node tends", async (t) => {
  const fixture = createFixture();
  const { store, clock } = fixture;
  const documents = { [LIFECYCLE_DOCUMENT]: rulesText({ expiration: { days: 1 } }) };
  const bucket = await store.createBucket("bucket", { documents });
  await store.putObject(putInput(bucket, "key", "x"));
  clock.advance(DAY_MS);
  const worker = new LifecycleWorker({ dayMs: DAY_MS }, { core: store.core, isOurs: () => false });
  while ((await worker.work()) === "busy");
  t.strictSame(await keysOf(fixture), ["key"]);
});
