/**
 * Files open for reading, least recently used closed first. A file in use stays open even when it is
 * unlinked or pushed out, so a running read is never cut off.
 */
import type { Disk, DiskFile } from "../base/disk.ts";

interface OpenFile {
  readonly opening: Promise<DiskFile>;
  users: number;
  /** Out of the cache: the last user closes it. */
  retired: boolean;
}

export class OpenFiles {
  readonly #disk: Disk;
  readonly #filesMax: number;
  /** In order of use, oldest first. */
  readonly #files = new Map<string, OpenFile>();

  constructor(disk: Disk, filesMax: number) {
    this.#disk = disk;
    this.#filesMax = filesMax;
  }

  get size(): number {
    return this.#files.size;
  }

  /** Runs `action` on the open file; rejects with its error, or with that of opening. */
  async use<T>(path: string, action: (file: DiskFile) => Promise<T>): Promise<T> {
    const entry = this.#files.get(path) ?? {
      opening: this.#disk.open(path),
      users: 0,
      retired: false,
    };
    this.#files.delete(path);
    this.#files.set(path, entry);
    entry.users += 1;
    this.#shrink();
    try {
      return await action(await this.#opened(path, entry));
    } finally {
      entry.users -= 1;
      this.#closeUnused(entry);
    }
  }

  /** Forgets a path whose file was unlinked. */
  forget(path: string): void {
    const entry = this.#files.get(path);
    if (entry !== undefined) this.#retire(path, entry);
  }

  closeAll(): void {
    for (const [path, entry] of this.#files) this.#retire(path, entry);
  }

  async #opened(path: string, entry: OpenFile): Promise<DiskFile> {
    try {
      return await entry.opening;
    } catch (error) {
      // A failed opening is not remembered: the file may appear later.
      if (this.#files.get(path) === entry) this.#files.delete(path);
      throw error;
    }
  }

  #shrink(): void {
    for (const [path, entry] of this.#files) {
      if (this.#files.size <= this.#filesMax) return;
      this.#retire(path, entry);
    }
  }

  #retire(path: string, entry: OpenFile): void {
    this.#files.delete(path);
    entry.retired = true;
    this.#closeUnused(entry);
  }

  #closeUnused(entry: OpenFile): void {
    if (!entry.retired || entry.users > 0) return;
    // Nothing was written through it, and a failed opening has nothing to close.
    entry.opening.then((file) => file.close()).catch(() => {});
  }
}
