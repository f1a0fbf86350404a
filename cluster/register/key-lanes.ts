/**
 * One operation at a time per key, in the order they came (rule 9: the writers of one key inside a
 * process are serialised). A lane exists only while it is used; its queue is bounded.
 */
import { createDeferred, type Deferred } from "../../src/base/deferred.ts";
import { StoreError } from "../../src/base/store-error.ts";

/** The queue of a lane in which nobody waits. */
const NOBODY: Deferred<void>[] = [];

export class KeyLanes {
  readonly #waitersMax: number;
  readonly #lanes = new Map<string, Deferred<void>[]>();

  constructor(waitersMax: number) {
    this.#waitersMax = waitersMax;
  }

  /**
   * Enters the lane of a key: at once (undefined), or when the promise resolves. Throws StoreError
   * `busy` when too many wait. Everyone who entered must leave.
   */
  enter(key: string): Promise<void> | undefined {
    const waiting = this.#lanes.get(key);
    if (waiting === undefined) {
      this.#lanes.set(key, NOBODY);
      return undefined;
    }
    if (waiting.length >= this.#waitersMax) throw new StoreError({ code: "busy" });
    const turn = createDeferred<void>();
    if (waiting === NOBODY) this.#lanes.set(key, [turn]);
    else waiting.push(turn);
    return turn.promise;
  }

  /** Keys with an operation in progress. */
  get size(): number {
    return this.#lanes.size;
  }

  isBusy(key: string): boolean {
    return this.#lanes.has(key);
  }

  leave(key: string): void {
    const next = this.#lanes.get(key)?.shift();
    if (next === undefined) this.#lanes.delete(key);
    else next.resolve();
  }

  /** Turns away everyone who waits; those who are inside finish by themselves. */
  rejectWaiting(error: StoreError): void {
    for (const waiting of this.#lanes.values()) {
      for (const turn of waiting.splice(0)) turn.reject(error);
    }
  }
}
