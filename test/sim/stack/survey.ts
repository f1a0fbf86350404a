/**
 * What lies on the machines, read from their media without the help of any process: whether it is all
 * that should be there and nothing else (I1, I2, I3, I9).
 */
import { decodeValue } from "../../../cluster/register/value-envelope.ts";
import { equalBallots } from "../../../src/base/ballot.ts";
import { equalBytes } from "../../../src/base/bytes.ts";
import type { RegisterCell } from "../../../src/base/register-cell.ts";
import { SHARD_HEADER_BYTES, shardHeaderProblem } from "../../../src/codec/shard-header.ts";
import { shardFileBytes, stripesOfRange, TRAILER_BYTES } from "../../../src/codec/stripe.ts";

import { partitionOfKey } from "../../../src/object/cluster/cluster-registers.ts";
import type { ShardedData } from "../../../src/object/contract/data.ts";
import { parseRegisterKey } from "../../../src/object/contract/register-keys.ts";
import { blockPlace } from "../../../src/object/data/stripe-places.ts";
import { decodeBucketRecord } from "../../../src/object/records/bucket-record.ts";
import { decodeObjectRecord } from "../../../src/object/records/object-record.ts";
import { dataOf } from "../../../src/object/records/record-data.ts";
import { decodePartRecord, decodeUploadRecord } from "../../../src/object/records/upload-record.ts";
import { decodeRecord } from "../../../src/store/drive-tables.ts";
import { fanOutNames, formatShardName, parseShardName } from "../../../src/store/shard-names.ts";
import type { CodecPlace } from "./codec-places.ts";
import { shortDigest } from "./short-digest.ts";
import type { StackCluster } from "./stack-cluster.ts";
import type { StackNode } from "./stack-node.ts";

export interface ShardFile {
  readonly name: string;
  readonly path: string;
}

export function shardFilesOf({ hardware }: StackNode): ShardFile[] {
  const root = `${hardware.planned.path}/data`;
  return fanOutNames().flatMap((folder) =>
    hardware.disk
      .namesIn(`${root}/${folder}`)
      .map((name) => ({ name, path: `${root}/${folder}/${name}` })),
  );
}

/** What is wrong; empty when the cluster has come to rest as it should. */
export async function survey(cluster: StackCluster, place: CodecPlace): Promise<string[]> {
  const { phase } = cluster.map.record.ring;
  const problems = phase === "stable" ? [] : [`the ring is in phase ${phase}`];
  const owners = new Map<string, string>();
  const wanted = new Map<string, Set<string>>(
    cluster.nodes.map(({ number }) => [String(number), new Set<string>()]),
  );
  const all: { key: Buffer; data: ShardedData }[] = [];
  for (const [key, cells] of cellsByKey(cluster)) {
    const body = bodyOf(cluster, key, cells, problems);
    if (body === undefined) continue;
    for (const data of itemsOf(key, body, problems)) {
      const { dataId } = data;
      if (owners.has(dataId)) problems.push(`data ${dataId} has two owners`);
      owners.set(dataId, key.toString("latin1"));
      data.drives.forEach((index, slot) => {
        wanted.get(String(index))?.add(formatShardName(dataId, slot));
      });
      all.push({ key, data });
      const found = problemsOfFiles(data, filesOf(cluster, data));
      problems.push(...found.map((problem) => `${describeKey(key)}: ${problem}`));
    }
  }
  for (const node of cluster.nodes) {
    const own = wanted.get(String(node.number));
    for (const { name } of shardFilesOf(node)) {
      if (parseShardName(name) === undefined) problems.push(`${name} is no shard`);
      else if (own?.has(name) !== true && !cluster.mayLeaveShards) {
        problems.push(`node-${node.number}: orphan ${name}`);
      }
    }
    problems.push(...problemsOfRows(cluster, node));
  }
  if (problems.length > 0) return problems;
  for (const { key, data } of all) {
    const found = await problemsOfBytes(cluster, data, place);
    problems.push(...found.map((problem) => `${describeKey(key)}: ${problem}`));
  }
  return problems;
}

/**
 * Rows that ask for work, where they are followed: on the first replica. Another one that missed the
 * change which took its row away may keep it.
 */
