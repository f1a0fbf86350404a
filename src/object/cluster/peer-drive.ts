/**
 * A drive of another node over the peer network: a register replica behind its guard over there, and
 * a place for shards. Nothing is remembered and nothing repeated here; a call ends with the drive's
 * own answer or with what is known of it when the other node does not answer.
 *
 * Its state is what the other node last reported, or "offline" while that node cannot be reached.
 * It comes back by itself: what it stored is durable, and a call that was given up may still take
 * effect there later, which every register round allows for.
 */
import type { PeerId } from "../../../cluster/peers/peer-id.ts";
import type { PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import type {
  AcceptReply,
  DiscardReply,
  InstallReply,
  PrepareReply,
  Proposal,
  PurgeReply,
  ReadReply,
  Refusal,
} from "../../../cluster/register/replica.ts";
import type { Ballot } from "../../base/ballot.ts";
import type { DataId, DriveId } from "../../base/ids.ts";
import type { KvRow } from "../../base/kv-row.ts";
import type { ShardHeader } from "../../codec/shard-header.ts";
import type {
  Done,
  DriveRefusal,
  DriveStatus,
  RangeQuery,
  RangeReply,
  ShardRead,
  ShardSpec,
  ShardWriter,
} from "../../store/drive.ts";
import type { OkReply } from "../../store/drive-wire.ts";
import type { DriveReport, DriveRequest } from "../../store/store-messages.ts";
import type { StoreDrive } from "../contract/node-replicas.ts";
import type { DataDrive } from "../data/data-drives.ts";
import {
  asDataRefusal,
  type DataCall,
  DRIVE_METHOD,
  decodeDigestReply,
  decodeDone,
  decodeRangeReply,
  decodeReply,
  encodeDataCall,
  encodeDigestCall,
  encodeRaise,
  encodeRegisterCall,
  type RegisterCall,
} from "./drive-protocol.ts";
import { openPeerShard, type PeerPlace, readPeerBlock, type ShardNetwork } from "./peer-shards.ts";
import { notUnderstood, type PeerRefusal, refusalOf } from "./peer-wire.ts";
import type { DigestQuery, DigestReply } from "./row-digest.ts";
import type { Fence, Marks, SharedDrive } from "./shared-drive.ts";

export interface PeerDriveOptions {
  readonly id: DriveId;
  /** Its number in data descriptors. */
  readonly index: number;
  readonly peer: PeerId;
  /** How people know it. */
  readonly path: string;
  readonly limits: PeerDriveLimits;
}

export interface PeerDriveLimits {
  /** For calls about registers, rows and names. */
  readonly callMs: number;
  /** For reading one block. */
  readonly blockMs: number;
  /** From opening a shard to its end: as long as a slow client may take. */
  readonly shardMs: number;
}

export const PEER_DRIVE_LIMITS: PeerDriveLimits = {
  callMs: 10_000,
  blockMs: 20_000,
  shardMs: 24 * 60 * 60 * 1000,
};

export type DriveNetwork = ShardNetwork & Pick<PeerNetwork, "call">;

const UNHEARD: DriveReport = {
  ok: true,
  state: "offline",
  reason: "its node has not reported yet",
  full: false,
  totalBytes: 0,
  freeBytes: 0,
  readErrors: 0,
  writeErrors: 0,
};
/** Calls that change nothing. */
const READS: ReadonlySet<string> = new Set(["read", "range", "listShards", "checkShard"]);

export class PeerDrive implements SharedDrive, DataDrive, StoreDrive {
  readonly id: DriveId;
  readonly index: number;
  readonly path: string;
  readonly peer: PeerId;
  readonly distance = 1;
  readonly #limits: PeerDriveLimits;
  readonly #network: DriveNetwork;
  #report = UNHEARD;
  /** Why the node cannot be reached. */
  #unreachable: string | undefined;

  constructor(options: PeerDriveOptions, network: DriveNetwork) {
    this.id = options.id;
    this.index = options.index;
    this.path = options.path;
    this.peer = options.peer;
    this.#limits = options.limits;
    this.#network = network;
  }

  async read(key: Uint8Array, fence: Fence): Promise<ReadReply> {
    return asReply<ReadReply>(await this.#register("read", { key }, fence));
  }

  async prepare(key: Uint8Array, ballot: Ballot, fence: Fence): Promise<PrepareReply> {
    return asReply<PrepareReply>(await this.#register("prepare", { key, ballot }, fence));
  }

  async accept(
    key: Uint8Array,
    ballot: Ballot,
    proposal: Proposal,
    fence: Fence,
  ): Promise<AcceptReply> {
    return asReply<AcceptReply>(await this.#register("accept", { key, ballot, proposal }, fence));
  }

  async install(
    key: Uint8Array,
    ballot: Ballot,
    proposal: Proposal,
    fence: Fence,
  ): Promise<InstallReply> {
    return asReply<InstallReply>(await this.#register("install", { key, ballot, proposal }, fence));
  }

  async purge(
    key: Uint8Array,
    ballot: Ballot,
    rows: readonly KvRow[],
    fence: Fence,
  ): Promise<PurgeReply> {
    return asReply<PurgeReply>(await this.#register("purge", { key, ballot, rows }, fence));
  }

  async discard(
    key: Uint8Array,
    floor: Ballot,
    rows: readonly KvRow[],
    fence: Fence,
  ): Promise<DiscardReply> {
    const request = { key, ballot: floor, rows };
    return asReply<DiscardReply>(await this.#register("discard", request, fence));
  }

  async range(query: RangeQuery, fence: Fence): Promise<RangeReply | Refusal> {
    const bytes = encodeRegisterCall(this.id, "range", query, fence);
    const reply = await this.#call(bytes, true, decodeRangeReply);
    return asReply<RangeReply | Refusal>(reply);
  }

  async digest(query: DigestQuery, fence: Fence): Promise<DigestReply | Refusal> {
    const bytes = encodeDigestCall(this.id, query, fence);
    const reply = await this.#call(bytes, true, decodeDigestReply);
    return asReply<DigestReply | Refusal>(reply);
  }

  async raise(marks: Marks): Promise<Done | Refusal> {
    const reply = await this.#call(encodeRaise(this.id, marks), false, decodeDone);
    return asReply<Done | Refusal>(reply);
  }

  deleteRows(
    rows: readonly { table: string; key: Uint8Array }[],
  ): Promise<OkReply<"deleteRows"> | DriveRefusal> {
    return this.#data("deleteRows", { rows });
  }

  checkShard(header: ShardHeader): Promise<OkReply<"checkShard"> | DriveRefusal> {
    return this.#data("checkShard", header);
  }

  dropShard(dataId: DataId, slot: number): Promise<OkReply<"dropShard"> | DriveRefusal> {
    return this.#data("dropShard", { dataId, slot });
  }

  createShard(spec: ShardSpec): ShardWriter {
    return openPeerShard(this.#network, this.#place(this.#limits.shardMs), spec);
  }

  readBlock(read: ShardRead): Promise<Done | DriveRefusal> {
    return readPeerBlock(this.#network, this.#place(this.#limits.blockMs), read);
  }

  status(): DriveStatus {
    const { ok: _, reason, ...report } = this.#report;
    const status = { ...report, id: this.id, path: this.path };
    if (this.#unreachable !== undefined) {
      return { ...status, state: "offline", reason: this.#unreachable };
    }
    return reason === undefined ? status : { ...status, reason };
  }

  /** What its node says about it. */
  takeReport(report: DriveReport): void {
    this.#report = report;
    this.#unreachable = undefined;
  }

  /** Its node does not answer. */
  takeUnreachable(reason: string): void {
    this.#unreachable = reason;
  }

  #place(deadlineMs: number): PeerPlace {
    return { peer: this.peer, drive: this.id, deadlineMs };
  }

  #register<K extends Exclude<RegisterCall, "range">>(
    name: K,
    request: DriveRequest<K>,
    fence: Fence,
  ): Promise<OkReply<K> | PeerRefusal> {
    const bytes = encodeRegisterCall(this.id, name, request, fence);
    return this.#call(bytes, READS.has(name), (reply) => decodeReply(name, reply));
  }

  async #data<K extends DataCall>(
    name: K,
    request: DriveRequest<K>,
  ): Promise<OkReply<K> | DriveRefusal> {
    const bytes = encodeDataCall(this.id, name, request);
    const reply = await this.#call(bytes, READS.has(name), (it) => decodeReply(name, it));
    // What is no refusal is the reply of this call.
    return reply.ok ? (reply as OkReply<K>) : asDataRefusal(reply as PeerRefusal);
  }

  async #call<Reply>(
    bytes: Uint8Array,
    reads: boolean,
    decode: (reply: Uint8Array) => Reply,
  ): Promise<Reply | PeerRefusal> {
    const options = { deadlineMs: this.#limits.callMs };
    const result = await this.#network.call(this.peer, DRIVE_METHOD, bytes, options);
    if (!result.ok) return refusalOf(result.error, reads);
    try {
      return decode(result.payload);
    } catch (error) {
      return notUnderstood(error);
    }
  }
}

/**
 * A reply of its call. A refusal that the call does not know is one that the other node did not
 * mean: every reader of refusals treats what it does not know as "not done, and not by me".
 */
function asReply<Reply>(reply: unknown): Reply {
  return reply as Reply; // the codec of the call has read it
}
