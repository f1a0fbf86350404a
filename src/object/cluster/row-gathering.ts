/**
 * Asking the replicas of many heads for one range, with one call per drive for all the heads that it
 * is asked about.
 *
 * First as many replicas of each head as make a quorum, the nearest ones; when one fails, or does
 * not answer within the hedge delay, others too. Rejects with StoreError: `stale-bucket` when a
 * replica knows newer settings, `no-quorum` when too few answer. `outdated` is set when a replica
 * refused the layout: trying again by a newer one may help.
 */

import type { ReplicaSet } from "../../../cluster/register/replica-set.ts";
import { countBits } from "../../base/bits.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { createDeferred, type Deferred } from "../../base/deferred.ts";
import { StoreError } from "../../base/store-error.ts";
import type { RangeQuery, RangeReply } from "../../store/drive.ts";
import { BoundDrive } from "./bound-drive.ts";

export interface GatheringOptions {
  readonly bucketEpoch: number | undefined;
  readonly hedgeMs: number;
  readonly roundMs: number;
}

export interface GatheringModules {
  readonly clock: Clock;
  /** A replica knows this newer layout. */
  onOutdatedSet(version: number): void;
}

/** One drive's answer. */
export interface DrivePage {
  readonly driveId: string;
  readonly reply: RangeReply;
  /** The heads it was asked about, as indexes in the query's; its rows count in these. */
  readonly heads: readonly number[];
}

/** One head's replicas, and which of them have done what. */
export interface HeadState {
  readonly set: ReplicaSet;
  asked: number;
  answered: number;
  failed: number;
}

export class RowGathering {
  readonly heads: readonly HeadState[];
  readonly pages: DrivePage[] = [];
  outdated = false;
  readonly #query: RangeQuery;
  readonly #options: GatheringOptions;
  readonly #modules: GatheringModules;
  #open = 0;
  #waiting: Deferred<void> | undefined;
  #wantAll = false;
  #patient = false;
  #failure: StoreError | undefined;

  constructor(
    query: RangeQuery,
    sets: readonly ReplicaSet[],
    options: GatheringOptions,
    modules: GatheringModules,
  ) {
    this.#query = query;
    this.#options = options;
    this.#modules = modules;
    this.heads = sets.map((set) => ({ set, asked: 0, answered: 0, failed: 0 }));
  }

  /** Resolves when every head has an answer from a quorum. */
  async quorum(): Promise<void> {
    this.#ask((head) => missingMask(head));
    await this.#wait();
    const lacking = this.heads.find((head) => !hasQuorum(head));
    if (lacking === undefined) return;
    const needed = lacking.set.acceptQuorum;
    throw new StoreError({ code: "no-quorum", needed, got: countBits(lacking.answered) });
  }

  /** Asks everyone else too and waits for them, at most as long as the hedge delay. */
  async everyone(): Promise<void> {
    this.#ask((head) => head.set.memberMask & ~head.asked);
    if (this.#open === 0) return;
    this.#wantAll = true;
    await this.#wait();
  }

  /** The same, but patiently: only who does not answer at all is not waited for. */
  async all(): Promise<void> {
    this.#patient = true;
    await this.everyone();
  }

  async #wait(): Promise<void> {
    const { clock } = this.#modules;
    const waiting = createDeferred<void>();
    this.#waiting = waiting;
    const timers: Timer[] = [
      clock.after(this.#options.hedgeMs, () => this.#hedge()),
      clock.after(this.#options.roundMs, () => waiting.resolve()),
    ];
    this.#check();
    await waiting.promise;
    for (const timer of timers) timer.cancel();
    this.#waiting = undefined;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #hedge(): void {
    if (this.#wantAll && this.#patient) return;
    if (this.#wantAll) this.#waiting?.resolve();
    else this.#ask((head) => (hasQuorum(head) ? 0 : head.set.memberMask & ~head.asked));
  }

  #check(): void {
    const done = !this.#wantAll && this.heads.every(hasQuorum);
    if (done || this.#open === 0 || this.#failure !== undefined) this.#waiting?.resolve();
  }

  /** Sends one call to each drive that `want` names for some head. */
  #ask(want: (head: HeadState) => number): void {
    const calls = new Map<string, { drive: BoundDrive; heads: number[] }>();
    for (const [index, head] of this.heads.entries()) {
      const mask = want(head);
      head.asked |= mask;
      for (let bit = 0; bit < head.set.memberCount; bit++) {
        const drive = head.set.replicas[bit];
        if ((mask & (1 << bit)) === 0 || !(drive instanceof BoundDrive)) continue;
        const call = calls.get(drive.id) ?? { drive, heads: [] };
        call.heads.push(index);
        calls.set(drive.id, call);
      }
    }
    for (const { drive, heads } of calls.values()) void this.#call(drive, heads);
  }

  async #call(drive: BoundDrive, heads: readonly number[]): Promise<void> {
    this.#open += 1;
    const wanted = heads.map((index) => this.#query.heads[index] ?? NO_HEAD);
    const query = { ...this.#query, heads: wanted };
    const reply = await drive.range(query, this.#options.bucketEpoch);
    this.#open -= 1;
    if (reply.ok) {
      this.pages.push({ driveId: drive.id, reply, heads });
      for (const index of heads) this.#markAnswered(index, drive.id);
    } else if (reply.reason === "stale") {
      const { bucketEpoch } = reply;
      this.#failure = new StoreError({ code: "stale-bucket", bucketEpoch });
    } else {
      if (reply.reason === "epoch") {
        this.outdated = true;
        this.#modules.onOutdatedSet(reply.epoch);
      }
      this.#replace(drive.id, heads);
    }
    this.#check();
  }

  #markAnswered(index: number, driveId: string): void {
    const head = this.heads[index];
    if (head !== undefined) head.answered |= 1 << head.set.indexOf(driveId);
  }

  /** Its heads need another each, if there is one. */
  #replace(driveId: string, heads: readonly number[]): void {
    const concerned = new Set<HeadState>();
    for (const index of heads) {
      const head = this.heads[index];
      if (head === undefined) continue;
      head.failed |= 1 << head.set.indexOf(driveId);
      concerned.add(head);
    }
    if (!this.#wantAll) this.#ask((head) => (concerned.has(head) ? missingMask(head) : 0));
  }
}

const NO_HEAD = new Uint8Array(0);

function hasQuorum({ set, answered }: HeadState): boolean {
  return set.isAcceptQuorum(answered) && set.isPrepareQuorum(answered);
}

/** The nearest replicas not asked yet that make those who may still answer a quorum. */
function missingMask({ set, asked, failed }: HeadState): number {
  let hopeful = asked & ~failed;
  let mask = 0;
  for (let bit = 0; bit < set.memberCount; bit++) {
    if (set.isAcceptQuorum(hopeful) && set.isPrepareQuorum(hopeful)) break;
    if ((asked & (1 << bit)) !== 0) continue;
    mask |= 1 << bit;
    hopeful |= 1 << bit;
  }
  return mask;
}
