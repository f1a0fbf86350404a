/** The real clock and the real randomness. */
import { type Test, test } from "tap";
import { systemClock } from "../../../src/node/system-clock.ts";
import { systemRandom } from "../../../src/node/system-random.ts";

/** Keeps the process alive while the clock's timers, which do not, are waited for. */
function stayAlive(t: Test): void {
  const alive = setInterval(() => {}, 1000);
  t.teardown(() => clearInterval(alive));
}

test("systemClock: calls once after the delay, never when cancelled", async (t) => {
  stayAlive(t);
  const calls: string[] = [];
  systemClock.after(1, () => calls.push("first"));
  systemClock.after(1, () => calls.push("cancelled")).cancel();
  // Timers of one delay run in the order they were made.
  await new Promise<void>((resolve) => systemClock.after(1, resolve));
  await new Promise<void>((resolve) => systemClock.after(1, resolve));
  t.strictSame(calls, ["first"]);
});

test("systemClock: a delay beyond 2^31 ms does not fire at once", async (t) => {
  stayAlive(t);
  let fired = false;
  const timer = systemClock.after(2 ** 32, () => {
    fired = true;
  });
  // Node takes a delay that is too long for 1 ms, so it would be in line before this one.
  await new Promise<void>((resolve) => systemClock.after(1, resolve));
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
