/**
 * Reads every record of this node's drives slowly, again and again. A record that is not what was
 * written counts as a lost replica, and nobody notices as long as the others answer: anti-entropy
 * compares listing rows. Here it is found, and settled, which writes it anew from the others.
 *
 * Nothing of it is durable: a process begins with a pass.
 */
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import { StoreError } from "../../base/store-error.ts";
import type { RangeRow } from "../../store/drive.ts";
import type { BackgroundWorker, WorkerStatus } from "../contract/background-worker.ts";
import { nextHead } from "./head-walk.ts";
import { headQuery } from "./row-digest.ts";
import type { SharedDrive } from "./shared-drive.ts";

export interface RecordScrubOptions {
  /** A new pass begins no sooner than this after the one before began. */
  readonly periodMs: number;
}

export interface RecordScrubModules {
  /** The drives of this node that keep registers. */
  localDrives(): readonly SharedDrive[];
  /** What requests carry now. */
  epoch(): number;
  /** Makes every replica hold the same value. */
  settle(key: Uint8Array): Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

export const RECORD_SCRUB_OPTIONS: RecordScrubOptions = { periodMs: 7 * 24 * 60 * 60_000 };

/** Read in one go on the drive's thread: with values of 32 KiB a megabyte. */
const PAGE_ROWS = 32;
const START = new Uint8Array(0);

export class RecordScrub implements BackgroundWorker {
  readonly name = "records";
  readonly #options: RecordScrubOptions;
  readonly #modules: RecordScrubModules;
  #begunMs = Number.NEGATIVE_INFINITY;
  #turn = 0;
  #head: Uint8Array | undefined;
  #from: Uint8Array | undefined;
  #settled = 0;
  #failed = 0;

  constructor(options: RecordScrubOptions, modules: RecordScrubModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** One page of records; "idle" between passes. */
  async work(): Promise<"busy" | "idle"> {
    const nowMs = this.#modules.clock.monotonicMs();
    if (this.#turn === 0 && this.#head === undefined) {
      if (nowMs - this.#begunMs < this.#options.periodMs) return "idle";
      this.#begunMs = nowMs;
    }
    const drive = this.#modules.localDrives()[this.#turn];
    if (drive === undefined) {
      this.#turn = 0;
      return "idle";
    }
    if (this.#head === undefined || this.#from === undefined) await this.#nextHead(drive);
    else await this.#readPage(drive, this.#head, this.#from);
    return "busy";
  }

  status(): WorkerStatus {
    return { name: this.name, done: this.#settled, failed: this.#failed };
  }

  async #nextHead(drive: SharedDrive): Promise<void> {
    const fence = { layout: this.#modules.epoch(), bucketEpoch: undefined };
    const found = await nextHead((query) => drive.range(query, fence), this.#head);
    if (found === undefined || found === "unanswered") {
      this.#turn += 1;
      this.#head = undefined;
      return;
    }
    this.#head = found;
    this.#from = START;
  }

  async #readPage(drive: SharedDrive, head: Uint8Array, from: Uint8Array): Promise<void> {
    const fence = { layout: this.#modules.epoch(), bucketEpoch: undefined };
    const page = await drive.range({ ...headQuery(head, from, PAGE_ROWS), table: "rec" }, fence);
    this.#from = page.ok && !page.exhausted ? page.resume : undefined;
    if (!page.ok) return;
    for (const row of page.rows) if (isDamaged(row)) await this.#settle(head, row.key);
  }

  async #settle(head: Uint8Array, key: Uint8Array): Promise<void> {
    try {
      await this.#modules.settle(Buffer.concat([head, key]));
      this.#settled += 1;
      this.#modules.log.info("a record could not be read on a drive and was written anew");
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#failed += 1;
      this.#modules.log.warn("a record cannot be read on a drive, nor be settled now", { error });
    }
  }
}

/** The drive gives nothing for a record that is not what was written. */
function isDamaged({ value }: RangeRow): boolean {
  return value?.length === 0;
}
