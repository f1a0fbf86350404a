/**
 * One drive as the layers above see it: an actor behind a typed mailbox. It owns an ordered index
 * (registers and the rows derived from them) and immutable shard files.
 *
 * Every reply is plain data; a promise of this interface never rejects. "unavailable" carries
 * whether the request was certainly not applied ("no") or may have been ("unknown"): an unknown
 * outcome is never turned into a failure or a success. What a reply says was stored is durable
 * (fdatasync of data and of new directory entries), and reads show durable state only (I6).
 */
import type { Ballot } from "../base/ballot.ts";
import type { DataId, DriveId } from "../base/ids.ts";
import type { KvRow } from "../base/kv-row.ts";
import type { AcceptorRefusal } from "../base/register-cell.ts";
import type { ShardHeader } from "../codec/shard-header.ts";

/** Why a drive did not do what it was asked. */
export type DriveRefusal =
  | {
      readonly ok: false;
      readonly reason: "unavailable";
      readonly applied: "no" | "unknown";
      readonly message: string;
    }
  | { readonly ok: false; readonly reason: "full" }
  | { readonly ok: false; readonly reason: "busy" }
  | { readonly ok: false; readonly reason: "corrupt"; readonly message: string }
  | { readonly ok: false; readonly reason: "missing" };

export interface CellReply {
  readonly ok: true;
  readonly promised: Ballot;
  /** ZERO_BALLOT for a blank register. */
  readonly accepted: Ballot;
  /** Absent for a blank register. A view that the caller owns. */
  readonly value?: Uint8Array;
  readonly floor: Ballot;
}

export interface Done {
  readonly ok: true;
}

/** What one transaction stores beside the ballots. */
export interface RegisterProposal {
  readonly value: Uint8Array;
  readonly rows: readonly KvRow[];
  /** An accept only where nothing was accepted before. */
  readonly first?: boolean;
}

/**
 * A page of rows in key order, merged over several heads (the fixed-length beginnings of register
 * keys: one per listing shard). Keys in question and answer are relative: without their head.
 */
export interface RangeQuery {
  readonly table: "list" | "heal" | "pending" | "trash" | "rec";
  readonly heads: readonly Uint8Array[];
  /** First relative key wanted. */
  readonly from: Uint8Array;
  readonly fromExclusive: boolean;
  /** Only keys with this beginning (relative). */
  readonly prefix: Uint8Array;
  /** Folds keys that contain it after the prefix into one common-prefix row each, by seeking. */
  readonly delimiter?: Uint8Array;
  /**
   * One common-prefix row for each head that has such keys, each with its witness: so that the rows
   * of several drives can be compared head by head.
   */
  readonly perHead?: boolean;
  /** Leaves out rows whose first value byte lacks ROW_VISIBLE (see src/base/kv-row.ts). */
  readonly visibleOnly: boolean;
  /** Rows and common prefixes together. */
  readonly limit: number;
  /** Rows looked at, at the most: a page may come back short with `resume`. */
  readonly scanMax: number;
}

export interface RangeRow {
  readonly key: Uint8Array;
  /** Which head it belongs to. */
  readonly head: number;
  /**
   * Absent for a common prefix, whose `key` ends with the delimiter. In the table `rec` it is the
   * register cell (src/base/register-cell.ts), empty when the record is damaged.
   */
  readonly value?: Uint8Array;
  /** Of a common prefix asked for `perHead`: the first key behind it that the query shows. */
  readonly witness?: RowWitness;
}

export interface RowWitness {
  /** Relative, like the row's key, with which it begins. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface RangeReply {
  readonly ok: true;
  readonly rows: readonly RangeRow[];
  /** Nothing follows the last row. */
  readonly exhausted: boolean;
  /** Where to go on (relative, inclusive) when not exhausted. */
  readonly resume?: Uint8Array;
}

/** What is needed to create one shard file; see docs/FORMATS.md. */
export interface ShardSpec {
  readonly dataId: DataId;
  readonly slot: number;
  readonly k: number;
  readonly m: number;
  readonly stripeDataBytes: number;
  /** The register whose record will refer to the data: kept in `pending` until it does. */
  readonly ownerKey: Uint8Array;
  /** Expected file length for early space checks; undefined when unknown. */
  readonly fileBytes?: number;
  /**
   * Made again, for data that a record refers to already, here or elsewhere. Its `pending` row has a
   * key of its own: a record takes away the rows of its shards on all drives that keep it, and would
   * take that of a copy on another drive than the one it names.
   */
  readonly anew?: boolean;
}

/** A block and its trailer in the shared arena, as offsets and lengths in bytes. */
export interface BlockPlace {
  readonly blockOffset: number;
  readonly blockBytes: number;
  /** Undefined: only the bytes of the block, which are then any piece of a shard file. */
  readonly trailerOffset: number | undefined;
}

