/** What one run of the simulator gives back, and what every scenario has in common. */
import type { MembershipHazards, RegisterHazards } from "../../../cluster/register/hazards.ts";
import type { GuardHazards } from "../../../src/object/cluster/replica-guard.ts";
import type { AcceptorHazards } from "./acceptor.ts";
import type { Operation } from "./linearizability.ts";

/** How hard a scenario presses, and where; a variant may press where its rule matters. */
export interface Pressure {
  readonly clients: number;
  /** Longest pause of a client between two operations. */
  readonly pauseMsMax: number;
  readonly keys: number;
  /** Deletes beyond the usual, as a share of all operations. */
  readonly deleteShare: number;
  /** Longest pause between two attempts to collect a tombstone. */
  readonly collectMsMax: number;
  readonly backoffMs: number;
  readonly operationMs: number;
  /** Share of replies between nodes that are lost; requests have a share of their own. */
  readonly replyLoss: number;
  /** Share of requests to a drive that take long. */
  readonly slowShare: number;
  /** The same of accepts. */
  readonly slowAccepts: number;
  /** The same of installs. */
  readonly slowInstalls: number;
  readonly slowMsMax: number;
  readonly drivesMin: number;
  /** Chance, at each fault, that some drive cannot read some cell any more. */
  readonly rots: number;
  /** Longest absence of a drive that failed. */
  readonly absenceMsMax: number;
  /** Chance that a second drive fails with the first. */
  readonly secondFails: number;
}

export const USUAL_PRESSURE: Pressure = {
  clients: 5,
  pauseMsMax: 25,
  keys: 2,
  deleteShare: 0.1,
  collectMsMax: 30,
  backoffMs: 30,
  operationMs: 600,
  replyLoss: 0.05,
  slowShare: 0.03,
  slowAccepts: 0.03,
  slowInstalls: 0.03,
  slowMsMax: 300,
  drivesMin: 3,
  rots: 0,
  absenceMsMax: 500,
  secondFails: 0.25,
};

/** A change of the ring with a step left out. */
export interface RingHazards {
  /** The new replicas take over without a time in which quorums of both sets are needed. */
  readonly switchAtOnce?: boolean;
  /** The old replicas are left before every key is known to a quorum of the new ones. */
  readonly skipSync?: boolean;
}

export interface ScenarioOptions {
  readonly pressure: Pressure;
  readonly engine: RegisterHazards;
  readonly acceptor: AcceptorHazards;
  readonly membership: MembershipHazards;
  readonly guard: GuardHazards;
  readonly ring: RingHazards;
  readonly slowFlush: boolean;
  readonly collectTombstones: boolean;
  readonly trace: boolean;
}

export interface ScenarioResult {
  /** One history per key. */
  readonly histories: readonly Operation[][];
  readonly trace: readonly string[];
}
