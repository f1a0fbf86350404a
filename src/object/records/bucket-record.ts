/** The record of a bucket, keyed by its name; see docs/FORMATS.md "Bucket record". */
import { asBuffer } from "../../base/bytes.ts";
import { type BucketId, ID_BYTES, parseBucketId } from "../../base/ids.ts";
import type { VersioningState } from "../contract/object-store.ts";
import { SHARDS_MAX } from "../contract/register-keys.ts";
import { packHeaders, unpackHeaders } from "./data-descriptor.ts";
import { HEALTHY } from "./data-health.ts";
import { asBytes, asChoice, asCount, corrupt, pack, unpackArray } from "./record-bytes.ts";
import {
  RECORD_HEAD_BYTES,
  type RecordBase,
  readRecordHead,
  writeRecordHead,
} from "./record-head.ts";

const STATES = ["active", "deleting"] as const;
const VERSIONING = ["unversioned", "enabled", "suspended"] as const;

export interface BucketRecord {
  readonly id: BucketId;
  /** "deleting" takes no writes; whoever finds it left so finishes the attempt. */
  readonly state: (typeof STATES)[number];
  readonly createdMs: number;
  readonly versioning: VersioningState;
  /** A power of two, fixed for the bucket's life. */
  readonly shards: number;
  /** Raised by every change. */
  readonly epoch: number;
  readonly documents: Readonly<Record<string, string>>;
}

export function encodeBucketRecord(record: BucketRecord, base: RecordBase): Buffer {
  const packed = pack([
    Buffer.from(record.id, "hex"),
    STATES.indexOf(record.state),
    record.createdMs,
    VERSIONING.indexOf(record.versioning),
    record.shards,
    record.epoch,
    packHeaders(record.documents),
  ]);
  const bytes = Buffer.allocUnsafe(RECORD_HEAD_BYTES + packed.length);
  // An attempt to delete that is left behind is due at once.
  const dueMs = record.state === "deleting" ? 1 : 0;
  writeRecordHead(bytes, { dueMs, urgency: HEALTHY }, base);
  packed.copy(bytes, RECORD_HEAD_BYTES);
  return bytes;
}

/** Throws StoreError `corrupt`. */
export function decodeBucketRecord(body: Uint8Array): BucketRecord {
  readRecordHead(body);
  const fields = unpackArray(asBuffer(body).subarray(RECORD_HEAD_BYTES), "bucket record");
  const id = parseBucketId(asBytes(fields[0], "bucket id", ID_BYTES).toString("hex"));
  const shards = asCount(fields[4], "shards");
  if (id === undefined || shards === 0 || shards > SHARDS_MAX || (shards & (shards - 1)) !== 0) {
    throw corrupt("bucket record: shards");
  }
  return {
    id,
    state: asChoice(fields[1], STATES, "bucket state"),
    createdMs: asCount(fields[2], "creation time"),
    versioning: asChoice(fields[3], VERSIONING, "versioning"),
    shards,
    epoch: asCount(fields[5], "epoch"),
    documents: unpackHeaders(fields[6]),
  };
}
