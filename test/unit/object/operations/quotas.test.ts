import fc from "fast-check";
import { test } from "tap";
import type { Bucket } from "../../../../src/object/contract/object-store.ts";
import { OBJECT_TAG } from "../../../../src/object/contract/register-keys.ts";
import { quotaOf } from "../../../../src/object/operations/bucket-quota.ts";
import { COUNT_PAUSE_MS, QUOTA_BYTES_MAX } from "../../../../src/object/operations/quotas.ts";
import { bytesSource } from "../../../support/object/memory-data.ts";
import {
  codeOf,
  createFixture,
  createJanitor,
  putInput,
  type StoreFixture,
  tidyUp,
} from "../../../support/object/store-fixture.ts";
import { completion, DAY_MS, PARTS, startUpload } from "../../../support/object/upload-steps.ts";

const BUCKET = "bucket";

async function bucketWith(fixture: StoreFixture, bytesMax: number): Promise<Bucket> {
  await fixture.store.createBucket(BUCKET);
  await fixture.store.setBucketQuota(BUCKET, bytesMax);
  return fixture.store.bucket(BUCKET);
}

function put({ store }: StoreFixture, bucket: Bucket, key: string, bytes: number) {
  return codeOf(store.putObject(putInput(bucket, key, Buffer.alloc(bytes, key))));
}

function remove({ store }: StoreFixture, bucket: Bucket, key: string, versionId?: string) {
  const version = versionId === undefined ? {} : { versionId };
  return codeOf(store.deleteObject({ bucket, key, conditions: {}, ...version }));
}

test("Quotas: a bucket is filled to the last byte and not further", async (t) => {
  const fixture = createFixture();
  const bucket = await bucketWith(fixture, 100);
  t.equal(await put(fixture, bucket, "a", 60), "resolved");
  t.equal(await put(fixture, bucket, "b", 41), "quota-exceeded");
  t.equal(await put(fixture, bucket, "b", 40), "resolved");
  t.equal(await put(fixture, bucket, "c", 1), "quota-exceeded");
  t.equal(await put(fixture, bucket, "empty", 0), "resolved", "nothing needs no room");
  t.match(await fixture.store.bucketUsage(BUCKET), { bytes: 100, objects: 3, versions: 3 });
});

test("Quotas: what is deleted or overwritten makes room at once", async (t) => {
  const fixture = createFixture();
  const bucket = await bucketWith(fixture, 100);
  await put(fixture, bucket, "a", 60);
  await put(fixture, bucket, "b", 40);
  t.equal(await put(fixture, bucket, "b", 40), "resolved", "the same size again");
  t.equal(await put(fixture, bucket, "b", 41), "quota-exceeded");
  t.equal(await put(fixture, bucket, "b", 10), "resolved");
  t.equal(await put(fixture, bucket, "c", 30), "resolved");
  await remove(fixture, bucket, "a");
  t.equal(await put(fixture, bucket, "d", 60), "resolved");
  t.equal(await put(fixture, bucket, "e", 1), "quota-exceeded");
  t.equal((await fixture.store.bucketUsage(BUCKET)).bytes, 100);
});

test("Quotas: every version counts, delete markers do not", async (t) => {
  const fixture = createFixture();
  await fixture.store.createBucket(BUCKET, { versioning: "enabled" });
  await fixture.store.setBucketQuota(BUCKET, 30);
  const bucket = await fixture.store.bucket(BUCKET);
  const first = await fixture.store.putObject(putInput(bucket, "a", "0123456789"));
  await put(fixture, bucket, "a", 20);
  t.equal(await put(fixture, bucket, "a", 1), "quota-exceeded");
  await remove(fixture, bucket, "a");
  t.equal(await put(fixture, bucket, "a", 1), "quota-exceeded", "hidden is not gone");
  const usage = await fixture.store.bucketUsage(BUCKET);
  t.match(usage, { bytes: 30, objects: 0, versions: 2, deleteMarkers: 1 });
  await remove(fixture, bucket, "a", first.versionId);
  t.equal(await put(fixture, bucket, "a", 10), "resolved");
});

