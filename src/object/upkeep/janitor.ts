/**
 * Does the work that records have put off: deletes data that no version refers to any more, finishes
 * completions and deletions that a crash cut off, forgets uploads, purges tombstones.
 *
 * Driven by the rows of the table `trash`, which say when a record is due. A row is a hint, the
 * record decides. Everything here may be repeated and may stop at any point.
 */
import { StoreError } from "../../base/store-error.ts";
import type { Drive } from "../../store/drive.ts";
import {
  type BackgroundWorker,
  inBatches,
  type WorkerStatus,
} from "../contract/background-worker.ts";
import { parseRegisterKey } from "../contract/register-keys.ts";
import type { ObjectCore } from "../operations/object-core.ts";
import { readRecordHead, withRowsCleared } from "../records/record-head.ts";
import { readDueValue } from "../registers/derive-rows.ts";
import { readDriveRows } from "../registers/drive-rows.ts";
import { emptyObjectTrash, emptyPartTrash, type TrashDrive } from "./empty-trash.ts";
import { advanceUpload } from "./upload-janitor.ts";

export type JanitorDrive = Pick<Drive, "range">;

export interface JanitorModules {
  readonly core: ObjectCore;
  /** The members of the registers: each has the rows of all records. */
  members(): readonly JanitorDrive[];
  /** Where the data is; undefined when that drive is not there. */
  driveAt(index: number): TrashDrive | undefined;
  /** False leaves a record to another node. */
  isOurs(key: Uint8Array): boolean;
}

/** Rows looked at in one unit of work, and records worked on at once. */
const ROWS_PER_UNIT = 500;
const AT_ONCE = 16;
/** Rest after a pass that found nothing, in multiples of its time. */
const REST_SHARE = 10;
const START = new Uint8Array(0);
const NO_RESULT = new Uint8Array(0);

export class Janitor implements BackgroundWorker {
  readonly name = "janitor";
  readonly #modules: JanitorModules;
  #from: Uint8Array = START;
  #turn = 0;
  #foundInPass = 0;
  #passStartMs = 0;
  #restUntilMs = 0;
  #done = 0;
  #failed = 0;

  constructor(modules: JanitorModules) {
    this.#modules = modules;
  }

  async work(): Promise<"busy" | "idle"> {
    const { clock } = this.#modules.core;
    if (this.#from === START) {
      if (clock.monotonicMs() < this.#restUntilMs) return "idle";
      this.#passStartMs = clock.monotonicMs();
    }
    const members = this.#modules.members();
    const drive = members[this.#turn % Math.max(1, members.length)];
    if (drive === undefined) return "idle";
    const page = await readDriveRows(drive, "trash", { from: this.#from, limit: ROWS_PER_UNIT });
    if (!page.ok) {
      this.#turn += 1;
      throw new StoreError({ code: "data-unavailable", message: "a drive does not answer" });
    }
    const nowMs = clock.nowMs();
    const due = page.rows.filter(
      ({ key, value }) =>
        value !== undefined && readDueValue(value) <= nowMs && this.#modules.isOurs(key),
    );
    this.#from = page.exhausted || page.resume === undefined ? START : page.resume;
    await inBatches(due, AT_ONCE, ({ key }) => this.#tend(Buffer.from(key)));
    this.#foundInPass += due.length;
    if (this.#from !== START) return "busy";
    const idle = this.#foundInPass === 0;
    this.#foundInPass = 0;
    this.#turn += 1;
    if (!idle) return "busy";
    // A long table of rows that are not due yet is not gone through without a break.
    const endMs = clock.monotonicMs();
    this.#restUntilMs = endMs + REST_SHARE * (endMs - this.#passStartMs);
    return "idle";
  }

  status(): WorkerStatus {
    return { name: this.name, done: this.#done, failed: this.#failed };
  }

  /** That of a tombstone, say, which was written over before it could be purged. */
  async #clearRow(key: Buffer): Promise<void> {
    await this.#modules.core.registers.update(key, (body) => {
      if (body === undefined || readRecordHead(body).dueMs !== 0) {
        return { kind: "keep", answer: undefined };
      }
      return { kind: "write", body: withRowsCleared(body), result: NO_RESULT };
    });
  }

  /** One record; what cannot be done now is tried again in the next pass. */
  async #tend(key: Buffer): Promise<void> {
    try {
      await this.#work(key);
      this.#done += 1;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#failed += 1;
      this.#modules.core.log.debug("deferred work has to wait", { error });
    }
  }

  async #work(key: Buffer): Promise<void> {
    const { core } = this.#modules;
    const body = await core.registers.read(key);
    if (body === undefined) {
      await core.registers.purge(key);
      return;
    }
    const { dueMs } = readRecordHead(body);
    if (dueMs > core.clock.nowMs()) return;
    const parsed = parseRegisterKey(key);
    switch (parsed?.kind) {
      case "object":
        return emptyObjectTrash(this.#modules, key);
      case "part":
        return emptyPartTrash(this.#modules, key);
      case "upload":
        return advanceUpload(this.#modules.core, key);
      case "bucket":
        return dueMs === 0 ? this.#clearRow(key) : core.buckets.recover(parsed.name);
      case "system":
        return this.#clearRow(key);
      case undefined:
        throw new StoreError({ code: "corrupt", what: "register key" });
    }
  }
}
