/**
 * One shard file while it is written. Blocks may be appended without waiting for each other; their
 * places in the file follow the order of the calls. Long files are synced while they grow
 * (sync-ahead.ts): the disk works while bytes arrive, and the end finds little left to do. Files of
 * one block are synced by the call that writes it, which saves one of the seven that such a file needs.
 *
 * A crash at any point leaves a file that no record refers to. A failed write ends the writer: it
 * closes and removes the file, and every further call repeats the refusal.
 */
import { type Disk, type DiskFile, diskErrorCode } from "../base/disk.ts";
import type { Semaphore } from "../base/semaphore.ts";
import type { BlockPlace, Done, DriveRefusal } from "./drive.ts";
import type { SyncAhead } from "./sync-ahead.ts";

export interface ShardWriterModules {
  readonly disk: Disk;
  readonly memory: Uint8Array;
  readonly trailerBytes: number;
  /** The file may be made; false: it must not. */
  readonly begin: Promise<boolean>;
  /** What is written is durable at once; otherwise at the end. */
  readonly syncEachWrite: boolean;
  /** Of all writers of the drive: each write takes its turn. */
  readonly writes: Semaphore;
  readonly syncAhead: SyncAhead;
  syncFolder(): Promise<void>;
  onWriteError(error: unknown): void;
}

const DONE: Done = { ok: true };

export class ShardFileWriter {
  readonly #modules: ShardWriterModules;
  readonly #path: string;
  readonly #file: Promise<DiskFile | undefined>;
  /** Written in front of the first block. */
  #header: Uint8Array | undefined;
  #offset = 0;
  #running = new Set<Promise<unknown>>();
  /** Bytes that no sync has been asked for. */
  #unsynced = 0;
  #syncing: Promise<void> | undefined;
  #refusal: DriveRefusal | undefined;
  #ended = false;
  /** The file was there, and is not any more, whatever happens. */
  #gone = false;

  constructor(modules: ShardWriterModules, path: string, header: Uint8Array) {
    this.#modules = modules;
    this.#path = path;
    this.#header = header;
    this.#file = this.#create();
  }

