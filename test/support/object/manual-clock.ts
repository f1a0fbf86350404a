/** A clock that only moves when told to; timers fire in order as it passes them. */
import type { Clock, Timer } from "../../../src/base/clock.ts";

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  #order = 0;
  #timers: Pending[] = [];

  constructor(nowMs = 1_750_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer: Pending = { atMs: this.#monotonicMs + delayMs, order: this.#order++, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((it) => it !== timer);
      },
    };
  }

  /** Moves on, firing what falls due. */
  advance(byMs: number): void {
    const end = this.#monotonicMs + byMs;
    for (;;) {
      const due = this.#timers
        .filter((timer) => timer.atMs <= end)
        .sort((left, right) => left.atMs - right.atMs || left.order - right.order)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((it) => it !== due);
      this.#nowMs += due.atMs - this.#monotonicMs;
      this.#monotonicMs = due.atMs;
      due.callback();
    }
    this.#nowMs += end - this.#monotonicMs;
    this.#monotonicMs = end;
  }

  /** The wall clock alone jumps. */
  jump(byMs: number): void {
    this.#nowMs += byMs;
  }
}
