/** Lets a bounded number in at a time; the others wait in order, and those beyond are refused. */
import { assert } from "./assert.ts";
import { StoreError } from "./store-error.ts";

export interface SemaphoreLimits {
  /** Inside at the same time. */
  readonly permits: number;
  /** Waiting at the same time; one more is refused as busy. */
  readonly waitersMax: number;
}

export class Semaphore {
  readonly #waitersMax: number;
  #free: number;
  readonly #waiters: (() => void)[] = [];

  constructor({ permits, waitersMax }: SemaphoreLimits) {
    assert(permits >= 1, "somebody may enter");
    this.#free = permits;
    this.#waitersMax = waitersMax;
  }

  /** Runs `work` inside; resolves and rejects as it does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await work();
    } finally {
      const next = this.#waiters.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  #enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    if (this.#waiters.length >= this.#waitersMax) {
      return Promise.reject(new StoreError({ code: "busy" }));
    }
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }
}
