/**
 * What a drive can be asked, by name: the call table between the front side (`DriveClient`) and the
 * actor, whether a thread lies between them or not. Types only; drive-wire.ts has the bytes.
 */
import type { Ballot } from "../base/ballot.ts";
import type { DataId, DriveId } from "../base/ids.ts";
import type { KvRow } from "../base/kv-row.ts";
import type { AcceptorRefusal } from "../base/register-cell.ts";
import type { ShardHeader } from "../codec/shard-header.ts";
import type {
  BlockPlace,
  CellReply,
  Done,
  DriveRefusal,
  DriveState,
  RangeQuery,
  RegisterProposal,
  ShardRead,
  ShardSpec,
} from "./drive.ts";
import type { PackedRange } from "./range-rows.ts";

export interface RecentPage {
  readonly ok: true;
  keys: Uint8Array[];
  upTo: number;
}

export interface MetaReply {
  readonly ok: true;
  value?: Uint8Array;
}

export interface ShardListing {
  readonly ok: true;
  shards: { dataId: DataId; slot: number; bytes: number; mtimeMs: number }[];
}

/** The changing half of a drive's status, as its actor knows it. */
export interface DriveReport {
  readonly ok: true;
  readonly state: DriveState;
  readonly reason: string | undefined;
  readonly full: boolean;
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly readErrors: number;
  readonly writeErrors: number;
}

interface Call<Request, Reply> {
  readonly request: Request;
  readonly reply: Reply;
}

interface Key {
  readonly key: Uint8Array;
}

interface KeyBallot extends Key {
  readonly ballot: Ballot;
}

interface KeyRows extends KeyBallot {
  readonly rows: readonly KvRow[];
}

/** Shard files being written are numbered by the front side. */
interface Writer {
  readonly writer: number;
}

export interface DriveCalls {
  read: Call<Key, CellReply | DriveRefusal>;
  prepare: Call<KeyBallot, CellReply | AcceptorRefusal | DriveRefusal>;
  accept: Call<
    KeyBallot & { readonly proposal: RegisterProposal },
    Done | AcceptorRefusal | DriveRefusal
  >;
  /** An accept only where nothing was accepted before. */
  acceptFirst: Call<
    KeyBallot & { readonly proposal: RegisterProposal },
    Done | AcceptorRefusal | DriveRefusal
  >;
  install: Call<
    KeyBallot & { readonly proposal: RegisterProposal },
    Done | AcceptorRefusal | DriveRefusal
  >;
  purge: Call<KeyRows, Done | AcceptorRefusal | DriveRefusal>;
  /** `ballot` is the floor. */
  discard: Call<KeyRows, Done | DriveRefusal>;
  range: Call<RangeQuery, PackedRange | DriveRefusal>;
  recent: Call<{ readonly limit: number }, RecentPage | DriveRefusal>;
  forgetRecent: Call<{ readonly upTo: number }, Done | DriveRefusal>;
  readMeta: Call<{ readonly name: string }, MetaReply | DriveRefusal>;
  writeMeta: Call<{ readonly name: string; readonly value: Uint8Array }, Done | DriveRefusal>;
  deleteRows: Call<
    { readonly rows: readonly { table: string; key: Uint8Array }[] },
    Done | DriveRefusal
  >;
  shardCreate: Call<Writer & { readonly spec: ShardSpec }, Done | DriveRefusal>;
  shardAppend: Call<Writer & { readonly place: BlockPlace }, Done | DriveRefusal>;
  /** `nowMs` becomes the creation time in the pending row: the actor has no clock. */
  shardFinish: Call<Writer & { readonly nowMs: number }, Done | DriveRefusal>;
  shardAbort: Call<Writer, Done>;
  readBlock: Call<ShardRead, Done | DriveRefusal>;
  checkShard: Call<ShardHeader, Done | DriveRefusal>;
  dropShard: Call<{ readonly dataId: DataId; readonly slot: number }, Done | DriveRefusal>;
  listShards: Call<{ readonly after: string; readonly limit: number }, ShardListing | DriveRefusal>;
  /** Durable before any ballot with it is made. */
  raiseIncarnation: Call<{ readonly incarnation: number }, Done | DriveRefusal>;
  /** The drive holds everything that its predecessor at the same index did. */
  markSynced: Call<Record<never, never>, Done | DriveRefusal>;
  /** Looks at the folder, its identity and its free space. */
  probe: Call<Record<never, never>, DriveReport>;
  fail: Call<{ readonly reason: string }, DriveReport>;
}

export type DriveCallName = keyof DriveCalls;
export type DriveRequest<K extends DriveCallName> = DriveCalls[K]["request"];
export type DriveReply<K extends DriveCallName> = DriveCalls[K]["reply"];

/** What answers the calls. A promise that it returns never rejects. */
export type DriveHandlers = {
  readonly [K in DriveCallName]: (
    request: DriveRequest<K>,
  ) => DriveReply<K> | Promise<DriveReply<K>>;
};

/** The way to one drive's actor. */
export interface DriveLink {
  /** Never rejects. */
  call<K extends DriveCallName>(name: K, request: DriveRequest<K>): Promise<DriveReply<K>>;
  /** Told about every change of the actor's report. */
  onReport(callback: (report: DriveReport) => void): void;
}

/** Which drive an actor is to open. */
export interface DriveOpening {
  readonly path: string;
  readonly id: DriveId;
  /** True on a freshly formatted folder: the index is made. False: it must be there. */
  readonly create: boolean;
  /** Only looked at when the index is made: it holds less than its node thinks it should. */
  readonly needsResync: boolean;
}

/** What the index remembers of the drive. */
export interface OpenedDrive {
  readonly incarnation: number;
  /** Set until `markSynced`: the drive holds less than its predecessor at the same index did. */
  readonly needsResync: boolean;
  readonly report: DriveReport;
}
