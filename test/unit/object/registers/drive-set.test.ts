import { test } from "tap";
import { createDeferred } from "../../../../src/base/deferred.ts";
import { settle } from "../../../support/data-world.ts";
import {
  get,
  LARGE,
  put,
  rowCount,
  shardCount,
  startRig,
} from "../../../support/object/node-steps.ts";
import { codeOf } from "../../../support/object/store-fixture.ts";
import {
  type TestNode,
  type TestRig,
  withTime,
  workOff,
} from "../../../support/object/test-node.ts";

/** Drives that came back are compared and become members. */
async function allMembers(rig: TestRig, node: TestNode): Promise<void> {
  for (let turn = 0; turn < 50 && node.running.status().drives.members.length < 4; turn++) {
    await settle();
    rig.clock.advance(100);
  }
}

test("DriveSet: the node goes on without a failed drive and heals what was written meanwhile", async (t) => {
  const { rig, node } = await startRig();
  const { store } = node.running;
  await put(store, "before", LARGE);
  node.drives[1]?.fail("pulled out by a test");
  await settle();
  await put(store, "during", LARGE);
  await put(store, "small", Buffer.from("small"));
  t.strictSame(await get(store, "before"), LARGE);
  t.strictSame(await get(store, "during"), LARGE);
  await settle();
  t.equal(node.running.status().drives.members.length, 3);
  t.ok((await rowCount(node, "heal")) > 0);
  await workOff(node, "healer");
  t.ok((await rowCount(node, "heal")) > 0, "its drive is away and there is no other");
  await node.running.stop();

  const next = await rig.boot();
  t.equal(await withTime(rig, next.running.start()), "read-write");
  for (let turn = 0; turn < 20 && next.running.status().drives.members.length < 4; turn++) {
    await settle();
    rig.clock.advance(1000);
  }
  t.equal(next.running.status().drives.members.length, 4);
  await workOff(next, "healer");
  t.equal(await rowCount(next, "heal"), 0);
  t.equal(await shardCount(next), 8);
  next.drives[0]?.fail("two others");
  next.drives[2]?.fail("are enough");
  await settle();
  t.strictSame(await withTime(rig, get(next.running.store, "during")), LARGE);
  await next.running.stop();
});

test("DriveSet: a drive that comes back in the running node is compared, and a member again", async (t) => {
  const { rig, node } = await startRig();
  const { store } = node.running;
  for (let index = 0; index < 10; index++) await put(store, `before-${index}`, LARGE);
  node.drives[3]?.fail("pulled");
  await settle();
  t.equal(node.running.status().drives.members.length, 3);
  await put(store, "during", LARGE);
  await put(store, "before-0", Buffer.from("overwritten"));
  await rig.reopen(node, 3);
  t.strictSame(node.running.status().drives.observers, [node.drives[3]?.id]);
  await allMembers(rig, node);
  t.equal(node.running.status().drives.members.length, 4);
  await workOff(node, "healer");
  t.equal(await rowCount(node, "heal"), 0);
  node.drives[0]?.fail("two others");
  node.drives[1]?.fail("are enough");
  await settle();
  t.strictSame(await withTime(rig, get(store, "during")), LARGE);
  t.equal((await withTime(rig, get(store, "before-0"))).toString(), "overwritten");
  await node.running.stop();
});

test("DriveSet: when too many drives go, those that come back are enough to go on", async (t) => {
  const { rig, node } = await startRig();
  const { store } = node.running;
  await put(store, "before", LARGE);
  for (const drive of node.drives.slice(1)) drive.fail("the shelf lost its power");
  await settle();
  t.equal(node.running.status().drives.members.length, 4, "one drive cannot go on without them");
  t.equal(await codeOf(withTime(rig, put(store, "nowhere", Buffer.from("x")))), "unknown-outcome");
  for (const index of [1, 2, 3]) await rig.reopen(node, index);
  await withTime(rig, put(store, "after", LARGE));
  t.strictSame(await get(store, "before"), LARGE);
  await allMembers(rig, node);
  t.equal(node.running.status().drives.members.length, 4);
  node.drives[3]?.fail("again");
  await settle();
  t.equal(node.running.status().drives.members.length, 3, "a later loss is dealt with as ever");
  await withTime(rig, put(store, "later", LARGE));
  await node.running.stop();
});

