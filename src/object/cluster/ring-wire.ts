/**
 * What nodes ask each other about the ring, as bytes (docs/FORMATS.md "Ring calls"): how far the
 * other is, and the record and layouts that it has. Whatever cannot be read throws StoreError
 * `corrupt`; nothing was done.
 */
import { ByteReader } from "../../../cluster/layout/byte-reader.ts";
import { ByteWriter } from "../../../cluster/layout/byte-writer.ts";
import type { LayoutRef } from "../../../cluster/layout/layout.ts";

export const RING_METHOD = "ring";
/** Bytes of a record or a layout in one reply. */
export const RING_PIECE_BYTES_MAX: number = 1024 * 1024;
/** Of a whole record or layout: more is not believed. */
export const RING_BLOB_BYTES_MAX: number = 128 * 1024 * 1024;

export type RingCall =
  /** The epoch of whoever asks. The reply is an encoded NodeProgress. */
  | { readonly kind: "report"; readonly epoch: number }
  /** Of the record with this epoch. The reply is a piece. */
  | { readonly kind: "record"; readonly epoch: number; readonly offset: number }
  | { readonly kind: "layout"; readonly hash: string; readonly offset: number }
  /** Fetch this layout from whoever asks, and store it. The reply is empty, and comes afterwards. */
  | { readonly kind: "keep"; readonly layout: LayoutRef };

export interface RingPiece {
  readonly total: number;
  readonly content: Uint8Array;
}

const WIRE_VERSION = 1;
const REPORT = 1;
const RECORD = 2;
const LAYOUT = 3;
const KEEP = 4;
const HASH_BYTES = 32;

export function encodeRingCall(call: RingCall): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(WIRE_VERSION);
  switch (call.kind) {
    case "report":
      writer.u8(REPORT);
      writer.u48(call.epoch);
      break;
    case "record":
      writer.u8(RECORD);
      writer.u48(call.epoch);
      writer.u48(call.offset);
      break;
    case "layout":
      writer.u8(LAYOUT);
      writer.hex(call.hash);
      writer.u48(call.offset);
      break;
    case "keep":
      writer.u8(KEEP);
      writer.u32(call.layout.version);
      writer.hex(call.layout.hash);
      break;
  }
  return writer.written();
}

export function decodeRingCall(bytes: Uint8Array): RingCall {
  const reader = new ByteReader(bytes, "ring call");
  const version = reader.u8();
  if (version !== WIRE_VERSION) reader.fail(`unknown version ${version}`);
  const call = readCall(reader);
  reader.end();
  return call;
}

function readCall(reader: ByteReader): RingCall {
  const kind = reader.u8();
  switch (kind) {
    case REPORT:
      return { kind: "report", epoch: reader.u48() };
    case RECORD:
      return { kind: "record", epoch: reader.u48(), offset: reader.u48() };
    case LAYOUT:
      return { kind: "layout", hash: reader.hex(HASH_BYTES), offset: reader.u48() };
    case KEEP:
      return { kind: "keep", layout: { version: reader.u32(), hash: reader.hex(HASH_BYTES) } };
    default:
      return reader.fail(`call ${kind}`);
  }
}

/** The piece of `whole` that begins at an offset. */
export function encodePieceAt(whole: Uint8Array, offset: number): Uint8Array {
  const writer = new ByteWriter();
  writer.u48(whole.length);
  writer.put(whole.subarray(Math.min(offset, whole.length), offset + RING_PIECE_BYTES_MAX));
  return writer.written();
}

export function decodePiece(bytes: Uint8Array): RingPiece {
  const reader = new ByteReader(bytes, "piece of a ring's data");
  const total = reader.check(reader.u48(), RING_BLOB_BYTES_MAX, "bytes");
  const content = reader.take(bytes.length - reader.offset);
  return { total, content };
}
