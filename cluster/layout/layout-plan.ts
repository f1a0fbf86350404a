/**
 * What a change of the layout means before it is made: which slots move from which drive to which,
 * about how many bytes, and how near that is to the least there could be. Data; whoever shows it to
 * a person writes the sentences.
 */
import { assert } from "../../src/base/assert.ts";
import type { DriveId, NodeId } from "../../src/base/ids.ts";
import type { Geometry, Layout } from "./layout.ts";
import { sharesOfLayout } from "./shares.ts";
import { levelOf } from "./topology.ts";

export interface SlotMove {
  /** In the new layout. */
  readonly partition: number;
  readonly slot: number;
  /** Undefined for slots that only the new layout has: nothing has to be copied. */
  readonly from: DriveId | undefined;
  readonly to: DriveId;
  /** Whether the slot keeps records in the new layout. */
  readonly isReplica: boolean;
}

/** All slots that two drives exchange in one direction. */
export interface DriveFlow {
  readonly from: DriveId;
  readonly to: DriveId;
  readonly slots: number;
  readonly bytes: number;
}

export interface DrivePlan {
  readonly driveId: DriveId;
  readonly nodeId: NodeId;
  readonly zone: string;
  readonly slotsBefore: number;
  readonly slotsAfter: number;
  readonly replicasBefore: number;
  readonly replicasAfter: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface LayoutShape {
  readonly version: number;
  readonly partitions: number;
  readonly geometry: Geometry;
  readonly nodes: number;
  readonly drives: number;
  readonly zones: number;
  /** By how much the fullest drive is above its even share, as a part of it. */
  readonly imbalance: number;
  readonly imbalanceOfReplicas: number;
  /** Whether data at full strength survives the loss of any one node. */
  readonly survivesNode: boolean;
}

export interface LayoutPlan {
  readonly before: LayoutShape | undefined;
  readonly after: LayoutShape;
  /** Slots that have to be copied, and the least that could be. */
  readonly slotsMoved: number;
  readonly slotsMovedAtLeast: number;
  /** Replicas that have to be synchronised. */
  readonly replicasMoved: number;
  /** Slots that only the new layout has. */
  readonly slotsAdded: number;
  /** Slots of the old layout that the new one does not have: their data is encoded anew. */
  readonly slotsLost: number;
  readonly bytesMoved: number;
  readonly drives: readonly DrivePlan[];
  /** Largest first. */
  readonly flows: readonly DriveFlow[];
}

/** Every slot that has another drive in the new layout. */
export function* slotMoves(before: Layout | undefined, after: Layout): Generator<SlotMove> {
  const { slots, replicas } = after.geometry;
  const growth = after.partitions / (before?.partitions ?? after.partitions);
  for (const [entry, index] of after.table.entries()) {
    const slot = entry % slots;
    const partition = (entry - slot) / slots;
    const from = driveOf(before, Math.floor(partition / growth), slot);
    const to = after.drives[index]?.driveId;
    assert(to !== undefined, "the table names drives that exist");
    if (from !== to) yield { partition, slot, from, to, isReplica: slot < replicas };
  }
}

function driveOf(layout: Layout | undefined, partition: number, slot: number): DriveId | undefined {
  if (layout === undefined || slot >= layout.geometry.slots) return undefined;
  const index = layout.table[partition * layout.geometry.slots + slot] ?? -1;
  return layout.drives[index]?.driveId;
}

/** `usedBytes` of a drive; bytes of its slots are taken to be alike. */
export function planChange(
  before: Layout | undefined,
  after: Layout,
  usedBytes: (driveId: DriveId) => number,
): LayoutPlan {
  const drives = drivePlans(before, after);
  const { flows, replicasMoved, slotsAdded } = sumMoves(before, after, (driveId) => {
    return usedBytes(driveId) / (drives.get(driveId)?.slotsBefore ?? 1);
  });
  for (const { from, to, bytes } of flows) {
    const source = drives.get(from);
    const target = drives.get(to);
    if (source !== undefined) source.bytesOut += bytes;
    if (target !== undefined) target.bytesIn += bytes;
  }
  const lost = (before?.geometry.slots ?? 0) - after.geometry.slots;
  return {
    before: before === undefined ? undefined : shapeOf(before),
    after: shapeOf(after),
    slotsMoved: flows.reduce((sum, { slots }) => sum + slots, 0),
    slotsMovedAtLeast: before === undefined ? 0 : leastMoves(before, after),
    replicasMoved,
    slotsAdded,
    slotsLost: Math.max(0, lost) * (before?.partitions ?? 0),
    bytesMoved: flows.reduce((sum, { bytes }) => sum + bytes, 0),
    drives: [...drives.values()],
    flows,
  };
}

function sumMoves(
  before: Layout | undefined,
  after: Layout,
  slotBytes: (driveId: DriveId) => number,
): { flows: DriveFlow[]; replicasMoved: number; slotsAdded: number } {
  const flows = new Map<string, DriveFlow>();
  let slotsAdded = 0;
  let replicasMoved = 0;
  for (const { from, to, isReplica } of slotMoves(before, after)) {
    if (isReplica) replicasMoved++;
    if (from === undefined) {
      slotsAdded++;
      continue;
    }
    const { slots, bytes } = flows.get(from + to) ?? { slots: 0, bytes: 0 };
    flows.set(from + to, { from, to, slots: slots + 1, bytes: bytes + slotBytes(from) });
  }
  const sorted = [...flows.values()].sort((a, b) => b.slots - a.slots);
  return { flows: sorted, replicasMoved, slotsAdded };
}

/** What drives lack for an even layout, or have too much: each of these slots has to move. */
function leastMoves(before: Layout, after: Layout): number {
  const columns = Math.min(before.geometry.slots, after.geometry.slots);
  const growth = after.partitions / before.partitions;
  const loads = loadsOf(before, columns);
  const held = new Map(
    before.drives.map(({ driveId }, index) => [driveId, (loads[index] ?? 0) * growth]),
  );
  const part = columns / after.geometry.slots;
  const shares = sharesOfLayout(after).all;
  let lacking = 0;
  let surplus = 0;
  for (const [index, { driveId }] of after.drives.entries()) {
    const share = (shares[index] ?? 0) * part;
    const has = held.get(driveId) ?? 0;
    held.delete(driveId);
    lacking += Math.max(0, Math.floor(share) - has);
    surplus += Math.max(0, has - Math.ceil(share));
  }
  // Drives that leave give up everything.
  for (const load of held.values()) surplus += load;
  return Math.max(lacking, surplus);
}

function drivePlans(before: Layout | undefined, after: Layout) {
  const plans = new Map<DriveId, { -readonly [K in keyof DrivePlan]: DrivePlan[K] }>();
  for (const [layout, time] of [
    [before, "Before"],
    [after, "After"],
  ] as const) {
    if (layout === undefined) continue;
    const slots = loadsOf(layout, layout.geometry.slots);
    const replicas = loadsOf(layout, layout.geometry.replicas);
    for (const [index, { driveId, node }] of layout.drives.entries()) {
      const { nodeId, zone } = layout.nodes[node] ?? {};
      assert(nodeId !== undefined && zone !== undefined, "every drive has its node");
      const plan = plans.get(driveId) ?? { driveId, nodeId, zone, ...NOTHING };
      plan[`slots${time}`] = slots[index] ?? 0;
      plan[`replicas${time}`] = replicas[index] ?? 0;
      plans.set(driveId, plan);
    }
  }
  return plans;
}

const NOTHING = {
  slotsBefore: 0,
  slotsAfter: 0,
  replicasBefore: 0,
  replicasAfter: 0,
  bytesIn: 0,
  bytesOut: 0,
};

function shapeOf(layout: Layout): LayoutShape {
  const { version, partitions, geometry, nodes, drives } = layout;
  const shares = sharesOfLayout(layout);
  const counts = nodes.map((_, node) => drives.filter((drive) => drive.node === node).length);
  return {
    version,
    partitions,
    geometry,
    nodes: nodes.length,
    drives: drives.length,
    zones: new Set(nodes.map(({ zone }) => zone)).size,
    imbalance: excess(loadsOf(layout, geometry.slots), shares.all),
    imbalanceOfReplicas: excess(loadsOf(layout, geometry.replicas), shares.replicas),
    survivesNode: nodes.length > 1 && levelOf(counts, geometry.slots) <= geometry.parity,
  };
}

function excess(loads: Int32Array, shares: Float64Array): number {
  let most = 0;
  for (const [drive, load] of loads.entries()) {
    const share = shares[drive] ?? 0;
    if (share > 0) most = Math.max(most, load / share - 1);
  }
  return most;
}

/** Entries of each drive in the first columns. */
function loadsOf(layout: Layout, columns: number): Int32Array {
  const loads = new Int32Array(layout.drives.length);
  for (const [entry, drive] of layout.table.entries()) {
    if (entry % layout.geometry.slots < columns) loads[drive] = (loads[drive] ?? 0) + 1;
  }
  return loads;
}
