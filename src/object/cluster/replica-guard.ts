/**
 * The guard in front of a drive that several nodes propose to. It keeps three things that a drive of
 * a sole proposer need not know, each durable before it is relied on, none ever lowered:
 *
 * - The epoch of the ring acknowledged (I7): requests found under an older one are refused.
 * - The epoch of each bucket's settings: requests under an older one are refused; a newer one is
 *   remembered first. So what is answered under an epoch is answered after everything that the drive
 *   ever did for an older one.
 * - A ceiling above every ballot promised or accepted. A cell that cannot be read has lost its
 *   promise; that was at most the highest ballot of this process, or the ceiling of an earlier one.
 *   An accept above that is one that the lost cell would have had to allow, so the drive takes it,
 *   and the replica votes again. Prepare and read go on being refused until then: what it had
 *   accepted is lost, and only others can tell.
 *
 * What it asks of the drive: calls take effect in the order they were made, and when a write is
 * answered all earlier ones are durable. Then nothing is under way any more once a mark is written.
 */
import type {
  AcceptReply,
  CellReport,
  Done,
  PrepareReply,
  Proposal,
  PurgeReply,
  ReadReply,
  Refusal,
  RegisterReplica,
} from "../../../cluster/register/replica.ts";
import type { Ballot } from "../../base/ballot.ts";
import { asBuffer, utf8 } from "../../base/bytes.ts";
import { ID_BYTES } from "../../base/ids.ts";
import type { KvRow } from "../../base/kv-row.ts";
import type { Drive, RangeQuery, RangeReply } from "../../store/drive.ts";
import { BUCKET_TAG, HEAD_BYTES } from "../contract/register-keys.ts";
import { type DigestQuery, type DigestReply, digestRows } from "./row-digest.ts";
import type { Fence, Marks, SharedDrive } from "./shared-drive.ts";

/** What the guard needs of its drive. */
export interface GuardableDrive extends RegisterReplica {
  readonly range: Drive["range"];
  readMeta(name: string): Promise<{ readonly ok: true; readonly value?: Uint8Array } | Refusal>;
  writeMeta(name: string, value: Uint8Array): Promise<Done | Refusal>;
  forgetRecent(upTo: number): Promise<Done | Refusal>;
}

/** FOR THE SIMULATOR ONLY: rules switched off, to show that it would notice. */
export interface GuardHazards {
  /** Older layouts are served. */
  readonly ignoreLayout?: boolean;
  /** Older bucket epochs are served. */
  readonly ignoreBucketEpoch?: boolean;
  /** A cell that cannot be read takes any accept. */
  readonly ignoreCeiling?: boolean;
}

export const META_CLUSTER_LAYOUT = "cluster-layout";
export const META_BALLOT_CEILING = "ballot-ceiling";
const META_BUCKET_EPOCH = "bucket-epoch/";

/** Buckets whose epoch is remembered in memory; the others are read when they are asked for. */
export const KNOWN_BUCKETS_MAX = 10_000;
/** Cells known to be unreadable; more are refused until some are repaired. */
export const DAMAGED_CELLS_MAX = 10_000;
/** How far the durable ceiling is ahead of the ballots: a second. */
const CEILING_LEAD = 1024 * 1000;
/** The log of recent keys is a sole proposer's; here it is only thrown away. */
const ACCEPTS_PER_FORGETTING = 1000;

/** What the node of the drive knows of the ring, durably. */
export interface NodeEpoch {
  /** Requests of older ones are refused, whatever the drive itself has acknowledged. */
  known(): number;
  /** Makes the node know this one: false when nobody tells it. */
  learn(epoch: number): Promise<boolean>;
}

/** A number that never falls: what is refused by, and what is durable of it. */
interface Mark {
  value: number;
  durable: number;
}

export class ReplicaGuard implements SharedDrive {
  readonly id: string;
  readonly distance = 0;
  readonly #drive: GuardableDrive;
  readonly #hazards: GuardHazards;
  readonly #node: NodeEpoch | undefined;
  #layout: Mark | undefined;
  #ceiling: Mark | undefined;
  /** Clock of the highest ballot let through, at least the ceiling found at the start. */
  #highest = 0;
  readonly #buckets = new Map<string, Mark>();
  /** Unreadable cells: the clock above which each takes accepts. */
  readonly #damaged = new Map<string, number>();
  #accepts = 0;

