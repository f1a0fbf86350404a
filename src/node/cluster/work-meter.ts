/** How fast background work goes: looks at its counts every few seconds and keeps the last minute. */
import { TRAFFIC, type WorkerFigures } from "../../admin/cluster/cluster-control.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { WorkerStatus } from "../../object/contract/background-worker.ts";

interface Sample {
  readonly atMs: number;
  readonly done: ReadonlyMap<string, number>;
}

const LOOK_MS = 5_000;
const SAMPLES_MAX = 13;
const REPORTED: ReadonlySet<string> = new Set(["healer", "ring"]);

export class WorkMeter {
  readonly #workers: () => readonly WorkerStatus[];
  readonly #clock: Clock;
  readonly #log: Pick<Logger, "info"> | undefined;
  #looks = 0;
  #samples: Sample[] = [];
  #timer: Timer | undefined;

  /** `log`: is told once a minute while something is repaired or moved. */
  constructor(workers: () => readonly WorkerStatus[], clock: Clock, log?: Pick<Logger, "info">) {
    this.#workers = workers;
    this.#clock = clock;
    this.#log = log;
  }

  start(): void {
    const done = new Map<string, number>();
    // Refills share a name.
    for (const worker of this.#workers()) {
      done.set(worker.name, (done.get(worker.name) ?? 0) + worker.done);
    }
    this.#samples = [...this.#samples, { atMs: this.#clock.monotonicMs(), done }].slice(
      -SAMPLES_MAX,
    );
    this.#report();
    this.#timer = this.#clock.after(LOOK_MS, () => this.start());
  }

  /** A line a minute while something is repaired or moved. */
  #report(): void {
    this.#looks += 1;
    if (this.#log === undefined || this.#looks % SAMPLES_MAX !== 0) return;
    const active = this.figures().filter(({ perSecond }) => perSecond > 0);
    const repair = active.filter(({ name }) => REPORTED.has(name));
    if (repair.length === 0) return;
    const traffic = active.find(({ name }) => name === TRAFFIC);
    this.#log.info("data is being repaired or moved", {
      work: repair.map(({ name, perSecond, remainingMs }) => ({ name, perSecond, remainingMs })),
      bytesPerSecond: traffic?.perSecond ?? 0,
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  figures(): WorkerFigures[] {
    const [oldest] = this.#samples;
    const spanMs = oldest === undefined ? 0 : this.#clock.monotonicMs() - oldest.atMs;
    return [...byName(this.#workers()).values()].map((worker) => {
      const { name, done, failed, waiting, remainingMs } = worker;
      const before = oldest?.done.get(name) ?? done;
      const perSecond = spanMs <= 0 ? 0 : (1000 * (done - before)) / spanMs;
      return {
        name,
        done,
        failed,
        waiting: waiting ?? null,
        perSecond,
        remainingMs: remainingMs ?? leftOf(waiting, perSecond),
      };
    });
  }
}

function byName(workers: readonly WorkerStatus[]): ReadonlyMap<string, WorkerStatus> {
  const sums = new Map<string, WorkerStatus>();
  for (const worker of workers) {
    const sum = sums.get(worker.name);
    sums.set(worker.name, sum === undefined ? worker : add(sum, worker));
  }
  return sums;
}

function add(one: WorkerStatus, other: WorkerStatus): WorkerStatus {
  const { waiting, remainingMs } = other;
  const known = one.waiting !== undefined && waiting !== undefined;
  return {
    ...one,
    done: one.done + other.done,
    failed: one.failed + other.failed,
    waiting: known ? one.waiting + waiting : undefined,
    remainingMs:
      one.remainingMs === undefined || remainingMs === undefined
        ? undefined
        : Math.max(one.remainingMs, remainingMs),
  };
}

function leftOf(waiting: number | undefined, perSecond: number): number | null {
  if (waiting === 0) return 0;
  return waiting === undefined || perSecond <= 0 ? null : Math.round((1000 * waiting) / perSecond);
}
