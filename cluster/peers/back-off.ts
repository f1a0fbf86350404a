/** Waits between attempts: doubled up to a limit, and each cut by chance, so that a restart of many does not come in waves. */
import type { Random } from "../../src/base/random.ts";

export class BackOff {
  readonly #firstMs: number;
  readonly #lastMs: number;
  readonly #random: Random;
  #nextMs: number;

  constructor(firstMs: number, lastMs: number, random: Random) {
    this.#firstMs = firstMs;
    this.#lastMs = lastMs;
    this.#random = random;
    this.#nextMs = firstMs;
  }

  /** Between half and all of the wait that is due. */
  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(this.#lastMs, ms * 2);
    return ms / 2 + this.#random.below(Math.floor(ms / 2) + 1);
  }

  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}
