/**
 * The proposer's steps on one key: mint a ballot, read, prepare, accept, purge. Each is one round;
 * what follows from it is decided by the operations (update-operation.ts, settle-key.ts).
 *
 * The caller holds the key's lane, except for the reads, which change nothing.
 */

import { type Ballot, nextClock } from "../../src/base/ballot.ts";
import { countBits } from "../../src/base/bits.ts";
import type { KvRow } from "../../src/base/kv-row.ts";
import type { Base, Missed } from "./base.ts";
import { BlankRun } from "./blank-run.ts";
import { DelayQueue } from "./delay-queue.ts";
import type { RegisterHazards } from "./hazards.ts";
import type { KeyName } from "./key-name.ts";
import { Outstanding } from "./outstanding.ts";
import {
  type Findings,
  findingsOf,
  judgeAccept,
  judgeAcceptAcrossChange,
  judgeAllMembers,
  judgeEveryone,
  judgeFirstAccept,
  judgePrepare,
  judgeRead,
  judgeReadLoosely,
} from "./quorum-rules.ts";
import type { RegisterEngineOptions, RegisterModules } from "./register-contract.ts";
import type { AcceptReply, CellReport, Proposal, ReadReply, RegisterReplica } from "./replica.ts";
import type { ReplicaSet } from "./replica-set.ts";
import { type Judge, Round, type RoundReply, type Verdict } from "./round.ts";
import { Hopeless, MemberRead, SlowStart, Stragglers } from "./round-delays.ts";
import { SettledValues } from "./settled-values.ts";
import { UnsettledKeys } from "./unsettled-keys.ts";
import { decodeBody } from "./value-envelope.ts";

export interface AcceptOutcome {
  readonly verdict: Verdict;
  readonly ballot: Ballot;
  /** False when it is certain that no replica accepted. */
  readonly mayBeApplied: boolean;
  readonly duel: boolean;
  /** A replica had no room for it. */
  readonly full: boolean;
  readonly staleEpoch: number;
}

/** An accept on its way to the replicas. */
interface SentProposal {
  readonly round: Round;
  readonly ballot: Ballot;
  readonly proposal: Proposal;
}

/**
 * Who has to promise: a quorum; all members; or all that can read their cell, which is the same as
 * `all` but excuses the others from being reported.
 */
export type PrepareAt = "quorum" | "all" | "readable";

export interface ProposerSetup {
  readonly options: RegisterEngineOptions;
  readonly modules: RegisterModules;
  readonly hazards: RegisterHazards;
}

export class Proposer {
  readonly options: RegisterEngineOptions;
  readonly modules: RegisterModules;
  readonly hazards: RegisterHazards;
  readonly unsettled = new UnsettledKeys();
  /** Sole proposer: values of settled keys that need not be read again. */
  readonly settledValues: SettledValues;
  /** Accepts, with the installs that follow them, and purges. */
  readonly outstanding = new Outstanding();
  /** Sole proposer: recent keys were settled, so a key without an entry in `unsettled` is. */
  trusted = false;
  /** Until then, a quorum of the members may not know the newest value of a key. */
  fencedUntilTrusted = true;
  /** Sole proposer: whether updates meet blank registers these days. */
  readonly blanks = new BlankRun();
  /** Replicas that let a read wait for too long and have not answered anything since. */
  readonly #slow = new Set<string>();
  readonly #rounds: DelayQueue;
  readonly #hedges: DelayQueue;
  /** Replicas and keys that a value is on its way to which they could not read. */
  readonly #givingBack = new Set<string>();
  #clock = 0;

  constructor({ options, modules, hazards }: ProposerSetup) {
    this.options = options;
    this.modules = modules;
    this.hazards = hazards;
    this.settledValues = new SettledValues(options.settledBytesMax ?? 0);
    this.#rounds = new DelayQueue(modules.clock, options.roundMs);
    this.#hedges = new DelayQueue(modules.clock, options.hedgeMs);
  }

