/**
 * Bytes of a layout (docs/FORMATS.md "Cluster layout"). They end with the SHA-256 of all before it,
 * which names the layout everywhere. The decoder takes what an encoder of this version writes and
 * nothing else, so that equal layouts have one name.
 */
import { createHash } from "node:crypto";
import { assert } from "../../src/base/assert.ts";
import { asBuffer, equalBytes } from "../../src/base/bytes.ts";
import type { DriveId, NodeId } from "../../src/base/ids.ts";
import { ID_BYTES } from "../../src/base/ids.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import {
  LAYOUT_SLOTS_MAX,
  type Layout,
  type LayoutDrive,
  type LayoutNode,
  type LayoutRef,
  problemOfLayout,
} from "./layout.ts";
import { CLUSTER_DRIVES_MAX, CLUSTER_NODES_MAX, ZONE_BYTES_MAX } from "./members.ts";

const MAGIC = Buffer.from("RFLAYOUT", "latin1");
const LAYOUT_FORMAT_VERSION = 1;
const HASH_BYTES = 32;
const PARTITIONS_LOG_MAX = 18;

export function encodeLayout(layout: Layout): Buffer {
  const problem = problemOfLayout(layout);
  assert(problem === undefined, `a layout that can be written: ${problem}`);
  const writer = new ByteWriter();
  const { slots, parity, replicas } = layout.geometry;
  writer.put(MAGIC);
  writer.u16(LAYOUT_FORMAT_VERSION);
  writer.u32(layout.version);
  for (const byte of [Math.log2(layout.partitions), slots, parity, replicas]) writer.u8(byte);
  const zones = [...new Set(layout.nodes.map(({ zone }) => zone))].sort();
  writer.u16(zones.length);
  for (const zone of zones) writer.text(zone);
  writer.u16(layout.nodes.length);
  writeNodes(writer, layout, zones);
  for (const drive of layout.drives) {
    writer.hex(drive.driveId);
    writer.u48(drive.weight);
  }
  writer.put(tableBytes(layout.table));
  writer.put(createHash("sha256").update(writer.written()).digest());
  return Buffer.from(writer.written());
}

/** Throws StoreError `corrupt`. */
export function decodeLayout(bytes: Uint8Array): Layout {
  const reader = new ByteReader(bytes, "cluster layout");
  if (!equalBytes(reader.take(MAGIC.length), MAGIC)) reader.fail("not a layout");
  const format = reader.u16();
  if (format !== LAYOUT_FORMAT_VERSION) reader.fail(`unknown format ${format}`);
  const version = reader.u32();
  const partitions = 2 ** reader.check(reader.u8(), PARTITIONS_LOG_MAX, "logarithm of partitions");
  const slots = reader.check(reader.u8(), LAYOUT_SLOTS_MAX, "slots");
  const geometry = { slots, parity: reader.u8(), replicas: reader.u8() };
  const zones = readZones(reader);
  const { nodes, driveCounts } = readNodes(reader, zones);
  const drives = readDrives(reader, driveCounts);
  const table = toTable(reader.take(partitions * slots * 2));
  const hashed = bytes.subarray(0, reader.offset);
  const hash = reader.take(HASH_BYTES);
  reader.end();
  if (!equalBytes(createHash("sha256").update(hashed).digest(), hash)) reader.fail("checksum");
  const layout = { version, partitions, geometry, nodes, drives, table };
  const problem = problemOfLayout(layout);
  return problem === undefined ? layout : reader.fail(problem);
}

/** The name of the layout with these bytes, which are an encoder's. */
export function layoutRefOf(bytes: Uint8Array): LayoutRef {
  const source = asBuffer(bytes);
  if (source.length < MAGIC.length + 6 + HASH_BYTES) {
    throw new StoreError({ code: "corrupt", what: "cluster layout: shorter than its fields" });
  }
  const hash = source.toString("hex", source.length - HASH_BYTES);
  return { version: source.readUInt32LE(MAGIC.length + 2), hash };
}

function writeNodes(writer: ByteWriter, layout: Layout, zones: readonly string[]): void {
  const driveCounts = layout.nodes.map(() => 0);
  for (const { node } of layout.drives) driveCounts[node] = (driveCounts[node] ?? 0) + 1;
  for (const [index, node] of layout.nodes.entries()) {
    writer.hex(node.nodeId);
    writer.u16(zones.indexOf(node.zone));
    writer.u16(driveCounts[index] ?? 0);
  }
}

function readZones(reader: ByteReader): string[] {
  const zones: string[] = [];
  const count = reader.check(reader.u16(), CLUSTER_NODES_MAX, "zones");
  for (let index = 0; index < count; index++) {
    const zone = reader.text();
    reader.check(Buffer.byteLength(zone), ZONE_BYTES_MAX, "bytes of a zone");
    const previous = zones.at(-1);
    if (previous !== undefined && previous >= zone) reader.fail("order of zones");
    zones.push(zone);
  }
  return zones;
}

function readNodes(
  reader: ByteReader,
  zones: readonly string[],
): { nodes: LayoutNode[]; driveCounts: number[] } {
  const nodes: LayoutNode[] = [];
  const driveCounts: number[] = [];
  const used = new Set<string>();
  const count = reader.check(reader.u16(), CLUSTER_NODES_MAX, "nodes");
  for (let index = 0; index < count; index++) {
    // Sixteen bytes in hexadecimal are an id by construction.
    const nodeId = reader.hex(ID_BYTES) as NodeId;
    const zone = zones[reader.u16()] ?? reader.fail("an unknown zone");
    nodes.push({ nodeId, zone });
    driveCounts.push(reader.u16());
    used.add(zone);
  }
  if (used.size !== zones.length) reader.fail("a zone without nodes");
  return { nodes, driveCounts };
}

function readDrives(reader: ByteReader, driveCounts: readonly number[]): LayoutDrive[] {
  const count = driveCounts.reduce((sum, drives) => sum + drives, 0);
  reader.check(count, CLUSTER_DRIVES_MAX, "drives");
  return driveCounts.flatMap((drives, node) =>
    Array.from({ length: drives }, () => {
      const driveId = reader.hex(ID_BYTES) as DriveId;
      return { driveId, node, weight: reader.u48() };
    }),
  );
}

/** Sixteen bits each, little-endian whatever the machine is. */
function tableBytes(table: Uint16Array): Buffer {
  const bytes = Buffer.allocUnsafe(table.length * 2);
  for (let entry = 0; entry < table.length; entry++)
    bytes.writeUInt16LE(table[entry] ?? 0, entry * 2);
  return bytes;
}

function toTable(bytes: Buffer): Uint16Array {
  const table = new Uint16Array(bytes.length / 2);
  for (let entry = 0; entry < table.length; entry++) table[entry] = bytes.readUInt16LE(entry * 2);
  return table;
}
