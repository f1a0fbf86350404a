import { test } from "tap";
import type { ShardedData } from "../../../../src/object/contract/data.ts";
import { DataWorld, settle } from "../../../support/data-world.ts";
import { UNAVAILABLE } from "../../../support/memory-drive.ts";

const OWNER = Buffer.from("owner");
const STRIPE = 1024;

function shardOf(world: DataWorld, data: ShardedData, slot: number): Buffer {
  return Buffer.from(world.holder(data, slot).file(data.dataId, slot)?.content ?? Buffer.alloc(0));
}

test("DataRebuilder: makes each shard again, byte for byte, one and two at a time", async (t) => {
  for (const size of [1, 500, STRIPE, 3 * STRIPE + 77]) {
    for (const slots of [[0], [1], [2], [3], [0, 1], [0, 2], [2, 3]]) {
      const world = new DataWorld({ drives: 4 });
      const data = await world.store(world.random.bytes(size));
      const originals = slots.map((slot) => shardOf(world, data, slot));
      for (const slot of slots) world.holder(data, slot).files.clear();
      const targets = slots.map((slot) => ({ slot, driveIndex: data.drives[slot] ?? -1 }));
      const rebuilt = await world.rebuilder.rebuild({ data, ownerKey: OWNER, targets });
      t.strictSame(rebuilt, targets);
      t.same(
        slots.map((slot) => shardOf(world, data, slot)),
        originals,
      );
      t.equal(world.holder(data, slots[0] ?? 0).file(data.dataId, slots[0] ?? 0)?.state, "durable");
      t.ok(world.isAtRest);
    }
  }
});

test("DataRebuilder: puts a shard on another drive, where it can be read", async (t) => {
  const world = new DataWorld({ drives: 6 });
  const content = world.random.bytes(5000);
  for (const drive of world.drives.slice(4)) drive.state = "offline";
  const data = await world.store(content);
  const slot = data.drives.indexOf(1);
  world.holder(data, slot).files.clear();
  const targets = [{ slot, driveIndex: 4 }];
  t.strictSame(await world.rebuilder.rebuild({ data, ownerKey: OWNER, targets }), targets);
  const file = world.drives[4]?.file(data.dataId, slot);
  t.equal(file?.spec.ownerKey, OWNER);
  t.ok(world.isAtRest);
});

test("DataRebuilder: replaces a corrupt shard, and works around another", async (t) => {
  const world = new DataWorld({ drives: 5, parity: 2 });
  const data = await world.store(world.random.bytes(5 * STRIPE));
  const original = shardOf(world, data, 0);
  world.corrupt(data, 0);
  world.corrupt(data, 1, 2);
  const targets = [{ slot: 0, driveIndex: data.drives[0] ?? -1 }];
  t.strictSame(await world.rebuilder.rebuild({ data, ownerKey: OWNER, targets }), targets);
  t.same(shardOf(world, data, 0), original);
  t.strictSame(world.damage, ["1 corrupt"], "the target itself is not read");
});

test("DataRebuilder: a target that fails is left out, and leaves nothing", async (t) => {
  for (const phase of ["append", "finish"] as const) {
    const world = new DataWorld({ drives: 4 });
    const data = await world.store(world.random.bytes(3 * STRIPE));
    for (const slot of [1, 2]) world.holder(data, slot).files.clear();
    const failing = world.holder(data, 2);
    const before = failing.counts[phase];
    failing.fault = (call, nth) => (call === phase && nth > before ? UNAVAILABLE : undefined);
    if (phase === "finish") {
      failing.fault = (call) => (call === phase ? UNAVAILABLE : undefined);
    }
    const targets = [1, 2].map((slot) => ({ slot, driveIndex: data.drives[slot] ?? -1 }));
    const rebuilt = await world.rebuilder.rebuild({ data, ownerKey: OWNER, targets });
    t.strictSame(rebuilt, targets.slice(0, 1));
    t.equal(failing.file(data.dataId, 2)?.state, "aborted");
    t.ok(world.isAtRest);
  }
});

test("DataRebuilder: with too few shards it refuses before anything is replaced", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const data = await world.store(world.random.bytes(3 * STRIPE));
  for (const slot of [0, 1]) world.holder(data, slot).files.clear();
  world.corrupt(data, 2);
  const kept = shardOf(world, data, 3);
  const targets = [0, 3].map((slot) => ({ slot, driveIndex: data.drives[slot] ?? -1 }));
  await t.rejects(world.rebuilder.rebuild({ data, ownerKey: OWNER, targets }), /data-unavailable/);
  await settle();
  t.same(shardOf(world, data, 3), kept);
  t.ok(world.isAtRest);
});
