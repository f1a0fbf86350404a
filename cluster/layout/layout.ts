/**
 * One version of the layout: for each partition its slots, in order, each a drive. Immutable, agreed
 * through the layout register, and all that a request needs to know where data and records go.
 *
 * Shard i of a data item lies on slot i of the item's partition; the first `replicas` slots keep the
 * metadata registers. Data that was written with fewer shards than there are slots uses the first
 * ones. Nodes and drives are in the order of their ids, so equal layouts are equal bytes.
 */
import { assert } from "../../src/base/assert.ts";
import type { DriveId, NodeId } from "../../src/base/ids.ts";

export const LAYOUT_PARTITIONS_MIN = 1;
export const LAYOUT_PARTITIONS_MAX = 262_144;
/** Shards of one data item: data and parity. */
export const LAYOUT_SLOTS_MAX = 16;

export interface Geometry {
  /** Slots of a partition: shards of new data at full strength. */
  readonly slots: number;
  /** How many of them are parity by default. */
  readonly parity: number;
  /** The first slots, which keep the metadata too. */
  readonly replicas: number;
}

export interface LayoutNode {
  readonly nodeId: NodeId;
  readonly zone: string;
}

export interface LayoutDrive {
  readonly driveId: DriveId;
  /** Index in `nodes`. */
  readonly node: number;
  readonly weight: number;
}

export interface Layout {
  /** Never used twice for different content. */
  readonly version: number;
  /** A power of two. */
  readonly partitions: number;
  readonly geometry: Geometry;
  /** In the order of their ids. */
  readonly nodes: readonly LayoutNode[];
  /** In the order of node and id; only drives that take slots. */
  readonly drives: readonly LayoutDrive[];
  /** Row by row: entry partition × slots + slot is an index in `drives`. */
  readonly table: Uint16Array;
}

/** Names one layout: its version and the SHA-256 of its bytes, 64 hexadecimal digits. */
export interface LayoutRef {
  readonly version: number;
  readonly hash: string;
}

/** What is wrong with a layout's parts, or undefined. */
export function problemOfLayout(layout: Layout): string | undefined {
  const { version, partitions } = layout;
  if (!Number.isInteger(version) || version < 1 || version > 0xffffffff) {
    return `version ${version}`;
  }
  if (!isPartitionCount(partitions)) return `${partitions} partitions`;
  return (
    problemOfGeometry(layout.geometry, layout.drives.length) ??
    problemOfOrder(layout) ??
    problemOfTable(layout)
  );
}

export function isPartitionCount(count: number): boolean {
  const possible = count >= LAYOUT_PARTITIONS_MIN && count <= LAYOUT_PARTITIONS_MAX;
  return possible && Number.isInteger(Math.log2(count));
}

function problemOfGeometry(geometry: Geometry, driveCount: number): string | undefined {
  const { slots, parity, replicas } = geometry;
  if (slots < 1 || slots > LAYOUT_SLOTS_MAX || slots > driveCount) {
    return `${slots} slots on ${driveCount} drives`;
  }
  if (parity * 2 > slots) return `parity ${parity} of ${slots} slots`;
  return replicas < 1 || replicas > slots ? `${replicas} replicas in ${slots} slots` : undefined;
}

function problemOfOrder({ nodes, drives }: Layout): string | undefined {
  for (let index = 1; index < nodes.length; index++) {
    if ((nodes[index - 1]?.nodeId ?? "") >= (nodes[index]?.nodeId ?? "")) return "order of nodes";
  }
  if (drives[0]?.node !== 0 || drives.at(-1)?.node !== nodes.length - 1) {
    return "a node without drives";
  }
  const ids = new Set(drives.map(({ driveId }) => driveId));
  if (ids.size !== drives.length) return "a drive twice";
  for (const [index, drive] of drives.entries()) {
    if (drive.weight < 1) return `weight ${drive.weight}`;
    const previous = drives[index - 1];
    if (previous !== undefined && !follows(drive, previous)) return "order of drives";
  }
  return undefined;
}

/** Whether a drive may stand behind another: of the same node with a higher id, or of the next. */
function follows(drive: LayoutDrive, previous: LayoutDrive): boolean {
  return drive.node === previous.node
    ? drive.driveId > previous.driveId
    : drive.node === previous.node + 1;
}

function problemOfTable({ partitions, geometry, drives, table }: Layout): string | undefined {
  const { slots } = geometry;
  if (table.length !== partitions * slots) return `${table.length} entries`;
  // The last row that each drive was seen in.
  const seen = new Int32Array(drives.length).fill(-1);
  for (let entry = 0; entry < table.length; entry++) {
    const drive = table[entry] ?? 0;
    if (drive >= drives.length) return `drive ${drive} of ${drives.length}`;
    const partition = Math.floor(entry / slots);
    if (seen[drive] === partition) return `drive ${drive} twice in partition ${partition}`;
    seen[drive] = partition;
  }
  return undefined;
}

/** The drive in a slot, as an index in `drives`. */
export function driveAt(layout: Layout, partition: number, slot: number): number {
  const drive = layout.table[partition * layout.geometry.slots + slot];
  assert(drive !== undefined, "a slot of the layout");
  return drive;
}