  append(place: BlockPlace): Promise<Done | DriveRefusal> {
    const views = blockViews(this.#modules.memory, place, this.#modules.trailerBytes);
    return this.#write([...this.#takeHeader(), ...views]);
  }

  /** Durable when it replies: the bytes and the name. */
  async finish(): Promise<Done | DriveRefusal> {
    const header = this.#takeHeader();
    if (header.length > 0) void this.#write(header);
    const file = await this.#settleWrites();
    if (file === undefined) return this.#refusal ?? ended();
    this.#ended = true;
    const { syncEachWrite, syncFolder } = this.#modules;
    try {
      await Promise.all([syncEachWrite ? undefined : file.fdatasync(), syncFolder()]);
    } catch (error) {
      this.#failSync(error);
    }
    await this.#syncing;
    await file.close().catch((error) => this.#modules.onWriteError(error));
    return this.#refusal ?? DONE;
  }

  /** Removes what was written, once nothing touches it any more. True when that is certain. */
  async abort(): Promise<boolean> {
    this.#refusal ??= ended();
    const file = await this.#settleWrites();
    if (this.#ended) return this.#gone;
    this.#ended = true;
    if (file !== undefined) await this.#remove(file);
    return this.#gone;
  }

  async #create(): Promise<DiskFile | undefined> {
    const { disk, begin, syncEachWrite } = this.#modules;
    if (!(await begin)) {
      this.#refusal ??= ended();
      return undefined;
    }
    const created = syncEachWrite ? disk.createSynced(this.#path) : disk.create(this.#path);
    return created.catch((error) => {
      this.#fail(error);
      return undefined;
    });
  }

  async #write(views: readonly Uint8Array[]): Promise<Done | DriveRefusal> {
    if (this.#refusal !== undefined || this.#ended) return this.#refusal ?? ended();
    const offset = this.#offset;
    this.#offset += bytesOf(views);
    const writing = this.#writeAt(views, offset);
    this.#running.add(writing);
    await writing;
    this.#running.delete(writing);
    return this.#refusal ?? DONE;
  }

  async #writeAt(views: readonly Uint8Array[], offset: number): Promise<void> {
    const file = await this.#file;
    if (file === undefined) return;
    const write = async (): Promise<void> => {
      if (this.#refusal !== undefined) return;
      await file.writev(views, offset);
      this.#wrote(file, views);
    };
    const { syncEachWrite, writes } = this.#modules;
    try {
      // One that waits for the disk takes no turn.
      await (syncEachWrite ? write() : writes.run(write));
    } catch (error) {
      this.#fail(error);
    }
  }

  #wrote(file: DiskFile, views: readonly Uint8Array[]): void {
    this.#unsynced += bytesOf(views);
    if (this.#syncing !== undefined || this.#refusal !== undefined || this.#ended) return;
    const syncing = this.#modules.syncAhead.offer(file, this.#unsynced);
    if (syncing === undefined) return;
    this.#unsynced = 0;
    this.#syncing = syncing.then(
      () => {
        this.#syncing = undefined;
      },
      (error) => this.#failSync(error),
    );
  }

  /** Waits until no write runs; the open file unless something failed. */
  async #settleWrites(): Promise<DiskFile | undefined> {
    const file = await this.#file;
    await Promise.all(this.#running);
    if (this.#refusal !== undefined && file !== undefined && !this.#ended) {
      this.#ended = true;
      await this.#remove(file);
      return undefined;
    }
    return this.#ended ? undefined : file;
  }

  #takeHeader(): Uint8Array[] {
    const header = this.#header;
    this.#header = undefined;
    return header === undefined ? [] : [header];
  }

  #fail(error: unknown): void {
    if (this.#refusal !== undefined) return;
    if (isNoSpace(error)) {
      this.#refusal = { ok: false, reason: "full" };
      return;
    }
    this.#refusal = refuse("write failed", error, "no");
    if (!isCallersTrouble(error)) this.#modules.onWriteError(error);
  }

  /** Never retried: the kernel may have dropped the pages it could not write (DESIGN §5 c). */
  #failSync(error: unknown): void {
    this.#refusal = refuse("sync failed", error, "unknown");
    this.#modules.onWriteError(error);
  }

  async #remove(file: DiskFile): Promise<void> {
    const { disk, syncFolder } = this.#modules;
    await this.#syncing;
    await file.close().catch(() => {});
    try {
      await disk.unlink(this.#path);
      await syncFolder();
      this.#gone = true;
    } catch {
      // What stays behind is found by the sweeper.
    }
  }
}

/** Views of a block and of its trailer, if it has one, in the arena. */
export function blockViews(
  memory: Uint8Array,
  place: BlockPlace,
  trailerBytes: number,
): Uint8Array[] {
  const { blockOffset, blockBytes, trailerOffset } = place;
  const block = memory.subarray(blockOffset, blockOffset + blockBytes);
  if (trailerOffset === undefined) return [block];
  return [block, memory.subarray(trailerOffset, trailerOffset + trailerBytes)];
}

function bytesOf(views: readonly Uint8Array[]): number {
  return views.reduce((sum, view) => sum + view.length, 0);
}

/** Out of space is a state of the drive, not a fault, as long as it is a write that says so. */
function isNoSpace(error: unknown): boolean {
  const code = diskErrorCode(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

/** Says nothing about the drive: the name is taken, or this process has no descriptor left. */
function isCallersTrouble(error: unknown): boolean {
  const code = diskErrorCode(error);
  return code === "EEXIST" || code === "EMFILE" || code === "ENFILE";
}

function refuse(what: string, error: unknown, applied: "no" | "unknown"): DriveRefusal {
  const message = `${what}: ${diskErrorCode(error) ?? "unknown error"}`;
  return { ok: false, reason: "unavailable", applied, message };
}

function ended(): DriveRefusal {
  return { ok: false, reason: "unavailable", applied: "no", message: "the writer has ended" };
}
