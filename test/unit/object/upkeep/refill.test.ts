import { test } from "tap";
import { settle } from "../../../support/data-world.ts";
import {
  get,
  LARGE,
  put,
  rowCount,
  shardCount,
  startRig,
} from "../../../support/object/node-steps.ts";
import { withTime, workOff } from "../../../support/object/test-node.ts";

test("Refill: an emptied drive gets its records and its shards back", async (t) => {
  const { rig, node } = await startRig();
  for (let index = 0; index < 5; index++) await put(node.running.store, `key-${index}`, LARGE);
  await put(node.running.store, "small", Buffer.from("small"));
  await node.running.stop();
  await rig.replace(2);
  const next = await rig.boot();
  t.equal(await withTime(rig, next.running.start()), "read-write");
  for (let turn = 0; turn < 20 && next.running.status().drives.members.length < 4; turn++) {
    await settle();
    rig.clock.advance(1000);
  }
  t.equal(next.running.status().drives.members.length, 4);
  t.equal(await shardCount(next), 15);
  t.strictSame(await get(next.running.store, "key-0"), LARGE);
  t.equal(next.damage.size, 0, "what is missing there is known");
  await workOff(next, "refill drive 2");
  t.equal(await shardCount(next), 20);
  t.strictSame(rig.synced.at(-1), 2);
  await workOff(next, "sweeper");
  rig.clock.skip(2 * 60 * 60_000);
  await workOff(next, "sweeper");
  t.equal(await rowCount(next, "pending"), 0);
  t.equal(await shardCount(next), 20);
  next.drives[0]?.fail("two others");
  next.drives[1]?.fail("are enough");
  await settle();
  for (let index = 0; index < 5; index++) {
    t.strictSame(await withTime(rig, get(next.running.store, `key-${index}`)), LARGE);
  }
  await next.running.stop();
});
