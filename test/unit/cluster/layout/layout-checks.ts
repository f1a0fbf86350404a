/** What must hold of every layout, found out by counting, and changes that clusters undergo. */
import { type Layout, problemOfLayout } from "../../../../cluster/layout/layout.ts";
import {
  addDrives,
  addNode,
  setDriveState,
  setDriveWeight,
  setNodeState,
} from "../../../../cluster/layout/member-changes.ts";
import type { ClusterMembers, MemberNode } from "../../../../cluster/layout/members.ts";
import { sharesOfLayout } from "../../../../cluster/layout/shares.ts";
import type { DriveId } from "../../../../src/base/ids.ts";
import { loadsOf, memberDrive, nodeIdOf, rowsOf } from "./layout-support.ts";

/** The least that the fullest of some places must hold when they hold `count`, by trying. */
function leastMost(rooms: readonly number[], count: number): number {
  for (let most = 0; ; most++) {
    if (rooms.reduce((sum, room) => sum + Math.min(room, most), 0) >= count) return most;
  }
}

function countBy<T>(items: readonly T[]): number[] {
  return [...new Set(items)].map((item) => items.filter((it) => it === item).length);
}

/** What is wrong with the spread of a layout, by counting, or undefined. */
function spreadProblem(layout: Layout): string | undefined {
  const nodeOf = new Map(layout.drives.map((drive) => [drive.driveId, drive.node]));
  const zoneOf = new Map(
    layout.drives.map((drive) => [drive.driveId, layout.nodes[drive.node]?.zone]),
  );
  const driveCounts = layout.nodes.map(
    (_, node) => layout.drives.filter((drive) => drive.node === node).length,
  );
  const zones = [...new Set(layout.nodes.map(({ zone }) => zone))];
  const { slots, replicas } = layout.geometry;
  const perNode = new Map<number, number>();
  const perZone = new Map<number, number>();
  for (const count of [replicas, slots]) {
    const nodeMost = leastMost(driveCounts, count);
    const zoneRooms = zones.map((zone) =>
      layout.nodes.reduce(
        (sum, node, index) =>
          node.zone === zone ? sum + Math.min(driveCounts[index] ?? 0, nodeMost) : sum,
        0,
      ),
    );
    perNode.set(count, nodeMost);
    // Replicas come first: all slots may be as uneven over zones as the replicas have to be.
    perZone.set(count, Math.max(leastMost(zoneRooms, count), perZone.get(replicas) ?? 0));
  }
  for (const [partition, row] of rowsOf(layout).entries()) {
    if (new Set(row).size !== slots) return `partition ${partition} has a drive twice`;
    for (const count of [replicas, slots]) {
      const part = row.slice(0, count);
      const onNode = Math.max(...countBy(part.map((drive) => nodeOf.get(drive))));
      if (onNode > (perNode.get(count) ?? 0))
        return `${partition}: ${onNode} of ${count} on a node`;
      const inZone = Math.max(...countBy(part.map((drive) => zoneOf.get(drive))));
      if (inZone > (perZone.get(count) ?? 0))
        return `${partition}: ${inZone} of ${count} in a zone`;
    }
  }
  return undefined;
}

/** How far drives are from their even share at most, beyond one slot and as a part of it. */
function imbalance(layout: Layout, columns: number, shares: Float64Array): number {
  const loads = loadsOf(layout, columns);
  return Math.max(
    ...loads.map((load, drive) => {
      const share = shares[drive] ?? 0;
      return (Math.abs(load - share) - 1) / share;
    }),
  );
}

/** What is wrong with a layout whatever the cluster is like, or undefined. */
export function hardProblem(layout: Layout): string | undefined {
  return problemOfLayout(layout) ?? spreadProblem(layout);
}

/** … and what is where nodes are alike. */
export function problemOf(layout: Layout): string | undefined {
  const { all, replicas } = imbalances(layout);
  if (all > 0.05) return `imbalance ${all}`;
  return replicas > 0.05 ? `imbalance of replicas ${replicas}` : hardProblem(layout);
}

export function imbalances(layout: Layout): { all: number; replicas: number } {
  const shares = sharesOfLayout(layout);
  const { slots, replicas } = layout.geometry;
  return {
    all: imbalance(layout, slots, shares.all),
    replicas: imbalance(layout, replicas, shares.replicas),
  };
}

/** Moves without which the loads of the drives cannot become what they are. */
export function leastMoves(before: Layout, after: Layout): number {
  const columns = Math.min(before.geometry.slots, after.geometry.slots);
  const growth = after.partitions / before.partitions;
  const held = new Map(
    loadsOf(before, columns).map((load, drive) => [before.drives[drive]?.driveId, load * growth]),
  );
  return loadsOf(after, columns).reduce((sum, load, drive) => {
    return sum + Math.max(0, load - (held.get(after.drives[drive]?.driveId) ?? 0));
  }, 0);
}

type Change = (members: ClusterMembers, draw: number, fresh: number) => ClusterMembers;

function pick<T>(items: readonly T[], draw: number): T | undefined {
  return items[draw % Math.max(1, items.length)];
}

function activeNodes(members: ClusterMembers): MemberNode[] {
  return members.nodes.filter((node) => node.state === "active");
}

function activeDrivesOf(members: ClusterMembers) {
  return activeNodes(members).flatMap(({ drives }) => drives.filter((it) => it.state === "active"));
}

export const changes: Readonly<Record<string, Change>> = {
  "add a node": (members, draw, fresh) =>
    addNode(members, {
      nodeId: nodeIdOf(fresh),
      peerId: `peer-${fresh}`,
      addresses: [],
      zone: `zone-${draw % 3}`,
      drives: [memberDrive(fresh * 256), memberDrive(fresh * 256 + 1)].map(strip),
    }),
  "add a drive": (members, draw, fresh) => {
    const node = pick(activeNodes(members), draw);
    const drive = strip(memberDrive(fresh * 256, 2e12));
    return node === undefined ? members : addDrives(members, node.nodeId, [drive]);
  },
  "drain a node": (members, draw) => {
    const nodes = activeNodes(members);
    const node = pick(nodes, draw);
    const left = nodes.filter((it) => it !== node).flatMap(({ drives }) => drives);
    if (node === undefined || !left.some(({ state }) => state === "active")) return members;
    return setNodeState(members, node.nodeId, "draining");
  },
  "remove a drive": (members, draw) => {
    const drives = activeDrivesOf(members);
    const drive = pick(drives, draw);
    return drive === undefined || drives.length === 1
      ? members
      : setDriveState(members, drive.driveId, "removed");
  },
  "weigh a drive": (members, draw) => {
    const drive = pick(activeDrivesOf(members), draw);
    return drive === undefined ? members : setDriveWeight(members, drive.driveId, 1.5e12);
  },
};

function strip({ driveId, capacityBytes }: { driveId: DriveId; capacityBytes: number }) {
  return { driveId, capacityBytes };
}
