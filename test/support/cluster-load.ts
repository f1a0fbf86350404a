/**
 * Load on a real cluster, and what may be seen afterwards: every body that was acknowledged, through
 * every node, and no body that was replaced.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Test } from "tap";
import type { ClusterProcesses } from "./cluster-processes.ts";
import { createClient } from "./s3-client.ts";
import { SeededRandom } from "./seeded-random.ts";

export const BUCKET = "shared";
const WRITERS = 4;
const KEYS_PER_WRITER = 12;
/** Around the inline limit, one stripe, several stripes; none so small that two bodies are alike. */
const SIZES = [16, 40, 5_000, 16_384, 16_385, 300_000, 1_048_577, 2_500_000];

/** What may be read for a key: the last acknowledged body, or one whose fate nobody was told. */
export interface Expectation {
  acknowledged: Buffer | undefined;
  unknown: (Buffer | undefined)[];
}

export type Expectations = Map<string, Expectation>;

export function clientsOf(cluster: ClusterProcesses): S3Client[] {
  // What a client of a cluster has: another try when a node has just died.
  return cluster.nodes.map((node) => createClient(node, { maxAttempts: 3 }));
}

export interface WorkOptions {
  readonly expectations: Expectations;
  stopped(): boolean;
  onFailure?(error: unknown): void;
}

/** Writes and deletes its own keys through one node until told to stop. */
export async function work(
  s3: S3Client,
  writer: number,
  { expectations, stopped, onFailure }: WorkOptions,
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
    } catch (error) {
      onFailure?.(error);
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
export async function verify(
  t: Test,
  cluster: ClusterProcesses,
  expectations: Expectations,
): Promise<void> {
  const clients = clientsOf(cluster);
  /** Bytes; undefined for what is not there. */
  const known = new Map<string, number | undefined>();
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
    known.set(key, seen[0]?.length);
  }
  for (const s3 of clients) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    const listed = new Map(Contents.map(({ Key = "", Size }) => [Key, Size]));
    for (const [key, bytes] of known) {
      t.equal(listed.get(key), bytes, `${key} and its size in the listing`);
    }
    s3.destroy();
  }
}

export async function loadFor(
  cluster: ClusterProcesses,
  expectations: Expectations,
  meanwhile: () => Promise<void>,
): Promise<number> {
  let done = false;
  const clients = clientsOf(cluster);
  const working = clients
    .slice(0, WRITERS)
    .map((s3, writer) => work(s3, writer, { expectations, stopped: () => done }));
  await meanwhile();
  done = true;
  const counts = await Promise.all(working);
  for (const s3 of clients) s3.destroy();
  return counts.reduce((sum, count) => sum + count, 0);
}

export async function clusterHealth(cluster: ClusterProcesses): Promise<number> {
  const answer = await fetch(`${cluster.nodes[0]?.endpoint}/minio/health/cluster`);
  return answer.status;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
