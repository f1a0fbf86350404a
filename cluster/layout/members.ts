/**
 * Who belongs to the cluster: nodes, where they are, and the drives they bring. Plain data, changed
 * only through the membership register; a node that is silent is still a member.
 *
 * Nodes and drives are never forgotten, they become `removed`: an id or a proposer number that has
 * been used is not used again.
 */
import type { DriveId, NodeId } from "../../src/base/ids.ts";
import { StoreError } from "../../src/base/store-error.ts";

export const CLUSTER_NODES_MAX = 4096;
/** Layouts number drives with 16 bits. */
export const CLUSTER_DRIVES_MAX = 65_536;
export const NODE_DRIVES_MAX = 256;
export const NODE_ADDRESSES_MAX = 16;
export const ADDRESS_BYTES_MAX = 255;
export const PEER_ID_BYTES_MAX = 128;
export const ZONE_BYTES_MAX = 64;

/** `draining`: gives its slots away in the next layout and serves them until then. */
export const MEMBER_STATES = ["active", "draining", "removed"] as const;
export type MemberState = (typeof MEMBER_STATES)[number];

export interface MemberDrive {
  readonly driveId: DriveId;
  /** Names the drive in data descriptors: 0 … 65535, given once in the cluster. */
  readonly number: number;
  readonly capacityBytes: number;
  /** Share of the data in relation to others'; undefined: its capacity. */
  readonly weight: number | undefined;
  readonly state: MemberState;
}

export interface MemberNode {
  readonly nodeId: NodeId;
  /** This node's number in ballots: 1 … 2^32 − 1, given once. */
  readonly proposer: number;
  /** Text of the peer id that the node proves when it connects. */
  readonly peerId: string;
  /** Where it listens, in order of preference. */
  readonly addresses: readonly string[];
  /** Failure domain above the node: rack, room, site. */
  readonly zone: string;
  readonly state: MemberState;
  readonly drives: readonly MemberDrive[];
}

export interface ClusterMembers {
  /** Raised by every change. */
  readonly revision: number;
  readonly nodes: readonly MemberNode[];
}

/** Share of the data that a drive takes in relation to others. */
export function weightOf(drive: MemberDrive): number {
  return drive.weight ?? drive.capacityBytes;
}

/** Whether a layout gives slots to this drive. */
export function takesSlots(node: MemberNode, drive: MemberDrive): boolean {
  return node.state === "active" && drive.state === "active";
}

/** Throws StoreError `invalid-argument` with what is wrong with a list of members. */
export function checkMembers(members: ClusterMembers): void {
  const problem = problemOfMembers(members);
  if (problem !== undefined) throw new StoreError({ code: "invalid-argument", message: problem });
}

/** What is wrong with a list of members, or undefined. */
export function problemOfMembers({ revision, nodes }: ClusterMembers): string | undefined {
  if (!Number.isSafeInteger(revision) || revision < 0) return `revision ${revision}`;
  if (nodes.length > CLUSTER_NODES_MAX) return `more than ${CLUSTER_NODES_MAX} nodes`;
  const seen = new Set<string | number>();
  let driveCount = 0;
  for (const node of nodes) {
    const problem = problemOfNode(node) ?? repeated(node, seen);
    if (problem !== undefined) return `node ${node.nodeId}: ${problem}`;
    driveCount += node.drives.length;
  }
  return driveCount > CLUSTER_DRIVES_MAX ? `more than ${CLUSTER_DRIVES_MAX} drives` : undefined;
}

function problemOfNode(node: MemberNode): string | undefined {
  const { proposer, addresses, drives } = node;
  if (!Number.isInteger(proposer) || proposer < 1 || proposer > 0xffffffff) {
    return `proposer number ${proposer}`;
  }
  if (addresses.length > NODE_ADDRESSES_MAX) return `more than ${NODE_ADDRESSES_MAX} addresses`;
  if (drives.length > NODE_DRIVES_MAX) return `more than ${NODE_DRIVES_MAX} drives`;
  return (
    problemOfText(node.peerId, "peer id", 1, PEER_ID_BYTES_MAX) ??
    problemOfText(node.zone, "zone", 0, ZONE_BYTES_MAX) ??
    firstProblem(addresses, (it) => problemOfText(it, "address", 1, ADDRESS_BYTES_MAX)) ??
    firstProblem(drives, problemOfDrive)
  );
}

function problemOfText(
  text: string,
  what: string,
  bytesMin: number,
  bytesMax: number,
): string | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes < bytesMin || bytes > bytesMax) return `${what} of ${bytes} bytes`;
  return Buffer.from(text).toString() === text ? undefined : `${what} that is not Unicode`;
}

function problemOfDrive(drive: MemberDrive): string | undefined {
  const { driveId, number, capacityBytes, weight } = drive;
  if (!Number.isInteger(number) || number < 0 || number >= CLUSTER_DRIVES_MAX) {
    return `drive ${driveId}: number ${number}`;
  }
  if (!isU48(capacityBytes)) return `drive ${driveId}: capacity ${capacityBytes}`;
  if (weight !== undefined && (!isU48(weight) || weight === 0)) {
    return `drive ${driveId}: weight ${weight}`;
  }
  return (weight ?? capacityBytes) === 0 ? `drive ${driveId}: no capacity` : undefined;
}

function isU48(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 48;
}

/** Ids, numbers of drives, proposer numbers and peer ids each name one member. */
function repeated(node: MemberNode, seen: Set<string | number>): string | undefined {
  const names = [node.proposer, `p ${node.peerId}`, `n ${node.nodeId}`];
  const driveNames = node.drives.flatMap(({ driveId, number }) => [`d ${driveId}`, `# ${number}`]);
  for (const name of [...names, ...driveNames]) {
    if (seen.has(name)) return `${name} is there twice`;
    seen.add(name);
  }
  return undefined;
}

function firstProblem<T>(
  items: readonly T[],
  problemOf: (item: T) => string | undefined,
): string | undefined {
  for (const item of items) {
    const problem = problemOf(item);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
