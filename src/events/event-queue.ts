/**
 * The durable queue of one target on one node: batches of events as records of the deployment itself,
 * so they are as safe as the objects they tell of, and outlive the process, however it ends.
 *
 * `add` resolves when the event is durable, and only then is a write answered. Events that come while
 * a batch is being written share the next one, so a busy bucket pays one more group commit for many
 * events, not one each. An event whose batch could not be written is kept in memory and tried again,
 * though its request was told that nothing is certain.
 *
 * A full queue takes nothing more: the event is dropped and counted. Writes to a bucket do not depend
 * on a webhook that is gone for days.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { createDeferred, type Deferred } from "../base/deferred.ts";
import type { Logger } from "../base/log.ts";
import type { RecordStore } from "../base/record-store.ts";

/** Events in one record, and about how many bytes of them. */
export const BATCH_EVENTS_MAX = 500;
export const BATCH_BYTES_MAX = 256 * 1024;
const RETRY_MS = 1_000;
const VERSION_LINE = '{"version":1}';
/** Batches are numbered by time, so that a number is never used twice, also over restarts. */
const NUMBERS_PER_MS = 1024;
const NUMBER_DIGITS = 14;

export interface EventQueueOptions {
  readonly target: string;
  readonly node: string;
  readonly limit: number;
}

export interface EventQueueModules {
  readonly records: RecordStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Batch {
  readonly key: string;
  readonly count: number;
}

interface Waiting {
  readonly line: string;
  readonly done: Deferred<void>;
}

export class EventQueue {
  readonly #options: EventQueueOptions;
  readonly #modules: EventQueueModules;
  /** Durable, the oldest first. */
  readonly #batches: Batch[] = [];
  /** Not durable yet. */
  #waiting: Waiting[] = [];
  #queued = 0;
  #dropped = 0;
  #lastNumber = 0;
  /** Until what is there is known, nothing is added to it. */
  #loaded = false;
  #writing = false;
  #stopped = false;
  #retry: Timer | undefined;
  #onBatch: () => void = () => {};