test("Quotas: a body that cannot fit is not read", async (t) => {
  const fixture = createFixture();
  const bucket = await bucketWith(fixture, 10);
  const source = bytesSource(Buffer.alloc(11));
  let started = false;
  const start = () => {
    started = true;
  };
  const watched = { ...source, length: 11, start, resume() {} };
  const call = fixture.store.putObject(putInput(bucket, "a", "", { source: watched }));
  t.equal(await codeOf(call), "quota-exceeded");
  t.notOk(started);
  const unknown = { ...bytesSource(Buffer.alloc(11)), length: undefined };
  const late = fixture.store.putObject(putInput(bucket, "a", "", { source: unknown }));
  t.equal(await codeOf(late), "quota-exceeded", "a length that nobody knew is judged at the end");
});

test("Quotas: one that is set counts what is there, one that is cleared lets everything in", async (t) => {
  const fixture = createFixture();
  const bucket = await fixture.store.createBucket(BUCKET);
  await put(fixture, bucket, "a", 50);
  await fixture.store.setBucketQuota(BUCKET, 60);
  t.equal(await fixture.store.bucketQuota(BUCKET), 60);
  t.equal(await put(fixture, bucket, "b", 11), "quota-exceeded");
  t.equal(await put(fixture, bucket, "b", 10), "resolved");
  await fixture.store.setBucketQuota(BUCKET, 40);
  t.equal(await put(fixture, bucket, "c", 1), "quota-exceeded", "there is more than may be");
  await remove(fixture, bucket, "a");
  t.equal(await put(fixture, bucket, "c", 30), "resolved");
  await fixture.store.setBucketQuota(BUCKET, undefined);
  t.equal(await fixture.store.bucketQuota(BUCKET), undefined);
  t.equal(await put(fixture, bucket, "d", 1_000), "resolved");
  const records = [...fixture.registers.cells.keys()].filter((key) => key.startsWith("73"));
  t.same(
    records.filter((key) => fixture.registers.cells.get(key)?.body !== undefined),
    [],
    "no ledger is left",
  );
  for (const wrong of [0.5, -1, QUOTA_BYTES_MAX + 1]) {
    t.equal(await codeOf(fixture.store.setBucketQuota(BUCKET, wrong)), "invalid-argument");
  }
});

test("Quotas: another process finds out what the one before has added", async (t) => {
  const before = createFixture();
  const bucket = await bucketWith(before, 100);
  await put(before, bucket, "a", 70);
  const fixture = createFixture({}, before, 2);
  t.equal(await put(fixture, bucket, "b", 31), "quota-exceeded");
  t.equal(await put(fixture, bucket, "b", 30), "resolved");
  t.equal(await put(fixture, bucket, "c", 1), "quota-exceeded");
});

test("Quotas: after a stop in good order nothing is counted before the room is nearly used up", async (t) => {
  const before = createFixture();
  const bucket = await bucketWith(before, 100);
  await put(before, bucket, "a", 60);
  await remove(before, bucket, "a");
  await put(before, bucket, "b", 50);
  const generation = () => quotaOf(bucket)?.generation;
  await before.store.core.quotas.close();
  const fixture = createFixture({}, before, 2);
  const first = generation();
  t.equal(await put(fixture, bucket, "c", 50), "resolved");
  t.equal(quotaOf(await fixture.store.bucket(BUCKET))?.generation, first, "no count");
  t.equal(await put(fixture, bucket, "d", 1), "quota-exceeded");
  t.equal(await put(before, bucket, "d", 1), "quota-exceeded", "nor through one that was closed");
});

test("Quotas: a crash takes a portion along, and the rest is drawn without a count", async (t) => {
  const before = createFixture();
  const bucket = await bucketWith(before, 1_000);
  await put(before, bucket, "a", 40);
  const fixture = createFixture({}, before, 2);
  t.equal(await put(fixture, bucket, "b", 500), "resolved");
  const { generation } = quotaOf(bucket) ?? {};
  t.equal(quotaOf(await fixture.store.bucket(BUCKET))?.generation, generation, "no count");
  t.equal(await put(fixture, bucket, "c", 460), "resolved", "counted: nothing is lost for good");
  t.equal(await put(fixture, bucket, "d", 1), "quota-exceeded");
});

