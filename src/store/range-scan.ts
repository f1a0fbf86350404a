/**
 * Answers a `RangeQuery`: merges the rows of several heads by their relative key and folds keys that
 * share a common prefix, seeking past each group, so that the cost follows what is returned and not
 * what lies under a prefix.
 *
 * A relative key lives under one head only (its hash says which), so `resume` names one row.
 * Runs within one turn of the event loop, on one snapshot of the index.
 */
import { afterPrefix, compareBytes } from "../base/bytes.ts";
import { ROW_VISIBLE } from "../base/kv-row.ts";
import type { RangeQuery } from "./drive.ts";
import { isRecordIntact, RECORD_CHECKSUM_BYTES, type RecordDigest } from "./drive-tables.ts";
import type { Kv, KvScan } from "./kv.ts";
import { type PackedRange, RowPacker } from "./range-rows.ts";

/** A group this small is walked instead of sought past: a seek costs about four steps. */
const STEPS_BEFORE_SEEK = 4;

/** `digest` verifies the records of the table `rec`. */
export function scanRange(kv: Kv, query: RangeQuery, digest: RecordDigest): PackedRange {
  const merge = new HeadMerge(kv, query);
  try {
    return scanMerged(merge, query, digest);
  } finally {
    merge.close();
  }
}

function scanMerged(merge: HeadMerge, query: RangeQuery, digest: RecordDigest): PackedRange {
  const { table, heads, delimiter, visibleOnly, limit, scanMax, prefix } = query;
  const packer = new RowPacker(limit);
  let scanned = 0;
  for (let first = merge.first; first !== undefined; first = merge.first) {
    if (packer.count >= limit || scanned >= scanMax) {
      const resume = Buffer.from(first.key);
      return { ok: true, count: packer.count, rows: packer.finish(), exhausted: false, resume };
    }
    scanned += 1;
    if (visibleOnly && ((first.value[0] ?? 0) & ROW_VISIBLE) === 0) {
      merge.advance();
      continue;
    }
    const groupBytes = commonPrefixBytes(first.key, prefix.length, delimiter);
    if (groupBytes === 0) {
      const { index, key, value } = first;
      packer.add(index, key, table === "rec" ? cellOf(digest, heads[index], first) : value);
      merge.advance();
    } else {
      addGroup(packer, merge, groupBytes, query.perHead === true);
    }
  }
  const rows = packer.finish();
  return { ok: true, count: packer.count, rows, exhausted: true, resume: undefined };
}

/** The common prefix that the first key folds into; the merge stands behind it then. */
function addGroup(packer: RowPacker, merge: HeadMerge, bytes: number, perHead: boolean): void {
  const { first } = merge;
  if (first === undefined) return;
  const group = first.key.subarray(0, bytes);
  if (perHead) {
    packer.addGroup(first.index, first, bytes);
    merge.skipGroupOfFirst(group);
  } else {
    packer.add(first.index, group, undefined);
    merge.skipGroup(group);
  }
}

const NO_CELL = Buffer.alloc(0);

/** The register cell of a record; nothing when the record is not what was written. */
function cellOf(
  digest: RecordDigest,
  head: Uint8Array | undefined,
  row: { readonly key: Buffer; readonly value: Buffer },
): Buffer {
  const key = head === undefined ? row.key : Buffer.concat([head, row.key]);
  return isRecordIntact(digest, key, row.value)
    ? row.value.subarray(RECORD_CHECKSUM_BYTES)
    : NO_CELL;
}

/** Length of the common prefix a key folds into (delimiter included), 0 when it stands alone. */
function commonPrefixBytes(
  key: Buffer,
  prefixBytes: number,
  delimiter: Uint8Array | undefined,
): number {
  if (delimiter === undefined || delimiter.length === 0) return 0;
  const at = key.indexOf(delimiter, prefixBytes);
  return at < 0 ? 0 : at + delimiter.length;
}

/** One head's place in its rows. */
class HeadCursor {
  readonly index: number;
  /** Relative to the head. */
  key: Buffer = Buffer.alloc(0);
  value: Buffer = this.key;
  readonly #kv: Kv;
  readonly #query: RangeQuery;
  readonly #head: Uint8Array;
  readonly #before: Uint8Array | undefined;
  #scan: KvScan;

