/**
 * Four real processes become five and four again while clients write: a node joins by a token, one is
 * killed in the middle and comes back, another is drained. Whatever was acknowledged every node shows
 * afterwards, and the drained node is not needed for any of it.
 */
import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { type Test, test } from "tap";
import type { ClusterStatus } from "../../src/object/cluster/cluster-administration.ts";
import { type ClusterProcesses, startCluster } from "../support/cluster-processes.ts";
import { createClient } from "../support/s3-client.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { freePort, type ServerProcess, startServer } from "../support/server-process.ts";

const MAIN = fileURLToPath(new URL("../../src/node/start.cjs", import.meta.url));
const BUCKET = "ring";
const KEYS = 40;
const SIZES = [30, 3_000, 20_000, 40_000, 700_000, 1_500_000];
const ENVIRONMENT = {
  RINGFORT_ROOT_USER: "minioadmin",
  RINGFORT_ROOT_PASSWORD: "minioadmin",
  RINGFORT_MEMORY: "128MiB",
  RINGFORT_FREE_SPACE_RESERVE: "0",
};
const LOOK_MS = 500;
/** A change of so little data on a busy machine. */
const PATIENCE_MS = 240_000;

/** `ringfort cluster …` against a node; what it prints. */
async function ringfort(node: ServerProcess, ...words: string[]): Promise<string> {
  const environment = { ...process.env, ...ENVIRONMENT };
  const all = [MAIN, "cluster", ...words, "--url", node.endpoint];
  const { stdout } = await promisify(execFile)(process.execPath, all, { env: environment });
  return stdout;
}

async function statusOf(node: ServerProcess): Promise<ClusterStatus> {
  return JSON.parse(await ringfort(node, "status", "--json")) as ClusterStatus;
}

async function untilPhase(
  node: ServerProcess,
  isIt: (status: ClusterStatus) => boolean,
): Promise<ClusterStatus> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    if (Date.now() > deadline) throw new Error(await ringfort(node, "status"));
    // A node that was just killed is one that the asked one waits for.
    const status = await statusOf(node).catch(() => undefined);
    if (status !== undefined && isIt(status)) return status;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

const isStable = ({ phase }: ClusterStatus): boolean => phase === "stable";

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

async function join5th(cluster: ClusterProcesses, folder: string): Promise<ServerProcess> {
  const [first] = cluster.nodes;
  if (first === undefined) throw new Error("a node");
  const { token } = JSON.parse(await ringfort(first, "token", "--json")) as { token: string };
  return startServer({
    folder,
    words: [join(folder, "fifth", "drive1")],
    flags: ["--join", token],
    environment: { ...ENVIRONMENT, RINGFORT_PEER_ADDRESS: `127.0.0.1:${await freePort()}` },
  });
}

test("cluster: a node comes, one crashes meanwhile, one is drained, and nothing is lost", {
  timeout: 600_000,
}, async (t) => {
  const cluster = await startCluster({ nodes: 4, drivesPerNode: 1 });
  const [first, second, third, fourth] = cluster.nodes;
  if (!first || !second || !third || !fourth) throw new Error("four nodes");
  let fifth: ServerProcess | undefined;
  t.teardown(async () => {
    await fifth?.stop();
    await cluster.stop();
  });
  const clients = [first, second].map((node) => createClient(node, { maxAttempts: 3 }));
  const writer = new Writer(clients);
  await clients[0]?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  for (let index = 0; index < KEYS; index++) await writer.put(index);
  t.equal(writer.failures, 0, "a calm cluster");

  let grown: ClusterStatus | undefined;
  await writer.during(async () => {
    fifth = await join5th(cluster, first.folder);
    await third.kill();
    await cluster.restart(2);
    grown = await untilPhase(first, isStable);
  });
  t.equal(grown?.nodes.length, 5);
  const newcomer = grown?.nodes.at(-1)?.drives[0];
  t.ok((newcomer?.slots ?? 0) > 0, `${newcomer?.slots} slots on the new drive`);
  if (fifth === undefined) throw new Error("a fifth node");
  await writer.verify(t, [...cluster.nodes, fifth]);

  const name = grown?.nodes[3]?.addresses[0] ?? "";
  const drained = await untilPhase(first, isStable);
  await writer.during(async () => {
    await ringfort(first, "drain", name, "--revision", String(drained.revision));
    await untilPhase(first, isStable);
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
