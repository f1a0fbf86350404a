/**
 * FOR THE SIMULATOR ONLY: each flag switches one safety rule of the engine off, so that the
 * simulator can show that it would notice. Production code passes NO_HAZARDS.
 */
import type { StartHazards } from "./first-epoch.ts";

export interface RegisterHazards {
  /** Rule 2 off: a read answers the highest value of any majority, chosen or not. */
  readonly readUnchosen?: boolean;
  /** Rule 3 off: an operation is tried again without looking whether it took effect. */
  readonly retryBlindly?: boolean;
  /** Rule 3, its window, off: an id that is not in a full window was never applied. */
  readonly trustFullWindow?: boolean;
  /** Not a hazard: a window this short rolls over within a short history. */
  readonly windowOperations?: number;
  /** Rule 4 off: a negative answer is computed from a value that may never be chosen. */
  readonly refuseFromUnchosen?: boolean;
  /** Rule 4, its second half, off: a refusal leaves an accept of its own operation behind. */
  readonly leaveDangling?: boolean;
  /** An accept goes out at a newer ballot than the one that its value was prepared at. */
  readonly acceptAboveBase?: boolean;
  /** Rule 5 off: an accept without a quorum is reported as a definite failure. */
  readonly failDefinitely?: boolean;
  /** Rule 6, proposer's half, off: a tombstone is collected though a replica may lack it. */
  readonly purgeFromMajority?: boolean;
  /** Rule 7 off: the floor is not held against an earlier accept. */
  readonly ignoreFloor?: boolean;
  /** Sole proposer: unsettled keys are treated like settled ones. */
  readonly trustUnsettled?: boolean;
  /** Sole proposer: a value kept in memory outlives the accept that replaces it. */
  readonly keepOverwritten?: boolean;
  /** Not a hazard: every update of a settled key begins as if the register were blank. */
  readonly guessFirst?: boolean;
  /** Sole proposer: after a change of the set a quorum is enough to settle a key. */
  readonly skipFence?: boolean;
}

export const NO_HAZARDS: RegisterHazards = {};

/** What a membership leaves out, for the same purpose. */
export interface MembershipHazards extends StartHazards {
  /** Any survivors may go on. */
  readonly excludeFreely?: boolean;
  /** A drive that comes back is a member at once. */
  readonly readmitUnchecked?: boolean;
  /** Recent keys are not settled after a start. */
  readonly skipRecent?: boolean;
}
