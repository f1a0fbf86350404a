/**
 * The frames of a bulk stream. A stream carries one exchange after the other:
 *
 *   opener writes   open data* finish →            ← done | failure
 *   opener reads    open →                   ← data* (done | failure)
 *
 *   kind u8 · version u8 · zero u16 · length u32 · so many bytes     (little-endian)
 *   open: direction u8 · zero u8 × 3 · deadline ms u32 · header bytes
 *
 * The bytes of data frames are handed on as they come, so their length costs nothing; all other
 * frames are held until they are whole, and are bounded.
 */
import type { BulkDirection } from "./lane-messages.ts";
import { BULK_HEADER_BYTES_MAX, BULK_REPLY_BYTES_MAX } from "./peer-limits.ts";

/** A kind's code is its place in this list. */
const BULK_KINDS = ["open", "data", "finish", "done", "failure"] as const;
export type BulkKind = (typeof BULK_KINDS)[number];

const DIRECTIONS: readonly BulkDirection[] = ["write", "read"];
export const BULK_FRAME_HEADER_BYTES = 8;
const OPEN_BYTES = 8;

const BYTES_MOST: Readonly<Record<BulkKind, number>> = {
  open: OPEN_BYTES + BULK_HEADER_BYTES_MAX,
  data: 0xffffffff,
  finish: 0,
  done: BULK_REPLY_BYTES_MAX,
  failure: BULK_REPLY_BYTES_MAX,
};

export interface BulkOpening {
  readonly direction: BulkDirection;
  readonly deadlineMs: number;
  readonly header: Uint8Array;
}

export function encodeBulkFrame(version: number, kind: BulkKind, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(BULK_FRAME_HEADER_BYTES + payload.length);
  writeHeader(frame, version, kind, payload.length);
  frame.set(payload, BULK_FRAME_HEADER_BYTES);
  return frame;
}

/** What goes before so many bytes of data. */
export function encodeDataHeader(version: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(BULK_FRAME_HEADER_BYTES);
  writeHeader(header, version, "data", length);
  return header;
}

export function encodeOpen(version: number, opening: BulkOpening): Buffer {
  const { direction, deadlineMs, header } = opening;
  const payload = Buffer.alloc(OPEN_BYTES + header.length);
  payload[0] = DIRECTIONS.indexOf(direction);
  payload.writeUInt32LE(Math.min(Math.max(0, Math.ceil(deadlineMs)), 0xffffffff), 4);
  payload.set(header, OPEN_BYTES);
  return encodeBulkFrame(version, "open", payload);
}

/** Undefined when it is not a proper one. */
export function decodeOpen(payload: Buffer): BulkOpening | undefined {
  const direction = DIRECTIONS[payload[0] ?? 0xff];
  if (payload.length < OPEN_BYTES || direction === undefined) return undefined;
  return { direction, deadlineMs: payload.readUInt32LE(4), header: payload.subarray(OPEN_BYTES) };
}

export interface BulkFrameVisitor {
  frame(kind: Exclude<BulkKind, "data">, payload: Buffer): void;
  data(piece: Buffer): void;
}

/** Cuts the pieces of a bulk stream into frames. */
export class BulkFrameReader {
  readonly #version: number;
  readonly #header = Buffer.alloc(BULK_FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #kind: BulkKind = "data";
  /** Bytes of the present frame that are still to come. */
  #left = 0;
  #held: Uint8Array[] = [];
  #fault: string | undefined;

  constructor(version: number) {
    this.#version = version;
  }

  /** Returns why this is no bulk stream, from then on always. */
  push(piece: Uint8Array, visitor: BulkFrameVisitor): string | undefined {
    let rest = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    while (this.#fault === undefined && rest.length > 0) {
      const taken =
        this.#headerBytes < BULK_FRAME_HEADER_BYTES
          ? this.#takeHeader(rest, visitor)
          : this.#takeBody(rest, visitor);
      rest = rest.subarray(taken);
    }
    return this.#fault;
  }

  #takeHeader(bytes: Buffer, visitor: BulkFrameVisitor): number {
    const taken = bytes.copy(this.#header, this.#headerBytes);
    this.#headerBytes += taken;
    if (this.#headerBytes < BULK_FRAME_HEADER_BYTES) return taken;
    const kind = BULK_KINDS[this.#header[0] ?? 0xff];
    const length = this.#header.readUInt32LE(4);
    if (kind === undefined) this.#fault = `a bulk frame of unknown kind ${this.#header[0]}`;
    else if (this.#header[1] !== this.#version) this.#fault = "a bulk frame of another version";
    else if (this.#header.readUInt16LE(2) !== 0)
      this.#fault = "a bulk frame with a reserved bit set";
    else if (length > BYTES_MOST[kind]) this.#fault = `a ${kind} of ${length} bytes`;
    else this.#begin(kind, length, visitor);
    return taken;
  }

  #begin(kind: BulkKind, length: number, visitor: BulkFrameVisitor): void {
    this.#kind = kind;
    this.#left = length;
    if (length > 0) return;
    this.#headerBytes = 0;
    if (kind !== "data") visitor.frame(kind, Buffer.alloc(0));
  }

  #takeBody(bytes: Buffer, visitor: BulkFrameVisitor): number {
    const taken = Math.min(bytes.length, this.#left);
    const body = bytes.subarray(0, taken);
    this.#left -= taken;
    if (this.#left === 0) this.#headerBytes = 0;
    if (this.#kind === "data") {
      visitor.data(body);
      return taken;
    }
    this.#held.push(body);
    if (this.#left === 0) {
      const payload = Buffer.concat(this.#held);
      this.#held = [];
      visitor.frame(this.#kind, payload);
    }
    return taken;
  }
}

function writeHeader(target: Buffer, version: number, kind: BulkKind, length: number): void {
  target[0] = BULK_KINDS.indexOf(kind);
  target[1] = version;
  target.writeUInt16LE(0, 2);
  target.writeUInt32LE(length, 4);
}
