/**
 * How much is stored, for those who ask for the whole state again and again. A count takes as long as
 * there are keys, so one serves all who ask while it runs, and for ten times as long as it took. Who
 * would wait too long gets the count before; who needs an exact one asks `datausageinfo`.
 */
import { type Clock, withDeadline } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";

/** Tools give up on a status after ten seconds. */
const WAIT_MS_MAX = 3_000;
/** Of the time that counts take, at most so much of the time that passes: one in ten and one. */
const REST_FACTOR = 10;

export interface RecentUsageModules<Usage> {
  count(): Promise<Usage>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class RecentUsage<Usage> {
  readonly #modules: RecentUsageModules<Usage>;
  #counting: Promise<Usage | undefined> | undefined;
  #last: Usage | undefined;
  #freshUntilMs = Number.NEGATIVE_INFINITY;

  constructor(modules: RecentUsageModules<Usage>) {
    this.#modules = modules;
  }

  /** Undefined: it was never counted, and that takes longer than anybody waits, or failed. */
  read(): Promise<Usage | undefined> {
    const { clock } = this.#modules;
    if (clock.monotonicMs() < this.#freshUntilMs) return Promise.resolve(this.#last);
    this.#counting ??= this.#count();
    return withDeadline({ clock, deadlineMs: WAIT_MS_MAX }, this.#counting, () => this.#last);
  }

  async #count(): Promise<Usage | undefined> {
    const { clock, log, count } = this.#modules;
    const startMs = clock.monotonicMs();
    try {
      this.#last = await count();
    } catch (error) {
      log.warn("what is stored could not be counted", { error });
    }
    const endMs = clock.monotonicMs();
    this.#freshUntilMs = endMs + REST_FACTOR * (endMs - startMs);
    this.#counting = undefined;
    return this.#last;
  }
}
