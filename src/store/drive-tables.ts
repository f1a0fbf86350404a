/**
 * Keys and values of the drive's index tables, to the byte (docs/FORMATS.md "Drive index tables").
 */
import {
  BALLOT_BYTES,
  type Ballot,
  compareBallots,
  readBallot,
  writeBallot,
  ZERO_BALLOT,
} from "../base/ballot.ts";
import { asBuffer } from "../base/bytes.ts";
import type { DataId } from "../base/ids.ts";
import { cellBytes, decodeCell, type RegisterCell, writeCell } from "../base/register-cell.ts";
import { StoreError } from "../base/store-error.ts";

/**
 * XXH3-128 of the parts one after the other, 16 bytes; valid until the next call.
 */
export type RecordDigest = (parts: readonly Uint8Array[]) => Uint8Array;

export const RECORD_CHECKSUM_BYTES = 8;
/** Beginning of a register key that names its partition: type u8, bucket id 16, shard u16. */
export const PARTITION_KEY_BYTES = 19;

const RECENT_DIGEST_BYTES = 8;
const PENDING_VERSION = 1;
const PENDING_HEADER_BYTES = 9;

/** Names in the `meta` table, by what they belong to. */
const META_OWN = 0;
const META_CALLER = 1;
const META_FLOOR = 2;

export function recordBytes(cell: RegisterCell): number {
  return RECORD_CHECKSUM_BYTES + cellBytes(cell);
}

/** `rec`: the first 8 bytes of the digest of (cell ‖ key), then the cell. Fills `row`. */
export function writeRecord(
  row: Buffer,
  digest: RecordDigest,
  key: Uint8Array,
  cell: RegisterCell,
): void {
  writeCell(row, RECORD_CHECKSUM_BYTES, cell);
  row.set(recordChecksum(digest, key, row.subarray(RECORD_CHECKSUM_BYTES)), 0);
}

/** The cell's value is a view of `row`. Throws StoreError `corrupt`. */
export function decodeRecord(digest: RecordDigest, key: Uint8Array, row: Buffer): RegisterCell {
  if (!isRecordIntact(digest, key, row)) {
    throw new StoreError({ code: "corrupt", what: "record checksum" });
  }
  return decodeCell(row.subarray(RECORD_CHECKSUM_BYTES));
}

export function isRecordIntact(digest: RecordDigest, key: Uint8Array, row: Buffer): boolean {
  const checksum = recordChecksum(digest, key, row.subarray(RECORD_CHECKSUM_BYTES));
  return checksum.compare(row, 0, RECORD_CHECKSUM_BYTES) === 0;
}

/** Covers the key too: a row found under another key is as wrong as a flipped bit. */
function recordChecksum(digest: RecordDigest, key: Uint8Array, cell: Uint8Array): Buffer {
  return asBuffer(digest([cell, key])).subarray(0, RECORD_CHECKSUM_BYTES);
}

/** A key that was accepted. */
export interface RecentAccept {
  readonly ballot: Ballot;
  readonly key: Uint8Array;
}

/**
 * `recent`: the keys that were accepted in one transaction, under the highest of their ballots, so
 * that key order is ballot order, and a digest, so that no such row hides another.
 */
export function recentRow(
  digest: RecordDigest,
  accepts: readonly RecentAccept[],
): { readonly key: Buffer; readonly value: Buffer } {
  const value = Buffer.allocUnsafe(accepts.reduce((sum, { key }) => sum + 2 + key.length, 0));
  let highest = ZERO_BALLOT;
  let offset = 0;
  for (const { ballot, key } of accepts) {
    if (compareBallots(ballot, highest) > 0) highest = ballot;
    value.writeUInt16BE(key.length, offset);
    value.set(key, offset + 2);
    offset += 2 + key.length;
  }
  const key = Buffer.allocUnsafe(BALLOT_BYTES + RECENT_DIGEST_BYTES);
  writeBallot(key, 0, highest);
  key.set(digest([value]).subarray(0, RECENT_DIGEST_BYTES), BALLOT_BYTES);
  return { key, value };
}

/** The highest ballot among the accepts of a `recent` row. */
export function recentBallot(rowKey: Buffer): Ballot {
  return readBallot(rowKey, 0);
}

/** The register keys in a `recent` row: views. */
export function recentKeys(rowValue: Buffer): Buffer[] {
  const keys: Buffer[] = [];
  for (let offset = 0; offset < rowValue.length; ) {
    const end = offset + 2 + rowValue.readUInt16BE(offset);
    keys.push(rowValue.subarray(offset + 2, end));
    offset = end;
  }
  return keys;
}

/** `pending`: data id ‖ slot u16, and 1 if the shard was made anew. */
export function pendingKey(dataId: DataId, slot: number, anew = false): Buffer {
  const bytes = Buffer.alloc(anew ? 19 : 18, 1);
  bytes.write(dataId, 0, "hex");
  bytes.writeUInt16BE(slot, 16);
  return bytes;
}

export interface PendingShard {
  readonly createdMs: number;
  readonly ownerKey: Uint8Array;
}

export function encodePending(pending: PendingShard): Buffer {
  const bytes = Buffer.allocUnsafe(PENDING_HEADER_BYTES + pending.ownerKey.length);
  bytes[0] = PENDING_VERSION;
  bytes.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(pending.createdMs))), 1);
  bytes.set(pending.ownerKey, PENDING_HEADER_BYTES);
  return bytes;
}

export function decodePending(row: Uint8Array): PendingShard {
  const bytes = asBuffer(row);
  if (bytes.length < PENDING_HEADER_BYTES || bytes[0] !== PENDING_VERSION) {
    throw new StoreError({ code: "corrupt", what: "pending row" });
  }
  return {
    createdMs: Number(bytes.readBigUInt64BE(1)),
    ownerKey: bytes.subarray(PENDING_HEADER_BYTES),
  };
}

/** What the drive keeps about itself. */
export type OwnMetaName = "format" | "drive" | "incarnation" | "resync" | "selftest" | "journal";

export function ownMetaKey(name: OwnMetaName): Buffer {
  return metaKey(META_OWN, Buffer.from(name, "utf8"));
}

/** Values that callers keep through `writeMeta`. */
export function callerMetaKey(name: string): Buffer {
  return metaKey(META_CALLER, Buffer.from(name, "utf8"));
}

/** The floor of the partition that the register key belongs to. */
export function floorKey(registerKey: Uint8Array): Buffer {
  return metaKey(META_FLOOR, registerKey.subarray(0, PARTITION_KEY_BYTES));
}

export function encodeBallot(ballot: Ballot): Buffer {
  const bytes = Buffer.allocUnsafe(BALLOT_BYTES);
  writeBallot(bytes, 0, ballot);
  return bytes;
}

export function encodeU32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function metaKey(owner: number, name: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(1 + name.length);
  bytes[0] = owner;
  bytes.set(name, 1);
  return bytes;
}
