/** The real clock and the real randomness. */
import { test } from "tap";
import { systemClock } from "../../../src/node/system-clock.ts";
import { systemRandom } from "../../../src/node/system-random.ts";

test("systemClock: calls once, in order of the delays, never when cancelled", async (t) => {
  const calls: string[] = [];
  await new Promise<void>((resolve) => {
    systemClock.after(2, () => {
      calls.push("second");
      resolve();
    });
    systemClock.after(0, () => calls.push("first"));
    systemClock.after(1, () => calls.push("cancelled")).cancel();
    // The clock's own timers do not keep the process alive.
    const alive = setInterval(() => {}, 1000);
    t.teardown(() => clearInterval(alive));
  });
  t.strictSame(calls, ["first", "second"]);
});

test("systemClock: a delay beyond 2^31 ms does not fire at once", async (t) => {
  let fired = false;
  const timer = systemClock.after(2 ** 32, () => {
    fired = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  t.notOk(fired);
  timer.cancel();
});

test("systemClock: wall clock and monotonic clock are what they say", async (t) => {
  t.ok(systemClock.nowMs() > Date.UTC(2024, 0, 1));
  t.ok(Number.isInteger(systemClock.nowMs()));
  const before = systemClock.monotonicMs();
  t.ok(systemClock.monotonicMs() >= before);
});

test("systemRandom: fresh bytes of the length asked for, whole numbers below the bound", async (t) => {
  t.equal(systemRandom.bytes(16).length, 16);
  t.notSame(systemRandom.bytes(16), systemRandom.bytes(16));
  const seen = new Set(Array.from({ length: 200 }, () => systemRandom.below(4)));
  t.strictSame([...seen].sort(), [0, 1, 2, 3]);
  t.equal(systemRandom.below(1), 0);
});
