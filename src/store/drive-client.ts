/**
 * The front side of a drive: the `Drive` contract over a link to its actor. Adds what the actor
 * cannot: a bounded mailbox, a deadline for every request, the last known status, and the probes.
 *
 * Two calls have no deadline once they are sent: `append` and `readBlock` lend arena memory to the
 * kernel, and only the actor's reply says that it is free again. Whoever cannot wait races them and
 * keeps the buffer until they settle.
 */
import { assert } from "../base/assert.ts";
import type { Ballot } from "../base/ballot.ts";
import type { Clock } from "../base/clock.ts";
import type { DataId, DriveId } from "../base/ids.ts";
import type { KvRow } from "../base/kv-row.ts";
import type { Logger } from "../base/log.ts";
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
  readonly dueMs: number;
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
/** Calls that hold arena memory until they are answered. */
const LENDING: ReadonlySet<DriveCallName> = new Set(["shardAppend", "readBlock"]);
const DELETE_ROWS_MAX = 800;
const SWEEPS_PER_DEADLINE = 4;

export class DriveClient implements Drive {
  readonly id: DriveId;
  readonly path: string;
  readonly index: number;
  readonly #options: DriveClientOptions;
  readonly #modules: DriveClientModules;
  readonly #stateCallbacks: ((status: DriveStatus) => void)[] = [];
  readonly #waiting = new Set<Waiting>();
  #report: DriveReport;
  #inFlight = 0;
  #sweeping = false;
  #lastWriter = 0;
  #closed = false;

  constructor(options: DriveClientOptions, modules: DriveClientModules, report: DriveReport) {
    this.id = options.id;
    this.path = options.path;
    this.index = options.index;
    this.#options = options;
    this.#modules = modules;
    this.#report = report;
    modules.link.onReport((changed) => this.#takeReport(changed));
  }

  /** Begins to look after the drive at intervals. */
  start(): void {
    this.#scheduleProbe();
  }

  /** The drive is about to be closed: no more probes, and its going is not news. */
  stop(): void {
    this.#closed = true;
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
    return this.#call("accept", { key, ballot, proposal });
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
    const created = this.#call("shardCreate", { writer, spec });
    const after = async (reply: Promise<Done | DriveRefusal>): Promise<Done | DriveRefusal> => {
      const [made, done] = await Promise.all([created, reply]);
      return made.ok ? done : made;
    };
    return {
      append: (place) => after(this.#call("shardAppend", { writer, place })),
      finish: () => {
        const nowMs = this.#modules.clock.nowMs();
        return after(this.#call("shardFinish", { writer, nowMs }));
      },
      // Past the mailbox: it frees what others wait for.
      abort: () => void this.#modules.link.call("shardAbort", { writer }),
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
      path: this.path,
      ...report,
      ...(reason === undefined ? {} : { reason }),
    };
  }

  onStateChange(callback: (status: DriveStatus) => void): void {
    this.#stateCallbacks.push(callback);
  }

  fail(reason: string): void {
    this.#takeReport({ ...this.#report, state: "faulty", reason });
    void this.#modules.link.call("fail", { reason });
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
    const answer = this.#modules.link.call(name, request);
    return new Promise((resolve) => {
      const waiting: Waiting = {
        dueMs: this.#modules.clock.monotonicMs() + this.#options.deadlineMs,
        expire: () => resolve(late(name)),
      };
      if (!LENDING.has(name)) this.#waiting.add(waiting);
      if (!this.#sweeping) this.#scheduleSweep();
      // The link never rejects. A reply after the deadline only frees the place in the mailbox.
      void answer.then((reply) => {
        this.#inFlight -= 1;
        this.#waiting.delete(waiting);
        resolve(reply);
      });
    });
  }

  #offline(): DriveRefusal {
    const message = `drive is ${this.#report.state}: ${this.#report.reason ?? ""}`;
    return { ok: false, reason: "unavailable", applied: "no", message };
  }

  #scheduleSweep(): void {
    this.#sweeping = true;
    const delayMs = Math.ceil(this.#options.deadlineMs / SWEEPS_PER_DEADLINE);
    this.#modules.clock.after(delayMs, () => {
      this.#sweeping = false;
      const nowMs = this.#modules.clock.monotonicMs();
      for (const waiting of this.#waiting) {
        // In order of arrival, hence of deadlines.
        if (waiting.dueMs > nowMs) break;
        this.#waiting.delete(waiting);
        waiting.expire();
      }
      if (this.#waiting.size > 0) this.#scheduleSweep();
    });
  }

  #scheduleProbe(): void {
    this.#modules.clock.after(this.#options.probeIntervalMs, () => {
      if (this.#closed || this.#report.state !== "online") return;
      void this.#modules.link.call("probe", {}).then((report) => {
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
    this.#modules.log.error("drive changed its state", {
      drive: this.id,
      path: this.path,
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
