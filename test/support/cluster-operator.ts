/** A cluster as its operator handles it: commands, waiting for changes, and what lies on the drives. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Test } from "tap";
import { callAdmin } from "../../src/node/admin-client.ts";
import type { ClusterStatus } from "../../src/object/cluster/cluster-administration.ts";
import { runProgram } from "./cluster-command.ts";
import { createClient } from "./s3-client.ts";
import { SeededRandom } from "./seeded-random.ts";
import { ACCESS_KEY, SECRET_KEY, type ServerProcess } from "./server-process.ts";

const LOOK_MS = 100;
const PATIENCE_MS = 120_000;
/** Inline, one stripe, several stripes. */
const SIZES = [30, 20_000, 40_000, 700_000, 1_500_000];
const INLINE_BYTES_MAX = 32 * 1024;
const DATA_FOLDER = "data";

/** `ringfort cluster …` against a node: what it prints. Rejects with what it complains of. */
export async function operate(node: ServerProcess, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(["cluster", ...words, "--url", node.endpoint]);
  if (code !== 0) throw new Error(`ringfort cluster ${words.join(" ")}: ${stderr}`);
  return stdout;
}

/** Without a process for each question: there are many while something is waited for. */
export async function statusOf({ endpoint }: ServerProcess): Promise<ClusterStatus> {
  const { status, text } = await callAdmin(
    { method: "GET", path: "cluster/status", query: {}, body: undefined, sealed: false },
    { url: endpoint, accessKey: ACCESS_KEY, secretKey: SECRET_KEY },
  );
  if (status !== 200) throw new Error(`the status is answered with ${status}: ${text}`);
  return JSON.parse(text) as ClusterStatus; // what the route answers
}

/** Polls: a node that was just killed is one that the asked one waits for. */
export async function until(
  node: ServerProcess,
  isIt: (status: ClusterStatus) => boolean,
): Promise<ClusterStatus> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const status = await statusOf(node).catch(() => undefined);
    if (status !== undefined && isIt(status)) return status;
    if (performance.now() > deadline) {
      throw new Error(`not within ${PATIENCE_MS} ms:\n${await operate(node, "status")}`);
    }
    await pause();
  }
}

export const isStable = ({ phase }: ClusterStatus): boolean => phase === "stable";

/** Objects written once, which have to be there for ever. */
export class LastingObjects {
  readonly #bucket: string;
  readonly #bodies = new Map<string, Buffer>();
  readonly #random = new SeededRandom(11);

  constructor(bucket: string) {
    this.#bucket = bucket;
  }

  /** Those that lie in shards. */
  get sharded(): number {
    return [...this.#bodies.values()].filter(({ length }) => length > INLINE_BYTES_MAX).length;
  }

  async write(node: ServerProcess, count: number): Promise<void> {
    const s3 = createClient(node, { maxAttempts: 3 });
    for (let written = 0; written < count; written++) {
      const Key = `k${this.#bodies.size}`;
      const Body = this.#random.bytes(SIZES[this.#bodies.size % SIZES.length] ?? 0);
      await s3.send(new PutObjectCommand({ Bucket: this.#bucket, Key, Body }));
      this.#bodies.set(Key, Body);
    }
    s3.destroy();
  }

  /** Every body and the listing, through each of the nodes. */
  async verify(t: Test, nodes: readonly ServerProcess[]): Promise<void> {
    for (const node of nodes) {
      const s3 = createClient(node, { maxAttempts: 3 });
      let wrong = 0;
      for (const [Key, body] of this.#bodies) {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket: this.#bucket, Key }));
        const found = Buffer.from((await Body?.transformToByteArray()) ?? []);
        if (!found.equals(body)) wrong += 1;
      }
      t.equal(wrong, 0, `${this.#bodies.size} objects through ${node.endpoint}`);
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: this.#bucket }));
      t.strictSame(
        Contents.map(({ Key }) => Key).sort(),
        [...this.#bodies.keys()].sort(),
        "all are listed",
      );
      s3.destroy();
    }
  }
}

/** Shard files on a drive. */
export function shardsOn(drive: string): number {
  const folder = join(drive, DATA_FOLDER);
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).length;
  } catch {
    return 0;
  }
}

/** Polls until the drives hold so many shards together, or more, and says how many they do. */
export async function untilShards(drives: readonly string[], wanted: number): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = drives.reduce((sum, drive) => sum + shardsOn(drive), 0);
    if (found >= wanted || performance.now() > deadline) return found;
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}
