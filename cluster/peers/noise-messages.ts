/**
 * Cuts the bytes of a connection into Noise messages: a length of two bytes, then so many bytes. Holds
 * at most one message that is not complete.
 */
import { Uint8ArrayList } from "uint8arraylist";

type Bytes = Uint8Array | Uint8ArrayList;

const LENGTH_BYTES = 2;

export class NoiseMessages {
  /** The first byte of a length whose second has not come. */
  #lengthByte: number | undefined;
  /** Bytes of the present message that are still to come; 0 between messages. */
  #missing = 0;
  #parts: Uint8Array[] = [];

  /** The messages that `data` completes; they are views. Empty messages are none. */
  decode(data: Bytes): Bytes[] {
    const messages: Bytes[] = [];
    if (data instanceof Uint8Array) this.#cut(data, messages);
    else for (const piece of data) this.#cut(piece, messages);
    return messages;
  }

  #cut(piece: Uint8Array, messages: Bytes[]): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#missing === 0) {
        at += this.#readLength(piece, at);
        continue;
      }
      const taken = Math.min(this.#missing, piece.length - at);
      this.#parts.push(piece.subarray(at, at + taken));
      this.#missing -= taken;
      at += taken;
      if (this.#missing === 0) messages.push(this.#whole());
    }
  }

  /** Returns how many bytes of the length were there. */
  #readLength(piece: Uint8Array, at: number): number {
    const first = this.#lengthByte ?? piece[at] ?? 0;
    const own = this.#lengthByte === undefined ? LENGTH_BYTES : LENGTH_BYTES - 1;
    if (piece.length - at < own) {
      this.#lengthByte = first;
      return piece.length - at;
    }
    this.#lengthByte = undefined;
    this.#missing = first * 256 + (piece[at + own - 1] ?? 0);
    return own;
  }

  #whole(): Bytes {
    const [only] = this.#parts;
    const message =
      this.#parts.length === 1 && only !== undefined ? only : new Uint8ArrayList(...this.#parts);
    this.#parts = [];
    return message;
  }
}
