import { test } from "tap";
import { createDeferred } from "../../../../src/base/deferred.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import {
  type BackgroundWorker,
  inBatches,
  WorkerLoop,
  type WorkOutcome,
} from "../../../../src/object/contract/background-worker.ts";
import { settle } from "../../../support/data-world.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

const PACE = { idleMs: 1000, retryMs: 300, dutyShare: 0.5 };

function workerOf(work: () => Promise<WorkOutcome>): BackgroundWorker {
  return {
    name: "test",
    work,
    status: () => ({
      name: "test",
      done: 0,
      failed: 0,
      waiting: undefined,
      progress: undefined,
      remainingMs: undefined,
    }),
  };
}

test("WorkerLoop: pauses when idle, after failures, and as long as it worked", async (t) => {
  const clock = new ManualClock();
  let units = 0;
  let outcome: () => Promise<WorkOutcome> = () => Promise.resolve("idle");
  const worker = workerOf(() => {
    units += 1;
    return outcome();
  });
  const loop = new WorkerLoop(worker, PACE, { clock, log: silentLogger });
  loop.start();
  const after = async (byMs: number) => {
    clock.advance(byMs);
    await settle();
    return units;
  };
  t.equal(await after(999), 0);
  t.equal(await after(1), 1);
  t.equal(await after(999), 1);
  outcome = () => Promise.reject(new Error("broken"));
  t.equal(await after(1), 2);
  t.equal(await after(299), 2);
  const working = createDeferred<"busy">();
  outcome = () => working.promise;
  t.equal(await after(1), 3);
  t.equal(await after(100), 3);
  working.resolve("busy");
  await settle();
  outcome = () => Promise.resolve("idle");
  t.equal(await after(99), 3);
  t.equal(await after(1), 4);
  loop.wake();
  await settle();
  t.equal(units, 5);
  outcome = () => Promise.resolve("retry");
  t.equal(await after(1000), 6);
  t.equal(await after(299), 6);
  t.equal(await after(1), 7);
  await loop.stop();
  t.equal(await after(10_000), 7);
  t.equal(clock.timerCount, 0);
});

test("WorkerLoop: takes a larger share of the time while no clients are served", async (t) => {
  const clock = new ManualClock();
  let busy = false;
  let units = 0;
  let working = createDeferred<"busy">();
  const worker = workerOf(() => {
    units += 1;
    working = createDeferred();
    return working.promise;
  });
  const pace = { ...PACE, dutyShareAlone: 1 };
  const loop = new WorkerLoop(worker, pace, { clock, log: silentLogger, isBusy: () => busy });
  loop.start();
  const unit = async () => {
    clock.advance(100);
    working.resolve("busy");
    await settle();
  };
  clock.advance(1000);
  await settle();
  await unit();
  clock.advance(0);
  await settle();
  t.equal(units, 2, "no pause");
  busy = true;
  await unit();
  clock.advance(99);
  await settle();
  t.equal(units, 2, "as long as it worked");
  clock.advance(1);
  await settle();
  t.equal(units, 3);
  const stopping = loop.stop();
  working.resolve("busy");
  await stopping;
  t.equal(clock.timerCount, 0);
});

test("WorkerLoop: is woken before its start, and while it works, as well", async (t) => {
  const clock = new ManualClock();
  let units = 0;
  let working = createDeferred<WorkOutcome>();
  const worker = workerOf(() => {
    units += 1;
    working = createDeferred();
    return working.promise;
  });
  const loop = new WorkerLoop(worker, PACE, { clock, log: silentLogger });
  loop.wake();
  t.equal(units, 0);
  loop.start();
  t.equal(units, 1, "no pause");
  loop.wake();
  loop.wake();
  working.resolve("idle");
  await settle();
  clock.advance(0);
  t.equal(units, 2, "it may have looked already");
  working.resolve("idle");
  await settle();
  clock.advance(999);
  t.equal(units, 2, "once");
  await loop.stop();
  t.equal(clock.timerCount, 0);
});

test("inBatches: works on all, a few at once, and tells of a failure at the end", async (t) => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  const work = async (item: number) => {
    running += 1;
    most = Math.max(most, running);
    await settle();
    running -= 1;
    done.push(item);
    if (item === 2) throw new Error("two");
  };
  await inBatches([1, 3, 4, 5, 6], 2, work);
  t.strictSame(done, [1, 3, 4, 5, 6]);
  t.equal(most, 2);
  await t.rejects(inBatches([7, 2, 8], 3, work), /two/);
  t.strictSame(done.slice(5).sort(), [2, 7, 8]);
});
