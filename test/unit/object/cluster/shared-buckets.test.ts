import { test } from "tap";
import { uploadKey } from "../../../../src/object/contract/register-keys.ts";
import type { ObjectLayer } from "../../../../src/object/operations/object-layer.ts";
import { changeState, readUpload } from "../../../../src/object/operations/upload-state.ts";
import { parseUploadId } from "../../../../src/object/records/version-id.ts";
import { advanceUpload } from "../../../../src/object/upkeep/upload-janitor.ts";
import { type Cluster, createCluster } from "../../../support/object/cluster-fixture.ts";
import { bytesSource } from "../../../support/object/memory-data.ts";
import { codeOf, putInput, readContent } from "../../../support/object/store-fixture.ts";

const SPREAD = Array.from({ length: 4 }, (_, partition) => [
  [partition % 4, (partition + 1) % 4, (partition + 2) % 4],
]);
const BUCKET = "bucket";

function createNodes(seed = 1): Promise<Cluster> {
  const object = { partBytesMin: 1 };
  return createCluster({ nodes: 2, drives: 4, layout: SPREAD, object }, seed);
}

function storeAt(cluster: Cluster, index: number): ObjectLayer {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`no node ${index}`);
  return node.store;
}

test("Buckets: versioning set on one node holds for a put on another that knows the old state", async (t) => {
  const cluster = await createNodes();
  const [ours, theirs] = [storeAt(cluster, 0), storeAt(cluster, 1)];
  const bucket = await ours.createBucket(BUCKET);
  await theirs.putObject(putInput(bucket, "a", "first"));
  await ours.changeBucket(BUCKET, () => ({ versioning: "enabled" }));
  const put = await theirs.putObject(putInput(bucket, "a", "second"));
  t.ok(put.versionId, "the node found out and made a version");
  const input = { bucket, prefix: "", delimiter: undefined, limit: 10 };
  const markers = { keyMarker: undefined, versionIdMarker: undefined };
  t.equal((await ours.listVersions({ ...input, ...markers })).versions.length, 2);
});

test("Buckets: nothing is done under rules that another node has changed", async (t) => {
  const cluster = await createNodes();
  const [ours, theirs] = [storeAt(cluster, 0), storeAt(cluster, 1)];
  const bucket = await ours.createBucket(BUCKET);
  await theirs.putObject(putInput(bucket, "a", "first"));
  await ours.changeBucket(BUCKET, () => ({ documents: { policy: "deny" } }));
  // The request was authorised by the old rules: it has to come again.
  t.equal(await codeOf(theirs.putObject(putInput(bucket, "a", "second"))), "stale-bucket");
  t.match((await theirs.bucket(BUCKET)).documents, { policy: "deny" });
  await theirs.putObject(putInput(bucket, "a", "third"));
  t.equal(await readContent(ours, bucket, "a"), "third");
});

test("Buckets: a bucket made anew is never answered for by a node that knows the old one", async (t) => {
  const cluster = await createNodes();
  const [ours, theirs] = [storeAt(cluster, 0), storeAt(cluster, 1)];
  await ours.createBucket(BUCKET);
  const old = await theirs.bucket(BUCKET);
  await ours.deleteBucket(BUCKET);
  t.equal(await codeOf(theirs.putObject(putInput(old, "a", "x"))), "no-such-bucket");
  const anew = await ours.createBucket(BUCKET);
  await ours.putObject(putInput(anew, "a", "new"));
  const stale = await theirs.bucket(BUCKET);
  t.equal(await readContent(theirs, stale, "a"), "new");
});

test("Buckets: a stale node's read of a bucket made anew is refused, and right the next time", async (t) => {
  const cluster = await createNodes();
  const [ours, theirs] = [storeAt(cluster, 0), storeAt(cluster, 1)];
  await ours.createBucket(BUCKET);
  const old = await theirs.bucket(BUCKET);
  await ours.deleteBucket(BUCKET);
  const anew = await ours.createBucket(BUCKET);
  await ours.putObject(putInput(anew, "a", "new"));
  t.equal(await codeOf(readContent(theirs, old, "a")), "stale-bucket");
  t.equal(await readContent(theirs, await theirs.bucket(BUCKET), "a"), "new");
});