  /** `hazards` is for the simulator. */
  constructor(drive: GuardableDrive, hazards: GuardHazards = {}, node?: NodeEpoch) {
    this.id = drive.id;
    this.#drive = drive;
    this.#hazards = hazards;
    this.#node = node;
  }

  /** The epoch of the ring that the drive has acknowledged; undefined before the first request. */
  get layoutVersion(): number | undefined {
    return this.#layout?.durable;
  }

  async read(key: Uint8Array, fence: Fence): Promise<ReadReply> {
    const refusal = this.#isAdmitted(key, fence, 0) ? undefined : await this.#admit(key, fence, 0);
    if (refusal !== undefined) return refusal;
    return this.#noteCell(key, await this.#drive.read(key));
  }

  async prepare(key: Uint8Array, ballot: Ballot, fence: Fence): Promise<PrepareReply> {
    const { clock } = ballot;
    if (!this.#isAdmitted(key, fence, clock)) {
      const refusal = await this.#admit(key, fence, clock);
      if (refusal !== undefined) return refusal;
    }
    return this.#noteCell(key, await this.#drive.prepare(key, ballot));
  }

  async accept(
    key: Uint8Array,
    ballot: Ballot,
    proposal: Proposal,
    fence: Fence,
  ): Promise<AcceptReply> {
    const { clock } = ballot;
    if (!this.#isAdmitted(key, fence, clock)) {
      const refusal = await this.#admit(key, fence, clock);
      if (refusal !== undefined) return refusal;
    }
    this.#forgetRecent();
    const reply = await this.#drive.accept(key, ballot, proposal);
    if (reply.ok || reply.reason !== "corrupt") return this.#noteCell(key, reply);
    return this.#acceptOverDamage(key, ballot, proposal);
  }

  async purge(
    key: Uint8Array,
    ballot: Ballot,
    rows: readonly KvRow[],
    fence: Fence,
  ): Promise<PurgeReply> {
    const refusal = await this.#admit(key, fence, 0);
    return refusal ?? this.#noteCell(key, await this.#drive.purge(key, ballot, rows));
  }

  /**
   * An accept serves in all cases but one: a cell that has promised more and accepted less. It looks
   * at the floor of a blank cell too, which a value chosen before a deletion must not pass.
   */
  async install(key: Uint8Array, ballot: Ballot, proposal: Proposal, fence: Fence) {
    const reply = await this.accept(key, ballot, proposal, fence);
    if (reply.ok) return reply;
    if (reply.reason === "floor") {
      return { ok: false, reason: "ballot", promised: reply.floor } as const;
    }
    return reply.reason === "ballot" ? this.#drive.install(key, ballot, proposal) : reply;
  }

  async discard(key: Uint8Array, floor: Ballot, rows: readonly KvRow[], fence: Fence) {
    const refusal = await this.#admit(key, fence, floor.clock);
    return refusal ?? this.#drive.discard(key, floor, rows);
  }

  async range(query: RangeQuery, fence: Fence): Promise<RangeReply | Refusal> {
    const head = query.heads[0] ?? NO_KEY;
    const refusal = this.#isAdmitted(head, fence, 0)
      ? undefined
      : await this.#admit(head, fence, 0);
    return refusal ?? this.#drive.range(query);
  }

