import { test } from "tap";
import {
  COMMIT_WITHIN_MS,
  isTooLate,
  momentOf,
} from "../../../../src/object/operations/commit-limit.ts";
import { SWEEPER_OPTIONS } from "../../../../src/object/upkeep/sweep.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { MemoryData } from "../../../support/object/memory-data.ts";
import { codeOf, createFixture, putInput } from "../../../support/object/store-fixture.ts";

test("putObject: data that waited for its commit longer than it is kept is not committed", async (t) => {
  const fixture = createFixture();
  const { store, data, clock } = fixture;
  const bucket = await store.createBucket("bucket");
  const content = "more than what is kept in the record itself";
  await store.putObject(putInput(bucket, "in time", content));
  // The process stands between its shards and its record.
  data.write = async (request) => {
    const written = await MemoryData.prototype.write.call(data, request);
    clock.advance(COMMIT_WITHIN_MS + 1);
    return written;
  };
  t.equal(await codeOf(store.putObject(putInput(bucket, "late", content))), "deadline");
  t.equal(data.discarded, 1, "nothing can refer to it any more");
  t.equal(await codeOf(store.putObject(putInput(bucket, "small", "in record"))), "resolved");
});

test("isTooLate: either clock says so, and the sweeper waits longer", (t) => {
  const clock = new ManualClock();
  const since = momentOf(clock);
  clock.advance(1000);
  t.notOk(isTooLate(clock, since, 1000));
  t.ok(isTooLate(clock, since, 999));
  t.notOk(isTooLate(clock, undefined, 0), "without shards nothing can be swept");
  const wallOnly = { nowMs: since.nowMs - 5000, monotonicMs: clock.monotonicMs() };
  t.ok(isTooLate(clock, wallOnly, 2000), "a machine that slept");
  const setBack = { nowMs: clock.nowMs() + 5000, monotonicMs: since.monotonicMs };
  t.ok(isTooLate(clock, setBack, 999), "a clock that was set back");
  t.ok(2 * COMMIT_WITHIN_MS < SWEEPER_OPTIONS.graceMs);
  t.end();
});
