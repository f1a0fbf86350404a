/**
 * The front side of a drive: the `Drive` contract over a link to its actor. Adds what the actor
 * cannot: a bounded mailbox, a deadline for every request, the last known status, and the probes.
 *
 * An answer is the end of a request: it can have no effect any more. Only a drive that has failed
 * gives answers for requests that are still on their way, and it comes back by `connect` alone,
 * over a link that was opened when the one before had nothing left to do (drive-returns.ts).
 * So what becomes of a request that passes its deadline depends on what it works on:
 * - the index, or the probe: the drive has failed;
 * - shard files: the request is answered, the drive stays. Syncing a large file takes its time, and
 *   what is carried out late does no harm, because shards are found by their records;
 * - arena memory that it lends to the kernel (`append`, `readBlock`): nothing, only the actor's
 *   reply says that the memory is free again. Whoever cannot wait races them.
 */
import { assert } from "../base/assert.ts";
import type { Ballot } from "../base/ballot.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { DataId, DriveId } from "../base/ids.ts";
import type { KvRow } from "../base/kv-row.ts";
import type { Logger } from "../base/log.ts";
import { Places } from "../base/places.ts";
import { REGISTER_KEY_BYTES_MAX } from "../base/register-cell.ts";
import type { ShardHeader } from "../codec/shard-header.ts";
import type {
  Done,
  Drive,
  DriveRefusal,
  DriveStatus,
  RangeQuery,
  RegisterProposal,
  ShardRead,
  ShardSpec,
  ShardWriter,
} from "./drive.ts";
import { unpackRange } from "./range-rows.ts";
import type {
  DriveCallName,
  DriveLink,
  DriveReply,
  DriveReport,
  DriveRequest,
} from "./store-messages.ts";

export interface DriveClientOptions {
  readonly id: DriveId;
  readonly path: string;
  readonly index: number;
  /** Requests sent and not answered; one more is refused "busy". */
  readonly requestsInFlightMax: number;
  readonly deadlineMs: number;
  readonly probeIntervalMs: number;
}

export interface DriveClientModules {
  readonly link: DriveLink;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Waiting {
  readonly name: DriveCallName;
  /** The number of the sweep that finds it late. */
  readonly dueSweep: number;
  /** Among those that wait; undefined when it does not any more. */
  place: number | undefined;
  expire(): void;
}

/** Calls whose repetition or loss changes nothing: after the deadline they were "not applied". */
const READS: ReadonlySet<DriveCallName> = new Set([
  "read",
  "range",
  "recent",
  "readMeta",
  "listShards",
  "checkShard",
]);
/** Calls that work on shard files: they may take long on a drive that is well. */
const FILES: ReadonlySet<DriveCallName> = new Set([
  "shardCreate",
  "shardFinish",
  "dropShard",
  "listShards",
  "checkShard",
]);
/** Calls that hold arena memory until they are answered. */
const LENDING: ReadonlySet<DriveCallName> = new Set(["shardAppend", "readBlock"]);
const DELETE_ROWS_MAX = 800;
const SWEEPS_PER_DEADLINE = 4;

export class DriveClient implements Drive {
  readonly id: DriveId;
  readonly index: number;
  readonly #options: DriveClientOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stateCallbacks: ((status: DriveStatus) => void)[] = [];
  readonly #waiting = new Places<Waiting>();
  #link: DriveLink;
  #path: string;
  #report: DriveReport;
  #inFlight = 0;
  #sweeping = false;
  /** How many sweeps there were: time that a standing process did not live through is not in it. */
  #sweeps = 0;
  #probeTimer: Timer | undefined;
  #lastWriter = 0;
  #closed = false;

  constructor(options: DriveClientOptions, modules: DriveClientModules, report: DriveReport) {
    this.id = options.id;
    this.index = options.index;
    this.#options = options;
    this.#clock = modules.clock;
    this.#log = modules.log;
    this.#link = modules.link;
    this.#path = options.path;
    this.#report = report;
    this.#listen();
  }

  get path(): string {
    return this.#path;
  }

  /** Begins to look after the drive at intervals. */
  start(): void {
    this.#scheduleProbe();
  }

  /** The drive is about to be closed: no more probes, and its going is not news. */
  stop(): void {
    this.#closed = true;
    this.#probeTimer?.cancel();
  }

