/**
 * What a proposer needs from one replica of a register, whether it is a drive of this node or a
 * peer's. Types only.
 *
 * A replica never throws and never rejects: what went wrong is part of the reply. It answers only
 * from durable state (rules 1 and 1b). It may answer in any order and keep no order between calls.
 */
import type { Ballot } from "../../src/base/ballot.ts";
import type { KvRow } from "../../src/base/kv-row.ts";
import type { AcceptorRefusal } from "../../src/base/register-cell.ts";

export interface RegisterReplica {
  /** The drive's id, for ever the same. */
  readonly id: string;
  // `bucketEpoch`: the epoch of the bucket's settings under which the caller acts; undefined when it
  // acts under none (background work) or the replica is not shared with other proposers.
  /** The cell as it is durable. */
  read(key: Uint8Array, bucketEpoch?: number): Promise<ReadReply>;
  prepare(key: Uint8Array, ballot: Ballot, bucketEpoch?: number): Promise<PrepareReply>;
  accept(
    key: Uint8Array,
    ballot: Ballot,
    proposal: Proposal,
    bucketEpoch?: number,
  ): Promise<AcceptReply>;
  /** Drops the tombstone accepted at `ballot`, applies `rows`, raises the floor (rule 6). */
  purge(key: Uint8Array, ballot: Ballot, rows: readonly KvRow[]): Promise<PurgeReply>;
  /**
   * Takes a value that is chosen already without this replica's vote (`decideInstall`), unless the key
   * has no record and the floor says that it may have been deleted since.
   */
  install(key: Uint8Array, ballot: Ballot, proposal: Proposal): Promise<InstallReply>;
  /**
   * Drops whatever cell the replica has, applies `rows` and raises the floor. Only for an observer
   * that holds a key which is blank on every member.
   */
  discard(key: Uint8Array, floor: Ballot, rows: readonly KvRow[]): Promise<DiscardReply>;
}

/** What a replica stores in one transaction with the ballots. */
export interface Proposal {
  readonly value: Uint8Array;
  readonly rows: readonly KvRow[];
  /** Only where nothing was accepted before (`decideFirstAccept`); sent by a sole proposer. */
  readonly first?: boolean;
}

/**
 * The log that a drive of a sole proposer keeps beside its cells: accept and install add
 * (ballot → key) in the cell's transaction. After a start every key in it is settled before the
 * drives are trusted one by one.
 */
export interface RecentLog {
  /** The oldest entries in ballot order; `upTo` is the clock of the last one's ballot, or 0. */
  recent(limit: number): Promise<RecentReply>;
  /** Forgets entries whose ballot's clock is at most `upTo`. */
  forgetRecent(upTo: number): Promise<Done | Refusal>;
}

export interface RecentPage {
  readonly ok: true;
  readonly keys: readonly Uint8Array[];
  readonly upTo: number;
}

export interface CellReport {
  readonly ok: true;
  readonly promised: Ballot;
  /** ZERO_BALLOT for a blank register; there is no `value` then. */
  readonly accepted: Ballot;
  readonly value?: Uint8Array;
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
  /** The bucket's settings have changed since the epoch that the request names. */
  | { readonly ok: false; readonly reason: "stale"; readonly bucketEpoch: number }
  /** A bounded queue is full, the drive is full, or there is nothing of the kind. */
  | { readonly ok: false; readonly reason: "busy" | "full" | "missing" }
  /**
   * The cell is there and cannot be read; the replica has no vote on this key. A replica that is
   * shared by several proposers takes an accept whose ballot's clock is higher than `above`.
   */
  | { readonly ok: false; readonly reason: "corrupt"; readonly above?: number };

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
export type InstallReply = Done | AcceptorRefusal | Refusal;
export type DiscardReply = Done | Refusal;
export type RecentReply = RecentPage | Refusal;
