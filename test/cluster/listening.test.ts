/** A listener at one node hears of what is done at every node; each node keeps its own queue. */
import { CreateBucketCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { Client } from "minio";
import { test } from "tap";
import { clientsOf } from "../support/cluster-load.ts";
import { startCluster } from "../support/cluster-processes.ts";
import { ACCESS_KEY, SECRET_KEY } from "../support/server-process.ts";

/** Where the event happened. */
interface Heard {
  readonly responseElements: { readonly "x-minio-origin-endpoint": string };
}

test("cluster: a listener at one node hears of all of them", { timeout: 120_000 }, async (t) => {
  const cluster = await startCluster({ nodes: 2, drivesPerNode: 2 });
  t.teardown(() => cluster.stop());
  const clients = clientsOf(cluster);
  t.teardown(() => {
    for (const client of clients) client.destroy();
  });
  const Bucket = "listening";
  await clients[0]?.send(new CreateBucketCommand({ Bucket }));
  const { hostname, port } = new URL(cluster.nodes[0]?.endpoint ?? "");
  const minio = new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: false,
    accessKey: ACCESS_KEY,
    secretKey: SECRET_KEY,
    region: "us-east-1",
  });
  const poller = minio.listenBucketNotification(Bucket, "", "", ["s3:ObjectCreated:*"]);
  const origins = new Set<string>();
  poller.on("notification", (record) => {
    // The client's type says nothing of what a record is.
    origins.add((record as Heard).responseElements["x-minio-origin-endpoint"]);
  });
  // Until the stream is there and the other node is followed, events go by unheard.
  while (origins.size < 2) {
    for (const client of clients) {
      await client.send(new PutObjectCommand({ Bucket, Key: "key", Body: "value" }));
    }
  }
  t.equal(origins.size, 2);
  poller.stop();
});