function problemsOfRows(cluster: StackCluster, { number, hardware }: StackNode): string[] {
  const { registers, drives } = cluster.map;
  const { tables } = hardware.image;
  const pending = tables.get("pending")?.length ?? 0;
  const problems = pending > 0 ? [`node-${number}: ${pending} rows in pending`] : [];
  for (const table of ["heal", "trash"] as const) {
    for (const { key } of tables.get(table) ?? []) {
      const [group = []] = registers.groupsOf(partitionOfKey(key, registers.partitions));
      const first = [...drives].find(([id]) => id === group[0])?.[1].drive.number;
      if (first === number) problems.push(`node-${number}: ${describeKey(key)} in ${table}`);
    }
  }
  return problems;
}

interface Cells {
  readonly byNode: Map<number, RegisterCell>;
  /** Nodes on which it cannot be read. */
  readonly rotten: number[];
}

function emptyCells(): Cells {
  return { byNode: new Map(), rotten: [] };
}

function cellsByKey(cluster: StackCluster): Map<Buffer, Cells> {
  const byName = new Map<string, { key: Buffer; cells: Cells }>();
  for (const { number, hardware } of cluster.nodes) {
    for (const { key, value } of hardware.image.tables.get("rec") ?? []) {
      const name = key.toString("latin1");
      const entry = byName.get(name) ?? { key, cells: emptyCells() };
      byName.set(name, entry);
      try {
        const cell = decodeRecord(shortDigest, key, Buffer.from(value));
        // A promise that nothing followed keeps its cell: a known leak of some dozen bytes.
        if (cell.value.length > 0) entry.cells.byNode.set(number, cell);
      } catch {
        entry.cells.rotten.push(number);
      }
    }
  }
  return new Map([...byName.values()].map(({ key, cells }) => [key, cells]));
}

/** All replicas hold the same, and nobody else anything. */
function bodyOf(
  cluster: StackCluster,
  key: Buffer,
  { byNode: cells, rotten }: Cells,
  problems: string[],
): Uint8Array | undefined {
  const { registers, drives } = cluster.map;
  const [group = []] = registers.groupsOf(partitionOfKey(key, registers.partitions));
  const replicas = new Set<number>();
  for (const [id, { drive }] of drives) if (group.includes(id)) replicas.add(drive.number);
  const [first] = [...cells.values()];
  // Rot in what the others have forgotten, a tombstone, is repaired when the key is written again.
  if (first === undefined) return undefined;
  for (const number of rotten) {
    // A promise on a drive that is no replica any more: nothing shows it, and nobody asks for it.
    if (!replicas.has(number) && !hasRow(cluster, number, key)) continue;
    problems.push(`node-${number}: ${describeKey(key)} cannot be read`);
  }
  for (const number of replicas) {
    const cell = cells.get(number);
    if (cell === undefined) problems.push(`node-${number} lacks ${describeKey(key)}`);
    else if (!equalBallots(cell.accepted, first.accepted) || !equalBytes(cell.value, first.value)) {
      problems.push(`node-${number} differs in ${describeKey(key)}`);
    }
  }
  for (const number of cells.keys()) {
    if (!replicas.has(number)) problems.push(`node-${number} is no replica of ${describeKey(key)}`);
  }
  const { body } = decodeValue(first.value);
  const parsed = parseRegisterKey(key);
  if (parsed?.kind === "bucket" && body !== undefined) {
    cluster.world.note(`bucket ${parsed.name} is ${decodeBucketRecord(body).id.slice(0, 4)}`);
  }
  if (body === undefined) problems.push(`${describeKey(key)} is a tombstone`);
  return body;
}

function hasRow({ machines }: StackCluster, number: number, key: Buffer): boolean {
  const rows = machines[number]?.hardware.image.tables.get("list") ?? [];
  return rows.some((row) => row.key.equals(key));
}

