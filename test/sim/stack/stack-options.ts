/** What a run of the whole stack is made with: its pressure, and which rules are left out. */
import type { GuardHazards } from "../../../src/object/cluster/replica-guard.ts";

/** A rule that the data path relies on, each left out by one losing variant. */
export interface StackHazards {
  /** fdatasync and fsync of folders do nothing: shards are acknowledged before they are durable. */
  readonly lyingDisk?: boolean;
  /** The index acknowledges commits that are not durable yet. */
  readonly earlyIndex?: boolean;
  /** Blocks are taken for what was asked for, whatever their trailers say. */
  readonly readUnverified?: boolean;
  /** Two shards of an object on one drive count as two. */
  readonly placeTwice?: boolean;
  /** Nothing is healed. */
  readonly neverHeal?: boolean;
  /** What nobody can tell is said to have failed. */
  readonly unknownFails?: boolean;
  /** A healer records what it found before it began, whatever has been written since. */
  readonly healsBlindly?: boolean;
  /** Commits are not refused when they come so late that the sweeper may have judged their shards. */
  readonly commitsLate?: boolean;
  /** The sweeper deletes what it finds no reference to, without a fence. */
  readonly sweepsUnfenced?: boolean;
  /** New replicas count before they hold what was written before. */
  readonly emptyReplicas?: boolean;
  /** A page of a listing is what one replica has. */
  readonly listsOneReplica?: boolean;
  readonly guard?: GuardHazards;
}

export interface StackPressure {
  readonly nodes: number;
  readonly clients: number;
  /** Simulated milliseconds in which clients work and things fail. */
  readonly workMs: number;
  readonly pauseMsMax: number;
  /** Mean time between faults; 0 for none. */
  readonly faultMsMean: number;
  readonly lateMessages: number;
  readonly lateMsMax: number;
  readonly connectionBreaks: number;
  readonly slowDisk: number;
  /** Machines that may be taken into the cluster while it runs. */
  readonly spares: number;
  /** Mean time between what an operator does to the members; 0: nothing. */
  readonly changeMsMean: number;
  /** Slots of the first layout; undefined: 4 or 5. The first change makes them as many as drives. */
  readonly slots?: number;
  /** Contents are inline, and there are no uploads: no change waits for a drive that gets shards. */
  readonly onlyInline?: boolean;
  /** Members come and are weighed, none leaves, and no change is given up. */
  readonly onlyGrows?: boolean;
  /** How often a member is cut off when a change begins, and comes back when it may be over. */
  readonly leftBehind?: number;
  /** How often a process stands just there, for longer than the sweeper's grace time. */
  readonly gaps?: Readonly<Partial<Record<Gap, number>>>;
  /** Weight of each kind of fault. */
  readonly faults: Readonly<Record<FaultName, number>>;
}

/**
 * Between two steps of a change of a register: its data is durable and nothing has been asked of the
 * replicas yet; or they have promised, and are asked to accept.
 */
export type Gap = "commit" | "accept";

export type FaultName =
  | "crash"
  | "crashLoop"
  | "powerCut"
  | "partition"
  | "isolate"
  | "stand"
  | "rotFile"
  | "loseFiles"
  | "swapFiles"
  | "loseMachine"
  | "rotIndex"
  | "fullDisk"
  | "clockJump";

export const USUAL_FAULTS: StackPressure["faults"] = {
  crash: 4,
  crashLoop: 1,
  powerCut: 2,
  partition: 3,
  isolate: 2,
  stand: 3,
  rotFile: 3,
  loseFiles: 1,
  swapFiles: 2,
  loseMachine: 0,
  rotIndex: 2,
  fullDisk: 1,
  clockJump: 1,
};

export const USUAL_STACK_PRESSURE: StackPressure = {
  nodes: 5,
  clients: 5,
  workMs: 12_000,
  pauseMsMax: 500,
  faultMsMean: 900,
  lateMessages: 0.02,
  lateMsMax: 1500,
  connectionBreaks: 0.001,
  slowDisk: 0.01,
  spares: 0,
  changeMsMean: 0,
  faults: USUAL_FAULTS,
};

export interface StackOptions {
  readonly pressure: StackPressure;
  readonly hazards: StackHazards;
  /** How long the store gets to become whole; a losing variant need not be waited for. */
  readonly roundsMax: number;
  readonly trace: boolean;
}
