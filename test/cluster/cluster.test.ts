/**
 * Four real processes as one store: whatever one node acknowledged every node shows, while one of
 * them is killed under load, after it came back, and after all of them lost power at once.
 */
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
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
/** Around the inline limit, one stripe, several stripes; none so small that two bodies are alike. */
const SIZES = [16, 40, 5_000, 16_384, 16_385, 300_000, 1_048_577, 2_500_000];

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

/**
 * Every key through every node, one after the other, and the listings. An operation whose fate nobody
 * was told may still take effect while this goes on, each once: a body that was replaced never comes
 * back.
 */
async function verify(t: Test, cluster: ClusterProcesses, expectations: Expectations) {
  const clients = clientsOf(cluster);
  const known = new Map<string, boolean>();
  for (const [key, { acknowledged, unknown }] of expectations) {
    const seen: (Buffer | undefined)[] = [];
    for (const s3 of clients) {
      const body = await readBody(s3, key);
      const last = seen.at(-1);
      if (seen.length > 0 && isSame(last, body)) continue;
      const legal = [acknowledged, ...unknown].some((each) => isSame(each, body));
      t.ok(legal, `${key} has a body that was written to it`);
      // Of deletions there may be several whose fate is unknown.
      const back = body !== undefined && seen.some((each) => isSame(each, body));
      t.notOk(back, `${key} does not go back to what was replaced`);
      seen.push(body);
    }
    if (unknown.length > 0) continue;
    t.equal(seen.length, 1, `${key} is the same through every node`);
    known.set(key, seen[0] !== undefined);
  }
  for (const s3 of clients) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    const listed = new Set(Contents.map(({ Key }) => Key));
    for (const [key, present] of known) t.equal(listed.has(key), present, `${key} in the listing`);
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

  await checkBuckets(t, cluster);

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
