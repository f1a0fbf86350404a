/**
 * Merging range pages of several replicas under the read rule (rule 2, key by key): a row is agreed
 * when an accept quorum shows it under the same ballot and nobody shows a higher one. A key on which
 * the replicas disagree is reported for a register read, which tells and repairs.
 *
 * A replica that has no row for a key shows it blank (ZERO_BALLOT), so a deleted key must keep a row
 * with its tombstone's ballot until it is collected.
 *
 * Watermark: a replica that stopped before its end says nothing about keys from its `resume` on, so
 * the merged range ends before the smallest `resume`; what other replicas show beyond is dropped.
 *
 * Pure, and generic over what a row carries.
 */
import { type Ballot, compareBallots, ZERO_BALLOT } from "../../src/base/ballot.ts";
import { compareBytes } from "../../src/base/bytes.ts";

export interface RangeEntry<Row> {
  readonly key: Uint8Array;
  readonly ballot: Ballot;
  readonly row: Row;
}

/** One replica's rows of the range, in key order, each key once. */
export interface RangePage<Row> {
  readonly entries: readonly RangeEntry<Row>[];
  /** The first key not looked at; undefined when the replica came to the end of the range. */
  readonly resume: Uint8Array | undefined;
}

/** The quorums that decide, over bit masks of replicas (a ReplicaSet serves). */
export interface RangeQuorums {
  isAcceptQuorum(mask: number): boolean;
  isPrepareQuorum(mask: number): boolean;
}

export interface MergedRange<Row> {
  /** Agreed and disputed keys together, in key order. */
  readonly items: readonly MergedItem<Row>[];
  /** Where the next page begins; undefined when the range is complete. */
  readonly resume: Uint8Array | undefined;
}

export type MergedItem<Row> =
  | { readonly kind: "agreed"; readonly entry: RangeEntry<Row> }
  /** Only a register read can tell; perhaps the key is not even there. */
  | { readonly kind: "disputed"; readonly key: Uint8Array };

/**
 * Merges the pages; `pages[i]` is that of replica i, undefined when it did not answer. Returns
 * undefined when those that answered are no quorum.
 */
export function mergeRange<Row>(
  pages: ReadonlyArray<RangePage<Row> | undefined>,
  quorums: RangeQuorums,
): MergedRange<Row> | undefined {
  const answered = answeredMask(pages);
  if (!quorums.isAcceptQuorum(answered) || !quorums.isPrepareQuorum(answered)) return undefined;
  const resume = watermark(pages);
  const items: MergedItem<Row>[] = [];
  const cursors = pages.map(() => 0);
  for (;;) {
    const key = smallestKey(pages, cursors);
    if (key === undefined || !isBefore(key, resume)) return { items, resume };
    const { entry, sameMask } = takeKey(pages, cursors, key);
    const agreed = entry !== undefined && quorums.isAcceptQuorum(sameMask);
    items.push(agreed ? { kind: "agreed", entry } : { kind: "disputed", key });
  }
}

function answeredMask<Row>(pages: ReadonlyArray<RangePage<Row> | undefined>): number {
  let mask = 0;
  for (const [index, page] of pages.entries()) {
    if (page !== undefined) mask |= 1 << index;
  }
  return mask;
}

function watermark<Row>(pages: ReadonlyArray<RangePage<Row> | undefined>): Uint8Array | undefined {
  let first: Uint8Array | undefined;
  for (const page of pages) {
    if (page?.resume !== undefined && isBefore(page.resume, first)) first = page.resume;
  }
  return first;
}

/** True when `key` comes before `bound`; an undefined bound is the end of all keys. */
function isBefore(key: Uint8Array, bound: Uint8Array | undefined): boolean {
  return bound === undefined || compareBytes(key, bound) < 0;
}

function smallestKey<Row>(
  pages: ReadonlyArray<RangePage<Row> | undefined>,
  cursors: readonly number[],
): Uint8Array | undefined {
  let smallest: Uint8Array | undefined;
  for (const [index, page] of pages.entries()) {
    const key = page?.entries[cursors[index] ?? 0]?.key;
    if (key !== undefined && isBefore(key, smallest)) smallest = key;
  }
  return smallest;
}

/** Moves every cursor that stands on `key`; what the replicas show for it together. */
function takeKey<Row>(
  pages: ReadonlyArray<RangePage<Row> | undefined>,
  cursors: number[],
  key: Uint8Array,
): { entry: RangeEntry<Row> | undefined; sameMask: number } {
  let entry: RangeEntry<Row> | undefined;
  let highest = ZERO_BALLOT;
  let sameMask = 0;
  for (const [index, page] of pages.entries()) {
    if (page === undefined) continue;
    const cursor = cursors[index] ?? 0;
    const next = page.entries[cursor];
    const here = next !== undefined && compareBytes(next.key, key) === 0 ? next : undefined;
    if (here !== undefined) cursors[index] = cursor + 1;
    const order = compareBallots(here?.ballot ?? ZERO_BALLOT, highest);
    if (order > 0) {
      highest = here?.ballot ?? ZERO_BALLOT;
      entry = here;
      sameMask = 0;
    }
    if (order >= 0) sameMask |= 1 << index;
  }
  return { entry, sameMask };
}
