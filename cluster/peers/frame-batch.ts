/**
 * Frames on their way between threads: the entries of one turn of the event loop in one ArrayBuffer,
 * because a message costs the same for one as for many.
 *
 * Entry: number u32, length u32, the frame.
 */
import { type Frame, frameBytes, writeFrame } from "./frame.ts";

const ENTRY_BYTES = 8;
const ROOM_BYTES_LEAST = 16 * 1024;
/** What a large batch took is not kept for the next one. */
const ROOM_BYTES_KEPT = 1024 * 1024;

/**
 * Gathers in memory that is used again, and hands over a copy of just the length: memory outside of the
 * heap that is larger than it need be, or made anew while a batch grows, is what brings full collections.
 */
export class FrameBatch {
  #room = Buffer.allocUnsafeSlow(ROOM_BYTES_LEAST);
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  add(number: number, frame: Frame): void {
    const bytes = frameBytes(frame);
    const buffer = this.#entry(number, bytes);
    writeFrame(buffer, this.#length - bytes, frame);
  }

  /** A frame that is bytes already. */
  addBytes(number: number, bytes: Uint8Array): void {
    const buffer = this.#entry(number, bytes.length);
    buffer.set(bytes, this.#length - bytes.length);
  }

  /** All entries so far; begins anew. */
  take(): ArrayBuffer {
    const batch = Buffer.allocUnsafeSlow(this.#length);
    batch.set(this.#room.subarray(0, this.#length));
    this.#length = 0;
    if (this.#room.length > ROOM_BYTES_KEPT) this.#room = Buffer.allocUnsafeSlow(ROOM_BYTES_LEAST);
    // Slow buffers are over memory of their own.
    return batch.buffer as ArrayBuffer;
  }

  #entry(number: number, bytes: number): Buffer {
    const at = this.#length;
    const buffer = this.#reserve(ENTRY_BYTES + bytes);
    buffer.writeUInt32LE(number, at);
    buffer.writeUInt32LE(bytes, at + 4);
    return buffer;
  }

  #reserve(bytes: number): Buffer {
    const needed = this.#length + bytes;
    if (this.#room.length < needed) {
      const larger = Buffer.allocUnsafeSlow(needed * 2);
      larger.set(this.#room.subarray(0, this.#length));
      this.#room = larger;
    }
    this.#length = needed;
    return this.#room;
  }
}

/** Visits the entries of a batch; frames are views. Both ends are this process. */
export function readBatch(
  batch: ArrayBuffer,
  visit: (number: number, frame: Buffer) => void,
): void {
  const bytes = Buffer.from(batch);
  let at = 0;
  while (at + ENTRY_BYTES <= bytes.length) {
    const number = bytes.readUInt32LE(at);
    const length = bytes.readUInt32LE(at + 4);
    at += ENTRY_BYTES;
    visit(number, bytes.subarray(at, at + length));
    at += length;
  }
}
