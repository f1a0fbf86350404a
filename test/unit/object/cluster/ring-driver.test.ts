import { test } from "tap";
import { RingWorld } from "../../../support/object/ring-world.ts";

const STABLE_AGAIN = 5;

function allKnow(world: RingWorld, epoch: number): boolean {
  return world.nodes.every(({ down, knowledge }) => down || knowledge.epoch >= epoch);
}

test("RingDriver: the node with the lowest number that answers leads a change to its end", async (t) => {
  for (const down of [0, 1]) {
    const world = await RingWorld.create(4);
    if (down > 0) world.at(0).down = true;
    await world.begin(3);
    for (const { driver } of world.nodes.slice(down)) driver.start();
    t.ok(await world.run(() => allKnow(world, STABLE_AGAIN)), "every node knows the end");
    t.equal(world.at(3).knowledge.map.record.ring.phase, "stable");
    t.equal(world.at(3).knowledge.map.record.ring.current.version, 2);
    const acting = world.at(down).peer;
    t.strictSame(world.writers, [world.at(3).peer, acting, acting, acting]);
    await world.stop();
  }
});

test("RingDriver: goes no further than most replicas of each partition have acknowledged", async (t) => {
  const world = await RingWorld.create(4);
  await world.begin(0);
  for (const node of world.nodes.slice(2)) node.lagging = true;
  for (const { driver } of world.nodes) driver.start();
  t.notOk(await world.run(() => world.at(0).knowledge.epoch > 2), "two of four are not enough");
  t.equal(world.at(0).driver.verdict(world.at(0).knowledge.map).allowed, false);
  world.at(2).lagging = false;
  t.ok(await world.run(() => allKnow(world, STABLE_AGAIN)), "three are");
  await world.stop();
});

test("RingDriver: waits for the work of the change, and what is done stays done without its node", async (t) => {
  const world = await RingWorld.create(4);
  for (const node of world.nodes) node.finished = false;
  await world.begin(0);
  const joint = 3;
  for (const { driver } of world.nodes) driver.start();
  t.ok(await world.run(() => allKnow(world, joint)));
  t.notOk(await world.run(() => world.at(0).knowledge.epoch > joint), "nothing has moved yet");
  const { driver, knowledge } = world.at(0);
  t.equal(driver.doneNow(knowledge.map).count, 0);
  // One node did it all and is gone before the others are asked again.
  world.at(3).finished = true;
  await driver.askAll();
  world.at(3).down = true;
  world.at(3).finished = false;
  t.equal(driver.doneNow(knowledge.map).count, knowledge.map.registers.partitions);
  t.ok(await world.run(() => world.at(0).knowledge.epoch === STABLE_AGAIN));
  await world.stop();
});

test("RingDriver: of two changes of one record the second is refused, and learns of the first", async (t) => {
  const world = await RingWorld.create(3);
  await world.begin(0);
  const late = world.at(2);
  t.equal(late.knowledge.epoch, 1);
  let asked = false;
  const change = late.driver.replace(1, (record) => {
    asked = true;
    return record;
  });
  await t.rejects(change, { message: /busy/ });
  t.notOk(asked, "the change is not made of another record than it was meant for");
  t.equal(late.knowledge.epoch, 2, "it goes by the one that was first");
  await world.stop();
});

test("RingDriver: a node that was away finds the news by itself", async (t) => {
  const world = await RingWorld.create(3);
  world.at(2).down = true;
  await world.begin(0);
  for (const { driver } of world.nodes) driver.start();
  t.ok(await world.run(() => world.at(0).knowledge.epoch === STABLE_AGAIN));
  t.equal(world.at(2).knowledge.epoch, 1);
  world.at(2).down = false;
  t.ok(await world.run(() => world.at(2).knowledge.epoch === STABLE_AGAIN));
  t.equal(world.writers.length, 4, "and changes nothing");
  await world.stop();
});

test("RingDriver: what happens during a look is looked at without a pause", async (t) => {
  const world = await RingWorld.create(1);
  const { driver } = world.at(0);
  let goOn = () => {};
  world.beforeRead = () =>
    new Promise((resolve) => {
      goOn = resolve;
    });
  driver.start();
  world.clock.advance(0);
  await world.turn();
  t.equal(world.reads, 1);
  driver.wake();
  goOn();
  await world.turn();
  t.equal(world.clock.timerCount, 1, "the next look is due");
  const before = world.clock.nowMs();
  world.clock.advance(0);
  await world.turn();
  t.equal(world.clock.nowMs(), before);
  goOn();
  await world.turn();
  const pausedMs = 2_000;
  world.clock.advance(pausedMs - 1);
  t.equal(world.clock.timerCount, 1, "after that the pause is the usual one");
  await world.stop();
  t.equal(world.clock.timerCount, 0, "nothing is left behind");
});

test("RingDriver: a look that fails is not the last one", async (t) => {
  const world = await RingWorld.create(2);
  await world.begin(0);
  world.tamper = (_, reply) => reply.subarray(0, reply.length - 1);
  for (const { driver } of world.nodes) driver.start();
  t.notOk(await world.run(() => world.at(0).knowledge.epoch > 2), "answers cannot be read");
  world.tamper = (_, reply) => reply;
  t.ok(await world.run(() => allKnow(world, STABLE_AGAIN)));
  await world.stop();
});
