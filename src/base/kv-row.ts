/**
 * Rows stored in the same transaction as a register's cell: a listing entry, a heal intent. They are
 * derived from the register's value alone, so that every replica of one accepted value holds the
 * same rows whatever it held before: a row that must not exist is named too, with `value: undefined`.
 */

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
