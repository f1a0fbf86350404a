/**
 * Takes away `pending` rows of data that a chosen record refers to, on drives whose rows that record
 * does not reach: spares that keep no registers, and shards made anew for old versions. In batches
 * and without promise: what is lost here the sweeper finds.
 */
import type { Clock, Timer } from "../../base/clock.ts";
import type { Drive } from "../../store/drive.ts";
import type { ShardedData } from "../contract/data.ts";
import { pendingRowKey } from "../records/pending-row.ts";

export interface PendingCleanerModules {
  readonly clock: Clock;
  driveAt(index: number): Pick<Drive, "id" | "deleteRows"> | undefined;
  /** The drive gets the rows of every record. */
  isMember(driveId: string): boolean;
}

const FLUSH_MS = 200;
/** Rows of one drive waiting; more are left to the sweeper. */
const ROWS_WAITING_MAX = 10_000;
const ROWS_PER_CALL = 500;

export class PendingCleaner {
  readonly #modules: PendingCleanerModules;
  readonly #waiting = new Map<number, Buffer[]>();
  #timer: Timer | undefined;

  constructor(modules: PendingCleanerModules) {
    this.#modules = modules;
  }

  /** A record that refers to the data is chosen; the rows on members went with it. */
  adopted(data: ShardedData): void {
    data.drives.forEach((index, slot) => {
      const drive = this.#modules.driveAt(index);
      if (drive !== undefined && !this.#modules.isMember(drive.id)) this.#add(index, data, slot);
    });
  }

  /** Shards that a record refers to were made anew. */
  rebuilt(data: ShardedData, slots: readonly number[]): void {
    for (const slot of slots) {
      const index = data.drives[slot];
      if (index === undefined) continue;
      this.#add(index, data, slot);
      this.#add(index, data, slot, true);
    }
  }

  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const queues = [...this.#waiting];
    this.#waiting.clear();
    await Promise.all(
      queues.map(async ([index, keys]) => {
        const drive = this.#modules.driveAt(index);
        for (let start = 0; start < keys.length; start += ROWS_PER_CALL) {
          const page = keys.slice(start, start + ROWS_PER_CALL);
          await drive?.deleteRows(page.map((key) => ({ table: "pending", key })));
        }
      }),
    );
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #add(index: number, data: ShardedData, slot: number, anew = false): void {
    // What a slower drive may still write is not the record's: its row has to lead there.
    if ((data.missing & (1 << slot)) !== 0) return;
    const keys = this.#waiting.get(index) ?? [];
    if (keys.length >= ROWS_WAITING_MAX) return;
    keys.push(pendingRowKey(data.dataId, slot, anew));
    this.#waiting.set(index, keys);
    this.#timer ??= this.#modules.clock.after(FLUSH_MS, () => void this.flush());
  }
}
