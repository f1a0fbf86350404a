/**
 * A layout's table while it is being built: entries may be holes, and a drive is only put where the
 * limits of its partition allow it.
 */
import { layoutCaps, type SlotCaps, type Topology } from "./topology.ts";

/** An entry without a drive. */
export const HOLE = -1;

export interface SlotTableOptions {
  readonly topology: Topology;
  readonly partitions: number;
  readonly slots: number;
  readonly replicas: number;
}

export class SlotTable {
  readonly topology: Topology;
  readonly partitions: number;
  readonly slots: number;
  readonly replicas: number;
  /** Entry partition × slots + slot is a drive or a hole. */
  readonly entries: Int32Array;
  /** The most slots of one partition on any node. */
  readonly nodeSlotsMax: number;
  readonly #caps: SlotCaps;
  readonly #replicaCaps: SlotCaps;

  constructor(options: SlotTableOptions) {
    this.topology = options.topology;
    this.partitions = options.partitions;
    this.slots = options.slots;
    this.replicas = options.replicas;
    this.entries = new Int32Array(options.partitions * options.slots).fill(HOLE);
    const caps = layoutCaps(options.topology, options.slots, options.replicas);
    this.nodeSlotsMax = Math.max(...caps.all.node);
    this.#caps = caps.all;
    this.#replicaCaps = caps.first;
  }

  driveAt(entry: number): number {
    return this.entries[entry] ?? HOLE;
  }

  /** Whether the partition may have this drive in place of what the entry holds now. */
  fits(entry: number, drive: number): boolean {
    const slot = entry % this.slots;
    const inAll = this.#isWithin(this.#caps, this.slots, entry, drive);
    if (!inAll || slot >= this.replicas) return inAll;
    return this.#isWithin(this.#replicaCaps, this.replicas, entry, drive);
  }

  /** Whether the first `columns` slots keep the limits with the drive in the entry. */
  #isWithin(caps: SlotCaps, columns: number, entry: number, drive: number): boolean {
    const { nodeOf, zoneOf } = this.topology;
    const slot = entry % this.slots;
    const start = entry - slot;
    const node = nodeOf[drive] ?? 0;
    const zone = zoneOf[drive] ?? 0;
    let ofNode = 0;
    let ofZone = 0;
    for (let other = 0; other < columns; other++) {
      const neighbour = this.entries[start + other] ?? HOLE;
      if (other === slot || neighbour === HOLE || zoneOf[neighbour] !== zone) continue;
      if (neighbour === drive) return false;
      ofZone++;
      if (nodeOf[neighbour] === node) ofNode++;
    }
    return ofNode < (caps.node[node] ?? 0) && ofZone < (caps.zone[zone] ?? 0);
  }

  /** Limits of the first `columns` slots of each partition. */
  capsOf(columns: number): SlotCaps {
    return columns <= this.replicas ? this.#replicaCaps : this.#caps;
  }

  slotsOfNode(partition: number, node: number): number {
    const start = partition * this.slots;
    let count = 0;
    for (let entry = start; entry < start + this.slots; entry++) {
      if (this.topology.nodeOf[this.driveAt(entry)] === node) count++;
    }
    return count;
  }

  /** Makes holes of the columns from `column` on in the partition of an entry. */
  clearBehind(entry: number, column: number): void {
    const start = entry - (entry % this.slots);
    this.entries.fill(HOLE, start + column, start + this.slots);
  }

  /** How many entries of the columns [from, to) each drive has. */
  loads(from: number, to: number): Int32Array {
    const loads = new Int32Array(this.topology.weights.length);
    for (let start = 0; start < this.entries.length; start += this.slots) {
      for (let entry = start + from; entry < start + to; entry++) {
        const drive = this.driveAt(entry);
        if (drive !== HOLE) loads[drive] = (loads[drive] ?? 0) + 1;
      }
    }
    return loads;
  }
}
