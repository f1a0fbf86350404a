/**
 * One drive: the actor that owns its index and its shard files. Everything the drive does happens
 * here, in one thread, against an injected engine and disk; it has no clock and no timers.
 *
 * Once something failed that durability rests on, the drive is faulty: it refuses everything, keeps
 * nothing back as done, and stays so. When it is closed and has ended what it had begun, another
 * actor may open the drive (drive-returns.ts).
 */
import type { Disk } from "../base/disk.ts";
import { diskErrorCode } from "../base/disk.ts";
import { TRAILER_BYTES } from "../codec/stripe.ts";
import type { Done, DriveRefusal, DriveState } from "./drive.ts";
import { type DriveFormat, readDriveFormat } from "./drive-format.ts";
import { DriveIntents } from "./drive-intents.ts";
import { DriveSpace, type ReserveLimits } from "./drive-space.ts";
import type { RecordDigest } from "./drive-tables.ts";
import { GroupCommit } from "./group-commit.ts";
import type { Kv } from "./kv.ts";
import { scanRange } from "./range-scan.ts";
import { Registers } from "./registers.ts";
import { ShardFiles } from "./shard-files.ts";
import { ShardWriters } from "./shard-writers.ts";
import type { DriveHandlers, DriveReport } from "./store-messages.ts";

export interface DriveActorOptions {
  readonly path: string;
  readonly id: string;
  readonly reserve: ReserveLimits;
  readonly openFilesMax: number;
}

export interface DriveActorModules {
  readonly kv: Kv;
  readonly disk: Disk;
  /** The shared arena. */
  readonly memory: Uint8Array;
  readonly digest: RecordDigest;
  /** Calls back after the requests at hand were handled. */
  defer(callback: () => void): void;
  onReport(report: DriveReport): void;
}

const DONE: Done = { ok: true };
const BUSY: DriveRefusal = { ok: false, reason: "busy" };

export class DriveActor {
  readonly handlers: DriveHandlers;
  readonly #options: DriveActorOptions;
  readonly #modules: DriveActorModules;
  readonly #commits: GroupCommit;
  readonly #space: DriveSpace;
  readonly #files: ShardFiles;
  readonly #writers: ShardWriters;
  #state: DriveState = "online";
  #reason: string | undefined;
  #full = false;
  /** File operations on their way, for `close`. */
  readonly #running = new Set<Promise<unknown>>();
  #readErrors = 0;
  #writeErrors = 0;

