/** Writes the fields of a binary value one after the other, little-endian; the twin of ByteReader. */
import { assert } from "../../src/base/assert.ts";

const FIRST_BYTES = 1024;

export class ByteWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #offset = 0;

  u8(value: number): void {
    const offset = this.#advance(1);
    this.#bytes.writeUInt8(value, offset);
  }

  u16(value: number): void {
    const offset = this.#advance(2);
    this.#bytes.writeUInt16LE(value, offset);
  }

  u32(value: number): void {
    const offset = this.#advance(4);
    this.#bytes.writeUInt32LE(value, offset);
  }

  u48(value: number): void {
    const offset = this.#advance(6);
    this.#bytes.writeUIntLE(value, offset, 6);
  }

  put(bytes: Uint8Array): void {
    const offset = this.#advance(bytes.length);
    this.#bytes.set(bytes, offset);
  }

  hex(text: string): void {
    this.put(Buffer.from(text, "hex"));
  }

  /** A text with its length in bytes, u8, in front. */
  text(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    assert(bytes.length <= 0xff, "a text fits its length");
    this.u8(bytes.length);
    this.put(bytes);
  }

  /** Everything written so far, a view that is good until more is written. */
  written(): Buffer {
    return this.#bytes.subarray(0, this.#offset);
  }

  #advance(count: number): number {
    const start = this.#offset;
    const end = start + count;
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, start);
      this.#bytes = larger;
    }
    this.#offset = end;
    return start;
  }
}
