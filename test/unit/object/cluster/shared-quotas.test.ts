import { test } from "tap";
import { silentLogger } from "../../../../src/base/log.ts";
import type { Bucket } from "../../../../src/object/contract/object-store.ts";
import { DEFAULT_OBJECT_OPTIONS } from "../../../../src/object/operations/object-core.ts";
import { ObjectLayer } from "../../../../src/object/operations/object-layer.ts";
import {
  type Cluster,
  createCluster,
  RunningClock,
} from "../../../support/object/cluster-fixture.ts";
import { codeOf, putInput } from "../../../support/object/store-fixture.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const SPREAD = Array.from({ length: 4 }, (_, partition) => [
  [partition % 4, (partition + 1) % 4, (partition + 2) % 4],
]);
const BUCKET = "bucket";

function createNodes(seed: number): Promise<Cluster> {
  return createCluster({ nodes: 3, drives: 4, layout: SPREAD }, seed);
}

function storeAt(cluster: Cluster, index: number): ObjectLayer {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`no node ${index}`);
  return node.store;
}

async function bucketWith(cluster: Cluster, bytesMax: number): Promise<Bucket> {
  const store = storeAt(cluster, 0);
  await store.createBucket(BUCKET);
  await store.setBucketQuota(BUCKET, bytesMax);
  return store.bucket(BUCKET);
}

function put(store: ObjectLayer, bucket: Bucket, key: string, bytes: number) {
  return codeOf(store.putObject(putInput(bucket, key, Buffer.alloc(bytes, key))));
}

/** The process of a node ends, and another one begins. */
function restart(cluster: Cluster, index: number, seed: number): ObjectLayer {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`no node ${index}`);
  return new ObjectLayer(
    { ...DEFAULT_OBJECT_OPTIONS, inlineBytesMax: 64, bucketShards: 4, bucketsShared: true },
    {
      registers: node.registers,
      writer: cluster.data,
      reader: cluster.data,
      geometry: { isDegraded: () => false },
      owners: { remember() {} },
      pending: { adopted() {}, rebuilt() {} },
      clock: new RunningClock(),
      random: new SeededRandom(seed),
      log: silentLogger,
    },
  );
}

test("Quotas: nodes that race for the last bytes get all of them and no more", async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const cluster = await createNodes(seed);
    const bucket = await bucketWith(cluster, 205);
    const codes = await Promise.all(
      Array.from({ length: 45 }, (_, index) =>
        put(storeAt(cluster, index % 3), bucket, `key-${index}`, 10),
      ),
    );
    const count = (wanted: string) => codes.filter((code) => code === wanted).length;
    t.equal(count("resolved"), 20, `seed ${seed}: ${codes.join(" ")}`);
    t.equal(count("quota-exceeded"), 25, "refused, and for no other reason");
    t.equal((await storeAt(cluster, 1).bucketUsage(BUCKET)).bytes, 200);
  }
});

test("Quotas: what one node deletes another may add", async (t) => {
  const cluster = await createNodes(7);
  const bucket = await bucketWith(cluster, 100);
  const [ours, theirs] = [storeAt(cluster, 0), storeAt(cluster, 1)];
  t.equal(await put(ours, bucket, "a", 60), "resolved");
  t.equal(await put(theirs, bucket, "b", 40), "resolved");
  t.equal(await put(ours, bucket, "c", 1), "quota-exceeded");
  await theirs.deleteObject({ bucket, key: "a", conditions: {} });
  t.equal(await put(ours, bucket, "c", 60), "resolved");
  t.equal(await put(theirs, bucket, "d", 1), "quota-exceeded");
});

test("Quotas: the share of a process that ended is free again after a count", async (t) => {
  const cluster = await createNodes(8);
  const bucket = await bucketWith(cluster, 100);
  t.equal(await put(storeAt(cluster, 0), bucket, "a", 10), "resolved", "and it has a share left");
  const anew = restart(cluster, 0, 99);
  t.equal(await put(anew, bucket, "b", 90), "resolved");
  t.equal(await put(anew, bucket, "c", 1), "quota-exceeded");
});

test("Quotas: while a drive is away nothing is refused that may fit, nor let in that may not", async (t) => {
  const cluster = await createNodes(9);
  const bucket = await bucketWith(cluster, 100);
  t.equal(await put(storeAt(cluster, 0), bucket, "a", 10), "resolved");
  t.equal(await put(storeAt(cluster, 1), bucket, "b", 10), "resolved");
  const [lost] = cluster.drives;
  cluster.deliver = (_node, id) => (id === lost?.id ? "lose-request" : "deliver");
  t.equal(await put(storeAt(cluster, 2), bucket, "c", 60), "resolved", "within its share");
  t.equal(await put(storeAt(cluster, 2), bucket, "d", 20), "busy", "others may have used it");
  t.equal(await put(storeAt(cluster, 2), bucket, "d", 21), "quota-exceeded");
  cluster.deliver = () => "deliver";
  t.equal(await put(storeAt(cluster, 2), bucket, "d", 20), "resolved");
});

test("Quotas: a write that nobody knows the fate of is counted, or can never come to light", async (t) => {
  for (const heard of [0, 1, 2, 3]) {
    const cluster = await createNodes(10 + heard);
    const bucket = await bucketWith(cluster, 100);
    const [ours, theirs] = [storeAt(cluster, 0), storeAt(cluster, 1)];
    t.equal(await put(ours, bucket, "a", 10), "resolved");
    // Its share covers what comes, so that the object is all that is written.
    t.equal(await put(ours, bucket, "x", 60), "resolved");
    await ours.deleteObject({ bucket, key: "x", conditions: {} });
    // At the most one replica hears of it: no majority.
    const only = cluster.drives[heard]?.id;
    cluster.deliver = (node, id, call) =>
      node === 0 && call === "accept" && id !== only ? "lose-request" : "deliver";
    t.not(await put(ours, bucket, "b", 60), "resolved");
    cluster.deliver = () => "deliver";
    const code = await put(theirs, bucket, "c", 90);
    const { bytes } = await theirs.bucketUsage(BUCKET);
    t.equal(bytes, code === "resolved" ? 100 : 70, `drive ${heard}`);
    t.equal(code === "resolved" || code === "quota-exceeded", true, code);
    t.equal(await put(ours, bucket, "d", 101 - bytes), "quota-exceeded");
    // Whichever majority is asked from now on, nothing more comes to light.
    for (const away of cluster.drives) {
      cluster.deliver = (_node, id) => (id === away.id ? "lose-request" : "deliver");
      await codeOf(ours.openObject({ bucket, key: "b", conditions: {} }));
      t.equal((await ours.bucketUsage(BUCKET)).bytes, bytes);
    }
  }
});
