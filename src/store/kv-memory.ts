/**
 * The index in memory, for tests and simulation, with durability made explicit: what survives a
 * power cut is exactly the `MemoryKvImage`, and a commit reaches it whole, at the moment that the
 * `flush` hook decides, or never.
 */
import { compareBytes } from "../base/bytes.ts";
import { KV_TABLES, type Kv, type KvScan, type KvTable, type KvWrite } from "./kv.ts";

interface Row {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The durable content; hand it to `createMemoryKv` again to reopen after a power cut. */
export interface MemoryKvImage {
  /** Sorted rows per table. */
  readonly tables: Map<KvTable, Row[]>;
}

export interface MemoryKvHooks {
  /**
   * Makes one commit durable: calls `apply` when it is, then resolves. Rejecting without the call
   * is a failed commit; never settling is a power cut.
   */
  flush(apply: () => void): Promise<void>;
}

export function createMemoryKvImage(): MemoryKvImage {
  return { tables: new Map() };
}

export function createMemoryKv(image: MemoryKvImage, hooks: MemoryKvHooks): Kv {
  return new MemoryKv(image, hooks);
}

class MemoryKv implements Kv {
  readonly #image: MemoryKvImage;
  readonly #hooks: MemoryKvHooks;
  /** Commits become durable in call order, as the contract wants. */
  #lastCommit: Promise<void> = Promise.resolve();

  constructor(image: MemoryKvImage, hooks: MemoryKvHooks) {
    this.#image = image;
    this.#hooks = hooks;
    for (const name of Object.keys(KV_TABLES)) {
      const table = name as KvTable; // Object.keys forgets the key type.
      if (!image.tables.has(table)) image.tables.set(table, []);
    }
  }

  get(table: KvTable, key: Uint8Array): Buffer | undefined {
    const row = this.peek(table, key);
    return row === undefined ? undefined : Buffer.from(row);
  }

  peek(table: KvTable, key: Uint8Array): Buffer | undefined {
    const rows = this.#rows(table);
    const row = rows[lowerBound(rows, key)];
    return row !== undefined && compareBytes(row.key, key) === 0 ? row.value : undefined;
  }

  scan(table: KvTable, from: Uint8Array, before?: Uint8Array): KvScan {
    const rows = this.#rows(table);
    return new MemoryScan(rows, lowerBound(rows, from), before);
  }

  commit(writes: readonly KvWrite[]): Promise<void> {
    const own = writes.map(({ table, key, value }) => ({
      table,
      key: Buffer.from(key),
      value: value === undefined ? undefined : Buffer.from(value),
    }));
    const apply = () => {
      for (const write of own) this.#apply(write);
    };
    const done = this.#lastCommit.then(() => this.#hooks.flush(apply));
    this.#lastCommit = done;
    return done;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #apply(write: { table: KvTable; key: Buffer; value: Buffer | undefined }): void {
    const rows = this.#rows(write.table);
    const index = lowerBound(rows, write.key);
    const found = rows[index];
    const present = found !== undefined && compareBytes(found.key, write.key) === 0;
    if (write.value === undefined) {
      if (present) rows.splice(index, 1);
    } else {
      rows.splice(index, present ? 1 : 0, { key: write.key, value: write.value });
    }
  }

  #rows(table: KvTable): Row[] {
    return this.#image.tables.get(table) ?? [];
  }
}

class MemoryScan implements KvScan {
  key: Buffer = Buffer.alloc(0);
  value: Buffer = this.key;
  readonly #rows: readonly Row[];
  readonly #before: Uint8Array | undefined;
  #index: number;

  constructor(rows: readonly Row[], index: number, before: Uint8Array | undefined) {
    this.#rows = rows;
    this.#index = index;
    this.#before = before;
  }

  next(): boolean {
    const row = this.#rows[this.#index];
    if (row === undefined) return false;
    if (this.#before !== undefined && compareBytes(row.key, this.#before) >= 0) return false;
    this.#index += 1;
    this.key = row.key;
    this.value = row.value;
    return true;
  }

  close(): void {}
}

/** Index of the first row whose key is ≥ `key`. */
function lowerBound(rows: readonly Row[], key: Uint8Array): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    if (row !== undefined && compareBytes(row.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