  constructor(options: DriveActorOptions, modules: DriveActorModules) {
    this.#options = options;
    this.#modules = modules;
    const { kv, disk, memory, digest, defer } = modules;
    this.#commits = new GroupCommit({
      kv,
      digest,
      defer,
      onFailure: (error) => this.#writeFailed("index commit", error),
    });
    this.#space = new DriveSpace(options.reserve);
    this.#files = new ShardFiles({
      disk,
      path: options.path,
      memory,
      trailerBytes: TRAILER_BYTES,
      openFilesMax: options.openFilesMax,
      onReadError: () => {
        this.#readErrors += 1;
      },
      onWriteError: (error) => this.#writeFailed("shard file", error),
    });
    this.#writers = new ShardWriters({
      files: this.#files,
      commits: this.#commits,
      space: this.#space,
    });
    const registers = new Registers({
      kv,
      commits: this.#commits,
      digest,
      hasRoom: () => this.#space.fits(0),
      onCorrupt: () => {
        this.#readErrors += 1;
      },
    });
    this.handlers = this.#createHandlers(registers, new DriveIntents(kv, this.#commits));
  }

  get report(): DriveReport {
    return {
      ok: true,
      state: this.#state,
      reason: this.#reason,
      full: this.#full,
      totalBytes: this.#space.totalBytes,
      freeBytes: this.#space.freeBytes,
      readErrors: this.#readErrors,
      writeErrors: this.#writeErrors,
    };
  }

  /**
   * Finishes what was acknowledged or is being flushed, and lets go of the folder: afterwards nothing
   * that was asked of it has any effect. On a drive that hangs this takes as long as it hangs.
   */
  async close(): Promise<void> {
    await this.#writers.abortAll();
    await Promise.allSettled(this.#running);
    await this.#commits.store([]);
    this.#leave("offline", "closed");
    await this.#commits.drained();
    this.#files.close();
    await this.#modules.kv.close();
  }

  #createHandlers(registers: Registers, intents: DriveIntents): DriveHandlers {
    const { kv, digest } = this.#modules;
    const files = this.#files;
    const writers = this.#writers;
    return {
      read: ({ key }) => this.#online(() => registers.read(key)),
      prepare: ({ key, ballot }) => this.#online(() => registers.prepare(key, ballot)),
      accept: ({ key, ballot, proposal }) =>
        this.#online(() => registers.accept(key, ballot, proposal)),
      acceptFirst: ({ key, ballot, proposal: { value, rows } }) =>
        this.#online(() => registers.accept(key, ballot, { value, rows, first: true })),
      install: ({ key, ballot, proposal }) =>
        this.#online(() => registers.install(key, ballot, proposal)),
      purge: ({ key, ballot, rows }) => this.#online(() => registers.purge(key, ballot, rows)),
      discard: ({ key, ballot, rows }) => this.#online(() => registers.discard(key, ballot, rows)),
      range: (query) => this.#online(() => scanRange(kv, query, digest)),
      recent: ({ limit }) => this.#online(() => intents.recent(limit)),
      forgetRecent: ({ upTo }) => this.#online(() => intents.forgetRecent(upTo)),
      readMeta: ({ name }) => this.#online(() => intents.readMeta(name)),
      writeMeta: ({ name, value }) => this.#online(() => intents.writeMeta(name, value)),
      deleteRows: ({ rows }) => this.#online(() => intents.deleteRows(rows)),
      shardCreate: ({ writer, spec }) => this.#online(() => writers.create(writer, spec)),
      shardAppend: ({ writer, place }) => this.#online(() => writers.append(writer, place)),
      shardFinish: ({ writer, nowMs }) => this.#online(() => writers.finish(writer, nowMs)),
      shardAbort: ({ writer }) => writers.abort(writer).then(() => DONE),
      readBlock: (read) => this.#online(() => this.#track(files.readBlock(read))),
      checkShard: (header) => this.#online(() => this.#track(files.checkHeader(header))),
      dropShard: ({ dataId, slot }) =>
        this.#online(() =>
          writers.isBusy(dataId, slot) ? BUSY : this.#track(files.drop(dataId, slot)),
        ),
      listShards: ({ after, limit }) => this.#online(() => this.#track(files.list(after, limit))),
      raiseIncarnation: ({ incarnation }) =>
        this.#online(() => intents.raiseIncarnation(incarnation)),
      markSynced: () => this.#online(() => intents.markSynced()),
      probe: () => this.#probe(),
      fail: ({ reason }) => {
        this.#leave("faulty", reason);
        return this.report;
      },
    };
  }

  /** Runs an operation of a drive that works; whatever is thrown makes the drive faulty. */
  #online<Reply>(
    operation: () => Reply | Promise<Reply>,
  ): Reply | DriveRefusal | Promise<Reply | DriveRefusal> {
    if (this.#state !== "online") return this.#refusal("no");
    try {
      const reply = operation();
      return reply instanceof Promise ? reply.catch((error) => this.#broke(error)) : reply;
    } catch (error) {
      return this.#broke(error);
    }
  }

  async #track<Reply>(operation: Promise<Reply>): Promise<Reply> {
    this.#running.add(operation);
    try {
      return await operation;
    } finally {
      this.#running.delete(operation);
    }
  }

  #broke(error: unknown): DriveRefusal {
    this.#readErrors += 1;
    this.#leave("faulty", `index: ${describe(error)}`);
    return this.#refusal("unknown");
  }

  #refusal(applied: "no" | "unknown"): DriveRefusal {
    const message = `drive is ${this.#state}: ${this.#reason ?? ""}`;
    return { ok: false, reason: "unavailable", applied, message };
  }

  #writeFailed(what: string, error: unknown): void {
    this.#writeErrors += 1;
    this.#leave("faulty", `${what}: ${describe(error)}`);
  }

  #leave(state: "faulty" | "offline", reason: string): void {
    if (this.#state !== "online") return;
    this.#state = state;
    this.#reason = reason;
    this.#commits.stop();
    this.#modules.onReport(this.report);
  }

  /** Is it still our folder, and how full is it? */
  async #probe(): Promise<DriveReport> {
    if (this.#state !== "online") return this.report;
    try {
      const format = await readDriveFormat(this.#modules.disk, this.#options.path);
      if (format === undefined) this.#leave("offline", "the identity file is gone");
      else if (!this.#isOurs(format)) this.#leave("offline", "another drive is in its place");
      this.#space.look(await this.#modules.disk.statfs(this.#options.path));
      this.#full = !this.#space.fits(0);
    } catch (error) {
      this.#readErrors += 1;
      const gone = diskErrorCode(error) === "ENOENT";
      this.#leave(gone ? "offline" : "faulty", `probe: ${describe(error)}`);
    }
    return this.report;
  }

  #isOurs(format: DriveFormat): boolean {
    return format.drive === this.#options.id;
  }
}

/** Error codes and engine messages; paths stay out of replies. */
function describe(error: unknown): string {
  return diskErrorCode(error) ?? (error instanceof Error ? error.message : String(error));
}