  /**
   * The drive is there (again), behind another link. Nothing that was sent over the one before may
   * have an effect any more.
   */
  connect(link: DriveLink, path: string, report: DriveReport): void {
    assert(this.#report.state !== "online", "only a drive that is out comes back");
    if (this.#closed) return;
    this.#link = link;
    this.#path = path;
    this.#report = report;
    this.#listen();
    this.#scheduleProbe();
    for (const callback of this.#stateCallbacks) callback(this.status());
  }

  #listen(): void {
    const link = this.#link;
    link.onReport((changed) => {
      if (this.#link === link) this.#takeReport(changed);
    });
  }

  read(key: Uint8Array): Promise<DriveReply<"read">> {
    return this.#call("read", { key });
  }

  prepare(key: Uint8Array, ballot: Ballot): Promise<DriveReply<"prepare">> {
    assertKey(key);
    return this.#call("prepare", { key, ballot });
  }

  accept(
    key: Uint8Array,
    ballot: Ballot,
    proposal: RegisterProposal,
  ): Promise<DriveReply<"accept">> {
    assertKey(key);
    return this.#call(proposal.first ? "acceptFirst" : "accept", { key, ballot, proposal });
  }

  install(
    key: Uint8Array,
    ballot: Ballot,
    proposal: RegisterProposal,
  ): Promise<DriveReply<"install">> {
    assertKey(key);
    return this.#call("install", { key, ballot, proposal });
  }

  purge(key: Uint8Array, ballot: Ballot, rows: readonly KvRow[]): Promise<DriveReply<"purge">> {
    return this.#call("purge", { key, ballot, rows });
  }

  discard(key: Uint8Array, floor: Ballot, rows: readonly KvRow[]): Promise<DriveReply<"discard">> {
    return this.#call("discard", { key, ballot: floor, rows });
  }

  async range(query: RangeQuery): ReturnType<Drive["range"]> {
    const reply = await this.#call("range", query);
    return reply.ok ? unpackRange(reply) : reply;
  }

  recent(limit: number): Promise<DriveReply<"recent">> {
    return this.#call("recent", { limit });
  }

  forgetRecent(upTo: number): Promise<DriveReply<"forgetRecent">> {
    return this.#call("forgetRecent", { upTo });
  }

  readMeta(name: string): Promise<DriveReply<"readMeta">> {
    return this.#call("readMeta", { name });
  }

  writeMeta(name: string, value: Uint8Array): Promise<DriveReply<"writeMeta">> {
    return this.#call("writeMeta", { name, value });
  }

  deleteRows(
    rows: readonly { table: string; key: Uint8Array }[],
  ): Promise<DriveReply<"deleteRows">> {
    assert(rows.length <= DELETE_ROWS_MAX, "deleteRows is one transaction");
    return this.#call("deleteRows", { rows });
  }

  createShard(spec: ShardSpec): ShardWriter {
    this.#lastWriter += 1;
    const writer = this.#lastWriter;
    const link = this.#link;
    const created = this.#call("shardCreate", { writer, spec });
    const call = async (
      name: "shardAppend" | "shardFinish",
      send: () => Promise<Done | DriveRefusal>,
    ): Promise<Done | DriveRefusal> => {
      // A drive that came back knows nothing of the files that it was writing before.
      if (this.#link !== link) return late(name);
      const [made, done] = await Promise.all([created, send()]);
      return made.ok ? done : made;
    };
    return {
      append: (place) => call("shardAppend", () => this.#call("shardAppend", { writer, place })),
      finish: () => {
        const nowMs = this.#clock.nowMs();
        return call("shardFinish", () => this.#call("shardFinish", { writer, nowMs }));
      },
      // Past the mailbox: it frees what others wait for.
      abort: () => void link.call("shardAbort", { writer }),
    };
  }

  readBlock(read: ShardRead): Promise<DriveReply<"readBlock">> {
    return this.#call("readBlock", read);
  }

  checkShard(header: ShardHeader): Promise<DriveReply<"checkShard">> {
    return this.#call("checkShard", header);
  }

  dropShard(dataId: DataId, slot: number): Promise<DriveReply<"dropShard">> {
    return this.#call("dropShard", { dataId, slot });
  }

  listShards(after: string, limit: number): Promise<DriveReply<"listShards">> {
    return this.#call("listShards", { after, limit });
  }

  /** The drive holds everything that its predecessor did. */
  markSynced(): Promise<DriveReply<"markSynced">> {
    return this.#call("markSynced", {});
  }

  raiseIncarnation(incarnation: number): Promise<DriveReply<"raiseIncarnation">> {
    return this.#call("raiseIncarnation", { incarnation });
  }

  status(): DriveStatus {
    const { ok: _, reason, ...report } = this.#report;
    return {
      id: this.id,
      path: this.#path,
      ...report,
      ...(reason === undefined ? {} : { reason }),
    };
  }

  onStateChange(callback: (status: DriveStatus) => void): void {
    this.#stateCallbacks.push(callback);
  }

  fail(reason: string): void {
    this.#takeReport({ ...this.#report, state: "faulty", reason });
    void this.#link.call("fail", { reason });
  }

  #call<K extends DriveCallName>(
    name: K,
    request: DriveRequest<K>,
  ): Promise<DriveReply<K> | DriveRefusal> {
    if (this.#report.state !== "online") return Promise.resolve(this.#offline());
    if (this.#inFlight >= this.#options.requestsInFlightMax) {
      return Promise.resolve({ ok: false, reason: "busy" });
    }
    this.#inFlight += 1;
    const answer = this.#link.call(name, request);
    return new Promise((resolve) => {
      const waiting = LENDING.has(name) ? undefined : this.#await(name, () => resolve(late(name)));
      // The link never rejects. A reply after the deadline only frees the place in the mailbox.
      void answer.then((reply) => {
        this.#inFlight -= 1;
        if (waiting !== undefined) this.#forget(waiting);
        resolve(reply);
      });
    });
  }

  #await(name: DriveCallName, expire: () => void): Waiting {
    const dueSweep = this.#sweeps + SWEEPS_PER_DEADLINE + 1;
    const waiting: Waiting = { name, dueSweep, place: undefined, expire };
    waiting.place = this.#waiting.put(waiting);
    if (!this.#sweeping) this.#scheduleSweep();
    return waiting;
  }

  #forget(waiting: Waiting): void {
    if (waiting.place !== undefined) this.#waiting.take(waiting.place);
    waiting.place = undefined;
  }

  #offline(): DriveRefusal {
    const message = `drive is ${this.#report.state}: ${this.#report.reason ?? ""}`;
    return { ok: false, reason: "unavailable", applied: "no", message };
  }

  #scheduleSweep(): void {
    this.#sweeping = true;
    const delayMs = Math.ceil(this.#options.deadlineMs / SWEEPS_PER_DEADLINE);
    this.#clock.after(delayMs, () => {
      this.#sweeping = false;
      this.#sweeps += 1;
      this.#sweep();
      if (this.#waiting.size > 0) this.#scheduleSweep();
    });
  }

  #sweep(): void {
    let hanging: DriveCallName | undefined;
    for (const waiting of this.#waiting) {
      if (waiting.dueSweep > this.#sweeps) continue;
      if (FILES.has(waiting.name)) this.#expire(waiting);
      else hanging ??= waiting.name;
    }
    if (hanging !== undefined) this.#hang(hanging);
  }

  /** Nobody waits for a drive that hangs, and it is not asked again before it has ended. */
  #hang(name: DriveCallName): void {
    const reason = `no answer to "${name}" for ${this.#options.deadlineMs / 1000} s`;
    if (this.#report.state === "online") this.fail(reason);
    for (const waiting of this.#waiting) this.#expire(waiting);
  }

  #expire(waiting: Waiting): void {
    this.#forget(waiting);
    waiting.expire();
  }

  #scheduleProbe(): void {
    this.#probeTimer?.cancel();
    this.#probeTimer = this.#clock.after(this.#options.probeIntervalMs, () => {
      if (this.#closed || this.#report.state !== "online") return;
      const link = this.#link;
      const waiting = this.#await("probe", () => {});
      void link.call("probe", {}).then((report) => {
        this.#forget(waiting);
        if (this.#link !== link) return;
        this.#takeReport(report);
        this.#scheduleProbe();
      });
    });
  }

  #takeReport(report: DriveReport): void {
    // A drive that is out stays out, for its first reason.
    if (this.#report.state !== "online") return;
    this.#report = report;
    if (report.state === "online" || this.#closed) return;
    this.#log.error("drive changed its state", {
      drive: this.id,
      path: this.#path,
      state: report.state,
      reason: report.reason,
    });
    for (const callback of this.#stateCallbacks) callback(this.status());
  }
}

function late(name: DriveCallName): DriveRefusal {
  const applied = READS.has(name) ? "no" : "unknown";
  return { ok: false, reason: "unavailable", applied, message: "no answer in time" };
}

function assertKey(key: Uint8Array): void {
  assert(key.length > 0 && key.length <= REGISTER_KEY_BYTES_MAX, "a register key within its limit");
}
