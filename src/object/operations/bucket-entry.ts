/** Buckets as operations see them, and changes of their records. Pure. */
import type { ReadOptions, RegisterChange } from "../../../cluster/register/register-contract.ts";
import { KIB, utf8 } from "../../base/bytes.ts";
import { StoreError, type StoreErrorData } from "../../base/store-error.ts";
import type { Bucket, BucketSettings } from "../contract/object-store.ts";
import {
  type BucketRecord,
  decodeBucketRecord,
  encodeBucketRecord,
} from "../records/bucket-record.ts";

/** A bucket with what the layer needs beside what others see. */
export interface BucketEntry extends Bucket {
  readonly shards: number;
  readonly epoch: number;
}

/** What an operation under the bucket says to its registers. */
export function actingUnder(entry: Pick<BucketEntry, "epoch">): ReadOptions {
  return { bucketEpoch: entry.epoch };
}

/** All settings documents of a bucket with their names; the record is one value. */
export const BUCKET_DOCUMENTS_BYTES_MAX = 512 * KIB;

/** Undefined: there is no such bucket. */
export type BucketChange = (record: BucketRecord) => BucketRecord | undefined;

export const NO_SUCH_BUCKET: StoreErrorData = { code: "no-such-bucket" };

export function recordChange(
  body: Uint8Array | undefined,
  change: BucketChange,
): RegisterChange<StoreErrorData> {
  try {
    const changed = body === undefined ? undefined : change(decodeBucketRecord(body));
    if (changed === undefined) return { kind: "refuse", answer: NO_SUCH_BUCKET };
    return { kind: "write", body: encodeBucketRecord(changed, body), result: resultOf(changed) };
  } catch (error) {
    if (error instanceof StoreError) return { kind: "refuse", answer: error.data };
    throw error;
  }
}

/** Throws StoreError entity-too-large. */
export function withSettings(record: BucketRecord, settings: BucketSettings): BucketRecord {
  const versioning = settings.versioning ?? record.versioning;
  const documents: Record<string, string> = {};
  let bytes = 0;
  for (const [name, text] of Object.entries({ ...record.documents, ...settings.documents })) {
    if (text === undefined) continue;
    documents[name] = text;
    bytes += name.length + Buffer.byteLength(text);
  }
  if (bytes > BUCKET_DOCUMENTS_BYTES_MAX) {
    throw new StoreError({ code: "entity-too-large", bytesMax: BUCKET_DOCUMENTS_BYTES_MAX });
  }
  return { ...record, versioning, documents, epoch: record.epoch + 1 };
}

/** Kept with the value: which epoch a change has written, whatever its last attempt saw. */
export function resultOf({ epoch }: BucketRecord): Buffer {
  return utf8(String(epoch));
}

export function toEntry(name: string, record: BucketRecord): BucketEntry {
  const { id, createdMs, versioning, documents, shards, epoch } = record;
  return { name, id, createdMs, versioning, documents, shards, epoch };
}
