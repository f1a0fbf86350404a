import { test } from "tap";
import { ExchangeWatch, LOOK_INTERVAL_MS, looksIn } from "../../../src/http/exchange-watch.ts";
import { ManualClock } from "../../compliance/http-fixture.ts";

test("ExchangeWatch: looks at what is in flight, and at nothing after the stop", async (t) => {
  const clock = new ManualClock();
  const watch = new ExchangeWatch(clock);
  const seen: number[] = [];
  const exchange = { look: (looks: number) => seen.push(looks) };
  watch.start();
  const number = watch.add(exchange);
  clock.advance(LOOK_INTERVAL_MS * 2);
  watch.remove(number);
  clock.advance(LOOK_INTERVAL_MS);
  t.strictSame(seen, [1, 2]);
  t.equal(watch.looks, 3);
  watch.stop();
  clock.advance(LOOK_INTERVAL_MS);
  t.equal(watch.looks, 3);
});

test("ExchangeWatch.idle: resolves with the last exchange or after the grace time", async (t) => {
  const clock = new ManualClock();
  const watch = new ExchangeWatch(clock);
  await watch.idle(1_000);
  const [one, other] = [{ look() {} }, { look() {} }];
  const numbers = [watch.add(one), watch.add(other)] as const;
  t.equal(watch.count, 2);
  let idle = false;
  const waiting = watch.idle(1_000).then(() => {
    idle = true;
  });
  watch.remove(numbers[0]);
  await Promise.resolve();
  t.notOk(idle);
  watch.remove(numbers[1]);
  await waiting;
  watch.add(one);
  const timed = watch.idle(1_000);
  clock.advance(1_000);
  await timed;
  t.equal(watch.count, 1);
});

test("looksIn: never counts less than the time", async (t) => {
  for (const durationMs of [1, LOOK_INTERVAL_MS, LOOK_INTERVAL_MS + 1, 60_000]) {
    t.ok((looksIn(durationMs) - 1) * LOOK_INTERVAL_MS >= durationMs);
  }
});
