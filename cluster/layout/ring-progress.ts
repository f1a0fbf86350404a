/**
 * How far a ring change is, from what each node reports, and whether it may go on. Pure: whoever
 * drives the change asks, and writes the next state to the layout register.
 *
 * A node's numbers count only for the epoch they were made in: copying begins after the fence of the
 * phase before, or it could miss what was still being written.
 */
import { assertNever } from "../../src/base/assert.ts";
import type { NodeId } from "../../src/base/ids.ts";
import type { Layout } from "./layout.ts";
import type { RingState } from "./ring-state.ts";

/** What one node reports. */
export interface NodeProgress {
  readonly nodeId: NodeId;
  /** The highest epoch that it knows durably: it refuses lower ones. */
  readonly acknowledged: number;
  /** The epoch in which the following was copied. */
  readonly epoch: number;
  /** Replicas of partitions that are up to date on its drives. */
  readonly replicasSynced: number;
  /** Slots whose data is complete on its drives. */
  readonly slotsPresent: number;
}

/** The layouts that a state names. */
export interface RingLayouts {
  readonly current: Layout;
  readonly next: Layout | undefined;
}

export interface RingVerdict {
  readonly allowed: boolean;
  /** Partitions without a majority that has acknowledged, or synced its records. */
  readonly partitionsWaiting: number;
  /** Data slots that are not complete yet. */
  readonly slotsWaiting: number;
  /** Nodes that are not done. */
  readonly nodesWaiting: readonly NodeId[];
}

/** Entries of a node: how much it has to report until it is done. */
export interface NodeGoal {
  readonly replicas: number;
  readonly slots: number;
}

/** Whether `advance` may be applied to the state. */
export function mayAdvance(
  state: RingState,
  layouts: RingLayouts,
  reports: readonly NodeProgress[],
): RingVerdict {
  const byNode = new Map(reports.map((report) => [report.nodeId, report]));
  const { current, next } = layouts;
  const both = next === undefined ? [current] : [current, next];
  const acknowledged = (nodeId: NodeId) => (byNode.get(nodeId)?.acknowledged ?? 0) >= state.epoch;
  switch (state.phase) {
    case "stable":
      return { allowed: false, partitionsWaiting: 0, slotsWaiting: 0, nodesWaiting: [] };
    case "prepare":
    case "synced":
    case "abandon":
      return recordsVerdict(both, acknowledged);
    case "joint": {
      const data = dataVerdict(next ?? current, state.epoch, byNode);
      const synced = syncedNodes(next ?? current, state.epoch, byNode);
      return bothVerdicts(
        data,
        recordsVerdict([next ?? current], (nodeId) => synced.has(nodeId)),
      );
    }
    case "returning":
      return dataVerdict(current, state.epoch, byNode);
    default:
      return assertNever(state.phase, "phase");
  }
}

/** What each node of a layout has to copy, in the order of its nodes. */
export function goalsOf(layout: Layout): NodeGoal[] {
  const { slots, replicas } = layout.geometry;
  const goals = layout.nodes.map(() => ({ replicas: 0, slots: 0 }));
  for (const [entry, drive] of layout.table.entries()) {
    const goal = goals[layout.drives[drive]?.node ?? 0];
    if (goal === undefined) continue;
    goal.slots++;
    if (entry % slots < replicas) goal.replicas++;
  }
  return goals;
}

/** Nodes whose replicas are all up to date. */
function syncedNodes(
  layout: Layout,
  epoch: number,
  byNode: ReadonlyMap<NodeId, NodeProgress>,
): Set<NodeId> {
  const goals = goalsOf(layout);
  const synced = layout.nodes.filter(({ nodeId }, node) => {
    const report = byNode.get(nodeId);
    return report?.epoch === epoch && report.replicasSynced >= (goals[node]?.replicas ?? 0);
  });
  return new Set(synced.map(({ nodeId }) => nodeId));
}

/** Whether all data slots are complete, on every node. */
function dataVerdict(
  layout: Layout,
  epoch: number,
  byNode: ReadonlyMap<NodeId, NodeProgress>,
): RingVerdict {
  const nodesWaiting: NodeId[] = [];
  let slotsWaiting = 0;
  for (const [node, goal] of goalsOf(layout).entries()) {
    const nodeId = layout.nodes[node]?.nodeId;
    if (nodeId === undefined) continue;
    const report = byNode.get(nodeId);
    const missing = goal.slots - (report?.epoch === epoch ? report.slotsPresent : 0);
    if (missing <= 0) continue;
    slotsWaiting += missing;
    nodesWaiting.push(nodeId);
  }
  return { allowed: slotsWaiting === 0, partitionsWaiting: 0, slotsWaiting, nodesWaiting };
}

/** Whether in each partition a majority of the replicas of each layout is on nodes that are done. */
function recordsVerdict(
  layouts: readonly Layout[],
  isDone: (nodeId: NodeId) => boolean,
): RingVerdict {
  let partitionsWaiting = 0;
  const nodesWaiting = new Set<NodeId>();
  for (const layout of layouts) {
    const done = layout.nodes.map(({ nodeId }) => isDone(nodeId));
    for (let partition = 0; partition < layout.partitions; partition++) {
      if (!hasMajority(layout, partition, done)) partitionsWaiting++;
    }
    for (const [node, { nodeId }] of layout.nodes.entries()) {
      if (done[node] !== true) nodesWaiting.add(nodeId);
    }
  }
  const allowed = partitionsWaiting === 0;
  return { allowed, partitionsWaiting, slotsWaiting: 0, nodesWaiting: [...nodesWaiting] };
}

function bothVerdicts(one: RingVerdict, other: RingVerdict): RingVerdict {
  return {
    allowed: one.allowed && other.allowed,
    partitionsWaiting: one.partitionsWaiting + other.partitionsWaiting,
    slotsWaiting: one.slotsWaiting + other.slotsWaiting,
    nodesWaiting: [...new Set([...one.nodesWaiting, ...other.nodesWaiting])],
  };
}

function hasMajority(layout: Layout, partition: number, done: readonly boolean[]): boolean {
  const { slots, replicas } = layout.geometry;
  let count = 0;
  for (let entry = partition * slots; entry < partition * slots + replicas; entry++) {
    const node = layout.drives[layout.table[entry] ?? 0]?.node ?? 0;
    if (done[node] === true) count++;
  }
  return count > replicas / 2;
}
