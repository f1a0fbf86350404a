/**
 * Deleting a bucket: active → deleting → (empty? then a tombstone, else active again).
 *
 * Each attempt has an epoch of its own, fenced before it looks whether the bucket is empty: what was
 * written under an older one is seen by that look or can never be chosen. Who takes an attempt over
 * raises the epoch, so only the last one can end it.
 */
import type { RegisterChange } from "../../../cluster/register/register-contract.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import { StoreError, type StoreErrorData } from "../../base/store-error.ts";
import { headsOf, OBJECT_TAG } from "../contract/register-keys.ts";
import type { Registers } from "../contract/registers.ts";
import {
  type BucketRecord,
  decodeBucketRecord,
  encodeBucketRecord,
} from "../records/bucket-record.ts";
import { readObjectRow } from "../records/list-row.ts";
import { scanAll, scanRows } from "../registers/row-scan.ts";
import { actingUnder, type BucketEntry, recordChange, resultOf, toEntry } from "./bucket-entry.ts";

/** What `Buckets` does for it: the bucket's gate is closed. */
export interface BucketChanges {
  /** Returns the epoch written; rejects with the answer of a refusal. */
  update(
    name: string,
    change: (body: Uint8Array | undefined) => RegisterChange<StoreErrorData>,
  ): Promise<number>;
  record(name: string): Promise<BucketRecord>;
  fence(name: string, record: BucketRecord): Promise<void>;
  remember(name: string, record: BucketRecord): void;
}

export interface BucketDeletionModules {
  readonly registers: Registers;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends every upload of a bucket that is being deleted. */
  abortUploads(bucket: BucketEntry): Promise<void>;
}

/** Between two attempts when nodes take an attempt from each other. */
const PAUSE_MS = 100;

export class BucketDeletion {
  readonly #changes: BucketChanges;
  readonly #modules: BucketDeletionModules;

  constructor(changes: BucketChanges, modules: BucketDeletionModules) {
    this.#changes = changes;
    this.#modules = modules;
  }

  /**
   * Deletes the bucket if it is empty, as far as `mayBegin` lets an attempt begin. The gate is closed.
   * "gone": there was nothing to begin with.
   */
  async delete(
    name: string,
    mayBegin: (record: BucketRecord) => boolean,
  ): Promise<"removed" | "not-empty" | "gone"> {
    for (let attempt = 1; ; attempt++) {
      try {
        const epoch = await this.#changes.update(name, (body) =>
          recordChange(body, (current) =>
            mayBegin(current)
              ? { ...current, state: "deleting", epoch: current.epoch + 1 }
              : undefined,
          ),
        );
        const outcome = await this.#endDeletion(name, epoch);
        if (outcome !== "taken-over") return outcome;
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== "no-such-bucket") throw error;
        return attempt === 1 ? "gone" : "removed";
      }
      // Two nodes delete the same bucket: one of them has to be faster.
      await sleep(this.#modules.clock, PAUSE_MS + this.#modules.random.below(PAUSE_MS * attempt));
    }
  }

  async #endDeletion(name: string, epoch: number): Promise<"removed" | "not-empty" | "taken-over"> {
    const record = await this.#changes.record(name);
    if (record.epoch !== epoch || record.state !== "deleting") return "taken-over";
    await this.#changes.fence(name, record);
    const entry = toEntry(name, record);
    if (await this.#hasObjects(entry)) {
      const active = { ...record, state: "active", epoch: epoch + 1 } as const;
      if (!(await this.#end(name, epoch, active))) return "taken-over";
      await this.#changes.fence(name, active);
      this.#changes.remember(name, active);
      return "not-empty";
    }
    await this.#modules.abortUploads(entry);
    return (await this.#end(name, epoch, undefined)) ? "removed" : "taken-over";
  }

  /** Replaces the record of the attempt that began with `epoch`; false when it is not that any more. */
  async #end(name: string, epoch: number, next: BucketRecord | undefined): Promise<boolean> {
    try {
      await this.#changes.update(name, (body) => {
        const current = body === undefined ? undefined : decodeBucketRecord(body);
        if (current?.epoch !== epoch || current.state !== "deleting") {
          return { kind: "refuse", answer: { code: "stale-bucket", bucketEpoch: epoch } };
        }
        const changed = next === undefined ? undefined : encodeBucketRecord(next, body);
        return { kind: "write", body: changed, result: resultOf(next ?? current) };
      });
      return true;
    } catch (error) {
      if (error instanceof StoreError && error.code === "stale-bucket") return false;
      throw error;
    }
  }

  async #hasObjects(bucket: BucketEntry): Promise<boolean> {
    const scan = { ...scanAll(headsOf(OBJECT_TAG, bucket), false), ...actingUnder(bucket) };
    for await (const row of scanRows(this.#modules.registers, scan)) {
      if (row.value !== undefined && readObjectRow(row.value).versions.length > 0) return true;
    }
    return false;
  }
}
