/**
 * Four real processes become five and four again while clients write: a node joins by a token, one is
 * killed in the middle and comes back, another is drained. Whatever was acknowledged every node shows
 * afterwards, and the drained node is not needed for any of it.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { type Test, test } from "tap";
import type { ClusterStatus } from "../../src/object/cluster/cluster-administration.ts";
import { isStable, operate, statusOf, until } from "../support/cluster-operator.ts";
import { type ClusterProcesses, startCluster } from "../support/cluster-processes.ts";
import { createClient } from "../support/s3-client.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import type { ServerProcess } from "../support/server-process.ts";

const BUCKET = "ring";
const KEYS = 40;
const SIZES = [30, 3_000, 20_000, 40_000, 700_000, 1_500_000];
/** Rewrites its keys until told to stop; what was acknowledged last, or was not answered since. */
class Writer {
  readonly acknowledged = new Map<string, Buffer>();
  readonly #unknown = new Map<string, Buffer[]>();
  readonly #random = new SeededRandom(7);
  readonly #clients: readonly S3Client[];
  failures = 0;

  constructor(clients: readonly S3Client[]) {
    this.#clients = clients;
  }

  async put(index: number): Promise<void> {
    const Key = `k${index % KEYS}`;
    const Body = this.#random.bytes(SIZES[index % SIZES.length] ?? 0);
    const s3 = this.#clients[index % this.#clients.length];
    try {
      await s3?.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }));
      this.acknowledged.set(Key, Body);
      this.#unknown.delete(Key);
    } catch {
      this.failures += 1;
      this.#unknown.set(Key, [...(this.#unknown.get(Key) ?? []), Body]);
    }
  }

  async during(work: () => Promise<void>): Promise<number> {
    let done = false;
    let count = 0;
    const writing = (async () => {
      while (!done) await this.put(count++);
    })();
    try {
      await work();
    } finally {
      done = true;
      await writing;
    }
    return count;
  }

  async verify(t: Test, nodes: readonly ServerProcess[]): Promise<void> {
    for (const node of nodes) {
      const s3 = createClient(node, { maxAttempts: 3 });
      let wrong = 0;
      for (const [Key, body] of this.acknowledged) {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
        const found = Buffer.from((await Body?.transformToByteArray()) ?? []);
        const legal = [body, ...(this.#unknown.get(Key) ?? [])];
        if (!legal.some((each) => each.equals(found))) wrong += 1;
      }
      t.equal(wrong, 0, `${this.acknowledged.size} objects through ${node.endpoint}`);
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET }));
      t.equal(Contents.length, this.acknowledged.size, "all are listed");
      s3.destroy();
    }
  }
}

async function join5th(cluster: ClusterProcesses): Promise<ServerProcess> {
  const [first] = cluster.nodes;
  if (first === undefined) throw new Error("a node");
  const { token } = JSON.parse(await operate(first, "token", "--json")) as { token: string };
  return cluster.startFurther({ drives: 1, flags: ["--join", token] });
}

test("cluster: a node comes, one crashes meanwhile, one is drained, and nothing is lost", {
  timeout: 600_000,
}, async (t) => {
  const cluster = await startCluster({ nodes: 4, drivesPerNode: 1 });
  const [first, second, third, fourth] = cluster.nodes;
  if (!first || !second || !third || !fourth) throw new Error("four nodes");
  let fifth: ServerProcess | undefined;
  t.teardown(() => cluster.stop());
  const clients = [first, second].map((node) => createClient(node, { maxAttempts: 3 }));
  const writer = new Writer(clients);
  await clients[0]?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  for (let index = 0; index < KEYS; index++) await writer.put(index);
  t.equal(writer.failures, 0, "a calm cluster");

  let grown: ClusterStatus | undefined;
  await writer.during(async () => {
    const joining = join5th(cluster);
    await until(first, ({ phase }) => phase !== "stable");
    await third.kill();
    await cluster.restart(2);
    fifth = await joining;
    grown = await until(first, isStable);
  });
  t.equal(grown?.nodes.length, 5);
  const newcomer = grown?.nodes.at(-1)?.drives[0];
  t.ok((newcomer?.slots ?? 0) > 0, `${newcomer?.slots} slots on the new drive`);
  if (fifth === undefined) throw new Error("a fifth node");
  await writer.verify(t, cluster.nodes);

  const name = grown?.nodes[3]?.addresses[0] ?? "";
  const drained = await until(first, isStable);
  await writer.during(async () => {
    await operate(first, "drain", name, "--revision", String(drained.revision));
    await until(first, isStable);
  });
  const after = await statusOf(first);
  t.equal(after.nodes[3]?.state, "removed");
  await fourth.kill();
  rmSync(join(first.folder, "node4"), { recursive: true, force: true });
  await writer.verify(t, [...cluster.nodes.slice(0, 3), fifth]);
  // One node may be away, as ever: the drained one does not count.
  await second.kill();
  await writer.verify(t, [first, cluster.nodes[2] ?? first, fifth]);
  for (const s3 of clients) s3.destroy();
});
