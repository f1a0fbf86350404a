/**
 * Damage found while reading becomes durable work: the record gets the slot's missing bit, and with
 * it a row for the healer. Until that is written a report is only in memory; what is lost with it,
 * the next read or the next scrub finds again.
 *
 * A drive that does not answer is no damage: its shards may be there when it comes back.
 */
import { StoreError } from "../../base/store-error.ts";
import type { BackgroundWorker, WorkerStatus } from "../contract/background-worker.ts";
import type { DamageReport, ShardedData } from "../contract/data.ts";
import type { DataOwners, ObjectCore } from "../operations/object-core.ts";
import { dataOf, type Replacement, replaceData } from "../records/record-data.ts";

/** Reports waiting to be written down; more are left for the scrub. */
const REPORTS_MAX = 10_000;

interface Found {
  readonly key: Buffer;
  readonly data: ShardedData;
  slots: number;
}

/** Gathers reports of the data path and knows which record each is about. */
export class DamageLog implements DataOwners {
  /** Weak: as long as somebody reads the data, its owner is known. */
  readonly #owners = new WeakMap<ShardedData, Uint8Array>();
  readonly #found = new Map<string, Found>();
  #onReport: () => void = () => {};
  #isBeingFilled: (driveIndex: number) => boolean = () => false;

  remember(data: ShardedData, registerKey: Uint8Array): void {
    this.#owners.set(data, registerKey);
  }

  /** For the data path. What is missing on a drive that is being filled is known. */
  readonly report = ({ data, slots, cause }: DamageReport): void => {
    if (cause === "unavailable") return;
    const news = slots.filter(
      (slot) => cause !== "missing" || !this.#isBeingFilled(data.drives[slot] ?? -1),
    );
    if (news.length > 0) this.add(data, news);
  };

  add(data: ShardedData, slots: readonly number[]): void {
    const owner = this.#owners.get(data);
    if (owner === undefined) return;
    let found = this.#found.get(data.dataId);
    if (found === undefined) {
      if (this.#found.size >= REPORTS_MAX) return;
      found = { key: Buffer.from(owner), data, slots: 0 };
      this.#found.set(data.dataId, found);
    }
    for (const slot of slots) found.slots |= 1 << slot;
    this.#onReport();
  }

  /** Says of which drives, by index, the refill takes care. */
  exceptDrives(isBeingFilled: (driveIndex: number) => boolean): void {
    this.#isBeingFilled = isBeingFilled;
  }

  /** Calls back when there is something to take. */
  onReport(callback: () => void): void {
    this.#onReport = callback;
  }

  get size(): number {
    return this.#found.size;
  }

  take(): Found | undefined {
    for (const [dataId, found] of this.#found) {
      this.#found.delete(dataId);
      return found;
    }
    return undefined;
  }
}

const NO_RESULT = new Uint8Array(0);

export class DamageRecorder implements BackgroundWorker {
  readonly name = "damage";
  readonly #core: ObjectCore;
  readonly #log: DamageLog;
  #done = 0;
  #failed = 0;

  constructor(core: ObjectCore, log: DamageLog) {
    this.#core = core;
    this.#log = log;
  }

  async work(): Promise<"busy" | "idle"> {
    const found = this.#log.take();
    if (found === undefined) return "idle";
    try {
      await this.#record(found);
      this.#done += 1;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#failed += 1;
      this.#core.log.warn("damage could not be recorded", { error });
    }
    return "busy";
  }

  status(): WorkerStatus {
    return {
      name: this.name,
      done: this.#done,
      failed: this.#failed,
      waiting: this.#log.size,
    };
  }

  async #record({ key, data, slots }: Found): Promise<void> {
    const { registers, log } = this.#core;
    const outcome = await registers.update(key, (body) => {
      const current = dataOf(key, body).find((item) => item.data.dataId === data.dataId);
      const missing = current === undefined ? 0 : newlyMissing(current.data, data, slots);
      if (current === undefined || body === undefined || missing === 0) {
        return { kind: "keep", answer: undefined };
      }
      const replacement: Replacement = {
        data: { ...current.data, missing: current.data.missing | missing },
        moved: false,
        degraded: current.degraded,
      };
      const changed = replaceData(key, body, new Map([[data.dataId, replacement]]), 0);
      return { kind: "write", body: changed, result: NO_RESULT };
    });
    if (outcome.kind === "written") {
      log.warn("damaged shards were found", { dataId: data.dataId, slots });
    }
  }
}

/** Slots that are still where they were found damaged, and not marked yet. */
function newlyMissing(current: ShardedData, found: ShardedData, slots: number): number {
  let missing = 0;
  for (let slot = 0; slot < current.drives.length; slot++) {
    const bit = 1 << slot;
    const same = current.drives[slot] === found.drives[slot];
    if ((slots & bit) !== 0 && same && (current.missing & bit) === 0) missing |= bit;
  }
  return missing;
}
