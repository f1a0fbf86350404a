/** What `ringfort cluster status` tells, from what this node knows and what the others report. Pure. */
import type { Layout } from "../../../cluster/layout/layout.ts";
import type { MemberDrive, MemberNode } from "../../../cluster/layout/members.ts";
import type { PartitionBits } from "../../../cluster/layout/partition-bits.ts";
import type { NodeProgress, RingVerdict } from "../../../cluster/layout/ring-progress.ts";
import type { RingPhase } from "../../../cluster/layout/ring-state.ts";
import { assertNever } from "../../base/assert.ts";
import type { DriveId } from "../../base/ids.ts";
import type { DriveStatus } from "../../store/drive.ts";
import type {
  ChangeProgress,
  ClusterStatus,
  DriveMemberStatus,
  HealBacklog,
  NodeMemberStatus,
} from "./cluster-administration.ts";
import type { ClusterMap } from "./cluster-map.ts";

export interface StatusFacts {
  /** By node id. */
  readonly reports: ReadonlyMap<string, NodeProgress>;
  readonly done: PartitionBits;
  readonly verdict: RingVerdict;
  readonly heal: HealBacklog;
  /** Since the present epoch began here. */
  readonly ageMs: number;
  statusOf(driveId: DriveId): DriveStatus | undefined;
  isUp(node: MemberNode): boolean;
  isSelf(node: MemberNode): boolean;
}

export function describeCluster(map: ClusterMap, facts: StatusFacts): ClusterStatus {
  const { record } = map;
  const slots = slotsOf(map.data.layout);
  const { epoch, phase } = record.ring;
  return {
    clusterId: record.clusterId,
    revision: record.members.revision,
    epoch,
    phase,
    layoutVersion: map.data.layout.version,
    nodes: record.members.nodes.map((node) => describeNode(node, slots, facts)),
    change: phase === "stable" ? undefined : describeChange(map, facts),
    heal: facts.heal,
  };
}

function describeNode(
  node: MemberNode,
  slots: ReadonlyMap<DriveId, number>,
  facts: StatusFacts,
): NodeMemberStatus {
  const { nodeId, peerId, addresses, zone, state, drives } = node;
  return {
    nodeId,
    peerId,
    addresses,
    zone,
    state,
    self: facts.isSelf(node),
    online: facts.isUp(node),
    epoch: facts.reports.get(nodeId)?.acknowledged,
    drives: drives.map((drive) => describeDrive(drive, slots.get(drive.driveId) ?? 0, facts)),
  };
}

function describeDrive(drive: MemberDrive, slots: number, facts: StatusFacts): DriveMemberStatus {
  const { driveId, number, state, capacityBytes, weight } = drive;
  const status = facts.statusOf(driveId);
  return {
    driveId,
    number,
    state,
    online: status?.state === "online",
    reason: status?.reason,
    capacityBytes,
    weight,
    totalBytes: status?.totalBytes ?? 0,
    freeBytes: status?.freeBytes ?? 0,
    slots,
  };
}

function describeChange(map: ClusterMap, facts: StatusFacts): ChangeProgress {
  const { record } = map;
  const { done, ageMs } = facts;
  const reports = [...facts.reports.values()].filter(({ epoch }) => epoch === map.epoch);
  const sum = (count: (report: NodeProgress) => number) =>
    reports.reduce((total, report) => total + count(report), 0);
  const shardsMoved = sum((report) => report.shardsMoved);
  const bytesMoved = sum((report) => report.bytesMoved);
  const working = record.ring.phase === "joint" || record.ring.phase === "returning";
  const partitionsLeft = working ? done.partitions - done.count : 0;
  const left = (moved: number) =>
    done.count === 0 && partitionsLeft > 0
      ? undefined
      : Math.round((moved / Math.max(1, done.count)) * partitionsLeft);
  const seconds = ageMs / 1000;
  const partitionsPerMs = done.count / Math.max(1, ageMs);
  return {
    partitions: done.partitions,
    partitionsSynced: done.count,
    partitionsMoved: done.count,
    shardsMoved,
    bytesMoved,
    shardsFailed: sum((report) => report.shardsFailed),
    shardsLeft: left(shardsMoved),
    bytesLeft: left(bytesMoved),
    bytesPerSecond: working && seconds > 0 ? Math.round(bytesMoved / seconds) : 0,
    remainingMs:
      partitionsLeft > 0 && partitionsPerMs === 0
        ? undefined
        : Math.round(partitionsLeft / Math.max(Number.MIN_VALUE, partitionsPerMs)),
    waitingFor: waitingFor(map, facts),
  };
}

function waitingFor({ record }: ClusterMap, facts: StatusFacts): string[] {
  const { verdict, isUp } = facts;
  const { phase } = record.ring;
  const names = new Map(record.members.nodes.map((node) => [node.nodeId, node]));
  const waiting = [waitOf(phase, verdict.partitionsWaiting)];
  for (const nodeId of verdict.nodesWaiting) {
    const node = names.get(nodeId);
    if (node === undefined || node.state === "removed") continue;
    const name = node.addresses[0] ?? nodeId;
    waiting.push(isUp(node) ? `node ${name} is told` : `node ${name} does not answer`);
  }
  if (verdict.nodesWaiting.length === 0) {
    for (const node of record.members.nodes) {
      if (node.state !== "active" || isUp(node)) continue;
      waiting.push(silentNode(node, phase));
    }
  }
  for (const node of record.members.nodes) waiting.push(...missingDrives(node, facts));
  return waiting.filter((text) => text !== "");
}

function silentNode({ addresses, nodeId }: MemberNode, phase: RingPhase): string {
  const text = `node ${addresses[0] ?? nodeId} does not answer`;
  if (phase !== "returning") return text;
  return `${text}: bring it back, or what only it could take is written anew for the others after a quarter of an hour`;
}

/** Drives that a node lacks which is there itself: it waits for their folders. */
function missingDrives(node: MemberNode, { isUp, statusOf }: StatusFacts): string[] {
  if (node.state !== "active" || !isUp(node)) return [];
  const name = node.addresses[0] ?? node.nodeId;
  return node.drives.flatMap(({ driveId, number, state }) => {
    const status = statusOf(driveId);
    if (state !== "active" || status?.state === "online") return [];
    return `drive ${number} of node ${name}: ${status?.reason ?? "it is not there"}`;
  });
}

function waitOf(phase: RingPhase, partitions: number): string {
  if (partitions === 0) return "";
  switch (phase) {
    case "stable":
      return "";
    case "prepare":
    case "synced":
    case "abandon":
      return `most replicas of ${partitions} partitions have to know of the step`;
    case "joint":
      return `records and data of ${partitions} partitions have to be moved`;
    case "returning":
      return `data of ${partitions} partitions has to be moved back`;
    default:
      return assertNever(phase, "phase");
  }
}

function slotsOf({ table, drives }: Layout): Map<DriveId, number> {
  const counts = drives.map(() => 0);
  for (const index of table) counts[index] = (counts[index] ?? 0) + 1;
  return new Map(drives.map(({ driveId }, index) => [driveId, counts[index] ?? 0]));
}
