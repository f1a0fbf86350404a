/**
 * Settling a key: finding its current value by prepare and accepting it again, so that a quorum (or
 * everyone) holds it under one ballot. This is the identity write of rule 2.
 *
 * The caller holds the key's lane.
 */
import { type Ballot, compareBallots } from "../../src/base/ballot.ts";
import type { Base, Missed } from "./base.ts";
import type { KeyName } from "./key-name.ts";
import type { PrepareAt, Proposer } from "./proposer.ts";

/** A value known to be chosen and current. */
export interface ChosenValue {
  readonly kind: "chosen";
  readonly ballot: Ballot;
  /** Undefined for a blank register. */
  readonly bytes: Uint8Array | undefined;
}

/** Settles on a quorum; `missed` may be tried again. */
export async function settleKey(proposer: Proposer, key: KeyName): Promise<ChosenValue | Missed> {
  const set = proposer.modules.replicasFor(key.bytes);
  const base = await proposer.prepare(key, set, prepareAt(proposer, key));
  if (base.kind === "missed") return base;
  return makeChosen(proposer, key, base);
}

/**
 * The same until everyone holds one cell: the background's work, and what a start does for the keys
 * it cannot trust. `missed` also when only a quorum was reached.
 */
export async function settleEverywhere(
  proposer: Proposer,
  key: KeyName,
): Promise<ChosenValue | Missed> {
  const set = proposer.modules.replicasFor(key.bytes);
  const must = mustAskEveryMember(proposer, key);
  let base = await proposer.prepare(key, set, must ? "all" : "readable");
  if (base.kind === "missed" && !must) base = await proposer.prepare(key, set, "quorum");
  if (base.kind === "missed") return base;
  const { bytes } = base;
  const everyoneAsked = set.replicas.length === set.memberCount;
  if (bytes !== undefined && !(base.unanimous && everyoneAsked)) {
    if (isOutdated(proposer, key, base)) return { kind: "missed", duel: true, got: 0 };
    const ballot = await proposer.acceptEverywhere(key, base, bytes);
    if (ballot === undefined) return { kind: "missed", duel: false, got: 0 };
    return { kind: "chosen", ballot, bytes };
  }
  if (!base.unanimous || (!everyoneAsked && !(await blankObservers(proposer, key, base)))) {
    return { kind: "missed", duel: false, got: set.memberCount };
  }
  if (isOutdated(proposer, key, base)) return { kind: "missed", duel: true, got: 0 };
  proposer.unsettled.settled(key.text);
  return { kind: "chosen", ballot: base.accepted, bytes };
}

/** Turns a prepared base into a chosen value, by writing only if it has to. */
export async function makeChosen(
  proposer: Proposer,
  key: KeyName,
  base: Base,
): Promise<ChosenValue | Missed> {
  const { bytes } = base;
  // A prepare quorum that reports nothing at all proves that nothing was chosen below our ballot.
  if (bytes === undefined || base.chosen) {
    const everyoneAsked = base.set.replicas.length === base.set.memberCount;
    if (base.unanimous && everyoneAsked && !isOutdated(proposer, key, base)) {
      proposer.unsettled.settled(key.text);
    }
    return { kind: "chosen", ballot: base.accepted, bytes };
  }
  return acceptAgain(proposer, key, base, bytes);
}

/** Writes the value found at the prepared ballot, chosen already or not. */
export async function acceptAgain(
  proposer: Proposer,
  key: KeyName,
  base: Base,
  bytes: Uint8Array,
): Promise<ChosenValue | Missed> {
  if (isOutdated(proposer, key, base)) return { kind: "missed", duel: true, got: 0 };
  const { verdict, ballot, duel, staleEpoch } = await proposer.accept(key, base, bytes);
  if (verdict === "missed") return { kind: "missed", duel, got: 0, staleEpoch };
  return { kind: "chosen", ballot, bytes };
}

/** Only a prepare at all members finds the newest value: after a start, and after a set change. */
export function mustAskEveryMember(proposer: Proposer, key: KeyName): boolean {
  if (!proposer.options.soleProposer || proposer.hazards.skipFence === true) return false;
  if (!proposer.trusted && proposer.fencedUntilTrusted) return true;
  return proposer.unsettled.get(key.text)?.fenced === true;
}

export function prepareAt(proposer: Proposer, key: KeyName): PrepareAt {
  return mustAskEveryMember(proposer, key) ? "all" : "quorum";
}

/**
 * The set has changed since the prepare: its quorum may not be one any more, and a replica that has
 * joined was neither asked nor, perhaps, compared after the newest accept.
 */
export function isOutdated(proposer: Proposer, key: KeyName, base: Base): boolean {
  return proposer.modules.replicasFor(key.bytes).epoch !== base.set.epoch;
}

/**
 * A key that is blank on all members must be blank on an observer, and stay so: an accept that only
 * the observer was reached by may still be on its way to it. The members refuse it since the
 * prepare; the observer, which promised nothing, needs a floor as high as that.
 */
async function blankObservers(proposer: Proposer, key: KeyName, base: Base): Promise<boolean> {
  const { set } = base;
  const floor = compareBallots(base.floor, base.ballot) > 0 ? base.floor : base.ballot;
  const observers = set.replicas.slice(set.memberCount);
  const rows = proposer.modules.purgedRows(key.bytes);
  const replies = await Promise.all(
    observers.map(async (observer) => {
      const reply = await observer.discard(key.bytes, floor, rows);
      if (!reply.ok) proposer.modules.onReplicaUnavailable(observer.id);
      return reply.ok;
    }),
  );
  return replies.every((done) => done);
}
