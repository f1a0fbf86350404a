/** What an operator asks of a cluster under test, without a process for each question. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { callAdmin } from "../../src/node/admin-client.ts";
import type { ClusterStatus } from "../../src/object/cluster/cluster-administration.ts";
import { CREDENTIALS, HOST, type ServerUnderTest } from "./server-under-test.ts";

const LOOK_MS = 200;
const PATIENCE_MS = 600_000;

export async function askCluster<Answer>(
  server: ServerUnderTest,
  path: string,
  body?: object,
): Promise<Answer> {
  const method = body === undefined ? "GET" : "POST";
  const call = { method, path: `cluster/${path}`, query: {}, body, sealed: false } as const;
  const target = { url: `http://${HOST}:${server.port}`, ...CREDENTIALS };
  const { status, text } = await callAdmin(call, target);
  if (status !== 200) throw new Error(`${path} answers ${status}: ${text}`);
  return JSON.parse(text) as Answer; // the caller names what the route answers
}

export function statusOfCluster(server: ServerUnderTest): Promise<ClusterStatus> {
  return askCluster<ClusterStatus>(server, "status");
}

export async function untilCluster(
  server: ServerUnderTest,
  isIt: (status: ClusterStatus) => boolean,
): Promise<ClusterStatus> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const status = await statusOfCluster(server).catch(() => undefined);
    if (status !== undefined && isIt(status)) return status;
    if (performance.now() > deadlineMs) throw new Error("the cluster does not get there in time");
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

const DATA_FOLDER = "data";

/** Shard files of a drive, with their bytes. */
export function shardSizesOn(drive: string): ReadonlyMap<string, number> {
  const folder = join(drive, DATA_FOLDER);
  if (!existsSync(folder)) return new Map();
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return new Map(files.map(({ name, parentPath }) => [name, sizeOf(join(parentPath, name))]));
}

/** Of a file that may go away while one looks. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
