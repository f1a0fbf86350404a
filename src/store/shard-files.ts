/**
 * Immutable shard files: created exclusively under their final unique name, written once, never
 * renamed and never overwritten. Visibility is the record's business, so a crash leaves at worst a
 * file that nothing refers to and that the sweeper finds by its `pending` row or by listing.
 *
 * All blocks are written from and read into the shared arena; a reply means that the arena is not
 * touched any more.
 */
import { KIB } from "../base/bytes.ts";
import { type Disk, diskErrorCode } from "../base/disk.ts";
import type { DataId } from "../base/ids.ts";
import { Semaphore } from "../base/semaphore.ts";
import { SHARD_HEADER_BYTES, type ShardHeader, shardHeaderProblem } from "../codec/shard-header.ts";
import { TRAILER_BYTES } from "../codec/stripe.ts";
import type { Done, DriveRefusal, ShardRead } from "./drive.ts";
import { FolderSync } from "./folder-sync.ts";
import { OpenFiles } from "./open-files.ts";
import {
  DATA_FOLDER,
  fanOutName,
  fanOutNames,
  formatShardName,
  parseShardName,
  type ShardName,
} from "./shard-names.ts";
import { blockViews, ShardFileWriter } from "./shard-writer.ts";
import { SyncAhead } from "./sync-ahead.ts";

export interface ShardFilesModules {
  readonly disk: Disk;
  /** The drive's root folder. */
  readonly path: string;
  /** The arena. */
  readonly memory: Uint8Array;
  readonly trailerBytes: number;
  readonly openFilesMax: number;
  onReadError(): void;
  /** A write or a sync failed: the drive must not be trusted with writes any more. */
  onWriteError(error: unknown): void;
}

export interface ListedShard {
  readonly dataId: DataId;
  readonly slot: number;
  readonly bytes: number;
  readonly mtimeMs: number;
}

/**
 * Of one drive: each keeps a thread of the pool, which reads and the journal need as well, and copies
 * into the page cache, where more at a time write no faster but keep the front from a processor.
 */
export const BLOCK_WRITES_MAX = 2;

/** Files known to be no longer are written and synced in one call: one block of the usual stripe. */
const ONE_WRITE_BYTES_MAX = 512 * KIB + SHARD_HEADER_BYTES + TRAILER_BYTES;

export interface NewShardFile {
  /** The file may be made; false: it must not. */
  readonly begin: Promise<boolean>;
  /** How long it will be, when that is known. */
  readonly bytes: number | undefined;
}

const DONE: Done = { ok: true };

export class ShardFiles {
  readonly #modules: ShardFilesModules;
  readonly #folders: FolderSync;
  readonly #open: OpenFiles;
  /** Who waits is bounded by the drive's requests in flight. */
  readonly #writes = new Semaphore({ permits: BLOCK_WRITES_MAX, waitersMax: Infinity });
  readonly #syncAhead = new SyncAhead();

  constructor(modules: ShardFilesModules) {
    this.#modules = modules;
    this.#folders = new FolderSync(modules.disk);
    this.#open = new OpenFiles(modules.disk, modules.openFilesMax);
  }

  /** Starts a new file that begins with `header`, once `begin` says that it may. */
  create(name: ShardName, header: Uint8Array, { begin, bytes }: NewShardFile): ShardFileWriter {
    const { dataId, slot } = name;
    const folder = this.#folderOf(dataId);
    const { disk, memory, trailerBytes, onWriteError } = this.#modules;
    return new ShardFileWriter(
      {
        disk,
        memory,
        trailerBytes,
        begin,
        syncEachWrite: bytes !== undefined && bytes <= ONE_WRITE_BYTES_MAX,
        writes: this.#writes,
        syncAhead: this.#syncAhead,
        syncFolder: () => this.#folders.sync(folder),
        onWriteError,
      },
      `${folder}/${formatShardName(dataId, slot)}`,
      header,
    );
  }