  async digest(query: DigestQuery, fence: Fence): Promise<DigestReply | Refusal> {
    const refusal = await this.#admit(query.head, fence, 0);
    return refusal ?? digestRows(this.#drive, query);
  }

  async raise({ layout, bucket }: Marks): Promise<Done | Refusal> {
    const failure = await this.#load();
    if (failure !== undefined) return failure;
    if (layout !== undefined && this.#layout !== undefined) {
      if (!(await this.#isKnown(layout))) return UNAVAILABLE;
      const refusal = await this.#lift(META_CLUSTER_LAYOUT, this.#layout, layout);
      if (refusal !== undefined) return refusal;
    }
    if (bucket === undefined) return DONE;
    const name = nameOf(bucket.id);
    const mark = await this.#bucketMark(name);
    if ("ok" in mark) return mark;
    return (await this.#lift(META_BUCKET_EPOCH + name, mark, bucket.epoch)) ?? DONE;
  }

  /** Without waiting: everything that the request rests on is known and durable. */
  #isAdmitted(key: Uint8Array, fence: Fence, clock: number): boolean {
    const ceiling = this.#ceiling;
    if (ceiling === undefined || !this.#isPresentEpoch(fence.layout)) return false;
    if (fence.bucketEpoch !== undefined) {
      const mark = this.#buckets.get(bucketOf(key) ?? "");
      if (mark === undefined || mark.value !== fence.bucketEpoch) return false;
      if (mark.durable !== mark.value) return false;
    }
    if (clock > ceiling.durable) return false;
    if (clock > this.#highest) this.#highest = clock;
    // Early enough that nobody has to wait for it.
    if (clock + CEILING_LEAD / 2 > ceiling.value) {
      void this.#lift(META_BALLOT_CEILING, ceiling, clock + CEILING_LEAD);
    }
    return true;
  }

  /** What the drive has acknowledged, and the newest that its node knows. */
  #isPresentEpoch(epoch: number): boolean {
    if (epoch !== this.#layout?.durable || epoch !== this.#layout.value) return false;
    return this.#node === undefined || epoch === this.#node.known();
  }

  /** The same, waiting for whatever has to be read or written first; a refusal, or nothing. */
  async #admit(key: Uint8Array, fence: Fence, clock: number): Promise<Refusal | undefined> {
    const failure = await this.#load();
    const layout = this.#layout;
    const ceiling = this.#ceiling;
    if (failure !== undefined) return failure;
    if (layout === undefined || ceiling === undefined) return UNAVAILABLE;
    if (!(await this.#isKnown(fence.layout))) return UNAVAILABLE;
    const { bucketEpoch } = fence;
    const name = bucketEpoch === undefined ? undefined : bucketOf(key);
    const bucket = name === undefined ? undefined : await this.#bucketMark(name);
    if (bucket !== undefined && "ok" in bucket) return bucket;
    const failures = await Promise.all([
      this.#lift(META_CLUSTER_LAYOUT, layout, fence.layout),
      bucket && this.#lift(META_BUCKET_EPOCH + name, bucket, bucketEpoch ?? 0),
      clock > ceiling.durable
        ? this.#lift(META_BALLOT_CEILING, ceiling, clock + CEILING_LEAD)
        : undefined,
    ]);
    const failed = failures.find((refusal) => refusal !== undefined);
    if (failed !== undefined) return failed;
    // While that was written others may have come with higher ones.
    const refusal = this.#refusalOf(fence, layout, bucket);
    if (refusal === undefined && clock > this.#highest) this.#highest = clock;
    return refusal;
  }

  #refusalOf(fence: Fence, layout: Mark, bucket: Mark | undefined): Refusal | undefined {
    const epoch = Math.max(layout.value, this.#node?.known() ?? 0);
    if (fence.layout < epoch && this.#hazards.ignoreLayout !== true) {
      return { ok: false, reason: "epoch", epoch };
    }
    if (bucket === undefined || (fence.bucketEpoch ?? 0) >= bucket.value) return undefined;
    if (this.#hazards.ignoreBucketEpoch === true) return undefined;
    return { ok: false, reason: "stale", bucketEpoch: bucket.value };
  }

  /** A node knows an epoch before its drives acknowledge it: else nobody might, after a power cut. */
  async #isKnown(epoch: number): Promise<boolean> {
    return this.#node === undefined || epoch <= this.#node.known() || this.#node.learn(epoch);
  }

  /** Raises a mark and waits until it is durable at `value` or above. */
  async #lift(name: string, mark: Mark, value: number): Promise<Refusal | undefined> {
    if (value > mark.value) mark.value = value;
    if (mark.durable >= value) return undefined;
    const written = mark.value;
    const reply = await this.#drive.writeMeta(name, utf8(String(written)));
    if (!reply.ok) return reply;
    if (written > mark.durable) mark.durable = written;
    return undefined;
  }

  /** Reads what earlier processes left; a refusal when the drive does not answer. */
  async #load(): Promise<Refusal | undefined> {
    if (this.#ceiling !== undefined) return undefined;
    const [layout, ceiling] = await Promise.all([
      this.#readMark(META_CLUSTER_LAYOUT),
      this.#readMark(META_BALLOT_CEILING),
    ]);
    if ("ok" in layout) return layout;
    if ("ok" in ceiling) return ceiling;
    // Another call may have been faster; both have read the same.
    if (this.#ceiling !== undefined) return undefined;
    this.#layout = layout;
    this.#ceiling = ceiling;
    this.#highest = ceiling.durable;
    return undefined;
  }

  async #bucketMark(name: string): Promise<Mark | Refusal> {
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    const found = await this.#readMark(META_BUCKET_EPOCH + name);
    if ("ok" in found) return found;
    const meanwhile = this.#buckets.get(name);
    if (meanwhile !== undefined) return meanwhile;
    this.#makeRoom();
    this.#buckets.set(name, found);
    return found;
  }

  /** Forgets a bucket whose mark is durable and so can be read again. */
  #makeRoom(): void {
    if (this.#buckets.size < KNOWN_BUCKETS_MAX) return;
    for (const [name, mark] of this.#buckets) {
      if (mark.durable !== mark.value) continue;
      this.#buckets.delete(name);
      return;
    }
  }

  async #readMark(name: string): Promise<Mark | Refusal> {
    const reply = await this.#drive.readMeta(name);
    if (!reply.ok) return reply;
    const value = reply.value === undefined ? 0 : decodeMark(reply.value);
    // A drive whose marks cannot be read must not say anything.
    return value === undefined ? UNAVAILABLE : { value, durable: value };
  }

  /** A cell that was read again, or repaired, is none of the damaged any more. */
  #noteCell<Reply extends CellReport | Done | { readonly ok: false; readonly reason: string }>(
    key: Uint8Array,
    reply: Reply,
  ): Reply {
    if (!reply.ok && "reason" in reply && reply.reason === "corrupt") {
      const above = this.#ceilingOf(nameOf(key));
      return above === undefined ? reply : { ...reply, above };
    }
    if (this.#damaged.size > 0 && reply.ok) this.#damaged.delete(nameOf(key));
    return reply;
  }

  /** Nothing above this was ever promised by the cell, now that it cannot be read. */
  #ceilingOf(name: string): number | undefined {
    const known = this.#damaged.get(name);
    if (known !== undefined) return known;
    if (this.#damaged.size >= DAMAGED_CELLS_MAX) return undefined;
    this.#damaged.set(name, this.#highest);
    return this.#highest;
  }

  /**
   * One accept at a time consumes the entry: what comes while the cell is being replaced, or after
   * it has rotted again, is compared with a ceiling taken then, which is no lower than this ballot.
   */
  async #acceptOverDamage(
    key: Uint8Array,
    ballot: Ballot,
    proposal: Proposal,
  ): Promise<AcceptReply> {
    const name = nameOf(key);
    const above = this.#damaged.get(name);
    const allowed = above !== undefined && ballot.clock > above;
    if (!allowed && this.#hazards.ignoreCeiling !== true) {
      const ceiling = this.#ceilingOf(name);
      return ceiling === undefined
        ? { ok: false, reason: "corrupt" }
        : { ok: false, reason: "corrupt", above: ceiling };
    }
    this.#damaged.delete(name);
    const reply = await this.#drive.install(key, ballot, proposal);
    this.#damaged.delete(name);
    return reply;
  }

  #forgetRecent(): void {
    this.#accepts += 1;
    if (this.#accepts % ACCEPTS_PER_FORGETTING !== 0) return;
    void this.#drive.forgetRecent(this.#highest);
  }
}

const DONE: Done = { ok: true };
const NO_KEY = new Uint8Array(0);
const UNAVAILABLE: Refusal = { ok: false, reason: "unavailable", applied: "no" };

function nameOf(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("latin1");
}

/** The bucket that a register key or a head lies in; undefined for the registers of buckets. */
function bucketOf(key: Uint8Array): string | undefined {
  if (key.length < HEAD_BYTES || key[0] === BUCKET_TAG) return undefined;
  return asBuffer(key).toString("latin1", 1, 1 + ID_BYTES);
}

function decodeMark(bytes: Uint8Array): number | undefined {
  const text = asBuffer(bytes).toString("latin1");
  const value = Number(text);
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(value) ? value : undefined;
}