  constructor(kv: Kv, query: RangeQuery, index: number, from: Uint8Array) {
    const head = query.heads[index] ?? new Uint8Array(0);
    this.index = index;
    this.#kv = kv;
    this.#query = query;
    this.#head = head;
    this.#before = afterPrefix(Buffer.concat([head, query.prefix]));
    this.#scan = this.#open(from);
  }

  /** False when the head has no more rows. */
  next(): boolean {
    if (!this.#scan.next()) return false;
    this.key = this.#scan.key.subarray(this.#head.length);
    this.value = this.#scan.value;
    return true;
  }

  /** Moves to the first row with a relative key ≥ `target`. */
  skipTo(target: Uint8Array): boolean {
    for (let step = 0; step < STEPS_BEFORE_SEEK; step++) {
      if (!this.next()) return false;
      if (compareBytes(this.key, target) >= 0) return true;
    }
    this.#scan.close();
    this.#scan = this.#open(target);
    return this.next();
  }

  close(): void {
    this.#scan.close();
  }

  #open(from: Uint8Array): KvScan {
    return this.#kv.scan(this.#query.table, Buffer.concat([this.#head, from]), this.#before);
  }
}

/** The heads' cursors as a binary heap, least relative key first, ties by head. */
class HeadMerge {
  readonly #heap: HeadCursor[] = [];

  constructor(kv: Kv, query: RangeQuery) {
    const from = firstKey(query);
    for (let index = 0; index < query.heads.length; index++) {
      const cursor = new HeadCursor(kv, query, index, from);
      if (cursor.next()) this.#heap.push(cursor);
    }
    for (let at = (this.#heap.length >>> 1) - 1; at >= 0; at--) this.#siftDown(at);
  }

  get first(): HeadCursor | undefined {
    return this.#heap[0];
  }

  advance(): void {
    const cursor = this.#heap[0];
    if (cursor !== undefined) this.#settle(cursor.next());
  }

  /** Moves every head past the keys that begin with `group`. */
  skipGroup(group: Uint8Array): void {
    const target = afterPrefix(group);
    if (target === undefined) {
      // Nothing sorts after a group of 0xFF bytes.
      this.close();
      this.#heap.length = 0;
      return;
    }
    for (let first = this.first; first !== undefined; first = this.first) {
      if (compareBytes(first.key, target) >= 0) return;
      this.#settle(first.skipTo(target));
    }
  }

  /** The same for the first head alone. */
  skipGroupOfFirst(group: Uint8Array): void {
    const first = this.first;
    const target = afterPrefix(group);
    if (first === undefined) return;
    if (target === undefined) first.close();
    this.#settle(target !== undefined && first.skipTo(target));
  }

  close(): void {
    for (const cursor of this.#heap) cursor.close();
  }

  /** Restores the heap after its first cursor moved, or ended. */
  #settle(more: boolean): void {
    if (!more) {
      const last = this.#heap.pop();
      if (last === undefined || this.#heap.length === 0) return;
      this.#heap[0] = last;
    }
    this.#siftDown(0);
  }

  #siftDown(start: number): void {
    const heap = this.#heap;
    const moving = heap[start];
    if (moving === undefined) return;
    let at = start;
    for (;;) {
      const left = heap[2 * at + 1];
      if (left === undefined) break;
      const right = heap[2 * at + 2];
      const rightLess = right !== undefined && isLess(right, left);
      const least = rightLess ? right : left;
      if (!isLess(least, moving)) break;
      heap[at] = least;
      at = 2 * at + (rightLess ? 2 : 1);
    }
    heap[at] = moving;
  }
}

function isLess(left: HeadCursor, right: HeadCursor): boolean {
  const order = compareBytes(left.key, right.key);
  return order < 0 || (order === 0 && left.index < right.index);
}

/** The first relative key a page may hold. */
function firstKey(query: RangeQuery): Uint8Array {
  const { from, fromExclusive, prefix } = query;
  const first = fromExclusive ? Buffer.concat([from, Uint8Array.of(0)]) : from;
  return compareBytes(first, prefix) >= 0 ? first : prefix;
}
