import { test } from "tap";
import { RecentUsage } from "../../../../src/admin/info/recent-usage.ts";
import { createDeferred } from "../../../../src/base/deferred.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { settle } from "../../../support/data-world.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

function createWorld() {
  const clock = new ManualClock();
  const counts: ReturnType<typeof createDeferred<number>>[] = [];
  const usage = new RecentUsage<number>({
    count: () => {
      const counting = createDeferred<number>();
      counts.push(counting);
      return counting.promise;
    },
    clock,
    log: silentLogger,
  });
  return { clock, counts, usage };
}

test("RecentUsage: one count serves all who ask while it runs, and for ten times as long", async (t) => {
  const { clock, counts, usage } = createWorld();
  const asked = [usage.read(), usage.read()];
  clock.advance(200);
  counts[0]?.resolve(7);
  t.strictSame(await Promise.all(asked), [7, 7]);
  clock.advance(1999);
  t.equal(await usage.read(), 7);
  t.equal(counts.length, 1);
  clock.advance(1);
  const again = usage.read();
  t.equal(counts.length, 2);
  counts[1]?.resolve(8);
  t.equal(await again, 8);
  await settle();
  t.equal(clock.timerCount, 0);
});

test("RecentUsage: who would wait too long gets what was counted before, if anything was", async (t) => {
  const { clock, counts, usage } = createWorld();
  const first = usage.read();
  clock.advance(3000);
  t.equal(await first, undefined);
  t.equal(counts.length, 1, "it goes on");
  counts[0]?.resolve(7);
  await settle();
  t.equal(await usage.read(), 7);
  clock.advance(30_000);
  const second = usage.read();
  clock.advance(3000);
  t.equal(await second, 7);
});

test("RecentUsage: a count that fails leaves what was known, and is not repeated at once", async (t) => {
  const { clock, counts, usage } = createWorld();
  const first = usage.read();
  clock.advance(100);
  counts[0]?.reject(new Error("no quorum"));
  t.equal(await first, undefined);
  t.equal(await usage.read(), undefined);
  t.equal(counts.length, 1);
  clock.advance(1000);
  const second = usage.read();
  counts[1]?.resolve(7);
  t.equal(await second, 7);
});