  constructor(options: EventQueueOptions, modules: EventQueueModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Events that wait, durable or not. */
  get length(): number {
    return this.#queued + this.#waiting.length;
  }

  /** Events that found the queue full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Called whenever there is something to deliver. */
  onBatch(callback: () => void): void {
    this.#onBatch = callback;
  }

  /** Finds what an earlier process left; before that no event becomes durable. */
  async load(): Promise<void> {
    if (this.#loaded) return;
    try {
      this.#take(await this.#modules.records.list(this.#prefix()));
    } catch (error) {
      this.#reject(error);
      throw error;
    }
    this.#loaded = true;
    void this.#write();
  }

  /** Batches of a node that is gone for good, as if they had been left here. */
  adopt(keys: readonly string[]): void {
    this.#take(keys);
  }

  #take(keys: readonly string[]): void {
    const known = new Set(this.#batches.map(({ key }) => key));
    const found = keys.flatMap((key) => {
      const batch = known.has(key) ? undefined : parseBatchKey(key);
      return batch === undefined ? [] : [batch];
    });
    this.#batches.unshift(...found);
    for (const { count } of found) this.#queued += count;
    const newest = found.at(-1);
    if (newest !== undefined) this.#lastNumber = Math.max(this.#lastNumber, numberOf(newest.key));
    if (this.#batches.length > 0) this.#onBatch();
  }

  /**
   * Resolves when the event is durable, or the queue is full and it is dropped; rejects when it is
   * not known to be durable.
   */
  add(line: string): Promise<void> {
    if (this.length >= this.#options.limit) {
      this.#dropped += 1;
      if (this.#dropped % 1000 === 1) {
        const fields = { target: this.#options.target, dropped: this.#dropped };
        this.#modules.log.error("a notification queue is full, and events are dropped", fields);
      }
      return Promise.resolve();
    }
    const done = createDeferred<void>();
    this.#waiting.push({ line, done });
    void this.#write();
    return done.promise;
  }

  first(): Batch | undefined {
    return this.#batches[0];
  }

  /** The events of a batch; none when its record is not there any more. */
  async read({ key }: Batch): Promise<readonly string[]> {
    const value = await this.#modules.records.get(key);
    if (value === undefined) return [];
    const [version, ...lines] = Buffer.from(value).toString("utf8").split("\n");
    if (version !== VERSION_LINE) throw new Error("a batch of events is of an unknown version");
    return lines;
  }

  /** All of it was delivered. */
  async remove(batch: Batch): Promise<void> {
    await this.#modules.records.update(batch.key, () => ({ kind: "remove" }));
    const at = this.#batches.indexOf(batch);
    if (at < 0) return;
    this.#batches.splice(at, 1);
    this.#queued -= batch.count;
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
  }

  async #write(): Promise<void> {
    if (this.#writing || !this.#loaded) return;
    this.#writing = true;
    // Those that come in the same turn go together.
    await Promise.resolve();
    while (this.#waiting.length > 0 && !this.#stopped) {
      const taken = this.#waiting.slice(0, batchLength(this.#waiting));
      if (!(await this.#writeBatch(taken))) break;
    }
    this.#writing = false;
  }

  /** False: not now. What is not durable stays where it is and is tried again. */
  async #writeBatch(taken: readonly Waiting[]): Promise<boolean> {
    const number = Math.max(this.#lastNumber + 1, this.#modules.clock.nowMs() * NUMBERS_PER_MS);
    // A failed write may still happen later, so its number is not used again.
    this.#lastNumber = number;
    const digits = number.toString(16).padStart(NUMBER_DIGITS, "0");
    const batch = { key: `${this.#prefix()}${digits}-${taken.length}`, count: taken.length };
    const lines = taken.map(({ line }) => line);
    const value = Buffer.from([VERSION_LINE, ...lines].join("\n"));
    try {
      await this.#modules.records.update(batch.key, () => ({ kind: "write", value }));
    } catch (error) {
      this.#failed(error);
      return false;
    }
    this.#waiting = this.#waiting.slice(taken.length);
    this.#batches.push(batch);
    this.#queued += taken.length;
    for (const { done } of taken) done.resolve();
    this.#onBatch();
    return true;
  }

  #failed(error: unknown): void {
    const { clock, log } = this.#modules;
    log.warn("events cannot be queued yet", { target: this.#options.target, error });
    this.#reject(error);
    if (!this.#stopped) this.#retry = clock.after(RETRY_MS, () => void this.#write());
  }

  /** Those who wait are told; settling a promise twice does nothing. */
  #reject(error: unknown): void {
    for (const { done } of this.#waiting) done.reject(error);
  }

  #prefix(): string {
    return `${queuePrefix(this.#options.target)}/${this.#options.node}/`;
  }
}

/** Below it are the queues of all nodes for one target. */
export function queuePrefix(target: string): string {
  return `events/${target}`;
}

/** Whose a batch below that prefix is. */
export function nodeOfBatch(key: string, prefix: string): string {
  return key.slice(prefix.length).split("/", 1)[0] ?? "";
}

/** How many of those that wait make a batch, at least one. */
function batchLength(waiting: readonly Waiting[]): number {
  let bytes = 0;
  let count = 0;
  for (const { line } of waiting) {
    bytes += Buffer.byteLength(line);
    if (count > 0 && (bytes > BATCH_BYTES_MAX || count === BATCH_EVENTS_MAX)) break;
    count += 1;
  }
  return count;
}

const BATCH_KEY = /\/([0-9a-f]{14})-(\d{1,4})$/;

function parseBatchKey(key: string): Batch | undefined {
  const match = BATCH_KEY.exec(key);
  return match === null ? undefined : { key, count: Number(match[2]) };
}

function numberOf(key: string): number {
  return Number.parseInt(BATCH_KEY.exec(key)?.[1] ?? "0", 16);
}
