/**
 * A cluster of four is restarted node by node while clients work through a load balancer: no request
 * fails that the library's own retries do not hide, and nothing that was acknowledged is lost.
 */
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { test } from "tap";
import { BUCKET, clientsOf, type Expectations, verify, work } from "../support/cluster-load.ts";
import { statusOf } from "../support/cluster-operator.ts";
import { startCluster, zoneOfNode } from "../support/cluster-processes.ts";
import { LoadBalancer } from "../support/load-balancer.ts";
import { ACCESS_KEY, SECRET_KEY } from "../support/server-process.ts";

const CLIENTS = 3;

test("cluster: a rolling restart under load fails nobody and loses nothing", {
  timeout: 300_000,
}, async (t) => {
  // Formed from a settings file, and a delay that is long enough for the balancer's questions.
  const environment = { RINGFORT_SHUTDOWN_DELAY: "1s" };
  const cluster = await startCluster({ nodes: 4, drivesPerNode: 1, byFile: true, environment });
  t.teardown(() => cluster.stop());
  const [s3] = clientsOf(cluster);
  await s3?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const [first] = cluster.nodes;
  if (first === undefined) throw new Error("a node");
  const { nodes } = await statusOf(first);
  t.strictSame(
    nodes.map(({ zone }) => zone),
    nodes.map((_, position) => zoneOfNode(position)),
    "each node has found its zone in the file of all",
  );
  const balancer = new LoadBalancer(cluster.nodes.map(({ port }) => port));
  const endpoint = `http://127.0.0.1:${await balancer.start()}`;
  // As an application makes it: nothing is said about retries.
  const clients = Array.from(
    { length: CLIENTS },
    () =>
      new S3Client({
        endpoint,
        region: "us-east-1",
        forcePathStyle: true,
        credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
      }),
  );
  const expectations: Expectations = new Map();
  const failures: string[] = [];
  let done = false;
  const working = clients.map((client, writer) =>
    work(client, writer, {
      expectations,
      stopped: () => done,
      onFailure: (error) => failures.push(String(error)),
    }),
  );
  for (const [position, node] of cluster.nodes.entries()) {
    t.equal(await node.stop(), 0, `node ${position + 1} stops in good order`);
    await cluster.restart(position);
  }
  done = true;
  const counts = await Promise.all(working);
  t.strictSame(failures, [], "no failure reaches an application");
  t.ok(
    counts.every((count) => count > 0),
    `${counts.join(", ")} operations meanwhile`,
  );
  await verify(t, cluster, expectations);
  for (const client of clients) client.destroy();
  balancer.stop();
});
