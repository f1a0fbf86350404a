/**
 * Rows of the table `list`: what a listing needs of a record, so that it reads rows only.
 *
 * Every row begins with flags and the ballot of the value it was made from; the ballot lets replicas
 * be compared. A deleted key keeps a row without more until its tombstone is purged.
 * See docs/FORMATS.md "Listing rows".
 */
import { BALLOT_BYTES, type Ballot, readBallot, writeBallot } from "../../base/ballot.ts";
import { asBuffer } from "../../base/bytes.ts";
import { ROW_VISIBLE } from "../../base/kv-row.ts";
import type { StorageClass } from "../contract/data.ts";
import { type ChecksumPlan, packChecksumPlan, unpackChecksumPlan } from "./data-descriptor.ts";
import { asChoice, asCount, corrupt, pack, unpackArray } from "./record-bytes.ts";
import { type StoredVersion, SUMMARY_BYTES, VersionSummary } from "./stored-version.ts";
import { decodePartFields, type PartRecord, STORAGE_CLASSES } from "./upload-record.ts";

/** The key has more versions than its row sums up: the record has them all. */
const ROW_MORE = 2;
/** Summaries in one row: listings stay cheap whatever the number of versions. */
export const ROW_VERSIONS_MAX = 64;

const BALLOT_AT = 1;
const REST_AT = BALLOT_AT + BALLOT_BYTES;

function startRow(flags: number, ballot: Ballot, restBytes: number): Buffer {
  const row = Buffer.allocUnsafe(REST_AT + restBytes);
  row[0] = flags;
  writeBallot(row, BALLOT_AT, ballot);
  return row;
}

/** The ballot of the value a row was made from. Throws StoreError `corrupt`. */
export function rowBallot(row: Uint8Array): Ballot {
  if (row.length < REST_AT) throw corrupt("listing row: shorter than its head");
  return readBallot(asBuffer(row), BALLOT_AT);
}

/** A row that says only that there is nothing to list. */
export function emptyRow(ballot: Ballot): Buffer {
  return startRow(0, ballot, 0);
}

export function objectRow(versions: Iterable<StoredVersion>, ballot: Ballot): Buffer {
  const summaries: Buffer[] = [];
  let flags = 0;
  for (const version of versions) {
    if (summaries.length === 0 && !version.deleteMarker) flags |= ROW_VISIBLE;
    if (summaries.length === ROW_VERSIONS_MAX) {
      flags |= ROW_MORE;
      break;
    }
    summaries.push(version.bytes);
  }
  const row = startRow(flags, ballot, summaries.length * SUMMARY_BYTES);
  let offset = REST_AT;
  for (const summary of summaries) offset += summary.copy(row, offset, 0, SUMMARY_BYTES);
  return row;
}

export interface ObjectRow {
  /** Newest first. */
  readonly versions: readonly VersionSummary[];
  /** The record has more of them. */
  readonly more: boolean;
}

/** Throws StoreError `corrupt`. */
export function readObjectRow(row: Uint8Array): ObjectRow {
  const source = asBuffer(row);
  const rest = source.length - REST_AT;
  if (rest < 0 || rest % SUMMARY_BYTES !== 0) throw corrupt("listing row: not whole summaries");
  const versions: VersionSummary[] = [];
  for (let offset = REST_AT; offset < source.length; offset += SUMMARY_BYTES) {
    versions.push(new VersionSummary(source.subarray(offset, offset + SUMMARY_BYTES)));
  }
  return { versions, more: ((source[0] ?? 0) & ROW_MORE) !== 0 };
}

/** The newest version alone. Throws StoreError `corrupt`. */
export function readLatest(row: Uint8Array): VersionSummary | undefined {
  const source = asBuffer(row);
  if (source.length === REST_AT) return undefined;
  const end = REST_AT + SUMMARY_BYTES;
  if (source.length < end) throw corrupt("listing row: not whole summaries");
  return new VersionSummary(source.subarray(REST_AT, end));
}

export interface UploadRow {
  readonly initiatedMs: number;
  readonly storageClass: StorageClass;
  readonly checksum: ChecksumPlan | undefined;
}

export function uploadRow(upload: UploadRow, ballot: Ballot): Buffer {
  const packed = pack([
    upload.initiatedMs,
    STORAGE_CLASSES.indexOf(upload.storageClass),
    packChecksumPlan(upload.checksum),
  ]);
  return visibleRow(packed, ballot);
}

/** Throws StoreError `corrupt`. */
export function readUploadRow(row: Uint8Array): UploadRow {
  const fields = unpackArray(row.subarray(REST_AT), "upload row");
  return {
    initiatedMs: asCount(fields[0], "initiation time"),
    storageClass: asChoice(fields[1], STORAGE_CLASSES, "storage class"),
    checksum: unpackChecksumPlan(fields[2]),
  };
}

/** A row that shows `rest`. */
export function visibleRow(rest: Uint8Array, ballot: Ballot): Buffer {
  const row = startRow(ROW_VISIBLE, ballot, rest.length);
  row.set(rest, REST_AT);
  return row;
}

/** Throws StoreError `corrupt`. */
export function readPartRow(row: Uint8Array): PartRecord {
  return decodePartFields(row.subarray(REST_AT));
}

export function isVisible(row: Uint8Array): boolean {
  return ((row[0] ?? 0) & ROW_VISIBLE) !== 0;
}
