import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "tap";
import { compareBytes } from "../../../src/base/bytes.ts";
import { ROW_VISIBLE } from "../../../src/base/kv-row.ts";
import { decodeCell } from "../../../src/base/register-cell.ts";
import { xxh3 } from "../../../src/codec/xxh3.ts";
import type { RangeQuery, RangeReply } from "../../../src/store/drive.ts";
import { type RecordDigest, recordBytes, writeRecord } from "../../../src/store/drive-tables.ts";
import type { Kv, KvWrite } from "../../../src/store/kv.ts";
import { openLmdbKv } from "../../../src/store/kv-lmdb.ts";
import { createMemoryKv, createMemoryKvImage } from "../../../src/store/kv-memory.ts";
import { unpackRange } from "../../../src/store/range-rows.ts";
import { scanRange } from "../../../src/store/range-scan.ts";
import { ballot } from "./collaborators.ts";

interface Row {
  readonly head: number;
  readonly key: string;
  readonly visible: boolean;
}

/** Heads around each other, the last one without a successor. */
const HEADS = ["\x01a", "\x01b", "\xff\xff"].map((text) => Buffer.from(text, "latin1"));

function createMemory(): Kv {
  return createMemoryKv(createMemoryKvImage(), { flush: (apply) => Promise.resolve(apply()) });
}

function toWrites(rows: readonly Row[]): KvWrite[] {
  return rows.map(({ head, key, visible }) => ({
    table: "list",
    key: Buffer.concat([HEADS[head] ?? Buffer.alloc(0), Buffer.from(key, "latin1")]),
    value: Buffer.from([visible ? ROW_VISIBLE : 0, head]),
  }));
}

function query(more: Partial<RangeQuery> = {}): RangeQuery {
  const nothing = Buffer.alloc(0);
  return {
    table: "list",
    heads: HEADS,
    from: nothing,
    fromExclusive: false,
    prefix: nothing,
    visibleOnly: false,
    limit: 1000,
    scanMax: 100_000,
    ...more,
  };
}

const digest: RecordDigest = (parts) => xxh3(Buffer.concat(parts));

function scan(kv: Kv, asked: RangeQuery): RangeReply {
  return unpackRange(scanRange(kv, asked, digest));
}

/** What a page shows, as text. */
function show(reply: RangeReply): string[] {
  return reply.rows.map((row) => {
    const key = Buffer.from(row.key).toString("latin1");
    return row.value === undefined ? `${key}*` : `${key}@${row.head}`;
  });
}

/** The obvious way: all rows sorted, filtered and folded in an array. */
function oracle(rows: readonly Row[], asked: RangeQuery): string[] {
  const prefix = Buffer.from(asked.prefix).toString("latin1");
  const delimiter = asked.delimiter === undefined ? "" : Buffer.from(asked.delimiter).toString();
  const sorted = [...rows]
    .filter((row) => row.key.startsWith(prefix) && (row.visible || !asked.visibleOnly))
    .filter((row) => {
      const order = compareBytes(Buffer.from(row.key, "latin1"), asked.from);
      return asked.fromExclusive ? order > 0 : order >= 0;
    })
    .sort((left, right) => {
      const keys = [left, right].map((row) => Buffer.from(row.key, "latin1"));
      return (
        compareBytes(keys[0] ?? Buffer.alloc(0), keys[1] ?? Buffer.alloc(0)) ||
        left.head - right.head
      );
    });
  const shown: string[] = [];
  for (const row of sorted) {
    const at = delimiter === "" ? -1 : row.key.indexOf(delimiter, prefix.length);
    const text = at < 0 ? `${row.key}@${row.head}` : `${row.key.slice(0, at + delimiter.length)}*`;
    if (at < 0 || shown.at(-1) !== text) shown.push(text);
  }
  return shown;
}

/** A key has one home, as it has in a bucket: its shard follows from its hash. */
function atHome(rows: readonly Row[]): Row[] {
  const homes = new Map(rows.map((row) => [row.key, row]));
  return [...homes.values()];
}

/** All pages of a query, going on with `resume`. */
function scanAll(kv: Kv, asked: RangeQuery): { shown: string[]; pages: number } {
  const shown: string[] = [];
  let next = asked;
  for (let pages = 1; ; pages++) {
    const reply = scan(kv, next);
    if (pages > 1000) throw new Error("pages without end");
    if (reply.rows.length > asked.limit) throw new Error("a page longer than its limit");
    shown.push(...show(reply));
    if (reply.exhausted) return { shown, pages };
    if (reply.resume === undefined) throw new Error("neither exhausted nor resumable");
    next = { ...next, from: reply.resume, fromExclusive: false };
  }
}

const arbitraryKey = fc
  .array(fc.constantFrom("a", "b", "/", "\x00", "\xff"), { maxLength: 6 })
  .map((letters) => letters.join(""));
const arbitraryRow: fc.Arbitrary<Row> = fc.record({
  head: fc.nat({ max: HEADS.length - 1 }),
  key: arbitraryKey,
  visible: fc.boolean(),
});
interface DrawnQuery {
  readonly from: string;
  readonly fromExclusive: boolean;
  readonly prefix: string;
  readonly delimiter: string | undefined;
  readonly visibleOnly: boolean;
  readonly limit: number;
  readonly scanMax: number;
}

