import { test } from "tap";
import { type Delayed, DelayQueue } from "../../../../cluster/register/delay-queue.ts";
import { ProcessClock, World } from "../../../sim/register/world.ts";

class Item implements Delayed {
  finished = false;
  dueMs: number | undefined;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  onDelay(): void {
    this.dueMs = this.#world.nowMs;
  }
}

test("DelayQueue: each unfinished item once, at its delay or an eighth later, in order", async (t) => {
  const world = new World(1, { trace: false });
  const queue = new DelayQueue(new ProcessClock(world, 0), 80);
  const items: Array<{ item: Item; addedMs: number }> = [];
  for (let index = 0; index < 200; index++) {
    world.after(index * 3, () => {
      const item = new Item(world);
      items.push({ item, addedMs: world.nowMs });
      queue.add(item);
      if (index % 3 === 0) item.finished = true;
    });
  }
  await world.run(10_000);
  t.equal(items.length, 200);
  for (const [index, { item, addedMs }] of items.entries()) {
    if (index % 3 === 0) {
      t.equal(item.dueMs, undefined, "finished");
      continue;
    }
    const waited = (item.dueMs ?? 0) - addedMs;
    t.ok(waited >= 80 && waited <= 80 + 10, `item ${index} waited ${waited}`);
  }
});

test("DelayQueue: one timer for all, none when nothing waits", async (t) => {
  const world = new World(1, { trace: false });
  let timers = 0;
  const clock = new ProcessClock(world, 0);
  const counting = {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs: number, callback: () => void) => {
      timers++;
      return clock.after(delayMs, callback);
    },
  };
  const queue = new DelayQueue(counting, 80);
  for (let index = 0; index < 1000; index++) {
    const item = new Item(world);
    queue.add(item);
    item.finished = true;
  }
  await world.run(1000);
  t.equal(timers, 1);
});