  /** Newer than every ballot minted or seen by this process. */
  nextBallot(): Ballot {
    this.#clock = nextClock(this.#clock, this.modules.clock.nowMs());
    const { proposer, incarnation } = this.options;
    return { clock: this.#clock, proposer, incarnation };
  }

  /** Every accept whose ballot's clock is below this has reached all members and observers. */
  settledBelow(): number {
    return this.unsettled.oldestClock() ?? this.#clock + 1;
  }

  /**
   * Rule 2: what an accept quorum reports alike, while no reply reports anything higher, is chosen
   * and current. Undefined when this round cannot tell. Asks no more than a quorum while that agrees
   * and is quick: the others are mostly on other nodes.
   */
  readQuorum(key: KeyName, set: ReplicaSet): Promise<Findings | undefined> {
    const judge = this.hazards.readUnchosen === true ? judgeReadLoosely : judgeRead;
    const round = this.#startRound(key, set, judge);
    const ask = (replica: RegisterReplica) => replica.read(key.bytes, key.bucketEpoch);
    const first = this.options.soleProposer ? set.memberMask : this.#nearestQuorum(set);
    round.send(set.memberCount, ask, first);
    if (first === set.memberMask) this.#hedges.add(new Stragglers(round));
    else this.#hedges.add(new SlowStart(round, () => this.#onSlowStart(round)));
    return findingsWhenReached(round);
  }

  #onSlowStart(round: Round): void {
    const late = round.askedMask & ~round.answeredMask;
    for (const [index, { id }] of round.sentTo.replicas.entries()) {
      if ((late & (1 << index)) !== 0) this.#slow.add(id);
    }
    this.#hedges.add(new Stragglers(round));
  }

  /** The first members in the order of the set that are a quorum without those known to be slow. */
  #nearestQuorum(set: ReplicaSet): number {
    let mask = 0;
    for (let index = 0; index < set.memberCount; index++) {
      if (this.#slow.has(set.replicas[index]?.id ?? "")) continue;
      mask |= 1 << index;
      if (set.isAcceptQuorum(mask) && set.isPrepareQuorum(mask)) return mask;
    }
    return set.memberMask;
  }

  /** What all members report; undefined unless all of them do. */
  readAllMembers(key: KeyName, set: ReplicaSet): Promise<Findings | undefined> {
    const round = this.#startRound(key, set, judgeAllMembers);
    round.send(set.memberCount, (replica) => replica.read(key.bytes));
    return findingsWhenReached(round);
  }

  /**
   * What one member has durable, which by itself says nothing about a quorum. Goes on to the next
   * member when one is gone or slow; undefined when a quorum has to be asked.
   */
  async readMember(key: KeyName, set: ReplicaSet): Promise<CellReport | undefined> {
    for (let tries = 0; tries < set.memberCount; tries++) {
      const replica = this.#memberToRead(key, set);
      if (replica === undefined) return undefined;
      const reply = await this.#readOne(key, replica);
      if (reply?.ok === true) return reply;
      if (reply !== undefined && reply.reason !== "unavailable") return undefined;
      this.#slow.add(replica.id);
    }
    return undefined;
  }

