/**
 * The drives as the data path uses them: a table by index, and what experience says about how soon
 * each answers a read. The rest of a drive (registers, rows) is no business of data.
 */
import type { Drive } from "../../store/drive.ts";
import type { PlacementDrive } from "./data-placement.ts";

export type DataDrive = Pick<
  Drive,
  "index" | "createShard" | "readBlock" | "checkShard" | "dropShard" | "status"
> & {
  /** Above 0: what is read from it comes over the network. */
  readonly distance?: number;
};

/** Milliseconds between which the delay before asking another drive adapts. */
export interface HedgeLimits {
  readonly floorMs: number;
  readonly ceilingMs: number;
}

/** Weights of a new sample in the running mean and in the running deviation (RFC 6298). */
const MEAN_WEIGHT = 1 / 8;
const DEVIATION_WEIGHT = 1 / 4;
/** Mean + 4 deviations: about what nineteen of twenty answers keep within. */
const DEVIATIONS = 4;

interface Latency {
  meanMs: number;
  deviationMs: number;
}

export class DriveTable {
  readonly #drives = new Map<number, DataDrive>();
  readonly #latencies = new Map<number, Latency>();
  readonly #late = new Map<number, number>();
  readonly #hedged = new Map<number, number>();
  readonly #hedge: HedgeLimits;
  #isLeaving: (index: number) => boolean = () => false;

  constructor(drives: readonly DataDrive[], hedge: HedgeLimits) {
    this.#hedge = hedge;
    for (const drive of drives) this.add(drive);
  }

  add(drive: DataDrive): void {
    this.#drives.set(drive.index, drive);
  }

  /** Says which drives get no new data because they are being emptied. */
  exceptLeaving(isLeaving: (index: number) => boolean): void {
    this.#isLeaving = isLeaving;
  }

  get(index: number): DataDrive | undefined {
    return this.#drives.get(index);
  }

  /** In table order. */
  list(): DataDrive[] {
    return [...this.#drives.values()].sort((left, right) => left.index - right.index);
  }

  /**
   * Counts calls that were given up waiting for, yet hold a stripe until their drive replies. A
   * drive with such calls gets no new data: else each upload would leave it another stripe.
   */
  addLate(index: number, calls: number): void {
    this.#late.set(index, (this.#late.get(index) ?? 0) + calls);
  }

  isLate(index: number): boolean {
    return (this.#late.get(index) ?? 0) > 0;
  }

  /** Counts reads that were hedged and have not answered. */
  addHedged(index: number, reads: number): void {
    this.#hedged.set(index, this.hedgedCount(index) + reads);
  }

  hedgedCount(index: number): number {
    return this.#hedged.get(index) ?? 0;
  }

  /** What placement goes by, in table order. */
  states(): PlacementDrive[] {
    return this.list().map((drive) => {
      const { state, full } = drive.status();
      const { index } = drive;
      const online = state === "online" && !this.isLate(index);
      return { index, online, full: full || this.#isLeaving(index) };
    });
  }

  isRemote(index: number): boolean {
    return (this.#drives.get(index)?.distance ?? 0) > 0;
  }

  isOnline(index: number): boolean {
    return this.#drives.get(index)?.status().state === "online";
  }

  recordRead(index: number, elapsedMs: number): void {
    const latency = this.#latencies.get(index);
    if (latency === undefined) {
      this.#latencies.set(index, { meanMs: elapsedMs, deviationMs: elapsedMs / 2 });
      return;
    }
    const error = elapsedMs - latency.meanMs;
    latency.deviationMs += DEVIATION_WEIGHT * (Math.abs(error) - latency.deviationMs);
    latency.meanMs += MEAN_WEIGHT * error;
  }

  /** How long a read of this drive may take before another is asked as well. */
  hedgeDelayMs(index: number): number {
    const { floorMs, ceilingMs } = this.#hedge;
    const latency = this.#latencies.get(index);
    // Nothing known yet: the first read may meet a sleeping disk.
    if (latency === undefined) return ceilingMs;
    const expected = latency.meanMs + DEVIATIONS * latency.deviationMs;
    return Math.min(ceilingMs, Math.max(floorMs, expected));
  }
}
