/**
 * What keeps repair, moves and verification out of the way of clients: whoever reads or writes data in
 * the background asks here first, piece by piece. While clients are served, all of it together gets so
 * many bytes a second; while none is, it goes as fast as it can.
 */
import { type Clock, sleep } from "../../base/clock.ts";

export interface BackgroundBudget {
  /** Resolves when so many bytes may be moved. Ask before memory is taken for them, where there may be many. */
  take(bytes: number): Promise<void>;
  /** Whether clients are served now: work that is not counted in bytes goes slower then as well. */
  isBusy(): boolean;
}

export interface BudgetOptions {
  /** While clients are served; 0: no limit. */
  readonly bytesPerSecond: number;
}

export interface BudgetModules {
  readonly clock: Clock;
  /** Whether clients are served now, here or by nodes that ask this one. */
  isBusy(): boolean;
}

/** What a piece costs at least: a small one takes a request to each drive as well. */
const PIECE_BYTES_MIN = 64 * 1024;
/** How often whoever waits looks whether clients are still there. */
const LOOK_MS = 100;

export class SharedBudget implements BackgroundBudget {
  readonly #options: BudgetOptions;
  readonly #modules: BudgetModules;
  /** When what was taken so far has been paid for. */
  #paidMs = 0;
  #taken = 0;
  #waitedMs = 0;

  constructor(options: BudgetOptions, modules: BudgetModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Bytes since the start, and milliseconds that were waited for clients' sake. */
  get counts(): { readonly bytes: number; readonly waitedMs: number } {
    return { bytes: this.#taken, waitedMs: this.#waitedMs };
  }

  isBusy(): boolean {
    return this.#modules.isBusy();
  }

  async take(bytes: number): Promise<void> {
    const { clock, isBusy } = this.#modules;
    const { bytesPerSecond } = this.#options;
    this.#taken += bytes;
    if (bytesPerSecond === 0) return;
    const nowMs = clock.monotonicMs();
    const fromMs = Math.max(nowMs, this.#paidMs);
    this.#paidMs = fromMs + (1000 * Math.max(bytes, PIECE_BYTES_MIN)) / bytesPerSecond;
    while (isBusy()) {
      const leftMs = fromMs - clock.monotonicMs();
      if (leftMs <= 0) break;
      await sleep(clock, Math.min(LOOK_MS, leftMs));
    }
    this.#waitedMs += clock.monotonicMs() - nowMs;
    // What was moved while nobody was there is not held against what follows.
    if (!isBusy()) this.#paidMs = Math.min(this.#paidMs, clock.monotonicMs());
  }
}
