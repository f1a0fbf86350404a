/**
 * Takes events from a queue to their target: the oldest batch first, and within it several keys at
 * once, but the events of one key one after the other, so that a target sees a key's history in
 * order. What fails is tried again, later and later up to half a minute, for as long as it takes. A
 * batch is forgotten only when all of it was taken; a process that dies before delivers it again.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { createDeferred, type Deferred } from "../base/deferred.ts";
import type { Logger } from "../base/log.ts";
import type { Batch, EventQueue } from "./event-queue.ts";

/** Where events go. */
export interface EventTarget {
  /** Resolves when the target has taken the event; rejects otherwise, within a deadline. */
  send(body: string, signal: AbortSignal): Promise<void>;
}

export interface EventDeliveryModules {
  readonly queue: EventQueue;
  readonly target: EventTarget;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Events on their way to one target. */
export const SENDS_AT_ONCE_MAX = 8;
const BACK_OFF_MS_MIN = 500;
export const BACK_OFF_MS_MAX = 30_000;

export interface DeliveryStatus {
  readonly delivered: number;
  readonly failed: number;
}

export class EventDelivery {
  readonly #name: string;
  readonly #modules: EventDeliveryModules;
  readonly #abort = new AbortController();
  #wake: Deferred<void> = createDeferred<void>();
  #timer: Timer | undefined;
  #backOffMs = BACK_OFF_MS_MIN;
  #delivered = 0;
  #failed = 0;
  #running: Promise<void> | undefined;

  constructor(name: string, modules: EventDeliveryModules) {
    this.#name = name;
    this.#modules = modules;
    modules.queue.onBatch(() => this.#wake.resolve());
  }

  status(): DeliveryStatus {
    return { delivered: this.#delivered, failed: this.#failed };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when nothing is on its way any more; what was not taken stays in the queue. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#timer?.cancel();
    this.#wake.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      this.#wake = createDeferred<void>();
      const batch = this.#modules.queue.first();
      if (batch === undefined) await this.#wake.promise;
      else await this.#deliver(batch);
    }
  }

  async #deliver(batch: Batch): Promise<void> {
    const { queue, log } = this.#modules;
    try {
      let left = groupByKey(await queue.read(batch));
      while (left.length > 0 && !this.#abort.signal.aborted) {
        left = await this.#sendGroups(left);
        if (left.length > 0) await this.#pause();
      }
      if (left.length === 0) await queue.remove(batch);
    } catch (error) {
      log.warn("a batch of events has to wait", { target: this.#name, error });
      await this.#pause();
    }
  }

  /** What could not be sent, still in order. */
  async #sendGroups(groups: ReadonlyArray<readonly string[]>): Promise<string[][]> {
    const left: string[][] = [];
    const queue = groups.values();
    const lane = async (): Promise<void> => {
      // One iterator for all lanes: each takes the next key that nobody has.
      for (const group of queue) {
        const rest = await this.#sendInOrder(group);
        if (rest.length > 0) left.push(rest);
      }
    };
    await Promise.all(Array.from({ length: SENDS_AT_ONCE_MAX }, lane));
    return left;
  }

  async #sendInOrder(events: readonly string[]): Promise<string[]> {
    for (const [index, event] of events.entries()) {
      if (!(await this.#send(event))) return events.slice(index);
    }
    return [];
  }

  async #send(event: string): Promise<boolean> {
    const { target, log } = this.#modules;
    if (this.#abort.signal.aborted) return false;
    try {
      await target.send(event, this.#abort.signal);
      this.#delivered += 1;
      this.#backOffMs = BACK_OFF_MS_MIN;
      return true;
    } catch (error) {
      if (this.#abort.signal.aborted) return false;
      this.#failed += 1;
      const reason = error instanceof Error ? error.message : String(error);
      log.warn("a notification was not taken and will be tried again", {
        target: this.#name,
        reason,
      });
      return false;
    }
  }

  async #pause(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const pause = createDeferred<void>();
    this.#timer = this.#modules.clock.after(this.#backOffMs, () => pause.resolve());
    this.#backOffMs = Math.min(BACK_OFF_MS_MAX, this.#backOffMs * 2);
    const stopped = () => pause.resolve();
    this.#abort.signal.addEventListener("abort", stopped, { once: true });
    await pause.promise;
    this.#abort.signal.removeEventListener("abort", stopped);
  }
}

/** The events of each key in their order; keys in the order in which they came first. */
function groupByKey(events: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const event of events) {
    const key = keyOf(event);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [event]);
    else group.push(event);
  }
  return [...groups.values()];
}

/** Events without a key are about the bucket as a whole and share one line. */
function keyOf(event: string): string {
  const parsed: unknown = JSON.parse(event);
  const hasKey = typeof parsed === "object" && parsed !== null && "Key" in parsed;
  return hasKey && typeof parsed.Key === "string" ? parsed.Key : "";
}