const arbitraryRows = fc.array(arbitraryRow, { maxLength: 60 }).map(atHome);
const arbitraryQuery: fc.Arbitrary<DrawnQuery> = fc.record({
  from: arbitraryKey,
  fromExclusive: fc.boolean(),
  prefix: fc.oneof(fc.constant(""), arbitraryKey),
  delimiter: fc.constantFrom(undefined, "/", "ab"),
  visibleOnly: fc.boolean(),
  limit: fc.integer({ min: 1, max: 5 }),
  scanMax: fc.integer({ min: 1, max: 40 }),
});

function toQuery(drawn: DrawnQuery): RangeQuery {
  const { delimiter, ...rest } = drawn;
  return query({
    ...rest,
    from: Buffer.from(drawn.from, "latin1"),
    prefix: Buffer.from(drawn.prefix, "latin1"),
    ...(delimiter === undefined ? {} : { delimiter: Buffer.from(delimiter) }),
  });
}

test("scanRange: pages put together are what a sorted array gives", async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryRows, arbitraryQuery, async (rows, drawn) => {
      const kv = createMemory();
      await kv.commit(toWrites(rows));
      const asked = toQuery(drawn);
      const { shown } = scanAll(kv, asked);
      // A page cut short by scanMax may show the same group again when it goes on inside of it.
      const once = shown.filter((text, at) => !(text.endsWith("*") && shown[at - 1] === text));
      const expected = oracle(rows, asked);
      if (JSON.stringify(once) !== JSON.stringify(expected)) {
        throw new Error(`got ${JSON.stringify(once)}, wanted ${JSON.stringify(expected)}`);
      }
    }),
    { numRuns: 400 },
  );
});

test("scanRange: a group is never shown twice when pages end by limit", async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryRows, arbitraryQuery, async (rows, drawn) => {
      const kv = createMemory();
      await kv.commit(toWrites(rows));
      const asked = { ...toQuery(drawn), scanMax: 100_000 };
      const { shown } = scanAll(kv, asked);
      const expected = oracle(rows, asked);
      if (JSON.stringify(shown) !== JSON.stringify(expected)) {
        throw new Error(`got ${JSON.stringify(shown)}, wanted ${JSON.stringify(expected)}`);
      }
    }),
    { numRuns: 200 },
  );
});

test("scanRange: LMDB gives what the memory index gives", async (t) => {
  const path = mkdtempSync(join(tmpdir(), "ringfort-range-"));
  const lmdb = openLmdbKv(path);
  t.teardown(async () => {
    await lmdb.close();
    rmSync(path, { recursive: true, force: true });
  });
  const memory = createMemory();
  const rows = atHome(fc.sample(arbitraryRow, { numRuns: 400, seed: 7 }));
  await lmdb.commit(toWrites(rows));
  await memory.commit(toWrites(rows));
  const queries = fc.sample(arbitraryQuery, { numRuns: 200, seed: 8 }).map(toQuery);
  const [fromLmdb, fromMemory] = [lmdb, memory].map((kv) =>
    queries.map((asked) => scanAll(kv, asked)),
  );
  t.ok(fromLmdb?.some(({ shown }) => shown.length > 20));
  t.same(fromLmdb, fromMemory);
});

test("scanRange: a folder of many keys costs one step and one seek", async (t) => {
  const kv = createMemory();
  const rows: Row[] = [];
  for (let index = 0; index < 5000; index++) {
    rows.push({ head: index % 2, key: `big/${index}`, visible: true });
  }
  rows.push({ head: 0, key: "last", visible: true });
  await kv.commit(toWrites(rows));
  const asked = query({ delimiter: Buffer.from("/"), limit: 10, scanMax: 3 });
  const reply = scan(kv, asked);
  t.same(show(reply), ["big/*", "last@0"]);
  t.ok(reply.exhausted);
});

test("scanRange: invisible rows are looked at, counted and left out", async (t) => {
  const kv = createMemory();
  const rows = Array.from({ length: 10 }, (_, index) => ({
    head: 0,
    key: `k${index}`,
    visible: index === 9,
  }));
  await kv.commit(toWrites(rows));
  const short = scan(kv, query({ visibleOnly: true, scanMax: 4 }));
  t.same(show(short), []);
  t.notOk(short.exhausted);
  t.same(short.resume, Buffer.from("k4"));
  const whole = scan(kv, query({ visibleOnly: true }));
  t.same(show(whole), ["k9@0"]);
  const all = scan(kv, query());
  t.equal(all.rows.length, 10);
});

test("scanRange: records come as their cells, damaged ones empty", async (t) => {
  const kv = createMemory();
  const head = HEADS[0] ?? Buffer.alloc(0);
  const cell = { promised: ballot(2), accepted: ballot(1), value: Buffer.from("v") };
  const writes = ["good", "bad"].map((name): KvWrite => {
    const key = Buffer.concat([head, Buffer.from(name)]);
    const row = Buffer.alloc(recordBytes(cell));
    writeRecord(row, digest, key, cell);
    if (name === "bad") row[row.length - 1] = 0;
    return { table: "rec", key, value: row };
  });
  await kv.commit(writes);
  const reply = scan(kv, query({ table: "rec", heads: [head] }));
  const [bad, good] = reply.rows;
  t.equal(bad?.value?.length, 0);
  t.strictSame(decodeCell(Buffer.from(good?.value ?? [])), cell);
});
