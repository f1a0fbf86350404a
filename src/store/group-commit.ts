/**
 * Group commit: while one transaction is being flushed, everything that arrives is collected; then
 * it goes out as the next one. A caller is told when its writes are durable, not before.
 *
 * A failed commit ends it: nothing is retried and nothing is acknowledged any more, because after a
 * failed flush nobody knows which pages the kernel still holds (DESIGN §5 c).
 */
import { type RecentAccept, type RecordDigest, recentRow } from "./drive-tables.ts";
import type { Kv, KvWrite } from "./kv.ts";
import { Slab } from "./slab.ts";

/** "unknown": the transaction was given to the engine and failed. "no": it never was. */
export type CommitOutcome = "durable" | "unknown" | "no";

export interface GroupCommitModules {
  readonly kv: Kv;
  readonly digest: RecordDigest;
  /** Calls back after the current turn's requests were handled. */
  defer(callback: () => void): void;
  onFailure(error: unknown): void;
}

interface Entry {
  readonly writes: readonly KvWrite[];
  readonly accept: RecentAccept | undefined;
  settle(outcome: CommitOutcome): void;
}

/** Larger transactions poison LMDB's free list (core-design §6). */
export const WRITES_PER_COMMIT_MAX = 800;

export class GroupCommit {
  readonly #modules: GroupCommitModules;
  #waiting: Entry[] = [];
  /** Memory of the entries that wait, and of those that are being flushed. */
  #filling = new Slab();
  #flushing = new Slab();
  #scheduled = false;
  readonly #drainers: (() => void)[] = [];
  #stopped = false;

  constructor(modules: GroupCommitModules) {
    this.#modules = modules;
  }

  /**
   * Stores the writes in one transaction. Without writes: settles once all that was added before is
   * durable. `settle` is called exactly once, possibly before `add` returns when stopped. An
   * `accept` is logged in the same transaction, in one `recent` row with the others of the group.
   */
  add(
    writes: readonly KvWrite[],
    settle: (outcome: CommitOutcome) => void,
    accept?: RecentAccept,
  ): void {
    if (this.#stopped) {
      settle("no");
      return;
    }
    this.#waiting.push({ writes, accept, settle });
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#modules.defer(() => void this.#run());
  }

  /**
   * Memory for what the next `add` stores, in this turn: used again as soon as that has settled as
   * durable.
   */
  memory(bytes: number): Buffer {
    return this.#filling.take(bytes);
  }

  /** The same as a promise. */
  store(writes: readonly KvWrite[]): Promise<CommitOutcome> {
    return new Promise((resolve) => this.add(writes, resolve));
  }

  /** After `stop`: resolves when the engine is at work for nobody any more. */
  drained(): Promise<void> {
    if (!this.#scheduled) return Promise.resolve();
    return new Promise((resolve) => this.#drainers.push(resolve));
  }

  /** Takes nothing more; what is waiting will not be stored, what is being flushed is unknown. */
  stop(): void {
    this.#stopped = true;
    settleAll(this.#waiting.splice(0), "no");
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      const writes = this.#writesOf(group);
      try {
        if (writes.length > 0) await this.#modules.kv.commit(writes);
        // A drive that was taken out meanwhile acknowledges nothing, durable or not.
        settleAll(group, this.#stopped ? "unknown" : "durable");
      } catch (error) {
        this.stop();
        settleAll(group, "unknown");
        this.#modules.onFailure(error);
      }
    }
    this.#scheduled = false;
    for (const resolve of this.#drainers.splice(0)) resolve();
  }

  #writesOf(group: readonly Entry[]): KvWrite[] {
    const writes = group.flatMap((entry) => entry.writes);
    const accepts = group.flatMap((entry) => entry.accept ?? []);
    if (accepts.length > 0) {
      writes.push({ table: "recent", ...recentRow(this.#modules.digest, accepts) });
    }
    return writes;
  }

  #takeGroup(): Entry[] {
    let writes = 0;
    let count = 0;
    for (const entry of this.#waiting) {
      if (count > 0 && writes + entry.writes.length > WRITES_PER_COMMIT_MAX) break;
      writes += entry.writes.length;
      count += 1;
    }
    const group = this.#waiting.splice(0, count);
    if (this.#waiting.length === 0) this.#changeMemory();
    return group;
  }

  /** Nobody waits, and the last group has settled: its memory is free for those who come. */
  #changeMemory(): void {
    const free = this.#flushing;
    free.reset();
    this.#flushing = this.#filling;
    this.#filling = free;
  }
}

function settleAll(entries: readonly Entry[], outcome: CommitOutcome): void {
  for (const entry of entries) entry.settle(outcome);
}
