/** What the store's tests give it: a seeded random source, a clock moved by hand, and real ones. */
import { randomBytes } from "node:crypto";
import type { Ballot } from "../../../src/base/ballot.ts";
import type { Clock, Timer } from "../../../src/base/clock.ts";
import type { Random } from "../../../src/base/random.ts";

/** Mulberry32: small, seeded, good enough to choose cases. */
export function createSeededRandom(seed: number): Random {
  let state = seed | 0;
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  return {
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => next() & 0xff)),
    below: (bound) => Math.floor((next() / 2 ** 32) * bound),
  };
}

export const realRandom: Random = {
  bytes: (count) => randomBytes(count),
  below: (bound) => randomBytes(4).readUInt32BE() % bound,
};

export const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback): Timer {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Stands still until `advance` is called. */
export class HandClock implements Clock {
  #nowMs = 1_000_000;
  #timers: { dueMs: number; callback: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return { cancel: () => this.#drop(timer) };
  }

  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const due = this.#timers
        .filter((timer) => timer.dueMs <= untilMs)
        .sort((left, right) => left.dueMs - right.dueMs)[0];
      if (due === undefined) break;
      this.#drop(due);
      this.#nowMs = due.dueMs;
      due.callback();
    }
    this.#nowMs = untilMs;
  }

  #drop(timer: { dueMs: number; callback: () => void }): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
  }
}

export function ballot(clock: number, proposer = 1, incarnation = 1): Ballot {
  return { clock, proposer, incarnation };
}

/** A register key of an object: type, bucket, shard, name. */
export function objectKey(name: string, shard = 0): Buffer {
  const head = Buffer.alloc(19, 7);
  head[0] = "o".charCodeAt(0);
  head.writeUInt16BE(shard, 17);
  return Buffer.concat([head, Buffer.from(name, "utf8")]);
}

/** Lets everything that is due run: promises, then what they scheduled. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
