/**
 * Bytes of the state of a ring change, the body of the layout register, and of what a node reports
 * (docs/FORMATS.md "Ring state"). Decoders take what an encoder of this version writes, nothing else.
 */
import type { NodeId } from "../../src/base/ids.ts";
import { ID_BYTES } from "../../src/base/ids.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { LAYOUT_PARTITIONS_MAX, type LayoutRef } from "./layout.ts";
import { PartitionBits } from "./partition-bits.ts";
import type { NodeProgress } from "./ring-progress.ts";
import { RING_PHASES, type RingState } from "./ring-state.ts";

const RING_VERSION = 1;
const PROGRESS_VERSION = 2;
const HASH_BYTES = 32;

export function encodeRing(state: RingState): Buffer {
  const writer = new ByteWriter();
  writer.u8(RING_VERSION);
  writer.u8(RING_PHASES.indexOf(state.phase));
  writer.u48(state.epoch);
  writer.u32(state.latestVersion);
  for (const ref of state.next === undefined ? [state.current] : [state.current, state.next]) {
    writer.u32(ref.version);
    writer.hex(ref.hash);
  }
  return Buffer.from(writer.written());
}

/** Throws StoreError `corrupt`. */
export function decodeRing(bytes: Uint8Array): RingState {
  const reader = new ByteReader(bytes, "ring state");
  const version = reader.u8();
  if (version !== RING_VERSION) reader.fail(`unknown version ${version}`);
  const code = reader.u8();
  const phase = RING_PHASES[code] ?? reader.fail(`phase ${code}`);
  const epoch = reader.u48();
  const latestVersion = reader.u32();
  const current = readRef(reader);
  const next = phase === "stable" ? undefined : readRef(reader);
  reader.end();
  const newest = next?.version ?? current.version;
  if (epoch === 0 || newest > latestVersion || (next !== undefined && newest < latestVersion)) {
    reader.fail("versions");
  }
  if (next !== undefined && next.version <= current.version) reader.fail("order of versions");
  return { epoch, phase, current, next, latestVersion };
}

export function encodeProgress(progress: NodeProgress): Buffer {
  const writer = new ByteWriter();
  writer.u8(PROGRESS_VERSION);
  writer.hex(progress.nodeId);
  writer.u48(progress.acknowledged);
  writer.u48(progress.epoch);
  writer.u48(progress.cleaned);
  writer.u48(progress.shardsMoved);
  writer.u48(progress.bytesMoved);
  writer.u48(progress.shardsFailed);
  writer.u32(progress.done.partitions);
  writer.put(progress.done.bytes());
  return Buffer.from(writer.written());
}

/** Throws StoreError `corrupt`. */
export function decodeProgress(bytes: Uint8Array): NodeProgress {
  const reader = new ByteReader(bytes, "ring progress");
  const version = reader.u8();
  if (version !== PROGRESS_VERSION) reader.fail(`unknown version ${version}`);
  // Sixteen bytes in hexadecimal are an id by construction.
  const nodeId = reader.hex(ID_BYTES) as NodeId;
  const acknowledged = reader.u48();
  const epoch = reader.u48();
  const cleaned = reader.u48();
  const shardsMoved = reader.u48();
  const bytesMoved = reader.u48();
  const shardsFailed = reader.u48();
  const partitions = reader.check(reader.u32(), LAYOUT_PARTITIONS_MAX, "partitions");
  const done = new PartitionBits(partitions, reader.take(Math.ceil(partitions / 8)));
  reader.end();
  return { nodeId, acknowledged, epoch, done, cleaned, shardsMoved, bytesMoved, shardsFailed };
}

function readRef(reader: ByteReader): LayoutRef {
  const version = reader.u32();
  if (version === 0) reader.fail("layout version 0");
  return { version, hash: reader.hex(HASH_BYTES) };
}
