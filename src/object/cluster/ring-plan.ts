/**
 * What a change of the members comes to: the members while it runs, the next layout, what moves, and
 * what people should know before. Throws StoreError `invalid-argument`, with a sentence for people,
 * for what must not be begun.
 */
import { buildLayout } from "../../../cluster/layout/build-layout.ts";
import type { Layout } from "../../../cluster/layout/layout.ts";
import {
  type LayoutPlan,
  type LayoutShape,
  planChange,
} from "../../../cluster/layout/layout-plan.ts";
import {
  addDrives,
  addNode,
  type Replacement,
  replaceDrive,
  replaceNode,
  setDriveState,
  setDriveWeight,
  setNodeState,
  whileChanging,
} from "../../../cluster/layout/member-changes.ts";
import type { ClusterMembers, MemberState } from "../../../cluster/layout/members.ts";
import type { DriveId, NodeId } from "../../base/ids.ts";
import { StoreError } from "../../base/store-error.ts";
import type { DriveStatus } from "../../store/drive.ts";
import type { ChangePlan, MemberChange, PlannedShape } from "./cluster-administration.ts";
import type { ClusterMap } from "./cluster-map.ts";

export interface PreparedChange {
  /** While the change runs. */
  readonly members: ClusterMembers;
  readonly layout: Layout;
  readonly plan: ChangePlan;
  /** Drives of before that are to keep records which they did not keep. */
  readonly newReplicas: ReadonlySet<DriveId>;
}

export interface PlanFacts {
  /** What is known of a drive; undefined: nothing. */
  statusOf(driveId: DriveId): DriveStatus | undefined;
}

/** More than the even share, as a part of it, that is worth a sentence. */
const UNEVEN = 0.05;

/** The map's ring is stable. */
export function prepareChange(
  change: MemberChange,
  map: ClusterMap,
  facts: PlanFacts,
): PreparedChange {
  const { record } = map;
  const before = map.data.layout;
  const { members: wanted, replacements } = changeMembers(change, record.members);
  const members = whileChanging(wanted, record.members);
  const version = record.ring.latestVersion + 1;
  const layout = buildLayout({ members, previous: before, version, replacements });
  const used = (driveId: DriveId) => {
    const status = facts.statusOf(driveId);
    return status === undefined ? 0 : status.totalBytes - status.freeBytes;
  };
  const moves = planChange(before, layout, used);
  refuseUnfit(moves, members, facts);
  const names = namesOf(members);
  const plan: ChangePlan = {
    revision: record.members.revision,
    before: toShape(moves.before ?? moves.after),
    after: toShape(moves.after),
    recordReplicasMoved: moves.replicasMoved,
    slotsMoved: moves.slotsMoved,
    slotsMovedAtLeast: moves.slotsMovedAtLeast,
    bytesMoved: moves.bytesMoved,
    drives: moves.drives.map(({ zone: _, replicasBefore: __, replicasAfter: ___, ...drive }) => ({
      ...drive,
      name: names.get(drive.driveId) ?? drive.driveId,
    })),
    warnings: warningsOf(moves, map, facts),
  };
  return { members, layout, plan, newReplicas: newReplicasOf(before, layout) };
}

function changeMembers(change: MemberChange, members: ClusterMembers): Replacement {
  const none = new Map<DriveId, DriveId>();
  switch (change.kind) {
    case "add-node":
      return { members: addNode(members, change.node), replacements: none };
    case "add-drives":
      refuseInactiveNode(members, change.nodeId);
      return { members: addDrives(members, change.nodeId, change.drives), replacements: none };
    case "drain-node":
    case "remove-node":
      refuseInactiveNode(members, change.nodeId);
      return { members: setNodeState(members, change.nodeId, "draining"), replacements: none };
    case "drain-drive":
    case "remove-drive":
      refuseInactiveDrive(members, change.driveId);
      return { members: setDriveState(members, change.driveId, "draining"), replacements: none };
    case "return-node":
    case "return-drive":
      throw refusal("it is not being drained");
    case "replace-drive":
      refuseInactiveDrive(members, change.driveId);
      return replaceDrive(members, change.driveId, change.by);
    case "replace-node":
      refuseInactiveNode(members, change.nodeId);
      return replaceNode(members, change.nodeId, change.by);
    case "weight":
      refuseInactiveDrive(members, change.driveId);
      return {
        members: setDriveWeight(members, change.driveId, change.weight),
        replacements: none,
      };
  }
}

