/** Bytes that may be held at a time by all who ask; whoever does not get any must go. */
import { assert } from "./assert.ts";

export class ByteBudget {
  readonly #bytesMax: number;
  #held = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get held(): number {
    return this.#held;
  }

  /** False when so many are not left; nothing is taken then. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#bytesMax) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    assert(bytes <= this.#held, "only what was taken is given back");
    this.#held -= bytes;
  }
}
