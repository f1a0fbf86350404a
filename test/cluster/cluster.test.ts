/**
 * Four real processes as one store: whatever one node acknowledged every node shows, while one of
 * them is killed under load, after it came back, and after all of them lost power at once.
 */
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { type Test, test } from "tap";
import {
  BUCKET,
  clientsOf,
  clusterHealth,
  type Expectations,
  loadFor,
  pause,
  verify,
} from "../support/cluster-load.ts";
import { type ClusterProcesses, startCluster } from "../support/cluster-processes.ts";
import { adminOf } from "../support/iam/admin.ts";
import { failureOf } from "../support/s3-client.ts";

/** What one node does to a bucket counts at once for whoever writes through another. */
async function checkBuckets(t: Test, cluster: ClusterProcesses): Promise<void> {
  const clients = clientsOf(cluster);
  const [one, two, three, four] = clients;
  if (!one || !two || !three || !four) throw new Error("four nodes");
  const Bucket = "changing";
  for (let round = 0; round < 3; round++) {
    await one.send(new CreateBucketCommand({ Bucket }));
    for (const s3 of clients) await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "v" }));
    const VersioningConfiguration = { Status: "Enabled" } as const;
    await two.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    const ids = new Set<string | undefined>();
    for (const s3 of clients) {
      const { VersionId } = await s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "w" }));
      ids.add(VersionId);
    }
    t.equal(ids.size, 4, "every node knows that versions are kept");
    t.notOk(ids.has(undefined));
    t.match(await failureOf(three.send(new DeleteBucketCommand({ Bucket }))), {
      name: "BucketNotEmpty",
    });
    for (const VersionId of [...ids, "null"]) {
      await four.send(
        new DeleteObjectCommand({ Bucket, Key: "k", ...(VersionId && { VersionId }) }),
      );
    }
    await three.send(new DeleteBucketCommand({ Bucket }));
    for (const s3 of clients) {
      const put = s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "lost" }));
      t.match(await failureOf(put), { name: "NoSuchBucket" }, "nobody writes into a gone bucket");
    }
  }
  for (const s3 of clients) s3.destroy();
}

/** Four nodes fill a bucket to the last byte, and not further, whoever deletes and whoever adds. */
async function checkQuotas(t: Test, cluster: ClusterProcesses): Promise<void> {
  const [first] = cluster.nodes;
  const clients = clientsOf(cluster);
  const [one] = clients;
  if (!first || !one) throw new Error("four nodes");
  const Bucket = "small";
  await one.send(new CreateBucketCommand({ Bucket }));
  const admin = adminOf(first);
  const quota = { quota: 20_500, quotatype: "hard" };
  t.equal((await admin.put("set-bucket-quota", { bucket: Bucket }, quota)).status, 200);
  const Body = Buffer.alloc(1_000);
  const put = (index: number) =>
    failureOf(
      (clients[index % 4] ?? one).send(new PutObjectCommand({ Bucket, Key: `k${index}`, Body })),
    );
  const names = await Promise.all(Array.from({ length: 40 }, (_, index) => put(index)));
  const count = (wanted: string) => names.filter(({ name }) => name === wanted).length;
  t.equal(count("no error"), 20, names.map(({ name }) => name).join(" "));
  t.equal(count("XMinioAdminBucketQuotaExceeded"), 20);
  const kept = names.findIndex(({ name }) => name === "no error");
  await clients[2]?.send(new DeleteObjectCommand({ Bucket, Key: `k${kept}` }));
  t.match(await put(101), { name: "no error" }, "what one deleted another may add");
  t.match(await put(102), { name: "XMinioAdminBucketQuotaExceeded" });
  const usage = JSON.parse((await admin.get("datausageinfo", { bucket: Bucket })).text);
  t.equal(usage.objectsTotalSize, 20_000);
  for (const s3 of clients) s3.destroy();
}

test("cluster: what a node acknowledged every node shows, through kills of one and of all", {
  timeout: 300_000,
}, async (t) => {
  const cluster = await startCluster({ nodes: 4, drivesPerNode: 1 });
  t.teardown(() => cluster.stop());
  const expectations: Expectations = new Map();
  const [s3] = clientsOf(cluster);
  await s3?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const elsewhere = { LocationConstraint: "eu-west-1" } as const;
  const again = { Bucket: BUCKET, CreateBucketConfiguration: elsewhere };
  const twice = clientsOf(cluster)[2]?.send(new CreateBucketCommand(again));
  t.match(await failureOf(twice ?? Promise.resolve()), { name: "BucketAlreadyOwnedByYou" });

  await checkBuckets(t, cluster);
  await checkQuotas(t, cluster);

  const calm = await loadFor(cluster, expectations, () => pause(2_000));
  t.ok(calm > 0, `${calm} operations with all nodes`);
  await verify(t, cluster, expectations);

  const degraded = await loadFor(cluster, expectations, async () => {
    await pause(500);
    await cluster.nodes[3]?.kill();
    await pause(2_500);
  });
  t.ok(degraded > 0, `${degraded} operations while one node was killed`);
  t.equal(await clusterHealth(cluster), 200, "three of four can write");
  await cluster.restart(3);
  await verify(t, cluster, expectations);

  await loadFor(cluster, expectations, async () => {
    await pause(1_000);
    await Promise.all(cluster.nodes.map((node) => node.kill()));
  });
  await cluster.restartAll();
  await verify(t, cluster, expectations);
});
