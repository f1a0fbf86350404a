/** What a worker that walks all records says about how far it is, and how long it will take. */
import type { Clock } from "../../base/clock.ts";

/** How far a pass over a known number of rows is. */
export class PassClock {
  readonly #clock: Clock;
  #total = 0;
  #rows = 0;
  #startMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(total: number): void {
    this.#total = total;
    this.#rows = 0;
    this.#startMs = this.#clock.monotonicMs();
  }

  passed(rows: number): void {
    this.#rows += rows;
  }

  get progress(): number | undefined {
    if (this.#total === 0) return undefined;
    return Math.min(1, this.#rows / this.#total);
  }

  get remainingMs(): number | undefined {
    const { progress } = this;
    if (progress === undefined || progress === 0) return undefined;
    const tookMs = this.#clock.monotonicMs() - this.#startMs;
    return (tookMs / progress) * (1 - progress);
  }
}
