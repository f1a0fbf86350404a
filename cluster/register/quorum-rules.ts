/** When a round is over, and what its reports say together: the quorum half of rules 2 and 4. */
import { type Ballot, compareBallots, ZERO_BALLOT } from "../../src/base/ballot.ts";
import type { Round, Verdict } from "./round.ts";

/** What the cells reported to a round say together. */
export interface Findings {
  /** The highest accepted ballot reported. */
  readonly accepted: Ballot;
  /** Its value; undefined when blank. */
  readonly value: Uint8Array | undefined;
  /** Who reports exactly that ballot: a mask over the round's set. */
  readonly sameMask: number;
  /** The highest floor reported. */
  readonly floor: Ballot;
}

export function findingsOf(round: Round): Findings {
  let accepted = ZERO_BALLOT;
  let value: Uint8Array | undefined;
  let floor = ZERO_BALLOT;
  let same = 0;
  for (let index = 0; index < round.reports.length; index++) {
    const report = round.reports[index];
    if (report === undefined) continue;
    const order = compareBallots(report.accepted, accepted);
    if (order > 0) {
      accepted = report.accepted;
      value = report.value;
      same = 0;
    }
    if (order >= 0) same |= 1 << index;
    if (compareBallots(report.floor, floor) > 0) floor = report.floor;
  }
  return { accepted, value, sameMask: round.inSet(same), floor };
}

/**
 * Rule 2. Reached: an accept quorum reports the same accepted ballot and no reply a higher one.
 * Missed: that cannot happen any more in this round, so only an identity write can tell.
 */
export function judgeRead(round: Round): Verdict | "wait" {
  const { set } = round;
  const { sameMask } = findingsOf(round);
  const answered = round.inSet(round.okMask);
  if (set.isAcceptQuorum(sameMask) && set.isPrepareQuorum(answered)) return "reached";
  const open = openMask(round);
  const possible = set.isAcceptQuorum(sameMask | open) && set.isPrepareQuorum(answered | open);
  return possible ? "wait" : "missed";
}

/** The hazard of rule 2: any majority will do. */
export function judgeReadLoosely(round: Round): Verdict | "wait" {
  return judgePrepare(round);
}

export function judgePrepare(round: Round): Verdict | "wait" {
  const { set } = round;
  const yes = round.inSet(round.okMask);
  if (set.isPrepareQuorum(yes)) return "reached";
  return set.isPrepareQuorum(yes | openMask(round)) ? "wait" : "missed";
}

/** All members, when a quorum may not know the newest value (a fenced key), and for purges. */
export function judgeAllMembers(round: Round): Verdict | "wait" {
  const { memberMask } = round.set;
  const yes = round.inSet(round.okMask) & memberMask;
  if (yes === memberMask) return "reached";
  return ((yes | openMask(round)) & memberMask) === memberMask ? "wait" : "missed";
}

export function judgeEveryone(round: Round): Verdict | "wait" {
  if (round.reachedEveryone) return "reached";
  const { everyMask } = round.set;
  return (round.inSet(round.okMask | stillOpen(round)) & everyMask) === everyMask
    ? "wait"
    : "missed";
}

export function judgeAccept(round: Round): Verdict | "wait" {
  const { set } = round;
  const yes = round.inSet(round.okMask);
  if (set.isAcceptQuorum(yes)) return "reached";
  return set.isAcceptQuorum(yes | openMask(round)) ? "wait" : "missed";
}

/**
 * Accept by a sole proposer: members that have become unavailable may be about to leave the set,
 * and then those that said yes may be a quorum of the next one. The round waits for that change
 * until it is too late.
 */
export function judgeAcceptAcrossChange(round: Round): Verdict | "wait" {
  const { set } = round;
  const yes = round.inSet(round.okMask);
  if (set.isAcceptQuorum(yes)) return "reached";
  const hopeful = round.inSet(round.unavailableMask) | openMask(round);
  return set.isAcceptQuorum(yes | hopeful) ? "wait" : "missed";
}

/**
 * A sole proposer's accept on what it takes for a blank register. Nobody accepts where that is wrong:
 * so every answer is waited for, because then it is certain that nothing was changed.
 */
export function judgeFirstAccept(round: Round): Verdict | "wait" {
  const verdict = judgeAcceptAcrossChange(round);
  return verdict === "missed" && stillOpen(round) !== 0 ? "wait" : verdict;
}

/** Not answered yet, asked or still to be asked, as a mask over the round's set. */
function openMask(round: Round): number {
  return round.inSet(stillOpen(round));
}

function stillOpen(round: Round): number {
  return round.askableMask & ~round.answeredMask;
}
