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
import { type TestNode, withTime, workOff } from "../../../support/object/test-node.ts";

test("Scrubber: finds a shard that decayed and has it made again", async (t) => {
  const { rig, node } = await startRig();
  const { store } = node.running;
  await put(store, "large", LARGE);
  const listed = await node.drives[3]?.listShards("", 10);
  const shard = listed?.ok === true ? listed.shards[0] : undefined;
  if (shard === undefined) throw new Error("a shard");
  await node.drives[3]?.dropShard(shard.dataId, shard.slot);
  t.equal(await shardCount(node), 3);
  await workOff(node, "scrubber");
  await workOff(node, "damage");
  t.equal(await rowCount(node, "heal"), 4);
  await workOff(node, "healer");
  t.equal(await rowCount(node, "heal"), 0);
  t.equal(await shardCount(node), 4);
  const { hardware } = rig;
  t.equal(hardware.length, 4);
  await node.running.stop();
});

function doneBy(node: TestNode, name: string): number | undefined {
  return node.running.workers.find((worker) => worker.name === name)?.status().done;
}

test("Scrubber: finds shard files under each other's names and puts both right", async (t) => {
  const { rig, node } = await startRig();
  const { store } = node.running;
  await put(store, "one", LARGE);
  await put(store, "two", LARGE);
  const disk = rig.hardware[3]?.disk;
  const listed = await node.drives[3]?.listShards("", 10);
  const [one, two] = (listed?.ok === true ? listed.shards : []).map(({ dataId, slot }) => {
    return `/drive3/data/${dataId.slice(0, 2)}/${dataId}.${slot}`;
  });
  if (disk === undefined || one === undefined || two === undefined) throw new Error("two shards");
  await disk.rename(one, "/drive3/swap");
  await disk.rename(two, one);
  await disk.rename("/drive3/swap", two);
  await workOff(node, "scrubber");
  t.equal(node.damage.size, 2);
  await workOff(node, "damage");
  await workOff(node, "healer");
  t.equal(await rowCount(node, "heal"), 0);
  t.equal(await shardCount(node), 8);
  node.drives[0]?.fail("two others");
  node.drives[1]?.fail("are enough");
  await settle();
  for (const key of ["one", "two"]) t.strictSame(await withTime(rig, get(store, key)), LARGE);
  await node.running.stop();
});

test("Scrubber: finds a header that does not say whose shard it is", async (t) => {
  const { rig, node } = await startRig();
  await put(node.running.store, "large", LARGE);
  const disk = rig.hardware[2]?.disk;
  const listed = await node.drives[2]?.listShards("", 10);
  const [path] = (listed?.ok === true ? listed.shards : []).map(({ dataId, slot }) => {
    return `/drive2/data/${dataId.slice(0, 2)}/${dataId}.${slot}`;
  });
  if (disk === undefined || path === undefined) throw new Error("a shard");
  disk.rot(path, 40);
  await workOff(node, "scrubber");
  t.equal(node.damage.size, 1, "though every block is well");
  await workOff(node, "damage");
  await workOff(node, "healer");
  t.equal(await rowCount(node, "heal"), 0);
  rig.clock.skip(31 * 24 * 60 * 60_000);
  // The first call ends the wait, the second goes through all records.
  await workOff(node, "scrubber");
  await workOff(node, "scrubber");
  t.equal(doneBy(node, "scrubber"), 2, "verified twice");
  t.equal(node.damage.size, 0, "and put right");
  await node.running.stop();
});

test("Scrubber: reads parity and what other nodes have, and computes none of it", async (t) => {
  const { rig, node } = await startRig();
  await put(node.running.store, "large", LARGE);
  // All drives but one are another node's.
  for (const drive of node.drives.slice(1)) Object.defineProperty(drive, "distance", { value: 1 });
  for (const { index } of node.drives) {
    const disk = rig.hardware[index]?.disk;
    const listed = await node.drives[index]?.listShards("", 10);
    const shard = listed?.ok === true ? listed.shards[0] : undefined;
    if (disk === undefined || shard === undefined) throw new Error("a shard on every drive");
    const { dataId, slot } = shard;
    disk.rot(`/drive${index}/data/${dataId.slice(0, 2)}/${dataId}.${slot}`, 200);
    rig.clock.skip(31 * 24 * 60 * 60_000);
    await workOff(node, "scrubber");
    await workOff(node, "scrubber");
    await workOff(node, "damage");
    t.equal(await rowCount(node, "heal"), 4, `slot ${slot} was read`);
    await workOff(node, "healer");
    t.equal(await rowCount(node, "heal"), 0);
  }
  await node.running.stop();
});
