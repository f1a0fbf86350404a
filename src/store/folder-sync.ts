/**
 * Makes new and removed names durable: one fsync of a folder serves everybody who asked before it
 * began. Who asks while one runs waits for the next, since the running one may miss his name.
 */
import { createDeferred, type Deferred } from "../base/deferred.ts";
import type { Disk } from "../base/disk.ts";

export class FolderSync {
  readonly #disk: Disk;
  /** Folders being synced, with those who wait for the following round. */
  readonly #running = new Map<string, { next: Deferred<void> | undefined }>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Resolves when every name made or removed before the call is durable; rejects when it failed. */
  sync(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (running === undefined) return this.#start(folder);
    running.next ??= createDeferred();
    return running.next.promise;
  }

  async #start(folder: string): Promise<void> {
    const round: { next: Deferred<void> | undefined } = { next: undefined };
    this.#running.set(folder, round);
    try {
      await this.#disk.fsyncDir(folder);
    } finally {
      this.#running.delete(folder);
      const { next } = round;
      if (next !== undefined) this.#start(folder).then(next.resolve, next.reject);
    }
  }
}
