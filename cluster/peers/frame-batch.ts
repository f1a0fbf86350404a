/**
 * Frames on their way between threads: the entries of one turn of the event loop in one ArrayBuffer,
 * because a message costs the same for one as for many.
 *
 * Entry: number u32, length u32, the frame. A length of 0, or the end of the buffer, is the end.
 */
import { type Frame, frameBytes, writeFrame } from "./frame.ts";

const ENTRY_BYTES = 8;
const BATCH_BYTES_LEAST = 1024;

export class FrameBatch {
  #buffer: Buffer | undefined;
  #length = 0;
  /** What the last batch took is what the next one begins with. */
  #expected = BATCH_BYTES_LEAST;

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
    const buffer = this.#buffer;
    const length = this.#length;
    this.#buffer = undefined;
    this.#length = 0;
    this.#expected = Math.max(BATCH_BYTES_LEAST, Math.min(length * 2, 1024 * 1024));
    if (buffer === undefined) return new ArrayBuffer(0);
    // `#reserve` made it over memory of its own. The end is marked, so that the rest need not be cut.
    if (buffer.length - length >= ENTRY_BYTES) buffer.fill(0, length, length + ENTRY_BYTES);
    return buffer.buffer as ArrayBuffer;
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
    let buffer = this.#buffer;
    if (buffer === undefined || buffer.length < needed) {
      const larger = Buffer.from(new ArrayBuffer(Math.max(this.#expected, needed * 2)));
      if (buffer !== undefined) larger.set(buffer.subarray(0, this.#length));
      buffer = larger;
      this.#buffer = buffer;
    }
    this.#length = needed;
    return buffer;
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
    if (length === 0) return;
    at += ENTRY_BYTES;
    visit(number, bytes.subarray(at, at + length));
    at += length;
  }
}
