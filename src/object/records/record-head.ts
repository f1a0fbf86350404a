/**
 * The beginning of every record's body: its format version and what the rows derived from it need,
 * so that rows are made without decoding the record.
 *
 * Bytes (docs/FORMATS.md): version u8, flags u8, due time u48 (0: no deferred work), urgency u8.
 */
import { asBuffer } from "../../base/bytes.ts";
import { HEALTHY } from "./data-health.ts";
import { corrupt, U48_BYTES } from "./record-bytes.ts";

const FLAGS_AT = 1;
const DUE_AT = 2;
const URGENCY_AT = DUE_AT + U48_BYTES;
export const RECORD_HEAD_BYTES = URGENCY_AT + 1;

/** The record before this one may have left a row of the table that this one does not make. */
const FLAG_CLEAR_TRASH = 1;
const FLAG_CLEAR_HEAL = 2;

export interface RecordHead {
  /** When deferred work on the record is due; 0 when there is none. */
  readonly dueMs: number;
  /** Shards that may still be lost, or HEALTHY. */
  readonly urgency: number;
}

export interface StoredRecordHead extends RecordHead {
  readonly clearTrash: boolean;
  readonly clearHeal: boolean;
}

/** What a new body follows. */
export type RecordBase = Uint8Array | undefined | "clear-rows";

export const RECORD_VERSION = 1;

/**
 * Writes the head of a body that replaces `base`. "clear-rows" takes away rows that must not be
 * there: a replica that missed a change may keep one too long. Rows are hints for that reason:
 * whoever follows one reads the record.
 */
export function writeRecordHead(target: Buffer, head: RecordHead, base: RecordBase): void {
  const before = base === undefined || base === "clear-rows" ? undefined : readRecordHead(base);
  const always = base === "clear-rows";
  const clearTrash = head.dueMs === 0 && (always || (before?.dueMs ?? 0) !== 0);
  const clearHeal =
    head.urgency === HEALTHY && (always || (before?.urgency ?? HEALTHY) !== HEALTHY);
  target[0] = RECORD_VERSION;
  target[FLAGS_AT] = (clearTrash ? FLAG_CLEAR_TRASH : 0) | (clearHeal ? FLAG_CLEAR_HEAL : 0);
  target.writeUIntBE(head.dueMs, DUE_AT, U48_BYTES);
  target[URGENCY_AT] = head.urgency;
}

/** Throws StoreError `corrupt`: too short, or of a version that this program does not know. */
export function readRecordHead(body: Uint8Array): StoredRecordHead {
  const source = asBuffer(body);
  if (source.length < RECORD_HEAD_BYTES) throw corrupt("record: shorter than its head");
  if (source[0] !== RECORD_VERSION) throw corrupt(`record: unknown version ${source[0]}`);
  const flags = source[FLAGS_AT] ?? 0;
  return {
    dueMs: source.readUIntBE(DUE_AT, U48_BYTES),
    urgency: source[URGENCY_AT] ?? HEALTHY,
    clearTrash: (flags & FLAG_CLEAR_TRASH) !== 0,
    clearHeal: (flags & FLAG_CLEAR_HEAL) !== 0,
  };
}

/** The same body, taking away rows that should not be there. */
export function withRowsCleared(body: Uint8Array): Buffer {
  const cleared = Buffer.from(body);
  writeRecordHead(cleared, readRecordHead(body), "clear-rows");
  return cleared;
}
