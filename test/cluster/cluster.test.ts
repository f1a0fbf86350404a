/**
 * Four real processes as one store: whatever one node acknowledged every node shows, while one of
 * them is killed under load, after it came back, and after all of them lost power at once.
 */
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { type Test, test } from "tap";
import { type ClusterProcesses, startCluster } from "../support/cluster-processes.ts";
import { createClient, failureOf } from "../support/s3-client.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const BUCKET = "shared";
const WRITERS = 4;
const KEYS_PER_WRITER = 12;
/** Around the inline limit, one stripe, several stripes. */
const SIZES = [0, 1, 5_000, 16_384, 16_385, 300_000, 1_048_577, 2_500_000];

/** What may be read for a key: the last acknowledged body, or one whose fate nobody was told. */
interface Expectation {
  acknowledged: Buffer | undefined;
  unknown: (Buffer | undefined)[];
}

type Expectations = Map<string, Expectation>;

function clientsOf(cluster: ClusterProcesses): S3Client[] {
  // What a client of a cluster has: another try when a node has just died.
  return cluster.nodes.map((node) => createClient(node, { maxAttempts: 3 }));
}

/** Writes and deletes its own keys through one node until told to stop. */
async function work(
  s3: S3Client,
  writer: number,
  expectations: Expectations,
  stopped: () => boolean,
): Promise<number> {
  const random = new SeededRandom(writer + 1);
  let acknowledged = 0;
  for (let step = 0; !stopped(); step++) {
    const Key = `w${writer}/k${random.below(KEYS_PER_WRITER)}`;
    const expectation = expectations.get(Key) ?? { acknowledged: undefined, unknown: [] };
    expectations.set(Key, expectation);
    const removes = random.below(6) === 0;
    const body = removes ? undefined : random.bytes(SIZES[step % SIZES.length] ?? 0);
    try {
      if (body === undefined) await s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }));
      else await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: body }));
      expectation.acknowledged = body;
      expectation.unknown = [];
      acknowledged += 1;
    } catch {
      expectation.unknown.push(body);
    }
  }
  return acknowledged;
}

async function readBody(s3: S3Client, Key: string): Promise<Buffer | undefined> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchKey") return undefined;
    throw error;
  }
}

function isSame(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}

/** Every key through every node, and the listings. */
async function verify(t: Test, cluster: ClusterProcesses, expectations: Expectations) {
  const clients = clientsOf(cluster);
  const present = new Set<string>();
  for (const [key, { acknowledged, unknown }] of expectations) {
    const bodies = await Promise.all(clients.map((s3) => readBody(s3, key)));
    const [first] = bodies;
    const allowed = [acknowledged, ...unknown].some((body) => isSame(body, first));
    t.ok(allowed, `${key} has a body that was written to it`);
    t.ok(
      bodies.every((body) => isSame(body, first)),
      `${key} is the same through every node`,
    );
    if (first !== undefined) present.add(key);
  }
  for (const s3 of clients) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    t.strictSame(
      Contents.map(({ Key }) => Key),
      [...present].sort(),
      "the listing names what can be read",
    );
    s3.destroy();
  }
}

async function loadFor(
  cluster: ClusterProcesses,
  expectations: Expectations,
  meanwhile: () => Promise<void>,
): Promise<number> {
  let done = false;
  const clients = clientsOf(cluster);
  const working = clients
    .slice(0, WRITERS)
    .map((s3, writer) => work(s3, writer, expectations, () => done));
  await meanwhile();
  done = true;
  const counts = await Promise.all(working);
  for (const s3 of clients) s3.destroy();
  return counts.reduce((sum, count) => sum + count, 0);
}

async function clusterHealth(cluster: ClusterProcesses): Promise<number> {
  const answer = await fetch(`${cluster.nodes[0]?.endpoint}/minio/health/cluster`);
  return answer.status;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test("cluster: what a node acknowledged every node shows, through kills of one and of all", {
  timeout: 300_000,
}, async (t) => {
  const cluster = await startCluster({ nodes: 4, drivesPerNode: 1 });
  const expectations: Expectations = new Map();
  const [s3] = clientsOf(cluster);
  await s3?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const twice = clientsOf(cluster)[2]?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  t.match(await failureOf(twice ?? Promise.resolve()), { name: "BucketAlreadyOwnedByYou" });

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
  await cluster.stop();
});
