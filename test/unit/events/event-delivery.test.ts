/** Delivery: order per key, retries and back-off, targets that fail or hang, and a stop. */
import { test } from "tap";
import { silentLogger } from "../../../src/base/log.ts";
import {
  BACK_OFF_MS_MAX,
  EventDelivery,
  SENDS_AT_ONCE_MAX,
} from "../../../src/events/event-delivery.ts";
import { EventQueue } from "../../../src/events/event-queue.ts";
import { MemoryRecords } from "../../support/iam/memory-records.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** Takes events, unless it is told to refuse; lets tests wait for what it was sent. */
class FakeTarget {
  readonly taken: string[] = [];
  readonly refusals = new Map<string, number>();
  hanging = false;
  atOnce = 0;
  atOnceMax = 0;
  sends = 0;
  #waiting: Array<() => void> = [];

  async send(body: string, signal: AbortSignal): Promise<void> {
    this.sends += 1;
    this.atOnce += 1;
    this.atOnceMax = Math.max(this.atOnceMax, this.atOnce);
    for (const wake of this.#waiting.splice(0)) wake();
    try {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.hanging) await aborted(signal);
      const left = this.refusals.get(body) ?? 0;
      if (left > 0) {
        this.refusals.set(body, left - 1);
        throw new Error("the webhook answered 500");
      }
      this.taken.push(body);
    } finally {
      this.atOnce -= 1;
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(new Error("aborted"));
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}

function event(Key: string, number: number): string {
  return JSON.stringify({ Key, number });
}

async function fixture() {
  const [clock, target, records] = [new ManualClock(), new FakeTarget(), new MemoryRecords()];
  const modules = { records, clock, log: silentLogger };
  const queue = new EventQueue({ target: "T", node: "n", limit: 10_000 }, modules);
  await queue.load();
  const delivery = new EventDelivery("T", { queue, target, clock, log: silentLogger });
  return { clock, target, records, queue, delivery };
}

/** Timers that a failure sets a few turns later. */
async function passTime(clock: ManualClock, byMs: number): Promise<void> {
  while (clock.timerCount === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(byMs);
}

test("EventDelivery: each key in order, several keys at once", async (t) => {
  const { target, queue, delivery, records } = await fixture();
  const events = Array.from({ length: 200 }, (_, index) => event(`key-${index % 20}`, index));
  await Promise.all(events.map((line) => queue.add(line)));
  delivery.start();
  await target.until(() => target.taken.length === events.length);
  const numbers = new Map<string, number[]>();
  for (const line of target.taken) {
    const { Key, number } = JSON.parse(line);
    numbers.set(Key, [...(numbers.get(Key) ?? []), number]);
  }
  for (const list of numbers.values())
    t.strictSame(
      list,
      [...list].sort((a, b) => a - b),
    );
  t.equal(target.atOnceMax, SENDS_AT_ONCE_MAX);
  await delivery.stop();
  t.strictSame(await records.list("events/"), []);
});

test("EventDelivery: what is refused is tried again, later and later, and holds back its key alone", async (t) => {
  const { clock, target, queue, delivery } = await fixture();
  const [bad, after, other] = [event("a", 1), event("a", 2), event("b", 1)];
  target.refusals.set(bad, 10);
  await Promise.all([bad, after, other].map((line) => queue.add(line)));
  delivery.start();
  await target.until(() => target.taken.length === 1);
  t.strictSame(target.taken, [other]);
  const waits = [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000];
  t.equal(waits.at(-1), BACK_OFF_MS_MAX);
  for (const [index, waitMs] of waits.entries()) {
    await passTime(clock, waitMs - 1);
    t.equal(target.sends, index + 2, "not before its time");
    clock.advance(1);
    await target.until(() => target.sends > index + 2 && target.atOnce === 0);
  }
  await target.until(() => target.taken.length === 3);
  t.strictSame(target.taken, [other, bad, after]);
  t.equal(delivery.status().failed, 10);
  await delivery.stop();
});

test("EventDelivery: a stop in the middle leaves the batch to the next process", async (t) => {
  const { target, queue, delivery, records, clock } = await fixture();
  target.hanging = true;
  await queue.add(event("a", 1));
  delivery.start();
  await target.until(() => target.sends === 1);
  await delivery.stop();
  t.strictSame(target.taken, []);
  t.equal((await records.list("events/")).length, 1);
  const modules = { records, clock, log: silentLogger };
  const next = new EventQueue({ target: "T", node: "n", limit: 10 }, modules);
  await next.load();
  target.hanging = false;
  const again = new EventDelivery("T", { queue: next, target, clock, log: silentLogger });
  again.start();
  await target.until(() => target.taken.length === 1);
  t.strictSame(target.taken, [event("a", 1)]);
  await again.stop();
});
