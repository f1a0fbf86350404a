/**
 * One commit as bytes in the journal (docs/FORMATS.md "Journal"): what was written, its place in the
 * order of commits, and a checksum that nobody can make who does not know the journal's seal, so
 * that bytes of a stored object are never taken for a record.
 */
import type { RecordDigest } from "./drive-tables.ts";
import { KV_TABLES, type KvTable, type KvWrite } from "./kv.ts";
import type { OverlayRow } from "./kv-overlay.ts";

/** Records begin at multiples of this: no sector that holds one is ever written again. */
export const RECORD_ALIGNMENT = 4096;
export const SEAL_BYTES = 16;

/** What makes records of one journal differ from those of any other. */
export interface JournalSeal {
  /** Unguessable. */
  readonly id: Uint8Array;
  readonly digest: RecordDigest;
}

export interface JournalRecord {
  /** Rises by one from record to record. */
  readonly sequence: number;
  /** Views of the record's bytes, in the order in which they were written. */
  readonly rows: readonly OverlayRow[];
  /** From the beginning of the record to where the next may begin. */
  readonly bytes: number;
}

const MAGIC = Buffer.from("RFJRNL01", "latin1");
const CHECKSUM_AT = MAGIC.length;
const SEQUENCE_AT = CHECKSUM_AT + 16;
const LENGTH_AT = SEQUENCE_AT + 8;
const COUNT_AT = LENGTH_AT + 4;
const HEADER_BYTES = COUNT_AT + 4;
/** Before each key: table u8, length of the key u16, length of the value u32. */
const ROW_HEADER_BYTES = 7;
/** Length of a value that stands for a row removed. */
const REMOVED = 0xffffffff;

const TABLE_NAMES = new Map<number, KvTable>(
  // Object.entries forgets the key type.
  Object.entries(KV_TABLES).map(([name, byte]) => [byte, name as KvTable]),
);

/** Bytes that a commit takes in the journal. */
export function journalBytes(writes: readonly KvWrite[]): number {
  let bytes = HEADER_BYTES;
  for (const { key, value } of writes) {
    bytes += ROW_HEADER_BYTES + key.length + (value?.length ?? 0);
  }
  return alignUp(bytes);
}

/** Fills `record`, which has `journalBytes` of the writes; its rows are views of it. */
export function encodeRecord(
  seal: JournalSeal,
  record: Buffer,
  { sequence, writes }: { readonly sequence: number; readonly writes: readonly KvWrite[] },
): OverlayRow[] {
  const rows: OverlayRow[] = [];
  let offset = HEADER_BYTES;
  for (const { table, key, value } of writes) {
    const keyAt = offset + ROW_HEADER_BYTES;
    const valueAt = keyAt + key.length;
    record[offset] = KV_TABLES[table];
    record.writeUInt16LE(key.length, offset + 1);
    record.writeUInt32LE(value === undefined ? REMOVED : value.length, offset + 3);
    record.set(key, keyAt);
    if (value !== undefined) record.set(value, valueAt);
    offset = valueAt + (value?.length ?? 0);
    const end = value === undefined ? undefined : offset;
    rows.push({ table, bytes: record, keyAt, valueAt, end });
  }
  record.fill(0, offset);
  MAGIC.copy(record);
  record.writeBigUInt64LE(BigInt(sequence), SEQUENCE_AT);
  record.writeUInt32LE(offset - HEADER_BYTES, LENGTH_AT);
  record.writeUInt32LE(writes.length, COUNT_AT);
  record.set(seal.digest([seal.id, record.subarray(SEQUENCE_AT, offset)]), CHECKSUM_AT);
  return rows;
}

/** The record that begins at `at`, or undefined when none does, or not a whole one of this seal. */
export function decodeRecord(
  seal: JournalSeal,
  journal: Buffer,
  at: number,
): JournalRecord | undefined {
  const end = endOf(journal, at);
  if (end === undefined) return undefined;
  const expected = seal.digest([seal.id, journal.subarray(at + SEQUENCE_AT, end)]);
  if (journal.compare(expected, 0, expected.length, at + CHECKSUM_AT, at + SEQUENCE_AT) !== 0) {
    return undefined;
  }
  // From here on the bytes are what was written.
  const sequence = Number(journal.readBigUInt64LE(at + SEQUENCE_AT));
  const rows: OverlayRow[] = [];
  for (let offset = at + HEADER_BYTES; offset < end; ) {
    const table = TABLE_NAMES.get(journal[offset] ?? 0);
    if (table === undefined) throw new Error("the journal names a table that is not known");
    const keyAt = offset + ROW_HEADER_BYTES;
    const valueAt = keyAt + journal.readUInt16LE(offset + 1);
    const length = journal.readUInt32LE(offset + 3);
    offset = valueAt + (length === REMOVED ? 0 : length);
    const valueEnd = length === REMOVED ? undefined : offset;
    rows.push({ table, bytes: journal, keyAt, valueAt, end: valueEnd });
  }
  return { sequence, rows, bytes: alignUp(end - at) };
}

/** A whole number of steps in which records lie. */
export function alignUp(bytes: number): number {
  return Math.ceil(bytes / RECORD_ALIGNMENT) * RECORD_ALIGNMENT;
}

/** Where a record that seems to begin at `at` says that it ends. */
function endOf(journal: Buffer, at: number): number | undefined {
  if (at + HEADER_BYTES > journal.length) return undefined;
  if (journal.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) !== 0) return undefined;
  const end = at + HEADER_BYTES + journal.readUInt32LE(at + LENGTH_AT);
  return end > journal.length ? undefined : end;
}
