import { test } from "tap";
import { ForegroundLoad } from "../../../src/node/foreground-load.ts";
import { ManualClock } from "../../support/manual-clock.ts";

test("ForegroundLoad: busy while a request runs and shortly after, not for one that only listens", (t) => {
  const clock = new ManualClock();
  const load = new ForegroundLoad(clock);
  t.notOk(load.isBusy());
  load.enter();
  clock.advance(30_000);
  t.ok(load.isBusy(), "a large upload");
  load.leave();
  clock.advance(999);
  t.ok(load.isBusy(), "the next request is expected");
  clock.advance(1);
  t.notOk(load.isBusy());
  load.enter();
  clock.advance(60_000);
  t.notOk(load.isBusy(), "nobody works for a minute on one request alone");
  load.enter();
  load.leave();
  t.ok(load.isBusy());
  t.end();
});
