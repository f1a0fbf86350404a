/**
 * A drive of the cluster as a register replica that several nodes propose to: what a node sees of
 * every drive, its own or another's. Types only.
 *
 * On the node that owns the drive it is a ReplicaGuard over the `Drive`; elsewhere it is a client of
 * that guard, which sends the same calls with the same fences. Whatever lies between, a promise of
 * this interface never rejects, and a request whose fate is not known is answered `unavailable`,
 * applied "unknown".
 */
import type {
  AcceptReply,
  DiscardReply,
  Done,
  InstallReply,
  PrepareReply,
  Proposal,
  PurgeReply,
  ReadReply,
  Refusal,
} from "../../../cluster/register/replica.ts";
import type { Ballot } from "../../base/ballot.ts";
import type { KvRow } from "../../base/kv-row.ts";
import type { RangeQuery, RangeReply } from "../../store/drive.ts";

import type { DigestQuery, DigestReply } from "./row-digest.ts";

/** What the caller knows, and the replica refuses when it knows better. */
export interface Fence {
  /** The epoch of the ring under which the caller found this replica. */
  readonly layout: number;
  /**
   * The epoch of the bucket's settings under which the caller acts; undefined for background work,
   * which acts under none, and for the registers of buckets themselves.
   */
  readonly bucketEpoch: number | undefined;
}

/** Numbers that a replica remembers durably and never lowers (I7). */
export interface Marks {
  readonly layout?: number;
  readonly bucket?: { readonly id: Uint8Array; readonly epoch: number };
}

export interface SharedDrive {
  readonly id: string;
  /** How far away it is: 0 for a drive of this node. Nearer ones are asked first. */
  readonly distance: number;
  read(key: Uint8Array, fence: Fence): Promise<ReadReply>;
  prepare(key: Uint8Array, ballot: Ballot, fence: Fence): Promise<PrepareReply>;
  accept(key: Uint8Array, ballot: Ballot, proposal: Proposal, fence: Fence): Promise<AcceptReply>;
  purge(key: Uint8Array, ballot: Ballot, rows: readonly KvRow[], fence: Fence): Promise<PurgeReply>;
  /** Takes a value that is CHOSEN at this ballot. */
  install(key: Uint8Array, ballot: Ballot, proposal: Proposal, fence: Fence): Promise<InstallReply>;
  discard(
    key: Uint8Array,
    floor: Ballot,
    rows: readonly KvRow[],
    fence: Fence,
  ): Promise<DiscardReply>;
  /** All heads of the query belong to one bucket. */
  range(query: RangeQuery, fence: Fence): Promise<RangeReply | Refusal>;
  /** For comparing replicas; see row-digest.ts. */
  digest(query: DigestQuery, fence: Fence): Promise<DigestReply | Refusal>;
  /**
   * When it answers, the marks are durable and no request with lower ones has an effect any more.
   * Higher ones that are there already stay.
   */
  raise(marks: Marks): Promise<Done | Refusal>;
}
