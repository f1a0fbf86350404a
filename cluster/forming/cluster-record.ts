/**
 * The cluster record: who belongs to the cluster and which layout is in force (docs/decisions/0021).
 * One register value; every node keeps the newest it knows.
 *
 * Bytes: docs/FORMATS.md "Cluster record".
 */
import { ID_BYTES } from "../../src/base/ids.ts";
import { ByteReader } from "../layout/byte-reader.ts";
import { ByteWriter } from "../layout/byte-writer.ts";
import type { LayoutRef } from "../layout/layout.ts";
import type { ClusterMembers, MemberNode } from "../layout/members.ts";
import { decodeMembers, encodeMembers } from "../layout/members-codec.ts";

export interface ClusterRecord {
  /** 32 hexadecimal digits. */
  readonly clusterId: string;
  readonly members: ClusterMembers;
  readonly layout: LayoutRef;
}

const RECORD_VERSION = 1;
const HASH_BYTES = 32;
const MEMBERS_BYTES_MAX = 64 * 1024 * 1024;

export function encodeClusterRecord(record: ClusterRecord): Buffer {
  const writer = new ByteWriter();
  writer.u8(RECORD_VERSION);
  writer.hex(record.clusterId);
  writer.u32(record.layout.version);
  writer.hex(record.layout.hash);
  const members = encodeMembers(record.members);
  writer.u32(members.length);
  writer.put(members);
  return Buffer.from(writer.written());
}

/** Throws StoreError `corrupt`. */
export function decodeClusterRecord(bytes: Uint8Array): ClusterRecord {
  const reader = new ByteReader(bytes, "cluster record");
  const version = reader.u8();
  if (version !== RECORD_VERSION) reader.fail(`unknown version ${version}`);
  const clusterId = reader.hex(ID_BYTES);
  const layout = { version: reader.u32(), hash: reader.hex(HASH_BYTES) };
  const members = decodeMembers(
    reader.take(reader.check(reader.u32(), MEMBERS_BYTES_MAX, "bytes of members")),
  );
  reader.end();
  return { clusterId, members, layout };
}

/** The member that a peer id names, unless it was removed. */
export function memberOfPeer(record: ClusterRecord, peerId: string): MemberNode | undefined {
  return record.members.nodes.find((node) => node.peerId === peerId && node.state !== "removed");
}
