/** Rows derived from a register's value and stored in the same transaction with it. */

/** Tables a derived row may live in; see docs/FORMATS.md. */
export type RowTable = "list" | "heal" | "pending" | "trash";

export interface KvRow {
  readonly table: RowTable;
  readonly key: Uint8Array;
  /** Undefined deletes the row. */
  readonly value: Uint8Array | undefined;
}

/** Bit of a listing row's first byte: the key has a live latest version (ListObjects shows it). */
export const ROW_VISIBLE = 1;
