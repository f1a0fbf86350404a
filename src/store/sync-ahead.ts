/**
 * Syncs long files of one drive while they are written. The kernel would keep what is written to a file
 * until somebody asks for a sync: then the disk stands still while an upload arrives, and the upload
 * while the disk writes it; and hundreds of uploads fill the page cache with what nobody can drop.
 *
 * An offer, not a promise: nobody waits for it, few run at a time, and the sync at the end of a file is
 * the one that makes it durable. A failed one ends the file like that.
 */
import { MIB } from "../base/bytes.ts";
import type { DiskFile } from "../base/disk.ts";

/** Less is left to the sync at the end. */
export const SYNC_AHEAD_BYTES_MIN: number = 8 * MIB;
/** Of one drive: each keeps a thread of the pool, which reads need as well. */
export const SYNCS_AHEAD_MAX = 2;

export class SyncAhead {
  #running = 0;

  /** Begins a sync when `bytes` are worth one and there is room for it. */
  offer(file: DiskFile, bytes: number): Promise<void> | undefined {
    if (bytes < SYNC_AHEAD_BYTES_MIN || this.#running >= SYNCS_AHEAD_MAX) return undefined;
    this.#running++;
    return file.fdatasync().finally(() => {
      this.#running--;
    });
  }
}
