/**
 * A layout as requests use it: from a bucket's shard or a data id to drives. Every node computes the
 * same from the same layout.
 */
import { assert } from "../../src/base/assert.ts";
import { hashBytes } from "../../src/base/hash.ts";
import {
  type BucketId,
  type DataId,
  type DriveId,
  ID_BYTES,
  type NodeId,
} from "../../src/base/ids.ts";
import type { Layout } from "./layout.ts";

const POSITION_BITS = 32;

/** A drive where a layout places something. The same object for the same drive of a LayoutMap. */
export interface PlacedDrive {
  readonly driveId: DriveId;
  readonly nodeId: NodeId;
  readonly zone: string;
  /** In the layout's table of drives. */
  readonly index: number;
  /** In the layout's table of nodes. */
  readonly node: number;
}

/** Where the shards of one data item go. */
export interface ShardPlacement {
  /** Per slot. */
  readonly drives: readonly PlacedDrive[];
  /** Bit s: slot s is on a handoff drive, which the record has to say. */
  readonly handoffs: number;
  /** Bit s: no drive takes slot s now; its drive is only a name for the healer. */
  readonly missing: number;
}

/** The point in the hash space of all records of one shard of a bucket. */
export function positionOfShard(bucketId: BucketId, shard: number): number {
  const bytes = Buffer.allocUnsafe(ID_BYTES + 2);
  bytes.write(bucketId, 0, "hex");
  bytes.writeUInt16BE(shard, ID_BYTES);
  return hashBytes(bytes);
}

/** The point in the hash space of one data item. */
export function positionOfData(dataId: DataId): number {
  return hashBytes(Buffer.from(dataId, "hex"));
}

/** The highest bits, so that a partition's halves are 2p and 2p + 1 when partitions double. */
export function partitionAt(position: number, partitions: number): number {
  return partitions === 1 ? 0 : position >>> (POSITION_BITS - Math.log2(partitions));
}

export class LayoutMap {
  readonly layout: Layout;
  /** In the order of the layout's table. */
  readonly drives: readonly PlacedDrive[];
  readonly #drivesOfNode: readonly PlacedDrive[][];

  constructor(layout: Layout) {
    this.layout = layout;
    this.#drivesOfNode = layout.nodes.map(() => []);
    this.drives = layout.drives.map(({ driveId, node }, index) => {
      const its = layout.nodes[node];
      assert(its !== undefined, "every drive has its node");
      const drive = { driveId, nodeId: its.nodeId, zone: its.zone, index, node };
      this.#drivesOfNode[node]?.push(drive);
      return drive;
    });
  }

  partitionAt(position: number): number {
    return partitionAt(position, this.layout.partitions);
  }

  /** The drives of a partition, slot by slot. */
  slots(partition: number): PlacedDrive[] {
    return this.#row(partition, this.layout.geometry.slots);
  }

  /** The drives that keep the records of a partition. */
  replicas(partition: number): PlacedDrive[] {
    return this.#row(partition, this.layout.geometry.replicas);
  }

  #row(partition: number, count: number): PlacedDrive[] {
    const start = partition * this.layout.geometry.slots;
    return Array.from({ length: count }, (_, slot) => {
      const drive = this.drives[this.layout.table[start + slot] ?? -1];
      assert(drive !== undefined, "a slot of the layout");
      return drive;
    });
  }

  /**
   * Who stands in for drives of a partition that cannot be used: every other usable drive once, of
   * nodes with fewer slots of the partition first, then of zones with fewer; different nodes first
   * for different partitions.
   */
  *handoffs(
    partition: number,
    isUsable: (drive: PlacedDrive) => boolean = () => true,
  ): Generator<PlacedDrive> {
    const row = this.slots(partition);
    const taken = new Set(row.map(({ index }) => index));
    const counts = countSlots(row.filter(isUsable));
    const onNode = this.layout.nodes.map((_, node) => counts.nodes.get(node) ?? 0);
    const order = this.#nodeOrder(partition, onNode, counts.zones);
    for (let level = 0; level < this.layout.drives.length; level++) {
      if (taken.size === this.drives.length) return;
      for (const node of order) {
        if ((onNode[node] ?? 0) > level) continue;
        const drive = this.#freeDrive(node, partition, taken, isUsable);
        if (drive === undefined) continue;
        onNode[node] = (onNode[node] ?? 0) + 1;
        yield drive;
      }
    }
  }

  #nodeOrder(
    partition: number,
    onNode: readonly number[],
    inZone: ReadonlyMap<string, number>,
  ): number[] {
    return this.layout.nodes
      .map(({ zone }, node) => ({
        node,
        slots: onNode[node] ?? 0,
        zoneSlots: inZone.get(zone) ?? 0,
        turn: scramble(partition, node),
      }))
      .sort((a, b) => a.slots - b.slots || a.zoneSlots - b.zoneSlots || a.turn - b.turn)
      .map(({ node }) => node);
  }

  /** The next drive of a node; those passed by are taken too. */
  #freeDrive(
    node: number,
    partition: number,
    taken: Set<number>,
    isUsable: (drive: PlacedDrive) => boolean,
  ): PlacedDrive | undefined {
    const drives = this.#drivesOfNode[node] ?? [];
    const first = scramble(node, partition) % drives.length;
    for (let step = 0; step < drives.length; step++) {
      const drive = drives[(first + step) % drives.length];
      if (drive === undefined || taken.has(drive.index)) continue;
      taken.add(drive.index);
      if (isUsable(drive)) return drive;
    }
    return undefined;
  }

  /** Each shard on its slot's drive, or on a handoff where that one cannot be used. */
  placeShards(
    partition: number,
    shards: number,
    isUsable: (drive: PlacedDrive) => boolean,
  ): ShardPlacement {
    assert(shards <= this.layout.geometry.slots, "a slot for each shard");
    const row = this.slots(partition);
    const own = row.slice(0, shards);
    const spare = row.slice(shards).filter(isUsable);
    const others = this.handoffs(partition, isUsable);
    let handoffs = 0;
    let missing = 0;
    const drives = own.map((drive, slot) => {
      if (isUsable(drive)) return drive;
      // Slots that this item does not use come first: they are spread as they should be.
      const other = spare.shift() ?? others.next().value;
      if (other === undefined) missing |= 1 << slot;
      else handoffs |= 1 << slot;
      return other ?? drive;
    });
    return { drives, handoffs, missing };
  }
}

function countSlots(row: readonly PlacedDrive[]) {
  const nodes = new Map<number, number>();
  const zones = new Map<string, number>();
  for (const { node, zone } of row) {
    nodes.set(node, (nodes.get(node) ?? 0) + 1);
    zones.set(zone, (zones.get(zone) ?? 0) + 1);
  }
  return { nodes, zones };
}

/** A number that looks random, the same on every node. */
function scramble(value: number, salt: number): number {
  let mixed = Math.imul((value + 1) ^ Math.imul(salt + 1, 0x85ebca6b), 0x9e3779b1);
  mixed ^= mixed >>> 15;
  return Math.imul(mixed, 0xc2b2ae35) >>> 0;
}
