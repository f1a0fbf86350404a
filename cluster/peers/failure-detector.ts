/**
 * Says from heartbeats whether a peer is late by its own habit. The threshold follows the intervals
 * at which it was heard (mean and deviation), because pauses of a JavaScript process have a long
 * tail: a peer that often pauses must not be called down at every pause.
 *
 * Nothing but liveness hangs on it. Time during which this process itself stood still says nothing
 * about others and is not counted.
 */
import type { PeerState } from "./peer-network.ts";

/** Nobody is suspected for being late by less than this on top of the interval. */
const SLACK_MS = 500;
/** Late by so many deviations is out of habit. */
const DEVIATIONS = 6;
/** From suspect to down: so many times the threshold, within the bounds below. */
const DOWN_FACTOR = 3;
const DOWN_MS_LEAST = 5000;
const DOWN_MS_MOST = 15_000;
/** Weight of the newest interval in the running mean. */
const NEWEST_WEIGHT = 1 / 16;

export class FailureDetector {
  readonly #intervalMs: number;
  #meanMs: number;
  #variance = 0;
  #heardMs: number;
  #checkedMs: number;

  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#meanMs = intervalMs;
    this.#heardMs = nowMs;
    this.#checkedMs = nowMs;
  }

  /** A heartbeat was answered. */
  heard(nowMs: number): void {
    const intervalMs = Math.max(0, nowMs - this.#heardMs);
    const apart = intervalMs - this.#meanMs;
    this.#meanMs += apart * NEWEST_WEIGHT;
    this.#variance = (1 - NEWEST_WEIGHT) * (this.#variance + apart * apart * NEWEST_WEIGHT);
    this.#heardMs = nowMs;
  }

  /** To be asked at every heartbeat. */
  check(nowMs: number): PeerState {
    // A check that comes late was held up together with everything that arrived meanwhile.
    const lateMs = nowMs - this.#checkedMs - this.#intervalMs;
    if (lateMs > this.#intervalMs / 2) this.#heardMs = Math.min(nowMs, this.#heardMs + lateMs);
    this.#checkedMs = nowMs;
    const silentMs = nowMs - this.#heardMs;
    if (silentMs > this.downMs) return "down";
    return silentMs > this.suspectMs ? "suspect" : "up";
  }

  /** Silence beyond this is out of habit. */
  get suspectMs(): number {
    return Math.min(
      this.#meanMs + Math.max(SLACK_MS, DEVIATIONS * Math.sqrt(this.#variance)),
      DOWN_MS_MOST / 2,
    );
  }

  get downMs(): number {
    return Math.min(Math.max(DOWN_MS_LEAST, DOWN_FACTOR * this.suspectMs), DOWN_MS_MOST);
  }
}
