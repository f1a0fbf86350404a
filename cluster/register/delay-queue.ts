/**
 * Things that become due after one fixed delay, in the order they came: with equal delays the
 * oldest is always due first, so one timer serves all of them and the usual case, an item that has
 * finished long before, costs no timer at all.
 */
import type { Clock } from "../../src/base/clock.ts";

export interface Delayed {
  /** True when `onDelay` is no longer wanted. */
  readonly finished: boolean;
  onDelay(): void;
}

interface Entry {
  readonly item: Delayed;
  readonly dueMs: number;
}

/** Below this many taken entries at the front the array is not shortened. */
const COMPACT_AFTER = 64;
/** The timer looks again after at least this share of the delay. */
const GRANULARITY = 8;

export class DelayQueue {
  readonly #clock: Clock;
  readonly #delayMs: number;
  /** Undefined where they were taken: what finished is let go of at once. */
  #entries: (Entry | undefined)[] = [];
  #head = 0;
  #armed = false;

  constructor(clock: Clock, delayMs: number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  /** Calls `item.onDelay()` once, at the delay or up to an eighth of it later. */
  add(item: Delayed): void {
    this.#dropFinished();
    this.#entries.push({ item, dueMs: this.#clock.monotonicMs() + this.#delayMs });
    if (!this.#armed) this.#arm(this.#delayMs);
  }

  /** Finished items hold replies: let go of them without waiting for the timer. */
  #dropFinished(): void {
    while (this.#entries[this.#head]?.item.finished === true) this.#take();
    if (this.#head === this.#entries.length) {
      this.#entries.length = 0;
      this.#head = 0;
    } else if (this.#head > COMPACT_AFTER && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  #take(): void {
    this.#entries[this.#head] = undefined;
    this.#head++;
  }

  #arm(delayMs: number): void {
    this.#armed = true;
    this.#clock.after(delayMs, () => this.#sweep());
  }

  #sweep(): void {
    this.#armed = false;
    const now = this.#clock.monotonicMs();
    for (;;) {
      this.#dropFinished();
      const first = this.#entries[this.#head];
      if (first === undefined) return;
      if (first.dueMs > now) {
        // `onDelay` may have added and armed already.
        const wait = Math.max(first.dueMs - now, this.#delayMs / GRANULARITY);
        if (!this.#armed) this.#arm(wait);
        return;
      }
      this.#take();
      first.item.onDelay();
    }
  }
}
