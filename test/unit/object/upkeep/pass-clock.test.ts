import { test } from "tap";
import { PassClock } from "../../../../src/object/upkeep/pass-clock.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

test("PassClock: what remains follows from what it took so far", async (t) => {
  const clock = new ManualClock();
  const pass = new PassClock(clock);
  t.same([pass.progress, pass.remainingMs], [undefined, undefined], "nothing is known yet");
  pass.begin(100);
  t.same([pass.progress, pass.remainingMs], [0, undefined]);
  clock.advance(1000);
  pass.passed(20);
  t.same([pass.progress, pass.remainingMs], [0.2, 4000]);
  pass.passed(500);
  t.same([pass.progress, pass.remainingMs], [1, 0], "rows may come while it is under way");
  pass.begin(0);
  t.equal(pass.progress, undefined);
});
