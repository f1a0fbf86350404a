/**
 * What an operator does to the members, as pure functions on the list: add, drain, remove, replace,
 * weigh. Each returns the next list or throws StoreError `invalid-argument`; nothing is written.
 */
import type { DriveId, NodeId } from "../../src/base/ids.ts";
import { StoreError } from "../../src/base/store-error.ts";
import {
  type ClusterMembers,
  checkMembers,
  type MemberDrive,
  type MemberNode,
  type MemberState,
  takesSlots,
  weightOf,
} from "./members.ts";

export type NewNode = Pick<MemberNode, "nodeId" | "peerId" | "addresses" | "zone"> & {
  readonly drives: readonly NewDrive[];
};

export interface NewDrive {
  readonly driveId: DriveId;
  readonly capacityBytes: number;
  readonly weight?: number | undefined;
}

export interface Replacement {
  readonly members: ClusterMembers;
  /** New drive → old one, for the builder. */
  readonly replacements: ReadonlyMap<DriveId, DriveId>;
}

export function addNode(members: ClusterMembers, node: NewNode): ClusterMembers {
  const proposer = 1 + members.nodes.reduce((most, it) => Math.max(most, it.proposer), 0);
  const drives = freshDrives(members, node.drives);
  return changed(members, [...members.nodes, { ...node, proposer, state: "active", drives }]);
}

export function addDrives(
  members: ClusterMembers,
  nodeId: NodeId,
  drives: readonly NewDrive[],
): ClusterMembers {
  return changeNode(members, nodeId, (node) => ({
    ...node,
    drives: [...node.drives, ...freshDrives(members, drives)],
  }));
}

/** Drains, removes, or takes back into service what is draining. */
export function setNodeState(
  members: ClusterMembers,
  nodeId: NodeId,
  state: MemberState,
): ClusterMembers {
  return changeNode(members, nodeId, (node) => {
    refuseRemoved(node.state, `node ${nodeId}`);
    return { ...node, state };
  });
}

export function setDriveState(
  members: ClusterMembers,
  driveId: DriveId,
  state: MemberState,
): ClusterMembers {
  return changeDrive(members, driveId, (drive) => ({ ...drive, state }));
}

/** Undefined: by capacity again. */
export function setDriveWeight(
  members: ClusterMembers,
  driveId: DriveId,
  weight: number | undefined,
): ClusterMembers {
  return changeDrive(members, driveId, (drive) => ({ ...drive, weight }));
}

/**
 * A new drive of the same node takes over exactly the slots of an old one. It keeps the old one's
 * weight unless it comes with one, so that nothing else moves, whatever its size is.
 */
export function replaceDrive(members: ClusterMembers, driveId: DriveId, by: NewDrive): Replacement {
  const node = members.nodes.find(({ drives }) => drives.some((it) => it.driveId === driveId));
  const old = node?.drives.find((it) => it.driveId === driveId);
  if (node === undefined || old === undefined) throw refusal(`no drive ${driveId}`);
  const without = setDriveState(members, driveId, "removed");
  return {
    members: changeNode(without, node.nodeId, (it) => ({
      ...it,
      drives: [...it.drives, ...freshDrives(members, [by]).map((drive) => inherit(drive, old))],
    })),
    replacements: new Map([[by.driveId, driveId]]),
  };
}

/** A new node takes over exactly the slots of an old one, drive by drive in their order. */
export function replaceNode(members: ClusterMembers, nodeId: NodeId, by: NewNode): Replacement {
  const node = members.nodes.find((it) => it.nodeId === nodeId);
  if (node === undefined) throw refusal(`no node ${nodeId}`);
  const olds = node.drives.filter((drive) => takesSlots(node, drive));
  if (by.drives.length < olds.length) {
    throw refusal(`${by.drives.length} drives cannot take the place of ${olds.length}`);
  }
  const replacements = new Map<DriveId, DriveId>();
  const drives = freshDrives(members, by.drives).map((drive, index) => {
    const old = olds[index];
    if (old === undefined) return drive;
    replacements.set(drive.driveId, old.driveId);
    return inherit(drive, old);
  });
  const without = setNodeState(members, nodeId, "removed");
  const added = addNode(without, { ...by, drives: [] });
  return {
    members: changeNode(added, by.nodeId, (it) => ({ ...it, drives })),
    replacements,
  };
}

/**
 * The members while a change away from `before` runs: whoever is to go is draining until its data is
 * elsewhere.
 */