test("Quotas: a completion without room leaves its upload open until there is some", async (t) => {
  const fixture = createFixture();
  const started = await startUpload(fixture);
  const bytes = PARTS.join("").length;
  await fixture.store.setBucketQuota(BUCKET, bytes + 9);
  const bucket = await fixture.store.bucket(BUCKET);
  await put(fixture, bucket, "a", 10);
  t.equal(await codeOf(fixture.store.completeUpload(completion(started))), "quota-exceeded");
  t.match(await fixture.store.bucketUsage(BUCKET), { bytes: 10, uploads: 1, partBytes: bytes });
  await remove(fixture, bucket, "a");
  t.equal(await codeOf(fixture.store.completeUpload(completion(started))), "resolved");
  t.equal(await codeOf(fixture.store.completeUpload(completion(started))), "resolved", "again");
  t.equal(await put(fixture, bucket, "b", 9), "resolved", "charged once");
  t.equal(await put(fixture, bucket, "c", 1), "quota-exceeded");
  fixture.clock.advance(2 * DAY_MS);
  await tidyUp(createJanitor(fixture));
  t.match(await fixture.store.bucketUsage(BUCKET), { bytes: bytes + 9, uploads: 0, partBytes: 0 });
});

test("Quotas: a part that cannot become an object is refused", async (t) => {
  const fixture = createFixture();
  const { upload, bucket } = await startUpload(fixture);
  await fixture.store.setBucketQuota(BUCKET, 10);
  const { uploadId, key } = upload;
  const source = bytesSource(Buffer.alloc(11));
  const part = fixture.store.putPart({ bucket, key, uploadId, partNumber: 9, source });
  t.equal(await codeOf(part), "quota-exceeded");
});

test("Quotas: a write of unknown fate is charged until a count has looked", async (t) => {
  for (const fault of ["applied-but-unknown", "lost"] as const) {
    const fixture = createFixture();
    const bucket = await bucketWith(fixture, 100);
    await put(fixture, bucket, "a", 1);
    let pending = true;
    fixture.registers.nextFault = (key) => {
      if (!pending || key[0] !== OBJECT_TAG) return "none";
      pending = false;
      return fault;
    };
    t.equal(await put(fixture, bucket, "b", 60), "unknown-outcome");
    const room = fault === "lost" ? 99 : 39;
    fixture.clock.advance(COUNT_PAUSE_MS);
    t.equal(await put(fixture, bucket, "c", room + 1), "quota-exceeded", fault);
    t.equal(await put(fixture, bucket, "c", room), "resolved", fault);
    t.equal((await fixture.store.bucketUsage(BUCKET)).bytes, 100);
  }
});

test("Quotas: requests at the same time get what there is, and no more", async (t) => {
  const fixture = createFixture();
  const bucket = await bucketWith(fixture, 100);
  const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`);
  const codes = await Promise.all(keys.map((key) => put(fixture, bucket, key, 9)));
  t.equal(codes.filter((code) => code === "resolved").length, 11);
  t.equal((await fixture.store.bucketUsage(BUCKET)).bytes, 99);
});

type Step =
  | { readonly kind: "put"; readonly key: string; readonly bytes: number }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "restart" };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      key: fc.constantFrom("a", "b", "c", "d"),
      bytes: fc.integer({ min: 0, max: 40 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("delete" as const),
      key: fc.constantFrom("a", "b", "c", "d"),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "restart" as const }) },
);

test("Quotas: refuse exactly what does not fit, whatever came before", async (t) => {
  const run = async (steps: readonly Step[]) => {
    let fixture = createFixture();
    const bucket = await bucketWith(fixture, 100);
    const sizes = new Map<string, number>();
    const total = () => [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
    for (const [index, step] of steps.entries()) {
      if (step.kind === "restart") fixture = createFixture({}, fixture, index + 2);
      if (step.kind === "delete") {
        await remove(fixture, bucket, step.key);
        sizes.delete(step.key);
      }
      if (step.kind === "put") {
        const fits = total() - (sizes.get(step.key) ?? 0) + step.bytes <= 100;
        const code = await put(fixture, bucket, step.key, step.bytes);
        if (code !== (fits ? "resolved" : "quota-exceeded")) return false;
        if (fits) sizes.set(step.key, step.bytes);
      }
    }
    const usage = await fixture.store.bucketUsage(BUCKET);
    return usage.bytes === total() && usage.objects === sizes.size;
  };
  const steps = fc.array(STEP, { maxLength: 40 });
  await fc.assert(fc.asyncProperty(steps, run), { seed: 29, numRuns: 150 });
  t.pass();
});