test("deleteBucket: a put on another node is refused or makes the delete fail, whenever it comes", async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const cluster = await createNodes(seed);
    const [ours, theirs] = [storeAt(cluster, 0), storeAt(cluster, 1)];
    const bucket = await ours.createBucket(BUCKET);
    await theirs.bucket(BUCKET);
    const put = codeOf(theirs.putObject(putInput(bucket, "a", "x")));
    for (let turn = 0; turn < seed * 12; turn++) await Promise.resolve();
    const removed = await codeOf(ours.deleteBucket(BUCKET));
    const outcome = `${await put} ${removed}`;
    t.match(
      outcome,
      /^(resolved bucket-not-empty|(no-such-bucket|stale-bucket|unknown-outcome) resolved|unknown-outcome bucket-not-empty)$/,
    );
  }
});

test("completeUpload: on two nodes at once it happens once, and parts come before it or not at all", async (t) => {
  for (let seed = 1; seed <= 8; seed++) {
    const cluster = await createNodes(seed);
    const [ours, theirs] = [storeAt(cluster, 0), storeAt(cluster, 1)];
    const bucket = await ours.createBucket(BUCKET);
    await ours.changeBucket(BUCKET, () => ({ versioning: "enabled" }));
    const { uploadId } = await ours.createUpload({
      bucket,
      key: "a",
      headers: {},
      storageClass: "STANDARD",
      checksum: undefined,
    });
    const address = { bucket, key: "a", uploadId };
    const part = (text: string) => ({
      ...address,
      partNumber: 1,
      source: bytesSource(Buffer.from(text)),
    });
    const { etag } = await ours.putPart(part("first"));
    const completion = {
      ...address,
      parts: [{ number: 1, etag }],
      conditions: {},
    };
    const replaced = codeOf(theirs.putPart(part("other")));
    for (let turn = 0; turn < seed * 20; turn++) await Promise.resolve();
    const outcomes = await Promise.all([
      codeOf(ours.completeUpload(completion)),
      codeOf(theirs.completeUpload(completion)),
    ]);
    const completed = outcomes.includes("resolved");
    t.match(
      outcomes.join(" "),
      /^((resolved|invalid-part|busy|conditional-conflict|unknown-outcome) ?){2}$/,
    );
    if (completed) {
      t.equal(await readContent(theirs, bucket, "a"), "first");
      const versions = await ours.listVersions({
        bucket,
        prefix: "",
        delimiter: undefined,
        keyMarker: undefined,
        versionIdMarker: undefined,
        limit: 10,
      });
      t.equal(versions.versions.length, 1, "one version");
    } else {
      t.equal(await replaced, "resolved", "the part was there first");
    }
    await replaced;
    const entry = await ours.core.buckets.find(BUCKET);
    const register = uploadKey(entry, "a", parseUploadId(uploadId));
    t.ok(await cluster.nodes[0]?.registers.read(register));
  }
});

test("advanceUpload: a completion that was cut off ends with its bucket, whatever has the name now", async (t) => {
  const cluster = await createNodes();
  const [ours, theirs] = [storeAt(cluster, 0), storeAt(cluster, 1)];
  const bucket = await ours.createBucket(BUCKET);
  const { uploadId } = await ours.createUpload({
    ...{ bucket, key: "a", headers: {}, storageClass: "STANDARD", checksum: undefined },
  });
  const register = uploadKey(await ours.core.buckets.find(BUCKET), "a", parseUploadId(uploadId));
  await ours.deleteBucket(BUCKET);
  const anew = await ours.createBucket(BUCKET);
  // What a node decided before it heard of the deletion was chosen after it.
  const manifest = {
    ...{ request: Buffer.alloc(16), versionId: undefined, etag: Buffer.alloc(16), bytes: 0 },
    ...{ checksum: undefined, conditions: {}, parts: [], degraded: false },
  };
  const to = { kind: "completing", dueMs: 0, manifest } as const;
  await changeState(ours.core, register, { from: "aborted", to });
  for (const { core } of [theirs, ours]) {
    await advanceUpload(core, register);
    t.equal((await readUpload(core, register)).state.kind, "aborted");
    await changeState(core, register, { from: "aborted", to });
  }
  t.equal(await codeOf(readContent(ours, anew, "a")), "no-such-key");
});