  async readBlock(read: ShardRead): Promise<Done | DriveRefusal> {
    const views = blockViews(this.#modules.memory, read.place, this.#modules.trailerBytes);
    const wanted = views.reduce((sum, view) => sum + view.length, 0);
    try {
      const path = this.#pathOf(read.dataId, read.slot);
      const got = await this.#open.use(path, (file) => file.readv(views, read.fileOffset));
      return got === wanted ? DONE : { ok: false, reason: "missing" };
    } catch (error) {
      return this.#readFailure(error);
    }
  }

  /** A misdirected write, a renamed file or one put back from elsewhere shows in its header. */
  async checkHeader(header: ShardHeader): Promise<Done | DriveRefusal> {
    const found = Buffer.alloc(SHARD_HEADER_BYTES);
    try {
      const path = this.#pathOf(header.dataId, header.slot);
      const got = await this.#open.use(path, (file) => file.readv([found], 0));
      const problem = shardHeaderProblem(found.subarray(0, got), header);
      if (problem === undefined) return DONE;
      this.#modules.onReadError();
      return { ok: false, reason: "corrupt", message: problem };
    } catch (error) {
      return this.#readFailure(error);
    }
  }

  async drop(dataId: DataId, slot: number): Promise<Done | DriveRefusal> {
    const path = this.#pathOf(dataId, slot);
    this.#open.forget(path);
    try {
      await this.#modules.disk.unlink(path);
    } catch (error) {
      // Gone already; its going may still have to be made durable.
      if (diskErrorCode(error) !== "ENOENT") return this.#writeFailure(error);
    }
    try {
      await this.#folders.sync(this.#folderOf(dataId));
      return DONE;
    } catch (error) {
      return this.#writeFailure(error);
    }
  }

  /** Shards whose names sort after `after`, in name order. */
  async list(
    after: string,
    limit: number,
  ): Promise<{ ok: true; shards: ListedShard[] } | DriveRefusal> {
    const shards: ListedShard[] = [];
    try {
      for (const folder of fanOutNames()) {
        if (shards.length >= limit) break;
        if (folder < after.slice(0, 2)) continue;
        await this.#listFolder(folder, { after, limit, shards });
      }
      return { ok: true, shards };
    } catch (error) {
      return this.#readFailure(error);
    }
  }

  close(): void {
    this.#open.closeAll();
  }

  async #listFolder(
    folder: string,
    into: { after: string; limit: number; shards: ListedShard[] },
  ): Promise<void> {
    const { disk, path } = this.#modules;
    const names = await disk.readdir(`${path}/${DATA_FOLDER}/${folder}`);
    names.sort();
    for (const name of names) {
      if (into.shards.length >= into.limit) return;
      const shard = name > into.after ? parseShardName(name) : undefined;
      if (shard === undefined) continue;
      const stat = await disk.stat(`${path}/${DATA_FOLDER}/${folder}/${name}`).catch(ignoreMissing);
      if (stat?.kind !== "file") continue;
      into.shards.push({ ...shard, bytes: stat.bytes, mtimeMs: stat.mtimeMs });
    }
  }

  #folderOf(dataId: DataId): string {
    return `${this.#modules.path}/${DATA_FOLDER}/${fanOutName(dataId)}`;
  }

  #pathOf(dataId: DataId, slot: number): string {
    return `${this.#folderOf(dataId)}/${formatShardName(dataId, slot)}`;
  }

  #readFailure(error: unknown): DriveRefusal {
    const code = diskErrorCode(error);
    if (code === "ENOENT") return { ok: false, reason: "missing" };
    this.#modules.onReadError();
    const message = `read failed: ${code ?? "unknown error"}`;
    // The medium gave up on these bytes; others of the drive may well be readable.
    if (code === "EIO") return { ok: false, reason: "corrupt", message };
    return { ok: false, reason: "unavailable", applied: "no", message };
  }

  #writeFailure(error: unknown): DriveRefusal {
    this.#modules.onWriteError(error);
    const message = `delete failed: ${diskErrorCode(error) ?? "unknown error"}`;
    return { ok: false, reason: "unavailable", applied: "unknown", message };
  }
}

function ignoreMissing(error: unknown): undefined {
  if (diskErrorCode(error) !== "ENOENT") throw error;
}
