/**
 * How many slots a partition has, how many of them are parity and how many keep metadata, and how
 * many partitions there are: chosen from the drives there are, growing with the cluster.
 *
 * Slots never become fewer while there are drives for them: data keeps the number of shards it was
 * written with, and shard i lies on slot i. When slots become more, new data uses them; what there
 * is stays in the first slots as it is.
 */
import { type Geometry, LAYOUT_PARTITIONS_MAX, LAYOUT_SLOTS_MAX } from "./layout.ts";
import { levelOf } from "./topology.ts";

/** Partitions of a new cluster. */
const PARTITIONS_FIRST = 4096;
/** Slots of one drive from which rounding to whole slots costs less than two per cent. */
const SLOTS_PER_DRIVE_WANTED = 64;

export interface GeometryRequest {
  /** Drives that take slots, per node. */
  readonly drivesOfNodes: readonly number[];
  readonly previousSlots?: number | undefined;
  /** An operator's choice, instead of ours. */
  readonly slots?: number | undefined;
  readonly parity?: number | undefined;
}

/** Parity of `slots` shards as MinIO has it. */
export function defaultParity(slots: number): number {
  if (slots === 1) return 0;
  if (slots <= 3) return 1;
  if (slots <= 5) return 2;
  return slots <= 7 ? 3 : 4;
}

/** Metadata survives what data survives: 2m + 1 replicas, as far as there are slots. */
export function replicasFor(slots: number, parity: number): number {
  return Math.min(slots, 2 * parity + 1);
}

export function chooseGeometry(request: GeometryRequest): Geometry {
  const drives = request.drivesOfNodes.reduce((sum, count) => sum + count, 0);
  const wanted = request.slots ?? slotsFor(request.drivesOfNodes);
  const slots = Math.min(drives, LAYOUT_SLOTS_MAX, Math.max(wanted, request.previousSlots ?? 1));
  const parity = Math.min(request.parity ?? defaultParity(slots), Math.floor(slots / 2));
  return { slots, parity, replicas: replicasFor(slots, parity) };
}

/**
 * As many slots as there are drives, up to 16, but fewer (not less than half) when that lets the
 * data survive the loss of any one node: 3 nodes of 6 drives get 12 slots, 4 on each, and not 16.
 */
function slotsFor(drivesOfNodes: readonly number[]): number {
  const drives = drivesOfNodes.reduce((sum, count) => sum + count, 0);
  const most = Math.min(drives, LAYOUT_SLOTS_MAX);
  for (let slots = most; slots >= Math.ceil(most / 2); slots--) {
    if (levelOf(drivesOfNodes, slots) <= defaultParity(slots)) return slots;
  }
  return most;
}

/** The number of partitions: doubled until drives have slots enough; never less than before. */
export function choosePartitions(drives: number, slots: number, previous: number | undefined) {
  let partitions = previous ?? PARTITIONS_FIRST;
  while (
    partitions < LAYOUT_PARTITIONS_MAX &&
    partitions * slots < SLOTS_PER_DRIVE_WANTED * drives
  ) {
    partitions *= 2;
  }
  return partitions;
}
