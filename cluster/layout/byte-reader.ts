/**
 * Reads the fields of a binary value one after the other and refuses whatever does not fit: the
 * value is as long as its fields, texts are valid UTF-8. Little-endian. Throws StoreError `corrupt`.
 */
import { isUtf8 } from "node:buffer";
import { asBuffer } from "../../src/base/bytes.ts";
import { StoreError } from "../../src/base/store-error.ts";

export class ByteReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #offset = 0;

  /** `what` names the value in errors. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = asBuffer(bytes);
    this.#what = what;
  }

  get offset(): number {
    return this.#offset;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#advance(1));
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#advance(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#advance(4));
  }

  u48(): number {
    return this.#bytes.readUIntLE(this.#advance(6), 6);
  }

  /** A view. */
  take(count: number): Buffer {
    const start = this.#advance(count);
    return this.#bytes.subarray(start, start + count);
  }

  hex(count: number): string {
    return this.take(count).toString("hex");
  }

  /** A text with its length in bytes, u8, in front. */
  text(): string {
    const bytes = this.take(this.u8());
    if (!isUtf8(bytes)) this.fail("text that is not UTF-8");
    return bytes.toString("utf8");
  }

  /** A value with an upper bound, read before anything of that size is made. */
  check(value: number, max: number, name: string): number {
    if (value > max) this.fail(`${name} ${value}, at most ${max}`);
    return value;
  }

  end(): void {
    if (this.#offset !== this.#bytes.length) this.fail("longer than its fields");
  }

  fail(why: string): never {
    throw new StoreError({ code: "corrupt", what: `${this.#what}: ${why}` });
  }

  #advance(count: number): number {
    const start = this.#offset;
    if (start + count > this.#bytes.length) this.fail("shorter than its fields");
    this.#offset = start + count;
    return start;
  }
}
