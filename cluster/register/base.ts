/** What a round of prepares finds, and what a proposal is built on. Types only. */
import type { Ballot } from "../../src/base/ballot.ts";
import type { ReplicaSet } from "./replica-set.ts";

/** What a proposal may be built on. */
export interface Base {
  readonly kind: "base";
  /** The set that was asked; the accept must go to the same epoch. */
  readonly set: ReplicaSet;
  /** The ballot prepared; ZERO_BALLOT when prepare was skipped (sole proposer, settled key). */
  readonly ballot: Ballot;
  readonly accepted: Ballot;
  /** The value found; undefined for a blank register. */
  readonly bytes: Uint8Array | undefined;
  /** The value found is known to be chosen (rule 4). */
  readonly chosen: boolean;
  /** Every member is known to hold the same cell. */
  readonly unanimous: boolean;
  readonly floor: Ballot;
}

/** No quorum promised. */
export interface Missed {
  readonly kind: "missed";
  /** Somebody else's ballot was higher: another attempt will do better. */
  readonly duel: boolean;
  readonly got: number;
  /** A replica knows this newer epoch of the bucket's settings; 0 or absent: none does. */
  readonly staleEpoch?: number;
}

/**
 * A prepare that began before its update, which may use it once. Whatever was accepted in between
 * has a higher ballot, so an accept that is built on it is refused then, and the update tries again.
 */
export interface PreparedKey {
  /** Under which it was asked: see ReadOptions. */
  readonly bucketEpoch: number | undefined;
  readonly base: Promise<Base | Missed>;
}
