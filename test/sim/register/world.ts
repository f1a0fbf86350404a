/**
 * The simulated world: one clock, one source of randomness, one queue of events. Code under test
 * runs only between two events, so a seed replays exactly.
 *
 * Promises are run down by a fixed number of awaits after each event. What is still pending then
 * runs after the next event: also the same in every replay. With `drain`, they are run down to the
 * last one instead, once for all events of the same moment that were due when it began.
 */
import type { Clock, Timer } from "../../../src/base/clock.ts";
import type { Random } from "../../../src/base/random.ts";

interface Event {
  readonly atMs: number;
  readonly sequence: number;
  run: (() => void) | undefined;
}

/** More than the longest chain of promises between two messages of the engine. */
const MICROTASK_TURNS = 14;

export class World implements Random {
  nowMs = 0;
  readonly trace: string[] | undefined;
  #heap: Event[] = [];
  #sequence = 0;
  #state: number;
  readonly #drain: (() => Promise<void>) | undefined;

  constructor(seed: number, options: { trace: boolean; drain?: () => Promise<void> }) {
    this.#drain = options.drain;
    this.#state = (Math.imul(seed, 7919) + 13) | 0;
    this.trace = options.trace ? [] : undefined;
  }

  /** Mulberry32: [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number from `low` to `high`, both possible. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let index = 0; index < count; index++) bytes[index] = this.below(256);
    return bytes;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  note(line: string): void {
    this.trace?.push(`${String(this.nowMs).padStart(6)} ${line}`);
  }

  after(delayMs: number, run: () => void): Timer {
    const event: Event = {
      atMs: this.nowMs + Math.max(0, Math.ceil(delayMs)),
      sequence: this.#sequence++,
      run,
    };
    this.#push(event);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  /** Runs events in order until none is left or `untilMs` is reached. */
  async run(untilMs: number): Promise<void> {
    const drain = this.#drain;
    await drain?.();
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) return;
      if (drain !== undefined) {
        this.#runMoment(event.atMs);
        await drain();
        continue;
      }
      this.#pop();
      if (event.run === undefined) continue;
      this.nowMs = event.atMs;
      event.run();
      for (let turn = 0; turn < MICROTASK_TURNS; turn++) await undefined;
    }
  }

  /** What is due at this moment; what that adds for the same moment is the next turn's. */
  #runMoment(atMs: number): void {
    this.nowMs = atMs;
    const known = this.#sequence;
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.atMs > atMs || event.sequence >= known) return;
      this.#pop();
      event.run?.();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      let smallest = left;
      if (right !== undefined && isBefore(right, left)) {
        smallest = right;
        child++;
      }
      if (!isBefore(smallest, last)) break;
      heap[index] = smallest;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(left: Event, right: Event): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.sequence < right.sequence);
}

/** The clock of one process: its wall clock is off by a skew, and its timers die with it. */
export class ProcessClock implements Clock {
  alive = true;
  readonly #world: World;
  readonly #skewMs: number;

  constructor(world: World, skewMs: number) {
    this.#world = world;
    this.#skewMs = skewMs;
  }

  nowMs(): number {
    return 1_000 + this.#world.nowMs + this.#skewMs;
  }

  monotonicMs(): number {
    return this.#world.nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#world.after(delayMs, () => {
      if (this.alive) callback();
    });
  }
}
