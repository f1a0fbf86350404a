/**
 * How far a ring change is, from what each node reports, and whether it may go on. Pure: whoever
 * drives the change asks, and writes the next state to the cluster record.
 *
 * Work is counted by partitions: any node may do it for any of them, and once done it stays done
 * within the epoch. It counts only for the epoch it was done in: copying begins after the fence of
 * the phase before, or it could miss what was still being written.
 */
import { assertNever } from "../../src/base/assert.ts";
import type { NodeId } from "../../src/base/ids.ts";
import type { Layout } from "./layout.ts";
import { PartitionBits } from "./partition-bits.ts";
import type { RingState } from "./ring-state.ts";

/** What one node reports. */
export interface NodeProgress {
  readonly nodeId: NodeId;
  /** The highest epoch that it knows durably: its drives refuse lower ones. */
  readonly acknowledged: number;
  /** The epoch in which the following was done. */
  readonly epoch: number;
  /** Partitions whose records are on their new replicas and whose data is in its place. */
  readonly done: PartitionBits;
  /** The highest epoch in which its drives hold no records but those that the layout gives them. */
  readonly cleaned: number;
  readonly shardsMoved: number;
  readonly bytesMoved: number;
  readonly shardsFailed: number;
}

/** What decides whether a change may go on. */
export type DecisiveProgress = Pick<NodeProgress, "nodeId" | "acknowledged" | "epoch" | "done">;

/** The layouts that a state names. */
export interface RingLayouts {
  readonly current: Layout;
  readonly next: Layout | undefined;
}

export interface RingVerdict {
  readonly allowed: boolean;
  /** Partitions without a majority that has acknowledged, or whose work is not done. */
  readonly partitionsWaiting: number;
  /** Nodes that have not acknowledged. */
  readonly nodesWaiting: readonly NodeId[];
}

/** Whether `advance` may be applied to the state. */
export function mayAdvance(
  state: RingState,
  layouts: RingLayouts,
  reports: readonly DecisiveProgress[],
): RingVerdict {
  switch (state.phase) {
    case "stable":
      return { allowed: false, partitionsWaiting: 0, nodesWaiting: [] };
    case "prepare":
    case "synced":
    case "abandon":
      return fenceVerdict(state, layouts, reports);
    case "joint":
    case "returning": {
      const done = doneOf(state, layouts, reports);
      const partitionsWaiting = done.partitions - done.count;
      return { allowed: partitionsWaiting === 0, partitionsWaiting, nodesWaiting: [] };
    }
    default:
      return assertNever(state.phase, "phase");
  }
}

/** Into how many partitions the work of a state is cut. */
export function workPartitions(state: RingState, { current, next }: RingLayouts): number {
  return state.phase === "joint" && next !== undefined
    ? Math.max(current.partitions, next.partitions)
    : current.partitions;
}

/** What all nodes together have done in this state. */
export function doneOf(
  state: RingState,
  layouts: RingLayouts,
  reports: readonly DecisiveProgress[],
): PartitionBits {
  const all = new PartitionBits(workPartitions(state, layouts));
  for (const { epoch, done } of reports) if (epoch === state.epoch) all.addAll(done);
  return all;
}

/** Whether in each partition a majority of the replicas of each layout is on nodes that know. */
function fenceVerdict(
  state: RingState,
  { current, next }: RingLayouts,
  reports: readonly DecisiveProgress[],
): RingVerdict {
  const acknowledged = new Map(reports.map((report) => [report.nodeId, report.acknowledged]));
  let partitionsWaiting = 0;
  const nodesWaiting = new Set<NodeId>();
  for (const layout of next === undefined ? [current] : [current, next]) {
    const done = layout.nodes.map(({ nodeId }) => (acknowledged.get(nodeId) ?? 0) >= state.epoch);
    for (let partition = 0; partition < layout.partitions; partition++) {
      if (!hasMajority(layout, partition, done)) partitionsWaiting++;
    }
    for (const [node, { nodeId }] of layout.nodes.entries()) {
      if (done[node] !== true) nodesWaiting.add(nodeId);
    }
  }
  const allowed = partitionsWaiting === 0;
  return { allowed, partitionsWaiting, nodesWaiting: [...nodesWaiting] };
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
