/**
 * Whether a body may come: asked of the bucket's quota before the first byte of it is read. What it
 * may add in the end is asked again when it is committed.
 */
import { StoreError } from "../../base/store-error.ts";
import { decodeObjectRecord, hasId } from "../records/object-record.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { quotaOf } from "./bucket-quota.ts";
import type { ObjectCore } from "./object-core.ts";
import type { QuotaHold } from "./quota-account.ts";

interface Coming {
  /** Of the object that it is going to be. */
  readonly registerKey: Uint8Array;
  /** Undefined: nobody knows, and the commit decides. */
  readonly length: number | undefined;
}

/** Undefined: nothing to ask. Rejects with quota-exceeded. */
export async function admit(
  core: ObjectCore,
  bucket: BucketEntry,
  { registerKey, length }: Coming,
): Promise<QuotaHold | undefined> {
  if (length === undefined || quotaOf(bucket) === undefined) return undefined;
  try {
    return await core.quotas.reserve(bucket, length);
  } catch (error) {
    const exceeded = error instanceof StoreError && error.code === "quota-exceeded";
    if (!exceeded || bucket.versioning === "enabled") throw error;
    // What it takes the place of makes room.
    const record = decodeObjectRecord(
      await core.buckets.under(bucket, (entry) =>
        core.registers.read(registerKey, actingUnder(entry)),
      ),
    );
    const replaced =
      record.versions.find((version) => hasId(version, undefined))?.contentBytes ?? 0;
    if (replaced === 0) throw error;
    return core.quotas.reserve(bucket, Math.max(0, length - replaced));
  }
}

/** A part is no version yet, but one that cannot become one need not be read. */
export async function admitPart(
  core: ObjectCore,
  bucket: BucketEntry,
  length: number | undefined,
): Promise<void> {
  if (length === undefined || quotaOf(bucket) === undefined) return;
  (await core.quotas.reserve(bucket, length))?.release();
}
