/**
 * Bytes of the membership list (docs/FORMATS.md "Cluster members"), the body of its register. The
 * decoder takes what an encoder of this version writes and nothing else.
 */
import type { DriveId, NodeId } from "../../src/base/ids.ts";
import { ID_BYTES } from "../../src/base/ids.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import {
  CLUSTER_NODES_MAX,
  type ClusterMembers,
  checkMembers,
  MEMBER_STATES,
  type MemberDrive,
  type MemberNode,
  type MemberState,
  NODE_ADDRESSES_MAX,
  NODE_DRIVES_MAX,
  problemOfMembers,
} from "./members.ts";

const MEMBERS_VERSION = 1;

/** Throws StoreError `invalid-argument` when the list cannot be one. */
export function encodeMembers(members: ClusterMembers): Buffer {
  checkMembers(members);
  const writer = new ByteWriter();
  writer.u8(MEMBERS_VERSION);
  writer.u48(members.revision);
  writer.u16(members.nodes.length);
  for (const node of members.nodes) writeNode(writer, node);
  return Buffer.from(writer.written());
}

/** Throws StoreError `corrupt`. */
export function decodeMembers(bytes: Uint8Array): ClusterMembers {
  const reader = new ByteReader(bytes, "cluster members");
  const version = reader.u8();
  if (version !== MEMBERS_VERSION) reader.fail(`unknown version ${version}`);
  const revision = reader.u48();
  const count = reader.check(reader.u16(), CLUSTER_NODES_MAX, "nodes");
  const nodes = readList(count, () => readNode(reader));
  reader.end();
  const members = { revision, nodes };
  const problem = problemOfMembers(members);
  return problem === undefined ? members : reader.fail(problem);
}

function writeNode(writer: ByteWriter, node: MemberNode): void {
  writer.hex(node.nodeId);
  writer.u32(node.proposer);
  writer.u8(MEMBER_STATES.indexOf(node.state));
  writer.text(node.peerId);
  writer.text(node.zone);
  writer.u8(node.addresses.length);
  for (const address of node.addresses) writer.text(address);
  writer.u16(node.drives.length);
  for (const drive of node.drives) {
    writer.hex(drive.driveId);
    writer.u16(drive.number);
    writer.u8(MEMBER_STATES.indexOf(drive.state));
    writer.u48(drive.capacityBytes);
    writer.u48(drive.weight ?? 0);
  }
}

function readNode(reader: ByteReader): MemberNode {
  // Sixteen bytes in hexadecimal are an id by construction.
  const nodeId = reader.hex(ID_BYTES) as NodeId;
  const proposer = reader.u32();
  const state = readState(reader);
  const peerId = reader.text();
  const zone = reader.text();
  const addressCount = reader.check(reader.u8(), NODE_ADDRESSES_MAX, "addresses");
  const addresses = readList(addressCount, () => reader.text());
  const driveCount = reader.check(reader.u16(), NODE_DRIVES_MAX, "drives");
  const drives = readList(driveCount, () => readDrive(reader));
  return { nodeId, proposer, peerId, addresses, zone, state, drives };
}

function readDrive(reader: ByteReader): MemberDrive {
  const driveId = reader.hex(ID_BYTES) as DriveId;
  const number = reader.u16();
  const state = readState(reader);
  const capacityBytes = reader.u48();
  const weight = reader.u48();
  return { driveId, number, capacityBytes, weight: weight === 0 ? undefined : weight, state };
}

function readState(reader: ByteReader): MemberState {
  const code = reader.u8();
  return MEMBER_STATES[code] ?? reader.fail(`state ${code}`);
}

function readList<T>(count: number, read: () => T): T[] {
  const items: T[] = [];
  for (let index = 0; index < count; index++) items.push(read());
  return items;
}