test("DriveSet: a drive that hung is taken out, and back when it answers", async (t) => {
  const { rig, node } = await startRig();
  const { store } = node.running;
  await put(store, "before", LARGE);
  const hooks = rig.hardware[2]?.hooks;
  if (hooks === undefined) throw new Error("a drive");
  const wake = createDeferred<void>();
  hooks.flush = async (apply) => {
    await wake.promise;
    apply();
  };
  await withTime(rig, put(store, "during", LARGE));
  for (let turn = 0; turn < 200 && node.drives[2]?.status().state === "online"; turn++) {
    await settle();
    rig.clock.advance(100);
  }
  t.match(node.drives[2]?.status(), { state: "faulty", reason: /no answer to/ });
  await settle();
  t.equal(node.running.status().drives.members.length, 3);
  await put(store, "meanwhile", LARGE);
  const reopening = rig.reopen(node, 2);
  await settle();
  t.equal(node.drives[2]?.status().state, "faulty", "not before it has ended what it was asked");
  hooks.flush = (apply) => Promise.resolve(apply());
  wake.resolve();
  await reopening;
  await allMembers(rig, node);
  t.equal(node.running.status().drives.members.length, 4);
  await node.running.stop();
});

test("DriveSet: with half of its drives a node reads what was settled and writes nothing", async (t) => {
  const { rig, node } = await startRig();
  await put(node.running.store, "small", Buffer.from("small"));
  await put(node.running.store, "a/b", LARGE);
  for (let turn = 0; turn < 5; turn++) {
    rig.clock.advance(2000);
    await settle();
  }
  await node.running.stop();
  const half = await rig.boot([0, 1]);
  t.equal(await withTime(rig, half.running.start()), "read-only");
  const { store } = half.running;
  t.equal((await get(store, "small")).toString(), "small");
  t.strictSame(await get(store, "a/b"), LARGE);
  const bucket = await store.bucket("bucket");
  const page = await store.listObjects({
    bucket,
    prefix: "",
    delimiter: "/",
    after: undefined,
    limit: 10,
  });
  t.strictSame([page.objects.map(({ key }) => key), page.commonPrefixes], [["small"], ["a/"]]);
  t.equal(await codeOf(put(store, "new", Buffer.from("x"))), "no-quorum");
  await half.running.stop();
  const quarter = await rig.boot([3]);
  t.equal(await withTime(rig, quarter.running.start()), "unavailable");
  t.equal(await codeOf(quarter.running.store.bucket("bucket")), "no-quorum");
  await quarter.running.stop();
});

test("DriveSet: a large node keeps registers on some drives, and a spare takes over from one", async (t) => {
  const { rig, node } = await startRig(11);
  const { store } = node.running;
  t.equal(node.running.status().drives.members.length, 9);
  for (let index = 0; index < 6; index++) await put(store, `key-${index}`, LARGE);
  await settle();
  rig.clock.advance(500);
  await settle();
  t.equal(await rowCount(node, "pending"), 0, "also on drives that keep no registers");
  node.drives[4]?.fail("a drive with registers");
  await settle();
  t.equal(node.running.status().drives.members.length, 8);
  await put(store, "during", Buffer.from("during"));
  await workOff(node, "replicas");
  for (let turn = 0; turn < 50 && node.running.status().drives.members.length < 9; turn++) {
    await settle();
    rig.clock.advance(100);
  }
  t.equal(node.running.status().drives.members.length, 9);
  await workOff(node, "healer");
  await node.running.stop();
  const next = await rig.boot();
  t.equal(await withTime(rig, next.running.start()), "read-write");
  t.equal(next.running.status().drives.members.length, 9);
  t.equal((await get(next.running.store, "during")).toString(), "during");
  for (let index = 0; index < 6; index++) {
    t.strictSame(await get(next.running.store, `key-${index}`), LARGE);
  }
  await next.running.stop();
});
