/**
 * Finds shards that no record refers to: those of uploads that were cut off, and of commits whose
 * outcome nobody learnt. The drive wrote a `pending` row with each shard; the record that refers to
 * it takes the row away, so what is left after a grace time is looked into.
 *
 * Nothing is deleted because a reference is absent or leads elsewhere: first the owner's register is written anew (a
 * fence), so that no older proposal that may still refer to the data can ever be chosen; then it is
 * read again. The grace time runs on this process's own clock, from when it first saw the row.
 */
import { StoreError } from "../../base/store-error.ts";
import type { Drive } from "../../store/drive.ts";
import {
  type BackgroundWorker,
  inBatches,
  type WorkerStatus,
} from "../contract/background-worker.ts";
import type { ObjectCore } from "../operations/object-core.ts";
import { type PendingShard, readPendingRow } from "../records/pending-row.ts";
import { readDriveRows } from "../registers/drive-rows.ts";
import { findReference, type Reference } from "./references.ts";

export type SweepDrive = Pick<Drive, "id" | "index" | "range" | "dropShard" | "deleteRows">;

export interface SweeperOptions {
  /** Longer than any commit takes. */
  readonly graceMs: number;
  /** Rows remembered at once; others wait. */
  readonly rowsMax: number;
}

export interface SweeperModules {
  readonly core: ObjectCore;
  /** Every drive that answers, member or not: each knows its own shards only. */
  drives(): readonly SweepDrive[];
}

interface Seen {
  readonly drive: SweepDrive;
  readonly rowKey: Buffer;
  readonly shard: PendingShard;
  readonly firstSeenMs: number;
  pass: number;
}

export const SWEEPER_OPTIONS: SweeperOptions = { graceMs: 60 * 60_000, rowsMax: 20_000 };

const ROWS_PER_UNIT = 500;
const AT_ONCE = 8;
const START = new Uint8Array(0);
const NO_RESULT = new Uint8Array(0);

export class Sweeper implements BackgroundWorker {
  readonly name = "sweeper";
  readonly #options: SweeperOptions;
  readonly #modules: SweeperModules;
  readonly #seen = new Map<string, Seen>();
  #driveTurn = 0;
  #from: Uint8Array = START;
  #pass = 0;
  #done = 0;
  #failed = 0;

  constructor(options: SweeperOptions, modules: SweeperModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** A page of one drive's rows; at the end of a pass over all drives, what has become old. */
  async work(): Promise<"busy" | "idle"> {
    const drives = this.#modules.drives();
    const drive = drives[this.#driveTurn];
    if (drive === undefined) {
      await this.#sweepOld();
      this.#driveTurn = 0;
      this.#pass += 1;
      return "idle";
    }
    const page = await readDriveRows(drive, "pending", { from: this.#from, limit: ROWS_PER_UNIT });
    if (page.ok) {
      for (const { key, value } of page.rows) {
        if (value !== undefined) this.#note(drive, key, value);
      }
    }
    if (!page.ok || page.exhausted || page.resume === undefined) {
      this.#driveTurn += 1;
      this.#from = START;
    } else {
      this.#from = page.resume;
    }
    return "busy";
  }

  status(): WorkerStatus {
    return {
      name: this.name,
      done: this.#done,
      failed: this.#failed,
      waiting: this.#seen.size,
    };
  }

  #note(drive: SweepDrive, key: Uint8Array, value: Uint8Array): void {
    const rowKey = Buffer.from(key);
    const name = `${drive.id} ${rowKey.toString("latin1")}`;
    const shard = readPendingRow(rowKey, Buffer.from(value));
    const known = this.#seen.get(name);
    // A shard that was being written when it was seen first waits for its record only now.
    if (known !== undefined && known.shard.createdMs === shard.createdMs) {
      known.pass = this.#pass;
      return;
    }
    if (known === undefined && this.#seen.size >= this.#options.rowsMax) return;
    const firstSeenMs = this.#modules.core.clock.monotonicMs();
    this.#seen.set(name, { drive, rowKey, shard, firstSeenMs, pass: this.#pass });
  }

  async #sweepOld(): Promise<void> {
    const oldMs = this.#modules.core.clock.monotonicMs() - this.#options.graceMs;
    const old: [string, Seen][] = [];
    for (const [name, seen] of this.#seen) {
      // A record has taken the row away meanwhile.
      if (seen.pass !== this.#pass) this.#seen.delete(name);
      else if (seen.firstSeenMs <= oldMs) old.push([name, seen]);
    }
    await inBatches(old, AT_ONCE, async ([name, seen]) => {
      try {
        if (await this.#sweep(seen)) this.#seen.delete(name);
        this.#done += 1;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        this.#failed += 1;
        this.#modules.core.log.debug("a shard could not be judged yet", { error });
      }
    });
  }

  /** True when the row is gone. */
  async #sweep({ drive, rowKey, shard }: Seen): Promise<boolean> {
    const { core } = this.#modules;
    const { dataId, ownerKey, slot } = shard;
    if (core.committing.has(dataId)) return false;
    let reference = await findReference(core, ownerKey, dataId);
    // Also when the record names another place: a mover may be about to name this one.
    const isWanted = isMissing(reference, slot) || isHere(reference, slot, drive.index);
    if (reference.kind !== "moving" && !isWanted) {
      await this.#fence(ownerKey);
      reference = await findReference(core, ownerKey, dataId);
    }
    if (reference.kind === "moving" || isMissing(reference, slot)) return false;
    if (!isHere(reference, slot, drive.index)) {
      const dropped = await drive.dropShard(dataId, slot);
      if (!dropped.ok) return false;
      core.log.info("a shard that nothing refers to was deleted", { dataId, slot });
    }
    const deleted = await drive.deleteRows([{ table: "pending", key: rowKey }]);
    return deleted.ok;
  }

  /** The same body under a new ballot: what was proposed before cannot be chosen any more. */
  async #fence(ownerKey: Buffer): Promise<void> {
    await this.#modules.core.registers.update(ownerKey, (body) => ({
      kind: "write",
      body,
      result: NO_RESULT,
    }));
  }
}

/**
 * The record does not count on what this drive, or another one, has of the slot: the healer will
 * write it here or elsewhere, and then it is clear what this is.
 */
function isMissing(reference: Reference, slot: number): boolean {
  return reference.kind === "record" && (reference.data.missing & (1 << slot)) !== 0;
}

/** The record refers to the very shard, not to one of the same data on another drive. */
function isHere(reference: Reference, slot: number, driveIndex: number): boolean {
  return reference.kind === "record" && reference.data.drives[slot] === driveIndex;
}
