/**
 * The rows that go with a record, stored in one transaction with it: a pure function of the
 * register's key, body and ballot, so that every replica that has the value has the same rows.
 *
 * Tables: `list` shows the record in listings; `trash` says that deferred work waits (value: when it
 * is due); `heal` says that data is weaker than it should be (value: how many more shards may be
 * lost); a record that takes data over deletes the `pending` row which the drive wrote with a shard.
 * All but the last are keyed by the register's key.
 */
import type { Ballot } from "../../base/ballot.ts";
import { asBuffer } from "../../base/bytes.ts";
import type { KvRow } from "../../base/kv-row.ts";
import type { ShardedData } from "../contract/data.ts";
import { OBJECT_TAG, PART_TAG, UPLOAD_TAG } from "../contract/register-keys.ts";
import { HEALTHY } from "../records/data-health.ts";
import { emptyRow, objectRow, uploadRow, visibleRow } from "../records/list-row.ts";
import { eachVersion, latestVersion } from "../records/object-record.ts";
import { pendingRowKey } from "../records/pending-row.ts";
import { U48_BYTES } from "../records/record-bytes.ts";
import { RECORD_HEAD_BYTES, readRecordHead } from "../records/record-head.ts";
import { decodePartRecord, decodeUploadRecord, uploadStateKind } from "../records/upload-record.ts";

/** Due at once: the tombstone itself is to be purged. */
const DUE_NOW = 0;

/** Throws StoreError `corrupt` for a body that cannot be read: it must not be stored. */
export function deriveRows(
  key: Uint8Array,
  body: Uint8Array | undefined,
  ballot: Ballot,
): readonly KvRow[] {
  if (body === undefined) {
    return [
      { table: "list", key, value: emptyRow(ballot) },
      { table: "trash", key, value: dueValue(DUE_NOW) },
    ];
  }
  const rows: KvRow[] = [{ table: "list", key, value: listRow(key, body, ballot) }];
  const head = readRecordHead(body);
  if (head.dueMs !== 0) rows.push({ table: "trash", key, value: dueValue(head.dueMs) });
  else if (head.clearTrash) rows.push({ table: "trash", key, value: undefined });
  if (head.urgency !== HEALTHY) rows.push({ table: "heal", key, value: Buffer.of(head.urgency) });
  else if (head.clearHeal) rows.push({ table: "heal", key, value: undefined });
  for (const { dataId, drives, missing } of adoptedData(key, body)) {
    for (let slot = 0; slot < drives.length; slot++) {
      // What a slower drive may still write is not the record's: its row has to lead there.
      if ((missing & (1 << slot)) !== 0) continue;
      rows.push({ table: "pending", key: pendingRowKey(dataId, slot), value: undefined });
    }
  }
  return rows;
}

/** The deletions of every row that `deriveRows` may have made for a key. */
export function purgedRows(key: Uint8Array): readonly KvRow[] {
  return [
    { table: "list", key, value: undefined },
    { table: "trash", key, value: undefined },
    { table: "heal", key, value: undefined },
  ];
}

export function readDueValue(value: Uint8Array): number {
  return value.length === U48_BYTES ? asBuffer(value).readUIntBE(0, U48_BYTES) : DUE_NOW;
}

function dueValue(dueMs: number): Buffer {
  const value = Buffer.allocUnsafe(U48_BYTES);
  value.writeUIntBE(dueMs, 0, U48_BYTES);
  return value;
}

function listRow(key: Uint8Array, body: Uint8Array, ballot: Ballot): Buffer {
  switch (key[0]) {
    case OBJECT_TAG:
      return objectRow(eachVersion(body), ballot);
    case UPLOAD_TAG:
      return uploadStateKind(body) === "open"
        ? uploadRow(decodeUploadRecord(body), ballot)
        : emptyRow(ballot);
    case PART_TAG: {
      const { part } = decodePartRecord(body);
      if (part === undefined) return emptyRow(ballot);
      return visibleRow(body.subarray(RECORD_HEAD_BYTES), ballot);
    }
    default:
      return visibleRow(new Uint8Array(0), ballot);
  }
}

/**
 * Data that this value may be the first to refer to: the newest version's, unless it was completed
 * from parts, whose records adopted them before.
 */
function adoptedData(key: Uint8Array, body: Uint8Array): readonly ShardedData[] {
  if (key[0] === PART_TAG) {
    const { part } = decodePartRecord(body);
    return part?.data.kind === "shards" ? [part.data] : [];
  }
  if (key[0] !== OBJECT_TAG) return [];
  const latest = latestVersion(body);
  if (latest === undefined || !latest.sharded || latest.partCount > 0) return [];
  return latest.shards();
}
