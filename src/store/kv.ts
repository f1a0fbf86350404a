/**
 * The drive's ordered index, as narrow as the drive actor needs it, so that another engine fits
 * behind it.
 *
 * What an engine promises: `commit` is atomic, and durable when it resolves; commits become visible
 * in the order in which they were called; `get` and `scan` show durable state only, never a commit
 * that could still be lost. After a rejected commit nothing more may be written.
 */

/** Tables are the first byte of the engine's key; see docs/FORMATS.md "Drive index tables". */
export const KV_TABLES = {
  meta: 1,
  rec: 2,
  list: 3,
  heal: 4,
  pending: 5,
  trash: 6,
  recent: 7,
} as const;

export type KvTable = keyof typeof KV_TABLES;

/** The engine's longest key, the table byte left out. */
export const KV_KEY_BYTES_MAX = 1900;

export interface KvWrite {
  readonly table: KvTable;
  readonly key: Uint8Array;
  /** Undefined deletes the row, if there is one. */
  readonly value: Uint8Array | undefined;
}

/**
 * Rows in ascending key order. A scan pins a snapshot of the index: it must be used up or closed in
 * the event-loop turn that opened it, never held across an await.
 */
export interface KvScan {
  /** Moves to the next row; false at the end, which closes the scan. */
  next(): boolean;
  /** The current row; views that stay valid until the next commit. */
  readonly key: Buffer;
  readonly value: Buffer;
  close(): void;
}

export interface Kv {
  /** A copy that the caller owns, or undefined. */
  get(table: KvTable, key: Uint8Array): Buffer | undefined;
  /** The same without the copy: valid until the next call of this index. */
  peek(table: KvTable, key: Uint8Array): Buffer | undefined;
  /** Rows with from ≤ key, and key < before when that is given. */
  scan(table: KvTable, from: Uint8Array, before?: Uint8Array): KvScan;
  /** Keep it to about a thousand writes: larger transactions poison the engine's free list. */
  commit(writes: readonly KvWrite[]): Promise<void>;
  /** After every commit has settled. */
  close(): Promise<void>;
}

export function isKvTable(name: string): name is KvTable {
  return Object.hasOwn(KV_TABLES, name);
}
