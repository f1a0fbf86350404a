/**
 * The frames of an RPC stream: a fixed header, the name of a method, opaque bytes.
 *
 *   length u32 (of what follows) · version u8 · kind u8 · method bytes u8 · zero u8 ·
 *   id u32 · deadline ms u32 · method · payload                            (little-endian)
 *
 * `version` is the one that both ends agreed on, 0 before they have. What comes from the wire may be
 * anything: every length is checked before a byte is kept for it.
 */
import { assert } from "../../src/base/assert.ts";
import { METHOD_BYTES_MAX } from "./peer-limits.ts";

/** A kind's code is its place in this list. */
const FRAME_KINDS = [
  "hello",
  "refusal",
  "request",
  "reply",
  "failure",
  "cancel",
  "ping",
  "pong",
] as const;
export type FrameKind = (typeof FRAME_KINDS)[number];

export const FRAME_HEADER_BYTES = 16;
/** `deadlineMs` that stands for none; also the longest there is. */
export const NO_DEADLINE = 0xffffffff;
const LENGTH_BYTES = 4;

export interface Frame {
  readonly version: number;
  readonly kind: FrameKind;
  /** Of the call; 0 where there is none. */
  readonly id: number;
  /** From arrival. */
  readonly deadlineMs: number;
  readonly method: string;
  readonly payload: Uint8Array;
}

export function frameBytes(frame: Frame): number {
  return FRAME_HEADER_BYTES + frame.method.length + frame.payload.length;
}

/** Writes a frame at `offset` and returns where it ends. */
export function writeFrame(target: Buffer, offset: number, frame: Frame): number {
  const { method, payload } = frame;
  assert(method.length <= METHOD_BYTES_MAX, "a method's name is short");
  target.writeUInt32LE(FRAME_HEADER_BYTES - LENGTH_BYTES + method.length + payload.length, offset);
  target[offset + 4] = frame.version;
  target[offset + 5] = FRAME_KINDS.indexOf(frame.kind);
  target[offset + 6] = method.length;
  target[offset + 7] = 0;
  target.writeUInt32LE(frame.id, offset + 8);
  target.writeUInt32LE(
    Math.min(Math.max(0, Math.ceil(frame.deadlineMs)), NO_DEADLINE),
    offset + 12,
  );
  target.write(method, offset + FRAME_HEADER_BYTES, "latin1");
  target.set(payload, offset + FRAME_HEADER_BYTES + method.length);
  return offset + FRAME_HEADER_BYTES + method.length + payload.length;
}

export function encodeFrame(frame: Frame): Buffer {
  const bytes = Buffer.allocUnsafe(frameBytes(frame));
  writeFrame(bytes, 0, frame);
  return bytes;
}

/** One whole frame, exactly; or why it is none. */
export function decodeFrame(bytes: Buffer): Frame | string {
  if (bytes.length < FRAME_HEADER_BYTES) return "a frame shorter than its header";
  const kind = FRAME_KINDS[bytes[5] ?? 0xff];
  if (kind === undefined) return `a frame of unknown kind ${bytes[5]}`;
  if (bytes[7] !== 0) return "a frame with a reserved bit set";
  const methodBytes = bytes[6] ?? 0;
  const payloadOffset = FRAME_HEADER_BYTES + methodBytes;
  if (methodBytes > METHOD_BYTES_MAX || payloadOffset > bytes.length) {
    return "a frame whose method is too long";
  }
  return {
    version: bytes[4] ?? 0,
    kind,
    id: bytes.readUInt32LE(8),
    deadlineMs: bytes.readUInt32LE(12),
    method: bytes.toString("latin1", FRAME_HEADER_BYTES, payloadOffset),
    payload: bytes.subarray(payloadOffset),
  };
}

/** Cuts the pieces of a stream into frames. Holds at most one frame that is not complete. */
export class FrameReader {
  /** May be raised once the peers have agreed to talk. */
  bytesMax: number;
  #parts: Uint8Array[] = [];
  #held = 0;
  /** Whole length of the frame that is held; 0 until its length field is there. */
  #needed = 0;
  #fault: string | undefined;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#held;
  }

  /**
   * Visits each frame that `piece` completes; payloads are views. Returns why the stream is not one
   * of frames, from then on always.
   */
  push(piece: Uint8Array, visit: (frame: Frame, bytes: Buffer) => void): string | undefined {
    let rest = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    while (this.#fault === undefined && rest.length > 0) {
      const whole = this.#cut(rest);
      if (this.#fault !== undefined || whole === undefined) return this.#fault;
      rest = rest.subarray(rest.length - this.#left);
      const frame = decodeFrame(whole);
      if (typeof frame === "string") this.#fault = frame;
      else visit(frame, whole);
    }
    return this.#fault;
  }

  /** Bytes of the last piece that come after the frame that `#cut` returned. */
  #left = 0;

  /** One whole frame from what is held and `piece`; or keeps `piece` until there is more. */
  #cut(piece: Buffer): Buffer | undefined {
    const have = this.#held + piece.length;
    if (this.#needed === 0 && have >= LENGTH_BYTES) this.#readLength(piece);
    if (this.#fault !== undefined) return undefined;
    if (this.#needed === 0 || have < this.#needed) {
      this.#parts.push(piece);
      this.#held = have;
      return undefined;
    }
    const taken = this.#needed - this.#held;
    const head = piece.subarray(0, taken);
    const whole = this.#held === 0 ? head : Buffer.concat([...this.#parts, head]);
    this.#left = piece.length - taken;
    this.#parts = [];
    this.#held = 0;
    this.#needed = 0;
    return whole;
  }

  #readLength(piece: Buffer): void {
    const start = this.#held === 0 ? piece : Buffer.concat([...this.#parts, piece.subarray(0, 4)]);
    this.#needed = LENGTH_BYTES + start.readUInt32LE(0);
    if (this.#needed > this.bytesMax) {
      this.#fault = `a frame of ${this.#needed} bytes, at most ${this.bytesMax} are taken`;
    } else if (this.#needed < FRAME_HEADER_BYTES) {
      this.#fault = "a frame shorter than its header";
    }
  }
}
