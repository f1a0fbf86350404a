/**
 * Work that nobody waits for: emptying trash, sweeping, healing, scrubbing. A worker does one bounded
 * unit at a time; what there is to do lies in durable rows, so a worker may stop anywhere and another
 * process goes on.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";

export interface WorkerStatus {
  readonly name: string;
  /** Units of work finished since the start, as the worker counts them. */
  readonly done: number;
  /** Units that could not be finished and will be tried again. */
  readonly failed: number;
  /** What is known to be waiting; undefined when only a scan would tell. */
  readonly waiting?: number | undefined;
  /** Share of the present pass that is done, 0 to 1; undefined when it has no end. */
  readonly progress?: number | undefined;
  /** Estimated milliseconds to the end of the present pass. */
  readonly remainingMs?: number | undefined;
}

/** "idle": there is nothing to do; "retry": what is left could not be done now. */
export type WorkOutcome = "busy" | "idle" | "retry";

export interface BackgroundWorker {
  readonly name: string;
  /** Does a bounded unit of work. */
  work(): Promise<WorkOutcome>;
  /** A drive of any node is there again: what could not be done without it may be now. */
  driveReturned?(): void;
  status(): WorkerStatus;
}

export interface WorkerPace {
  /** Pause when there is nothing to do. */
  readonly idleMs: number;
  /** Pause after a failure. */
  readonly retryMs: number;
  /** Share of the time that work may take, above 0 to 1: the rest is left to clients. */
  readonly dutyShare: number;
  /** The same while no clients are served, where that is to make a difference. */
  readonly dutyShareAlone?: number;
}

export interface WorkerLoopModules {
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether clients are served now; without it they are taken to be. */
  readonly isBusy?: () => boolean;
}

/** Calls a worker again and again, at its pace, until it is stopped. */
export class WorkerLoop {
  readonly #worker: BackgroundWorker;
  readonly #pace: WorkerPace;
  readonly #modules: WorkerLoopModules;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #stopped = true;
  /** There was a reason to look while it was not waiting for one. */
  #isWoken = false;

  constructor(worker: BackgroundWorker, pace: WorkerPace, modules: WorkerLoopModules) {
    this.#worker = worker;
    this.#pace = pace;
    this.#modules = modules;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#schedule(this.#pace.idleMs);
    if (this.#isWoken) this.wake();
  }

  /** There may be work: does not wait for the start, the unit in progress or the pause to end longer. */
  wake(): void {
    if (this.#stopped || this.#running !== undefined) {
      this.#isWoken = true;
      return;
    }
    this.#timer?.cancel();
    this.#run();
  }

  /** Resolves when the unit in progress has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = this.#modules.clock.after(delayMs, () => this.#run());
  }

  #run(): void {
    this.#isWoken = false;
    this.#running = this.#runOnce().then((pauseMs) => {
      this.#running = undefined;
      this.#schedule(this.#isWoken ? 0 : pauseMs);
    });
  }

  #dutyShare(): number {
    const { dutyShare, dutyShareAlone = dutyShare } = this.#pace;
    return (this.#modules.isBusy?.() ?? true) ? dutyShare : dutyShareAlone;
  }

  /** Returns how long to pause. */
  async #runOnce(): Promise<number> {
    const { clock, log } = this.#modules;
    const startMs = clock.monotonicMs();
    try {
      const outcome = await this.#worker.work();
      if (outcome === "idle") return this.#pace.idleMs;
      if (outcome === "retry") return this.#pace.retryMs;
      const tookMs = clock.monotonicMs() - startMs;
      return tookMs * (1 / this.#dutyShare() - 1);
    } catch (error) {
      log.warn("background work failed and will be tried again", {
        worker: this.#worker.name,
        error,
      });
      return this.#pace.retryMs;
    }
  }
}

/** Runs `work` for each item, a bounded number at once; rejects with the first failure at the end. */
export async function inBatches<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < items.length; start += atOnce) {
    const batch = await Promise.allSettled(items.slice(start, start + atOnce).map(work));
    for (const result of batch) if (result.status === "rejected") throw result.reason;
  }
}
