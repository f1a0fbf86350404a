/** A clock that stands still until a test moves it; timers fire in order of their times. */
import type { Clock, Timer } from "../../src/base/clock.ts";

interface Entry {
  readonly atMs: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<Entry>();

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const entry: Entry = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(entry);
    return { cancel: () => void this.#timers.delete(entry) };
  }

  /** Moves time on and fires what is due, timers set meanwhile included. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs);
      const first = due.sort((left, right) => left.atMs - right.atMs)[0];
      if (first === undefined) break;
      this.#timers.delete(first);
      this.#nowMs = Math.max(this.#nowMs, first.atMs);
      first.callback();
    }
    this.#nowMs = untilMs;
  }
}