  /** Undefined when the hedge delay is over first. */
  #readOne(key: KeyName, replica: RegisterReplica): Promise<ReadReply | undefined> {
    const attempt = new MemberRead();
    this.#hedges.add(attempt);
    replica.read(key.bytes).then(
      (reply) => {
        this.#learn(key, replica, reply);
        attempt.conclude(reply);
      },
      () => attempt.conclude(undefined),
    );
    return attempt.reply;
  }

  /** The preferred member, or the next one that is not known to be slow. */
  #memberToRead(key: KeyName, set: ReplicaSet): RegisterReplica | undefined {
    const preferred = this.modules.preferredMember(key.bytes, set);
    const first = set.replicas[preferred];
    if (first === undefined || !this.#slow.has(first.id)) return first;
    for (let step = 1; step < set.memberCount; step++) {
      const next = set.replicas[(preferred + step) % set.memberCount];
      if (next !== undefined && !this.#slow.has(next.id)) return next;
    }
    return undefined;
  }

  /** Prepares at a fresh ballot. */
  async prepare(key: KeyName, set: ReplicaSet, at: PrepareAt): Promise<Base | Missed> {
    const ballot = this.nextBallot();
    const round = this.#startRound(key, set, at === "quorum" ? judgePrepare : judgeAllMembers);
    round.send(set.memberCount, (replica) => replica.prepare(key.bytes, ballot, key.bucketEpoch));
    const found = await findingsWhenReached(round);
    if (found === undefined) {
      if (at === "all") this.#reportMissing(round, 0);
      if (at === "readable") this.#reportMissing(round, round.corruptMask);
      const { staleEpoch } = round;
      const duel = round.outbidMask !== 0;
      return { kind: "missed", duel, got: countBits(round.okMask), staleEpoch };
    }
    const { accepted, value, sameMask, floor } = found;
    return {
      kind: "base",
      set,
      ballot,
      accepted,
      bytes: value,
      chosen: set.isAcceptQuorum(sameMask),
      unanimous: (sameMask & set.memberMask) === set.memberMask,
      floor,
    };
  }

  /**
   * Sends the value to all members and observers; resolves as soon as a quorum has it. `first`: only
   * where nothing was accepted before.
   */
  async accept(
    key: KeyName,
    base: Base,
    bytes: Uint8Array,
    { first } = { first: false },
  ): Promise<AcceptOutcome> {
    const { ballot, round } = this.#sendAccept(key, base, { bytes, first });
    const verdict = await round.verdict;
    const { mayBeApplied } = round;
    if (verdict === "reached") this.unsettled.resolved(key.text, round);
    else if (!mayBeApplied) this.unsettled.withdrawn(key.text, round);
    const { outbidMask, fullMask, staleEpoch } = round;
    const full = fullMask !== 0;
    return { verdict, ballot, mayBeApplied, duel: outbidMask !== 0, full, staleEpoch };
  }

  /** The same; the ballot once every member and observer has it, or undefined. */
  async acceptEverywhere(key: KeyName, base: Base, bytes: Uint8Array): Promise<Ballot | undefined> {
    const { ballot, round } = this.#sendAccept(key, base, { bytes, first: false });
    if ((await round.verdict) === "missed") return undefined;
    this.unsettled.resolved(key.text, round);
    return (await round.waitForEveryone(this.#rounds)) ? ballot : undefined;
  }

  #sendAccept(
    key: KeyName,
    base: Base,
    { bytes, first }: { readonly bytes: Uint8Array; readonly first: boolean },
  ): { ballot: Ballot; round: Round } {
    const { set } = base;
    const sole = this.options.soleProposer;
    // Nobody else proposes to a sole proposer's replicas: a ballot newer than the one prepared is
    // as good, and only one minted now keeps the unsettled keys in the order of their ballots.
    const fresh = sole || this.hazards.acceptAboveBase === true;
    const ballot = fresh ? this.nextBallot() : base.ballot;
    const rows = this.modules.deriveRows(key.bytes, decodeBody(bytes), ballot);
    const judge = first ? judgeFirstAccept : judgeAcceptAcrossChange;
    const round = this.#startRound(key, set, sole ? judge : judgeAccept);
    if (sole) {
      const nowMs = this.modules.clock.monotonicMs();
      if (this.hazards.keepOverwritten !== true) this.settledValues.forget(key.text);
      this.unsettled.sent(key.text, { key: key.bytes, ballot, round, nowMs });
    }
    const proposal: Proposal = first ? { value: bytes, rows, first } : { value: bytes, rows };
    // A member that hangs is not waited for longer than for any other answer.
    if (first) this.#hedges.add(new Hopeless(round));
    round.send(set.replicas.length, (replica) =>
      this.outstanding.add(replica.id, this.#acceptOn(replica, { round, ballot, proposal })),
    );
    return { ballot, round };
  }

  /**
   * A replica that cannot read its cell has no vote. A sole proposer gives it the value back once
   * others have chosen it, if that is still the newest accept of the key: an older one, arriving
   * late, would make the replica forget a vote for a newer. With other proposers nobody can know,
   * and the replica itself takes what is above all that it can have promised (ReplicaGuard).
   */
  #acceptOn(replica: RegisterReplica, accept: SentProposal): Promise<AcceptReply> {
    const { round, ballot, proposal } = accept;
    const { bytes, bucketEpoch } = round.key;
    const request = replica.accept(bytes, ballot, proposal, bucketEpoch);
    if (!this.options.soleProposer) return request;
    return request.then((reply) =>
      reply.ok || reply.reason !== "corrupt" ? reply : this.#giveBack(replica, accept, reply),
    );
  }

  async #giveBack(
    replica: RegisterReplica,
    { round, ballot, proposal }: SentProposal,
    reply: AcceptReply,
  ): Promise<AcceptReply> {
    if ((await round.verdict) === "missed") return reply;
    if (this.unsettled.get(round.key.text)?.round !== round) return reply;
    // Until the one on its way has come the cell stays unreadable. Were a second one to mend it and
    // the cell to go bad again, the first, coming last, would bring back what is long deleted.
    const place = `${replica.id}/${round.key.text}`;
    if (this.#givingBack.has(place)) return reply;
    this.#givingBack.add(place);
    try {
      return await replica.install(round.key.bytes, ballot, proposal);
    } finally {
      this.#givingBack.delete(place);
    }
  }

  /** Purges the tombstone of `ballot` on all members and observers; true when all have done it. */
  async purge(key: KeyName, set: ReplicaSet, ballot: Ballot): Promise<boolean> {
    this.settledValues.forget(key.text);
    const rows: readonly KvRow[] = this.modules.purgedRows(key.bytes);
    const round = this.#startRound(key, set, judgeEveryone);
    round.send(set.replicas.length, (replica) =>
      this.outstanding.add(replica.id, replica.purge(key.bytes, ballot, rows)),
    );
    return (await round.verdict) === "reached";
  }

  onReply(round: Round, replica: RegisterReplica, reply: RoundReply): void {
    this.#learn(round.key, replica, reply);
    if (round.unavailableMask !== 0 && !round.finished) this.#hedges.add(new Hopeless(round));
    if (reply.ok) this.unsettled.acknowledged(round.key.text, round);
  }

  #startRound(key: KeyName, set: ReplicaSet, judge: Judge): Round {
    const round = new Round({ key, set, judge, watcher: this });
    this.#rounds.add(round);
    return round;
  }

  #learn(key: KeyName, replica: RegisterReplica, reply: RoundReply): void {
    if (this.#slow.size > 0) this.#slow.delete(replica.id);
    if (reply.ok) {
      if (!("accepted" in reply)) return;
      this.#observe(reply.promised);
      this.#observe(reply.floor);
    } else if (reply.reason === "ballot") {
      this.#observe(reply.promised);
    } else if (reply.reason === "floor") {
      this.#observe(reply.floor);
    } else if (reply.reason === "unavailable") {
      this.modules.onReplicaUnavailable(replica.id);
    } else if (reply.reason === "epoch") {
      this.modules.onOutdatedSet?.(reply.epoch);
    } else if (reply.reason === "corrupt") {
      this.#noteDamage(key, reply.above ?? 0);
    }
  }

  /** The background settles the key, which gives the value back to the replica that lost it. */
  #noteDamage(key: KeyName, above: number): void {
    if (above > this.#clock) this.#clock = above;
    if (this.unsettled.size >= this.options.unsettledKeysMax) return;
    const nowMs = this.modules.clock.monotonicMs();
    this.unsettled.damaged(key.text, key.bytes, { clock: this.nextBallot().clock, nowMs });
  }

  #observe(ballot: Ballot): void {
    if (ballot.clock > this.#clock) this.#clock = ballot.clock;
  }

  /** A member that all others have to wait for is as good as gone. */
  #reportMissing(round: Round, excusedMask: number): void {
    // A round that a duel ended early has not waited for those who are merely not there yet.
    const waitedFor = round.timedOut ? round.askedMask : round.answeredMask;
    const fine = round.okMask | round.outbidMask | round.busyMask | excusedMask;
    const missing = round.sentTo.memberMask & waitedFor & ~fine;
    for (let index = 0; index < round.sentTo.memberCount; index++) {
      const replica = round.sentTo.replicas[index];
      if ((missing & (1 << index)) !== 0 && replica !== undefined) {
        this.modules.onReplicaUnavailable(replica.id);
      }
    }
  }
}

async function findingsWhenReached(round: Round): Promise<Findings | undefined> {
  const verdict = await round.verdict;
  const findings = verdict === "reached" ? findingsOf(round) : undefined;
  round.forgetReports();
  return findings;
}
