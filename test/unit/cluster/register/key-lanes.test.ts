import { test } from "tap";
import { KeyLanes } from "../../../../cluster/register/key-lanes.ts";
import { StoreError } from "../../../../src/base/store-error.ts";

test("KeyLanes: one at a time per key, in order; other keys do not wait", async (t) => {
  const lanes = new KeyLanes(10);
  const order: number[] = [];
  t.equal(lanes.enter("a"), undefined, "at once");
  const second = lanes.enter("a")?.then(() => order.push(2));
  const third = lanes.enter("a")?.then(() => order.push(3));
  t.equal(lanes.enter("b"), undefined);
  order.push(1);
  lanes.leave("a");
  await second;
  t.strictSame(order, [1, 2]);
  lanes.leave("a");
  await third;
  t.ok(lanes.isBusy("a"));
  lanes.leave("a");
  t.notOk(lanes.isBusy("a"), "a lane that nobody uses is gone");
});

test("KeyLanes: the queue is bounded, and can be turned away", async (t) => {
  const lanes = new KeyLanes(2);
  t.equal(lanes.enter("a"), undefined);
  const waiting = [lanes.enter("a"), lanes.enter("a")];
  t.throws(() => lanes.enter("a"), /^busy/);
  const turnedAway = Promise.all(waiting.map((turn) => t.rejects(turn ?? Promise.resolve())));
  lanes.rejectWaiting(new StoreError({ code: "shutting-down" }));
  await turnedAway;
  lanes.leave("a");
  t.notOk(lanes.isBusy("a"));
});
