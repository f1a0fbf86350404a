/**
 * Free space of one drive and the reserve that keeps deletes and metadata possible when it is full.
 * Between two looks at the file system it counts what was written.
 */
import type { DiskSpace } from "../base/disk.ts";

export interface ReserveLimits {
  /** Kept free at least … */
  readonly reserveBytesMin: number;
  /** … or this share of the drive, if that is more … */
  readonly reserveShare: number;
  /** … but never more than this share (small drives). */
  readonly reserveShareMax: number;
}

export class DriveSpace {
  readonly #limits: ReserveLimits;
  #space: DiskSpace = { totalBytes: 0, freeBytes: 0 };
  #writtenBytes = 0;
  #promisedBytes = 0;

  constructor(limits: ReserveLimits) {
    this.#limits = limits;
  }

  get totalBytes(): number {
    return this.#space.totalBytes;
  }

  /** Free for this process, by the last look and what was written since. */
  get freeBytes(): number {
    return Math.max(0, this.#space.freeBytes - this.#writtenBytes);
  }

  get reserveBytes(): number {
    const { reserveBytesMin, reserveShare, reserveShareMax } = this.#limits;
    const { totalBytes } = this.#space;
    const wanted = Math.max(reserveBytesMin, totalBytes * reserveShare);
    return Math.min(wanted, totalBytes * reserveShareMax);
  }

  /** A new look at the file system. */
  look(space: DiskSpace): void {
    this.#space = space;
    this.#writtenBytes = 0;
  }

  /** Whether `bytes` more fit above the reserve. */
  fits(bytes: number): boolean {
    return this.freeBytes - this.#promisedBytes - bytes >= this.reserveBytes;
  }

  wrote(bytes: number): void {
    this.#writtenBytes += bytes;
  }

  /** Sets space aside for a file that is being written. */
  promise(bytes: number): void {
    this.#promisedBytes += bytes;
  }

  release(bytes: number): void {
    this.#promisedBytes -= bytes;
  }
}
