/**
 * Writes that lie over an index: what a commit made durable elsewhere and the index does not have
 * yet. Of several writes of a row the last counts.
 */
import { asBuffer, compareBytes } from "../base/bytes.ts";
import type { KvScan, KvTable, KvWrite } from "./kv.ts";

/** A row written, as it lies in memory. */
export interface OverlayRow {
  readonly table: KvTable;
  readonly bytes: Buffer;
  readonly keyAt: number;
  readonly valueAt: number;
  /** Where the value ends; undefined when the row was removed. */
  readonly end: number | undefined;
}

interface Entry {
  /** The key, one character for each byte: compares as the bytes do. */
  readonly id: string;
  readonly row: OverlayRow;
}

interface TableOverlay {
  readonly entries: Map<string, Entry>;
  /** The same in the order of keys; made when it is asked for. */
  sorted: readonly Entry[] | undefined;
}

export class KvOverlay {
  readonly #tables = new Map<KvTable, TableOverlay>();

  add(rows: readonly OverlayRow[]): void {
    for (const row of rows) {
      const overlay = this.#tableOf(row.table);
      const id = row.bytes.toString("latin1", row.keyAt, row.valueAt);
      overlay.entries.set(id, { id, row });
      overlay.sorted = undefined;
    }
  }

  /** Undefined: the row is as the index below says. */
  get(table: KvTable, key: Uint8Array): OverlayRow | undefined {
    const entries = this.#tables.get(table)?.entries;
    return entries === undefined ? undefined : entries.get(idOf(key))?.row;
  }

  /** Rows with from ≤ key, and key < before when that is given, over those of `below`. */
  scan(table: KvTable, below: KvScan, range: { from: Uint8Array; before?: Uint8Array }): KvScan {
    const overlay = this.#tables.get(table);
    if (overlay === undefined) return below;
    const { from, before } = range;
    const sorted = sortedOf(overlay);
    const start = lowerBound(sorted, idOf(from));
    const end = before === undefined ? sorted.length : lowerBound(sorted, idOf(before));
    return start >= end ? below : new OverlaidScan(sorted.slice(start, end), below);
  }

  /** Every row once, by table and key. */
  writes(): KvWrite[] {
    return [...this.#tables.values()].flatMap((overlay) =>
      sortedOf(overlay).map(({ row }) => ({
        table: row.table,
        key: rowKey(row),
        value: rowValue(row),
      })),
    );
  }

  #tableOf(table: KvTable): TableOverlay {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const made: TableOverlay = { entries: new Map(), sorted: undefined };
    this.#tables.set(table, made);
    return made;
  }
}

/** Two scans as one; rows of the overlay hide those below. */
class OverlaidScan implements KvScan {
  key: Buffer = Buffer.alloc(0);
  value: Buffer = this.key;
  readonly #over: readonly Entry[];
  readonly #below: KvScan;
  #next = 0;
  /** The row that `below` stands on has not been shown yet. */
  #belowWaits = false;
  #belowEnded = false;

  constructor(over: readonly Entry[], below: KvScan) {
    this.#over = over;
    this.#below = below;
  }

  next(): boolean {
    for (;;) {
      this.#moveBelow();
      const row = this.#over[this.#next]?.row;
      if (row === undefined) return this.#belowWaits && this.#showBelow();
      const key = rowKey(row);
      const order = this.#belowWaits ? compareBytes(key, this.#below.key) : -1;
      if (order > 0) return this.#showBelow();
      this.#next += 1;
      if (order === 0) this.#belowWaits = false;
      const value = rowValue(row);
      if (value === undefined) continue;
      this.key = key;
      this.value = value;
      return true;
    }
  }

  close(): void {
    if (!this.#belowEnded) this.#below.close();
  }

  #moveBelow(): void {
    if (this.#belowWaits || this.#belowEnded) return;
    this.#belowWaits = this.#below.next();
    this.#belowEnded = !this.#belowWaits;
  }

  #showBelow(): true {
    this.#belowWaits = false;
    this.key = this.#below.key;
    this.value = this.#below.value;
    return true;
  }
}

function rowKey({ bytes, keyAt, valueAt }: OverlayRow): Buffer {
  return bytes.subarray(keyAt, valueAt);
}

/** Undefined when the row was removed. */
export function rowValue({ bytes, valueAt, end }: OverlayRow): Buffer | undefined {
  return end === undefined ? undefined : bytes.subarray(valueAt, end);
}

function sortedOf(overlay: TableOverlay): readonly Entry[] {
  overlay.sorted ??= [...overlay.entries.values()].sort((left, right) =>
    left.id < right.id ? -1 : left.id > right.id ? 1 : 0,
  );
  return overlay.sorted;
}

/** Index of the first entry whose id is ≥ `id`. */
function lowerBound(sorted: readonly Entry[], id: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = sorted[middle];
    if (entry !== undefined && entry.id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function idOf(key: Uint8Array): string {
  return asBuffer(key).toString("latin1");
}
