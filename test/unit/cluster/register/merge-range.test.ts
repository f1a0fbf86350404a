import fc from "fast-check";
import { test } from "tap";
import {
  type MergedItem,
  mergeRange,
  type RangeEntry,
  type RangePage,
} from "../../../../cluster/register/merge-range.ts";
import type { Ballot } from "../../../../src/base/ballot.ts";
import { countBits } from "../../../../src/base/bits.ts";

const REPLICAS = 5;
const MAJORITY = 3;
const KEYS = 13;
const quorums = {
  isAcceptQuorum: (mask: number) => countBits(mask) >= MAJORITY,
  isPrepareQuorum: (mask: number) => countBits(mask) >= MAJORITY,
};

/** A replica as a map from key to the clock of its row's ballot, and how many rows a page holds. */
interface Replica {
  readonly rows: ReadonlyMap<number, number>;
  readonly limit: number;
  readonly answers: boolean;
}

const replicas = fc.array(
  fc.record({
    rows: fc
      .uniqueArray(fc.tuple(fc.nat(KEYS - 1), fc.integer({ min: 1, max: 3 })), {
        selector: (entry) => entry[0],
      })
      .map((entries) => new Map(entries)),
    limit: fc.integer({ min: 1, max: 15 }),
    answers: fc.boolean(),
  }),
  { minLength: REPLICAS, maxLength: REPLICAS },
);

test("mergeRange: answers what a plain map of the replicas answers, up to the watermark", async (t) => {
  fc.assert(
    fc.property(replicas, (all) => {
      const merged = mergeRange(
        all.map((it) => (it.answers ? pageOf(it) : undefined)),
        quorums,
      );
      const answering = all.filter((it) => it.answers);
      if (answering.length < MAJORITY) return merged === undefined;
      if (merged === undefined) return false;
      const end = merged.resume === undefined ? Number.POSITIVE_INFINITY : keyNumber(merged.resume);
      return (
        end === oracleEnd(answering) &&
        JSON.stringify(merged.items.map(describe)) === JSON.stringify(oracleItems(answering, end))
      );
    }),
    { numRuns: 2000 },
  );
  t.pass("no counterexample");
});

test("mergeRange: walking page by page meets every key once", async (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(60)), fc.integer({ min: 1, max: 7 }), (keys, limit) => {
      const rows = new Map(keys.map((key) => [key, 1]));
      const seen: number[] = [];
      let from: number | undefined = 0;
      while (from !== undefined) {
        const start: number = from;
        const rest = new Map([...rows].filter(([key]) => key >= start));
        const pages = Array.from({ length: REPLICAS }, (_, index) =>
          pageOf({ rows: rest, limit: limit + index, answers: true }),
        );
        const merged = mergeRange(pages, quorums);
        for (const item of merged?.items ?? []) seen.push(keyNumber(keyOf(item)));
        from = merged?.resume === undefined ? undefined : keyNumber(merged.resume);
      }
      return JSON.stringify(seen) === JSON.stringify(keys.sort((left, right) => left - right));
    }),
  );
  t.pass("no counterexample");
});

test("mergeRange: a tombstone that only a minority has makes the key disputed, not absent", async (t) => {
  const tombstone: RangePage<string> = { entries: [entryOf(1, 5)], resume: undefined };
  const missed: RangePage<string> = { entries: [], resume: undefined };
  const merged = mergeRange([tombstone, missed, missed, undefined, undefined], quorums);
  t.strictSame(merged?.items.map(describe), ["1?"]);
});

function pageOf(replica: Replica): RangePage<string> {
  const sorted = [...replica.rows].sort((left, right) => left[0] - right[0]);
  const next = sorted[replica.limit];
  return {
    entries: sorted.slice(0, replica.limit).map(([key, clock]) => entryOf(key, clock)),
    resume: next === undefined ? undefined : keyBytes(next[0]),
  };
}

function entryOf(key: number, clock: number): RangeEntry<string> {
  return { key: keyBytes(key), ballot: ballotOf(clock), row: `${key}@${clock}` };
}

function ballotOf(clock: number): Ballot {
  return { clock, proposer: 1, incarnation: 1 };
}

function keyBytes(key: number): Buffer {
  return Buffer.from([0x6b, key]);
}

function keyNumber(key: Uint8Array): number {
  return key[1] ?? -1;
}

function keyOf(item: MergedItem<string>): Uint8Array {
  return item.kind === "agreed" ? item.entry.key : item.key;
}

function describe(item: MergedItem<string>): string {
  return item.kind === "agreed" ? item.entry.row : `${keyNumber(item.key)}?`;
}

function oracleEnd(answering: readonly Replica[]): number {
  const ends = answering.map((replica) => {
    const keys = [...replica.rows.keys()].sort((left, right) => left - right);
    return keys[replica.limit] ?? Number.POSITIVE_INFINITY;
  });
  return Math.min(...ends);
}

function oracleItems(answering: readonly Replica[], end: number): string[] {
  const items: string[] = [];
  for (let key = 0; key < Math.min(end, KEYS); key++) {
    const clocks = answering.map((replica) => replica.rows.get(key) ?? 0);
    const highest = Math.max(...clocks);
    if (highest === 0) continue;
    const agreed = clocks.filter((clock) => clock === highest).length >= MAJORITY;
    items.push(agreed ? `${key}@${highest}` : `${key}?`);
  }
  return items;
}