function refuseInactiveNode(members: ClusterMembers, nodeId: NodeId): void {
  const node = members.nodes.find((it) => it.nodeId === nodeId);
  refuseInactive(node?.state, `node ${nodeId}`);
}

function refuseInactiveDrive(members: ClusterMembers, driveId: DriveId): void {
  const drives = members.nodes.flatMap((node) => (node.state === "active" ? node.drives : []));
  refuseInactive(drives.find((it) => it.driveId === driveId)?.state, `drive ${driveId}`);
}

function refuseInactive(state: MemberState | undefined, what: string): void {
  if (state !== "active") throw refusal(`${what} is ${state ?? "not a member"}`);
}

/** Drives that would be given data and cannot take it. */
function refuseUnfit(moves: LayoutPlan, members: ClusterMembers, facts: PlanFacts): void {
  const names = namesOf(members);
  for (const { driveId, slotsBefore, slotsAfter, bytesIn } of moves.drives) {
    // What is new has not been heard of yet.
    const status = facts.statusOf(driveId);
    if (status === undefined || slotsAfter === 0 || (slotsAfter <= slotsBefore && bytesIn === 0)) {
      continue;
    }
    const name = names.get(driveId) ?? driveId;
    if (status.state !== "online") {
      throw refusal(
        `drive ${name} would be given data and does not answer (${status.reason ?? status.state}); ` +
          "bring it back, or remove it first",
      );
    }
    if (bytesIn > status.freeBytes) {
      throw refusal(
        `drive ${name} would be given up to ${Math.round(bytesIn)} bytes, as full as the disks are, ` +
          `and has ${status.freeBytes} free`,
      );
    }
  }
}

function warningsOf(moves: LayoutPlan, map: ClusterMap, facts: PlanFacts): string[] {
  const { before, after } = moves;
  const warnings: string[] = [];
  if (!after.survivesNode) warnings.push("data would not survive the loss of every one node");
  if (before !== undefined && after.geometry.slots < before.geometry.slots) {
    warnings.push(
      `data would have ${after.geometry.slots} shards instead of ${before.geometry.slots}: ` +
        "what has more is written anew",
    );
  }
  if (after.imbalance > UNEVEN) {
    const percent = Math.round(after.imbalance * 100);
    warnings.push(`the fullest drive would be ${percent} % above its even share`);
  }
  const silent = [...map.drives.values()].filter(({ drive }) => {
    return facts.statusOf(drive.driveId)?.state !== "online";
  });
  if (silent.length > 0) {
    warnings.push(
      `${silent.length} drives do not answer now: the change may have to wait for them`,
    );
  }
  return warnings;
}

function namesOf(members: ClusterMembers): Map<DriveId, string> {
  return new Map(
    members.nodes.flatMap((node) =>
      node.drives.map(
        (drive) =>
          [drive.driveId, `${node.addresses[0] ?? node.nodeId}/drive ${drive.number}`] as const,
      ),
    ),
  );
}

/** Drives of both layouts that come to keep records of a partition. */
function newReplicasOf(before: Layout, after: Layout): Set<DriveId> {
  const growth = after.partitions / before.partitions;
  const known = new Set(before.drives.map(({ driveId }) => driveId));
  const found = new Set<DriveId>();
  for (let partition = 0; partition < after.partitions; partition++) {
    const old = replicasOf(before, Math.floor(partition / growth));
    for (const driveId of replicasOf(after, partition)) {
      if (known.has(driveId) && !old.includes(driveId)) found.add(driveId);
    }
  }
  return found;
}

function replicasOf({ geometry, table, drives }: Layout, partition: number): DriveId[] {
  const start = partition * geometry.slots;
  return [...table.subarray(start, start + geometry.replicas)].flatMap(
    (index) => drives[index]?.driveId ?? [],
  );
}

function toShape(shape: LayoutShape): PlannedShape {
  const { nodes, drives, partitions, geometry, imbalance, survivesNode } = shape;
  return { nodes, drives, partitions, geometry, imbalance, survivesNode };
}

function refusal(message: string): StoreError {
  return new StoreError({ code: "invalid-argument", message });
}
