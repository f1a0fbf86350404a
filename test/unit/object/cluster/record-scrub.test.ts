import { test } from "tap";
import { silentLogger } from "../../../../src/base/log.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import { RecordScrub } from "../../../../src/object/cluster/record-scrub.ts";
import type { SharedDrive } from "../../../../src/object/cluster/shared-drive.ts";
import { HEAD_BYTES, OBJECT_TAG } from "../../../../src/object/contract/register-keys.ts";
import type { RangeQuery, RangeReply, RangeRow } from "../../../../src/store/drive.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

const PERIOD_MS = 1000;
const HEAD = Buffer.alloc(HEAD_BYTES, OBJECT_TAG);

function rowOf(key: string, value: string): RangeRow {
  return { key: Buffer.from(key), head: 0, value: Buffer.from(value) };
}

/** Pages of two rows, under one head. */
function driveWith(rows: readonly RangeRow[]): SharedDrive {
  const range = async ({ table, from }: RangeQuery): Promise<RangeReply> => {
    if (table === "list") {
      const first = Buffer.compare(Buffer.from(from), HEAD) <= 0 ? [rowOf("", "")] : [];
      const found = first.map((row) => ({ ...row, key: Buffer.concat([HEAD, Buffer.from("a")]) }));
      return { ok: true, rows: found, exhausted: true };
    }
    const rest = rows.filter(({ key }) => Buffer.compare(Buffer.from(key), Buffer.from(from)) >= 0);
    const resume = rest[2]?.key;
    const page = rest.slice(0, 2);
    return resume === undefined
      ? { ok: true, rows: page, exhausted: true }
      : { ok: true, rows: page, exhausted: false, resume };
  };
  return { id: "drive", range } as unknown as SharedDrive; // nothing else is called
}

function scrubOf(rows: readonly RangeRow[]) {
  const clock = new ManualClock();
  const settled: string[] = [];
  const world = { failing: false };
  const scrub = new RecordScrub(
    { periodMs: PERIOD_MS },
    {
      localDrives: () => [driveWith(rows)],
      epoch: () => 1,
      async settle(key) {
        if (world.failing) throw new StoreError({ code: "no-quorum", needed: 2, got: 1 });
        settled.push(Buffer.from(key).subarray(HEAD_BYTES).toString());
      },
      clock,
      log: silentLogger,
    },
  );
  const pass = async () => {
    for (let units = 0; units < 100; units++) if ((await scrub.work()) === "idle") return;
    throw new Error("the pass does not end");
  };
  return { clock, scrub, settled, pass, world };
}

const ROWS = [rowOf("a", "x"), rowOf("b", ""), rowOf("c", "x"), rowOf("d", ""), rowOf("e", "x")];

test("RecordScrub: settles what cannot be read, on every page, and nothing else", async (t) => {
  const { settled, pass, scrub } = scrubOf(ROWS);
  await pass();
  t.strictSame(settled, ["b", "d"]);
  t.match(scrub.status(), { name: "records", done: 2, failed: 0 });
});

test("RecordScrub: the next pass waits for its time", async (t) => {
  const { settled, pass, clock } = scrubOf(ROWS);
  await pass();
  await pass();
  t.equal(settled.length, 2);
  clock.advance(PERIOD_MS);
  await pass();
  t.equal(settled.length, 4);
});

test("RecordScrub: goes on after what cannot be settled now", async (t) => {
  const { settled, pass, clock, world, scrub } = scrubOf(ROWS);
  world.failing = true;
  await pass();
  t.match(scrub.status(), { done: 0, failed: 2 });
  world.failing = false;
  clock.advance(PERIOD_MS);
  await pass();
  t.strictSame(settled, ["b", "d"]);
});
