/**
 * Bytes written and read in order, for frames between threads: one growing ArrayBuffer, handed over
 * whole. Both ends are this process, so a short read is a bug, not an operating condition.
 */
import { assert } from "../base/assert.ts";
import { BALLOT_BYTES, type Ballot, readBallot, writeBallot } from "../base/ballot.ts";

const BYTES_MIN = 1024;
/** Holds most messages that carry no value. */
const MESSAGE_BYTES_MIN = 256;
/** What a large frame took is not kept for the next one. */
const ROOM_BYTES_KEPT = 1024 * 1024;
/** An expectation is only a hint: what was once large need not be large again. */
const BYTES_EXPECTED_MAX = 512 * 1024;
/** Length of a bytes field that stands for "absent". */
const ABSENT = 0xffffffff;
/** Length of a bytes field that stands for "as in the field at the offset that follows". */
const SHARED = 0xfffffffe;

export class ByteWriter {
  #buffer: Buffer;
  #length = 0;
  /** The last value that `sharedBytes` wrote whole, and where. */
  #shared: Uint8Array | undefined;
  #sharedAt = 0;

  constructor(bytesExpected: number, room?: Buffer) {
    this.#buffer =
      room ?? allocate(Math.min(Math.max(BYTES_MIN, bytesExpected), BYTES_EXPECTED_MAX));
  }

  /** For one message that is not transferred: a small one lies in memory that others share. */
  static ofMessage(bytesExpected: number): ByteWriter {
    return new ByteWriter(0, Buffer.allocUnsafe(Math.max(MESSAGE_BYTES_MIN, bytesExpected)));
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#buffer[at] = value;
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#buffer.writeUInt16LE(value, at);
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32LE(value, at);
  }

  /** Any number: counters beyond 32 bits, times. */
  f64(value: number): void {
    const at = this.#reserve(8);
    this.#buffer.writeDoubleLE(value, at);
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  ballot(ballot: Ballot): void {
    const at = this.#reserve(BALLOT_BYTES);
    writeBallot(this.#buffer, at, ballot);
  }

  bytes(value: Uint8Array): void {
    const at = this.#reserve(4 + value.length);
    this.#buffer.writeUInt32LE(value.length, at);
    this.#buffer.set(value, at + 4);
  }

  /** The same, and written once when the field before of this kind has the very same bytes. */
  sharedBytes(value: Uint8Array): void {
    if (this.#shared === value) {
      this.u32(SHARED);
      this.u32(this.#sharedAt);
      return;
    }
    this.#shared = value;
    this.#sharedAt = this.#length;
    this.bytes(value);
  }

  optionalBytes(value: Uint8Array | undefined): void {
    if (value === undefined) this.u32(ABSENT);
    else this.bytes(value);
  }

  text(value: string): void {
    this.bytes(Buffer.from(value, "utf8"));
  }

  /** Overwrites what `u32` wrote at `offset`. */
  patchU32(offset: number, value: number): void {
    this.#buffer.writeUInt32LE(value, offset);
  }

  /** What was written, as a view; the writer must not be used after it is given away. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /**
   * What was written, in memory of just that length, to transfer; begins anew in the same room. Memory
   * outside of the heap that is longer than it need be is what brings full collections.
   */
  takeTransferable(): ArrayBuffer {
    const frame = allocate(this.#length);
    frame.set(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    this.#shared = undefined;
    if (this.#buffer.length > ROOM_BYTES_KEPT) this.#buffer = allocate(BYTES_MIN);
    // `allocate` made it over an ArrayBuffer of its own.
    return frame.buffer as ArrayBuffer;
  }

  #reserve(bytes: number): number {
    const at = this.#length;
    const end = at + bytes;
    if (end > this.#buffer.length) {
      const grown = allocate(Math.max(end, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, at));
      this.#buffer = grown;
    }
    this.#length = end;
    return at;
  }
}

export class ByteReader {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  /** Nothing follows. */
  get isAtEnd(): boolean {
    return this.#offset === this.#buffer.length;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#buffer.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }

  f64(): number {
    return this.#buffer.readDoubleLE(this.#take(8));
  }

  bool(): boolean {
    return this.u8() !== 0;
  }

  ballot(): Ballot {
    return readBallot(this.#buffer, this.#take(BALLOT_BYTES));
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const value = this.optionalBytes();
    assert(value !== undefined, "bytes field is present");
    return value;
  }

  /** What `sharedBytes` wrote: a view, which several fields may share. */
  sharedBytes(): Buffer {
    if (this.#buffer.readUInt32LE(this.#offset) !== SHARED) return this.bytes();
    this.#take(4);
    const at = this.u32();
    const start = at + 4;
    const end = start + this.#buffer.readUInt32LE(at);
    assert(end <= this.#buffer.length, "shared bytes lie in the frame");
    return this.#buffer.subarray(start, end);
  }

  optionalBytes(): Buffer | undefined {
    const length = this.u32();
    if (length === ABSENT) return undefined;
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  text(): string {
    return this.bytes().toString("utf8");
  }

  #take(bytes: number): number {
    const at = this.#offset;
    assert(at + bytes <= this.#buffer.length, "frame shorter than its fields");
    this.#offset = at + bytes;
    return at;
  }
}

/** Not from the pool: pooled memory cannot be transferred. */
function allocate(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes);
}
