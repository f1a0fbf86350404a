/**
 * The cluster record: who belongs to the cluster, and the state of the ring, which names the layouts
 * in force (docs/decisions/0021, 0023). One register value; every node keeps the newest it knows. Of
 * two records the one with the higher epoch of the ring is newer: every change raises it.
 *
 * Bytes: docs/FORMATS.md "Cluster record".
 */
import { ID_BYTES } from "../../src/base/ids.ts";
import { ByteReader } from "../layout/byte-reader.ts";
import { ByteWriter } from "../layout/byte-writer.ts";
import type { LayoutRef } from "../layout/layout.ts";
import type { ClusterMembers, MemberNode } from "../layout/members.ts";
import { decodeMembers, encodeMembers } from "../layout/members-codec.ts";
import { decodeRing, encodeRing } from "../layout/ring-codec.ts";
import type { RingState } from "../layout/ring-state.ts";

export interface ClusterRecord {
  /** 32 hexadecimal digits. */
  readonly clusterId: string;
  readonly members: ClusterMembers;
  readonly ring: RingState;
  /** While a change may be given up: the members as they were before it. */
  readonly membersBefore: ClusterMembers | undefined;
}

const RECORD_VERSION = 2;
const MEMBERS_BYTES_MAX = 64 * 1024 * 1024;
const RING_BYTES_MAX = 1024;

export function encodeClusterRecord(record: ClusterRecord): Buffer {
  const writer = new ByteWriter();
  writer.u8(RECORD_VERSION);
  writer.hex(record.clusterId);
  writePart(writer, encodeRing(record.ring));
  writePart(writer, encodeMembers(record.members));
  const { membersBefore } = record;
  writePart(writer, membersBefore === undefined ? NOTHING : encodeMembers(membersBefore));
  return Buffer.from(writer.written());
}

/** Throws StoreError `corrupt`. */
export function decodeClusterRecord(bytes: Uint8Array): ClusterRecord {
  const reader = new ByteReader(bytes, "cluster record");
  const version = reader.u8();
  if (version !== RECORD_VERSION) reader.fail(`unknown version ${version}`);
  const clusterId = reader.hex(ID_BYTES);
  const ring = decodeRing(readPart(reader, RING_BYTES_MAX, "bytes of the ring"));
  const members = decodeMembers(readPart(reader, MEMBERS_BYTES_MAX, "bytes of members"));
  const before = readPart(reader, MEMBERS_BYTES_MAX, "bytes of members before");
  reader.end();
  const membersBefore = before.length === 0 ? undefined : decodeMembers(before);
  return { clusterId, members, ring, membersBefore };
}

const NOTHING = new Uint8Array(0);

function writePart(writer: ByteWriter, part: Uint8Array): void {
  writer.u32(part.length);
  writer.put(part);
}

function readPart(reader: ByteReader, bytesMax: number, what: string): Buffer {
  return reader.take(reader.check(reader.u32(), bytesMax, what));
}

/** The layouts that a record names: what a node keeps beside it. */
export function layoutRefsOf({ ring }: Pick<ClusterRecord, "ring">): LayoutRef[] {
  return ring.next === undefined ? [ring.current] : [ring.current, ring.next];
}

/** The member that a peer id names, unless it was removed. */
export function memberOfPeer(record: ClusterRecord, peerId: string): MemberNode | undefined {
  return record.members.nodes.find((node) => node.peerId === peerId && node.state !== "removed");
}