/** The data that a record refers to; work that it still has put off is a problem. */
function itemsOf(key: Buffer, body: Uint8Array, problems: string[]): ShardedData[] {
  const parsed = parseRegisterKey(key);
  if (parsed?.kind === "upload") {
    const { state } = decodeUploadRecord(body);
    if (state.kind !== "open") problems.push(`${describeKey(key)} is ${state.kind}`);
    return [];
  }
  if (parsed?.kind !== "object" && parsed?.kind !== "part") return [];
  const { trash } = parsed.kind === "object" ? decodeObjectRecord(body) : decodePartRecord(body);
  if (trash.length > 0) problems.push(`${describeKey(key)} has ${trash.length} items of trash`);
  return dataOf(key, body).map(({ data, degraded }) => {
    if (degraded) problems.push(`${describeKey(key)} is degraded`);
    return data;
  });
}

type ShardFiles = readonly (Buffer | undefined)[];

function filesOf({ machines }: StackCluster, { dataId, drives }: ShardedData): ShardFiles {
  return drives.map((index, slot) => {
    const node = machines[index];
    const path = `${node?.hardware.planned.path}/data/${dataId.slice(0, 2)}`;
    const file = `${path}/${formatShardName(dataId, slot)}`;
    if (node?.gone !== false || !node.hardware.disk.has(file)) return undefined;
    return node.hardware.disk.contentOf(file);
  });
}

function problemsOfFiles(data: ShardedData, files: ShardFiles): string[] {
  const { dataId, drives, missing, k, m, stripeDataBytes } = data;
  const problems: string[] = [];
  if (missing !== 0) problems.push(`data ${dataId} lacks slots ${missing.toString(2)}`);
  if (new Set(drives).size < drives.length) problems.push(`data ${dataId} is twice on a drive`);
  for (const [slot, file] of files.entries()) {
    const wrong = problemOfFile(file, { dataId, slot, k, m, stripeDataBytes }, data);
    if (wrong !== undefined)
      problems.push(`shard ${slot} of ${dataId} on ${drives[slot]}: ${wrong}`);
  }
  return problems;
}

async function problemsOfBytes(
  cluster: StackCluster,
  data: ShardedData,
  { arena, codec }: CodecPlace,
): Promise<string[]> {
  const { dataId, k, m } = data;
  const problems: string[] = [];
  const files = filesOf(cluster, data);
  const stripe = arena.tryAcquire("read");
  if (stripe === undefined) throw new Error("the survey has stripes");
  const all = [...files.keys()];
  for (const slice of stripesOfRange(data, data.bytes, { offset: 0, length: data.bytes })) {
    const memory = Buffer.from(arena.memory.buffer);
    for (const slot of all) {
      const place = blockPlace(stripe.offset, slice.geometry, slot);
      const from = slice.fileOffset;
      const trailerAt = from + place.blockBytes;
      files[slot]?.copy(memory, place.blockOffset, from, trailerAt);
      files[slot]?.copy(memory, place.trailerOffset ?? 0, trailerAt, trailerAt + TRAILER_BYTES);
    }
    const loaded = { offset: stripe.offset, length: slice.geometry.dataBytes, k, m, dataId };
    const result = await codec.decode({
      ...loaded,
      stripeIndex: slice.stripeIndex,
      present: all,
      wanted: all,
    });
    for (const slot of result.corrupt) problems.push(`shard ${slot} of ${dataId} is corrupt`);
  }
  arena.release(stripe);
  return problems;
}

function problemOfFile(
  file: Buffer | undefined,
  header: Parameters<typeof shardHeaderProblem>[1],
  data: ShardedData,
): string | undefined {
  if (file === undefined) return "missing";
  const bytes = shardFileBytes(data, data.bytes);
  // Damage to a file that was still being written may leave more behind its end, which nobody reads.
  if (file.length < bytes) return `${file.length} bytes long instead of ${bytes}`;
  return shardHeaderProblem(file.subarray(0, SHARD_HEADER_BYTES), header);
}

function describeKey(key: Buffer): string {
  const parsed = parseRegisterKey(key);
  if (parsed === undefined) return key.toString("hex");
  if (parsed.kind === "bucket" || parsed.kind === "system") return `${parsed.kind} ${parsed.name}`;
  return `${parsed.kind} ${parsed.bucketId.slice(0, 4)} ${parsed.key.toString()}`;
}
