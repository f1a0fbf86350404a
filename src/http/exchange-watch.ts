/**
 * The exchanges in flight on one server: counts them for the graceful stop and looks at each every
 * few seconds, so that no client can hold one for ever without moving a byte.
 *
 * Progress is noted as the number of the current look, which costs no clock call per chunk.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { Places } from "../base/places.ts";

export interface WatchedExchange {
  /** Called at every look. */
  look(looks: number): void;
}

export const LOOK_INTERVAL_MS = 4_000;

export class ExchangeWatch {
  readonly #clock: Clock;
  readonly #exchanges = new Places<WatchedExchange>();
  readonly #onLook: (looks: number) => void;
  #looks = 0;
  #timer: Timer | undefined;
  #onIdle: (() => void) | undefined;

  /** `onLook` is told of each look, after the exchanges. */
  constructor(clock: Clock, onLook: (looks: number) => void = () => {}) {
    this.#clock = clock;
    this.#onLook = onLook;
  }

  /** How many looks there were: note it when bytes move. */
  get looks(): number {
    return this.#looks;
  }

  get count(): number {
    return this.#exchanges.size;
  }

  start(): void {
    this.#timer = this.#clock.after(LOOK_INTERVAL_MS, () => {
      this.#looks++;
      for (const exchange of this.#exchanges) exchange.look(this.#looks);
      this.#onLook(this.#looks);
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The exchange's number among those in flight. */
  add(exchange: WatchedExchange): number {
    return this.#exchanges.put(exchange);
  }

  /** Once for each exchange, with the number that `add` gave. */
  remove(number: number): void {
    this.#exchanges.take(number);
    if (this.#exchanges.size === 0) this.#onIdle?.();
  }

  /** Resolves when nothing is in flight, or after `graceMs`. */
  idle(graceMs: number): Promise<void> {
    if (this.#exchanges.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(graceMs, resolve);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** How many looks a time means, rounded up, and one more because the first comes at any moment. */
export function looksIn(durationMs: number): number {
  return Math.ceil(durationMs / LOOK_INTERVAL_MS) + 1;
}
