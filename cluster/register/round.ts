/**
 * One request about one key to many replicas, counted until it is clear whether its quorum is
 * reached.
 *
 * Replies that arrive after the verdict are still counted: a sole proposer waits for the last
 * member before it calls a key settled. When the replica set changes under a round, the replies it
 * has are judged by the new set (`adopt`).
 */
import { createDeferred, type Deferred } from "../../src/base/deferred.ts";
import type { AcceptorRefusal } from "../../src/base/register-cell.ts";
import type { Delayed, DelayQueue } from "./delay-queue.ts";
import type { KeyName } from "./key-name.ts";
import type { CellReport, Done, Refusal, RegisterReplica } from "./replica.ts";
import type { ReplicaSet } from "./replica-set.ts";

export type Verdict = "reached" | "missed";
export type RoundReply = CellReport | Done | AcceptorRefusal | Refusal;
export type AskReplica = (replica: RegisterReplica) => Promise<RoundReply>;
export type Judge = (round: Round) => Verdict | "wait";

/** A replica whose promise rejects breaks its contract; nothing is known then. */
const BROKEN: Refusal = { ok: false, reason: "unavailable", applied: "unknown" };

export interface RoundWatcher {
  /** After every reply, counted already, also after the verdict. */
  onReply(round: Round, replica: RegisterReplica, reply: RoundReply): void;
}

export interface RoundOptions {
  readonly key: KeyName;
  readonly set: ReplicaSet;
  readonly judge: Judge;
  readonly watcher: RoundWatcher;
}

export class Round implements Delayed {
  readonly key: KeyName;
  /** The set whose replicas the masks count. */
  readonly sentTo: ReplicaSet;
  /** The set whose quorums decide; `sentTo` until the replicas change. */
  set: ReplicaSet;
  /** The cells reported before the verdict, by index in `sentTo.replicas`. */
  reports: Array<CellReport | undefined> = [];
  /** Masks over `sentTo`: who may be asked, was asked, answered, said yes. */
  askableMask = 0;
  askedMask = 0;
  answeredMask = 0;
  okMask = 0;
  /** Refused for a higher promise or floor: a duel, not a failure. */
  outbidMask = 0;
  /** Would do it later: their queue is full. */
  busyMask = 0;
  /** Have no room. */
  fullMask = 0;
  /** Cannot read their cell. */
  corruptMask = 0;
  /** The newest bucket epoch that a replica refused the request for; 0 when none did. */
  staleEpoch = 0;
  /** Answered `unavailable`. */
  unavailableMask = 0;
  /** Certainly did nothing. */
  untouchedMask = 0;
  finished = false;
  /** It ended because its time was over. */
  timedOut = false;
  readonly #judge: Judge;
  readonly #watcher: RoundWatcher;
  readonly #verdict: Deferred<Verdict> = createDeferred();
  #everyone: Everyone | undefined;
  #ask: AskReplica | undefined;

  constructor(options: RoundOptions) {
    this.key = options.key;
    this.sentTo = options.set;
    this.set = options.set;
    this.#judge = options.judge;
    this.#watcher = options.watcher;
  }

  get verdict(): Promise<Verdict> {
    return this.#verdict.promise;
  }

  /**
   * Asks the first `count` replicas of the set: those of the mask `first` now, the others when one of
   * these refuses, when all have answered without a verdict, or at `askEveryone`. Called once.
   */
  send(count: number, ask: AskReplica, first = 2 ** count - 1): void {
    this.askableMask = 2 ** count - 1;
    this.#ask = ask;
    this.#sendTo(first);
  }

  askEveryone(): void {
    if (!this.finished) this.#sendTo(this.askableMask & ~this.askedMask);
  }

  #sendTo(mask: number): void {
    const ask = this.#ask;
    this.askedMask |= mask;
    for (let index = 0; ask !== undefined && mask >>> index !== 0; index++) {
      const replica = this.sentTo.replicas[index];
      if ((mask & (1 << index)) === 0 || replica === undefined) continue;
      ask(replica).then(
        (reply) => this.#take(index, replica, reply),
        () => this.#take(index, replica, BROKEN),
      );
    }
  }

  #take(index: number, replica: RegisterReplica, reply: RoundReply): void {
    const bit = 1 << index;
    this.answeredMask |= bit;
    if (reply.ok) {
      this.okMask |= bit;
      if (!this.finished && "accepted" in reply) this.reports[index] = reply;
    } else {
      this.#countRefusal(bit, reply);
    }
    this.judge();
    if (!reply.ok || this.answeredMask === this.askedMask) this.askEveryone();
    this.#everyone?.check();
    this.#watcher.onReply(this, replica, reply);
  }

  /**
   * Whether every member and observer says yes in the end; false as soon as that cannot be, and at
   * the latest when `delays` says so.
   */
  waitForEveryone(delays: DelayQueue): Promise<boolean> {
    this.#everyone = new Everyone(this);
    delays.add(this.#everyone);
    this.#everyone.check();
    return this.#everyone.verdict;
  }

  #countRefusal(bit: number, refusal: AcceptorRefusal | Refusal): void {
    if (refusal.reason === "unavailable") {
      this.unavailableMask |= bit;
      if (refusal.applied === "no") this.untouchedMask |= bit;
      return;
    }
    this.untouchedMask |= bit;
    if (refusal.reason === "busy") this.busyMask |= bit;
    if (refusal.reason === "full") this.fullMask |= bit;
    if (refusal.reason === "corrupt") this.corruptMask |= bit;
    if (refusal.reason === "stale") {
      this.staleEpoch = Math.max(this.staleEpoch, refusal.bucketEpoch);
    }
    if (refusal.reason === "ballot" || refusal.reason === "floor") this.outbidMask |= bit;
  }

  judge(): void {
    if (this.finished) return;
    const verdict = this.#judge(this);
    if (verdict !== "wait") this.conclude(verdict);
  }

  conclude(verdict: Verdict): void {
    if (this.finished) return;
    this.finished = true;
    this.#verdict.resolve(verdict);
  }

  /** Lets go of the values: what waits behind a slow round keeps it from being dropped. */
  forgetReports(): void {
    this.reports = [];
  }

  /** From now on the quorums of `set` decide. */
  adopt(set: ReplicaSet): void {
    this.set = set;
    this.judge();
  }

  /** Too late: who has not answered by now will not be waited for. */
  onDelay(): void {
    this.timedOut = !this.finished;
    this.conclude("missed");
  }

  /** A mask over `sentTo` as one over `set`. */
  inSet(mask: number): number {
    return this.set.translate(mask, this.sentTo);
  }

  /** Every member and observer of `set` said yes. */
  get reachedEveryone(): boolean {
    return this.inSet(this.okMask) === this.set.everyMask;
  }

  /** False when it is certain that no replica carried the request out. */
  get mayBeApplied(): boolean {
    return (this.askedMask & ~this.untouchedMask) !== 0;
  }
}

/** Waits for the last reply of a round. */
class Everyone implements Delayed {
  finished = false;
  readonly #round: Round;
  readonly #verdict: Deferred<boolean> = createDeferred();

  constructor(round: Round) {
    this.#round = round;
  }

  get verdict(): Promise<boolean> {
    return this.#verdict.promise;
  }

  check(): void {
    const { askedMask, answeredMask, reachedEveryone } = this.#round;
    if (reachedEveryone || answeredMask === askedMask) this.onDelay();
  }

  onDelay(): void {
    this.finished = true;
    this.#verdict.resolve(this.#round.reachedEveryone);
  }
}