export function whileChanging(members: ClusterMembers, before: ClusterMembers): ClusterMembers {
  const gone = new Set<string>();
  for (const node of before.nodes) {
    if (node.state === "removed") gone.add(node.nodeId);
    for (const drive of node.drives) if (drive.state === "removed") gone.add(drive.driveId);
  }
  const stateOf = (id: string, state: MemberState): MemberState =>
    state === "removed" && !gone.has(id) ? "draining" : state;
  return {
    ...members,
    nodes: members.nodes.map((node) => ({
      ...node,
      state: stateOf(node.nodeId, node.state),
      drives: node.drives.map((drive) => ({
        ...drive,
        state: stateOf(drive.driveId, drive.state),
      })),
    })),
  };
}

/** Back to `before`: what has come since is drained, and was never there before. */
export function whileReturning(members: ClusterMembers, before: ClusterMembers): ClusterMembers {
  const known = new Map(before.nodes.map((node) => [node.nodeId, node]));
  const nodes = members.nodes.map((node): MemberNode => {
    const earlier = known.get(node.nodeId);
    if (earlier === undefined) return { ...node, state: "draining" };
    const drives = new Set(earlier.drives.map(({ driveId }) => driveId));
    const come = node.drives.filter(({ driveId }) => !drives.has(driveId));
    const leaving = come.map((drive) => ({ ...drive, state: "draining" as const }));
    return { ...earlier, drives: [...earlier.drives, ...leaving] };
  });
  return changed(members, nodes);
}

/** When a change is over: what was drained is removed. */
export function settleMembers(members: ClusterMembers): ClusterMembers {
  const settled = (state: MemberState): MemberState => (state === "draining" ? "removed" : state);
  const nodes = members.nodes.map((node) => ({
    ...node,
    state: settled(node.state),
    drives: node.drives.map((drive) => {
      const state = node.state === "draining" ? "removed" : settled(drive.state);
      return { ...drive, state };
    }),
  }));
  const same = nodes.every((node, at) => {
    const before = members.nodes[at];
    return (
      node.state === before?.state &&
      node.drives.every((drive, index) => drive.state === before.drives[index]?.state)
    );
  });
  return same ? members : changed(members, nodes);
}

/** Drives with numbers that none had before. */
function freshDrives(members: ClusterMembers, drives: readonly NewDrive[]): MemberDrive[] {
  const numbers = members.nodes.flatMap((node) => node.drives.map(({ number }) => number));
  const first = 1 + numbers.reduce((most, number) => Math.max(most, number), -1);
  return drives.map(({ driveId, capacityBytes, weight }, index) => {
    return { driveId, number: first + index, capacityBytes, weight, state: "active" };
  });
}

/** The weight of the drive that it comes for, unless it has its own. */
function inherit(drive: MemberDrive, old: MemberDrive): MemberDrive {
  return drive.weight === undefined && drive.capacityBytes !== weightOf(old)
    ? { ...drive, weight: weightOf(old) }
    : drive;
}

function changed(members: ClusterMembers, nodes: readonly MemberNode[]): ClusterMembers {
  const next = { revision: members.revision + 1, nodes };
  checkMembers(next);
  return next;
}

function changeNode(
  members: ClusterMembers,
  nodeId: NodeId,
  change: (node: MemberNode) => MemberNode,
): ClusterMembers {
  if (!members.nodes.some((node) => node.nodeId === nodeId)) throw refusal(`no node ${nodeId}`);
  return changed(
    members,
    members.nodes.map((node) => (node.nodeId === nodeId ? change(node) : node)),
  );
}

function changeDrive(
  members: ClusterMembers,
  driveId: DriveId,
  change: (drive: MemberDrive) => MemberDrive,
): ClusterMembers {
  const node = members.nodes.find(({ drives }) => drives.some((it) => it.driveId === driveId));
  if (node === undefined) throw refusal(`no drive ${driveId}`);
  return changeNode(members, node.nodeId, (it) => ({
    ...it,
    drives: it.drives.map((drive) => {
      if (drive.driveId !== driveId) return drive;
      refuseRemoved(drive.state, `drive ${driveId}`);
      return change(drive);
    }),
  }));
}

function refuseRemoved(state: MemberState, what: string): void {
  if (state === "removed") throw refusal(`${what} was removed: it may only come back as a new one`);
}

function refusal(message: string): StoreError {
  return new StoreError({ code: "invalid-argument", message });
}
