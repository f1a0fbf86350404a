import { test } from "tap";
import { settle } from "../../support/data-world.ts";
import { get, LARGE, put, startRig } from "../../support/object/node-steps.ts";
import { codeOf } from "../../support/object/store-fixture.ts";
import { type TestNode, type TestRig, withTime } from "../../support/object/test-node.ts";

/** A node whose last life ended well, begun again while only some of its drives are there. */
async function bootWith(rig: TestRig, there: readonly number[]): Promise<TestNode> {
  const node = await rig.boot();
  for (const drive of node.drives) {
    if (!there.includes(drive.index)) drive.fail("not there yet");
  }
  await settle();
  return node;
}

/** The mode follows the drives; `withTime` moves the clock meanwhile. */
async function modeBecomes(rig: TestRig, node: TestNode, mode: string): Promise<boolean> {
  for (let turn = 0; turn < 100; turn++) {
    if (node.running.status().drives.mode === mode) return true;
    await settle();
    rig.clock.advance(100);
  }
  return false;
}

test("DriveSet: a node that only read writes again when a drive comes back", async (t) => {
  const { rig, node } = await startRig();
  await put(node.running.store, "before", LARGE);
  await withTime(rig, node.running.stop());
  const half = await bootWith(rig, [0, 1]);
  t.equal(await withTime(rig, half.running.start()), "read-only");
  const { store } = half.running;
  t.equal(await codeOf(put(store, "new", Buffer.from("x"))), "no-quorum");
  await rig.reopen(half, 2);
  t.ok(await modeBecomes(rig, half, "read-write"));
  await withTime(rig, put(store, "new", Buffer.from("written")));
  t.equal((await get(store, "new")).toString(), "written");
  t.strictSame(await withTime(rig, get(store, "before")), LARGE);
  await rig.reopen(half, 3);
  for (let turn = 0; turn < 100 && half.running.status().drives.members.length < 4; turn++) {
    await settle();
    rig.clock.advance(100);
    half.running.workers.find(({ name }) => name === "replicas")?.work();
  }
  t.equal(half.running.status().drives.members.length, 4);
  await withTime(rig, half.running.stop());
  const whole = await rig.boot();
  t.equal(await withTime(rig, whole.running.start()), "read-write");
  t.equal((await withTime(rig, get(whole.running.store, "new"))).toString(), "written");
  await whole.running.stop();
});

test("DriveSet: a node that could not serve reads with half of its drives, and writes with more", async (t) => {
  const { rig, node } = await startRig();
  await put(node.running.store, "small", Buffer.from("small"));
  await withTime(rig, node.running.stop());
  const quarter = await bootWith(rig, [3]);
  t.equal(await withTime(rig, quarter.running.start()), "unavailable");
  const { store } = quarter.running;
  t.equal(await codeOf(store.bucket("bucket")), "no-quorum");
  await rig.reopen(quarter, 1);
  t.ok(await modeBecomes(rig, quarter, "read-only"));
  t.equal((await withTime(rig, get(store, "small"))).toString(), "small");
  // Both at once: one look at the drives after the other.
  await Promise.all([rig.reopen(quarter, 0), rig.reopen(quarter, 2)]);
  t.ok(await modeBecomes(rig, quarter, "read-write"));
  await withTime(rig, put(store, "small", Buffer.from("changed")));
  t.equal((await get(store, "small")).toString(), "changed");
  await withTime(rig, quarter.running.stop());
});