export interface ShardWriter {
  /** Writes the next block ‖ trailer. The arena bytes may change only after the reply. */
  append(place: BlockPlace): Promise<Done | DriveRefusal>;
  /** Durable when it replies: data, directory entry and the pending row. */
  finish(): Promise<Done | DriveRefusal>;
  /** Deletes what was written; never fails. */
  abort(): void;
}

export interface ShardRead {
  readonly dataId: DataId;
  readonly slot: number;
  /** Offset of the block in the shard file. */
  readonly fileOffset: number;
  readonly place: BlockPlace;
}

export type DriveState = "online" | "faulty" | "offline";

export interface DriveStatus {
  readonly id: DriveId;
  readonly path: string;
  readonly state: DriveState;
  /** Why it is not online, in words. */
  readonly reason?: string;
  /** Writes are refused to keep the reserve for deletes and metadata. */
  readonly full: boolean;
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly readErrors: number;
  readonly writeErrors: number;
}

export interface Drive {
  readonly id: DriveId;
  readonly path: string;
  /** Position in the node's append-only table of drives; data descriptors name drives by it. */
  readonly index: number;

  // Registers (structurally the RegisterReplica of cluster/register, which says what each promises).
  // The decisions are those of src/base/register-cell.ts: decidePrepare, decideAccept, decidePurge,
  // decideInstall; what they return is made durable before the answer.
  read(key: Uint8Array): Promise<CellReply | DriveRefusal>;
  prepare(key: Uint8Array, ballot: Ballot): Promise<CellReply | AcceptorRefusal | DriveRefusal>;
  accept(
    key: Uint8Array,
    ballot: Ballot,
    proposal: RegisterProposal,
  ): Promise<Done | AcceptorRefusal | DriveRefusal>;
  /** Drops the tombstone accepted at `ballot`, applies the rows (deletions), raises the floor. */
  purge(
    key: Uint8Array,
    ballot: Ballot,
    rows: readonly KvRow[],
  ): Promise<Done | AcceptorRefusal | DriveRefusal>;
  /** Takes a value chosen without this drive's vote, also over a cell that cannot be read. */
  install(
    key: Uint8Array,
    ballot: Ballot,
    proposal: RegisterProposal,
  ): Promise<Done | AcceptorRefusal | DriveRefusal>;
  /** Drops whatever cell there is, applies the rows, raises the floor to at least `floor`. */
  discard(key: Uint8Array, floor: Ballot, rows: readonly KvRow[]): Promise<Done | DriveRefusal>;
  range(query: RangeQuery): Promise<RangeReply | DriveRefusal>;
  /**
   * Keys accepted (or installed) and not forgotten since, in the order of the ballots they were
   * accepted at. `upTo` is the clock of the last one's ballot (0 when there is none), so the table
   * `recent` is keyed by ballot; its row is written in the accept's transaction.
   */
  recent(limit: number): Promise<{ ok: true; keys: Uint8Array[]; upTo: number } | DriveRefusal>;
  /** Forgets recent entries whose ballot's clock is ≤ `upTo`. */
  forgetRecent(upTo: number): Promise<Done | DriveRefusal>;

  // Small durable values of the drive itself (replica-set epoch, counters).
  readMeta(name: string): Promise<{ ok: true; value?: Uint8Array } | DriveRefusal>;
  writeMeta(name: string, value: Uint8Array): Promise<Done | DriveRefusal>;
  /** Deletes rows that no register derives (finished intents), in one transaction. */
  deleteRows(rows: readonly { table: string; key: Uint8Array }[]): Promise<Done | DriveRefusal>;

  // Shards.
  createShard(spec: ShardSpec): ShardWriter;
  readBlock(read: ShardRead): Promise<Done | DriveRefusal>;
  /** Deletes the shard's file; done too when there was none. Durable when it replies. */
  /** Whether the file of a shard is that shard's: "corrupt" says what it is instead. */
  checkShard(header: ShardHeader): Promise<Done | DriveRefusal>;
  dropShard(dataId: DataId, slot: number): Promise<Done | DriveRefusal>;
  /** Shard files present, in name order after `after` (scrub, resync). */
  listShards(
    after: string,
    limit: number,
  ): Promise<
    | { ok: true; shards: { dataId: DataId; slot: number; bytes: number; mtimeMs: number }[] }
    | DriveRefusal
  >;

  status(): DriveStatus;
  /** Calls back whenever the state changes (once per change). */
  onStateChange(callback: (status: DriveStatus) => void): void;
  /** Takes the drive out: nothing is written or read any more. */
  fail(reason: string): void;
}
