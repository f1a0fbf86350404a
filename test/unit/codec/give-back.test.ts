import { test } from "tap";
import { giveBack } from "../../../src/codec/give-back.ts";

test("giveBack: takes memory of one's own, and leaves alone what is shared", async (t) => {
  const own = Buffer.allocUnsafeSlow(64 * 1024);
  giveBack(own);
  t.equal(own.length, 0);
  const whole = Buffer.allocUnsafeSlow(64 * 1024);
  const view = whole.subarray(32 * 1024);
  giveBack(view);
  t.equal(view.length, 32 * 1024);
  const small = Buffer.from("of the pool");
  giveBack(small);
  t.equal(small.toString(), "of the pool");
});

test("giveBack: keeps nothing in memory, however much is given", async (t) => {
  const before = process.memoryUsage().arrayBuffers;
  for (let round = 0; round < 2000; round++) giveBack(Buffer.allocUnsafeSlow(64 * 1024));
  t.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
});
