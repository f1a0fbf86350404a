/**
 * What a proposer needs from one replica of a register, whether it is a drive of this node or a
 * peer's. Types only.
 *
 * A replica never throws and never rejects: what went wrong is part of the reply. It answers only
 * from durable state (rules 1 and 1b). It may answer in any order and keep no order between calls.
 */
import type { Ballot } from "../../src/base/ballot.ts";
import type { KvRow } from "../../src/base/kv-row.ts";
import type { AcceptorRefusal, BallotRefusal } from "../../src/base/register-cell.ts";

export interface RegisterReplica {
  /** The drive's id, for ever the same. */
  readonly id: string;
  /** The cell as it is durable. */
  read(key: Uint8Array): Promise<ReadReply>;
  prepare(key: Uint8Array, ballot: Ballot): Promise<PrepareReply>;
  accept(key: Uint8Array, ballot: Ballot, proposal: Proposal): Promise<AcceptReply>;
  /** Drops the tombstone accepted at `ballot`, applies `rows`, raises the floor (rule 6). */
  purge(key: Uint8Array, ballot: Ballot, rows: readonly KvRow[]): Promise<PurgeReply>;
  /** Takes a value that is chosen already without this replica's vote (`decideInstall`). */
  install(key: Uint8Array, ballot: Ballot, proposal: Proposal): Promise<InstallReply>;
  /**
   * Drops whatever cell the replica has, applies `rows` and raises the floor. Only for an observer
   * that holds a key which is blank on every member.
   */
  discard(key: Uint8Array, floor: Ballot, rows: readonly KvRow[]): Promise<DiscardReply>;
}

/** What a replica stores in one transaction with the cell. */
export interface Proposal {
  readonly value: Uint8Array;
  readonly rows: readonly KvRow[];
  /**
   * Every accept whose ballot's clock is below this has reached all members: a replica that keeps a
   * log of recently accepted keys (`RecentLog`) may forget its entries below. 0: forget nothing.
   */
  readonly settledBelow: number;
}

/**
 * The log a drive of a sole proposer keeps beside its cells: accept and install add (ballot → key)
 * in the cell's transaction. After a start every key in it is settled before the drives are trusted
 * one by one.
 */
export interface RecentLog {
  recentKeys(after: Ballot | undefined, limit: number): Promise<RecentReply>;
}

export interface RecentPage {
  readonly ok: true;
  /** In ballot order; a key may appear more than once. */
  readonly entries: ReadonlyArray<{ readonly ballot: Ballot; readonly key: Uint8Array }>;
  readonly complete: boolean;
}

export interface CellReport {
  readonly ok: true;
  readonly promised: Ballot;
  /** ZERO_BALLOT for a blank register; `value` is then undefined. */
  readonly accepted: Ballot;
  readonly value: Uint8Array | undefined;
  /** The floor of the key's partition (rule 7). */
  readonly floor: Ballot;
}

export interface Done {
  readonly ok: true;
}

/** The replica did nothing and will do nothing about this request. */
export type DefiniteRefusal =
  /** Belongs to another epoch of the replica set. */
  | { readonly ok: false; readonly reason: "epoch"; readonly epoch: number }
  /** A bounded queue is full. */
  | { readonly ok: false; readonly reason: "busy" }
  /** The cell is there and cannot be read; the replica has no vote on this key until `install`. */
  | { readonly ok: false; readonly reason: "corrupt" };

/** The drive or the peer is gone. `unknown`: the request may have been carried out. */
export interface Unavailable {
  readonly ok: false;
  readonly reason: "unavailable";
  readonly applied: "no" | "unknown";
}

export type Refusal = DefiniteRefusal | Unavailable;

export type ReadReply = CellReport | Refusal;
export type PrepareReply = CellReport | AcceptorRefusal | Refusal;
export type AcceptReply = Done | AcceptorRefusal | Refusal;
export type PurgeReply = Done | AcceptorRefusal | Refusal;
export type InstallReply = Done | BallotRefusal | Refusal;
export type DiscardReply = Done | Refusal;
export type RecentReply = RecentPage | Refusal;
