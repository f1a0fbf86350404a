import { test } from "tap";
import type { ObjectLayer } from "../../../src/object/object-layer.ts";
import type { ObjectStore } from "../../../src/object/object-store.ts";
import { objectKey } from "../../../src/object/register-keys.ts";
import { settle } from "../../support/data-world.ts";
import { BufferSink, bytesSource } from "../../support/object/memory-data.ts";
import { codeOf } from "../../support/object/store-fixture.ts";
import { type TestNode, TestRig, withTime, workOff } from "../../support/object/test-node.ts";

const LARGE = Buffer.alloc(5000, "large content ");

async function put(store: ObjectStore, key: string, content: Buffer): Promise<void> {
  await store.putObject({
    bucket: await store.bucket("bucket"),
    key,
    source: bytesSource(content),
    headers: {},
    storageClass: "STANDARD",
    conditions: {},
    checksumAlgorithm: "crc64nvme",
  });
}

async function get(store: ObjectStore, key: string): Promise<Buffer> {
  const opened = await store.openObject({
    bucket: await store.bucket("bucket"),
    key,
    conditions: {},
  });
  const sink = new BufferSink();
  await opened.read({ offset: 0, length: opened.details.bytes }, sink);
  return sink.bytes;
}

async function remove(store: ObjectStore, key: string): Promise<void> {
  await store.deleteObject({ bucket: await store.bucket("bucket"), key, conditions: {} });
}

async function shardCount(node: TestNode): Promise<number> {
  let count = 0;
  for (const drive of node.drives) {
    const reply = await drive.listShards("", 1000);
    if (reply.ok) count += reply.shards.length;
  }
  return count;
}

async function rowCount(
  node: TestNode,
  table: "trash" | "heal" | "pending" | "rec",
): Promise<number> {
  let count = 0;
  for (const drive of node.drives) {
    const reply = await drive.range({
      table,
      heads: [Buffer.alloc(0)],
      from: Buffer.alloc(0),
      fromExclusive: false,
      prefix: Buffer.alloc(0),
      visibleOnly: false,
      limit: 1000,
      scanMax: 1000,
    });
    if (reply.ok) count += reply.rows.length;
  }
  return count;
}

async function startRig(driveCount = 4): Promise<{ rig: TestRig; node: TestNode }> {
  const rig = new TestRig();
  await rig.add(driveCount);
  const node = await rig.boot();
  await node.running.start();
  await node.running.store.createBucket("bucket");
  return { rig, node };
}

test("createObjectStore: small and large objects come back, also after a restart", async (t) => {
  const { rig, node } = await startRig();
  t.equal(node.running.status().drives.mode, "read-write");
  await put(node.running.store, "small", Buffer.from("small"));
  await put(node.running.store, "large", LARGE);
  t.equal(await shardCount(node), 4);
  t.equal(await rowCount(node, "pending"), 0);
  await node.running.stop();
  const next = await rig.boot();
  t.equal(await withTime(rig, next.running.start()), "read-write");
  t.equal((await get(next.running.store, "small")).toString(), "small");
  t.strictSame(await get(next.running.store, "large"), LARGE);
  await next.running.stop();
});

test("Janitor: data of a deleted object stays for the grace time, then nothing is left of it", async (t) => {
  const { rig, node } = await startRig();
  const { store } = node.running;
  await put(store, "large", LARGE);
  const before = await rowCount(node, "rec");
  await put(store, "other", LARGE);
  await remove(store, "other");
  await workOff(node, "janitor");
  t.equal(await shardCount(node), 8);
  rig.clock.skip(2 * 60 * 60_000);
  await workOff(node, "janitor");
  t.equal(await shardCount(node), 4);
  await workOff(node, "janitor");
  t.equal(await rowCount(node, "rec"), before);
  t.equal(await rowCount(node, "trash"), 0);
  t.strictSame(await get(store, "large"), LARGE);
  await node.running.stop();
});

test("Janitor: of several overwritten objects only those go whose time has come", async (t) => {
  const { rig, node } = await startRig();
  const { store } = node.running;
  await put(store, "large", LARGE);
  await put(store, "large", LARGE);
  rig.clock.skip(40 * 60_000);
  await put(store, "large", LARGE);
  t.equal(await shardCount(node), 12);
  rig.clock.skip(30 * 60_000);
  await workOff(node, "janitor");
  t.equal(await shardCount(node), 8);
  rig.clock.skip(60 * 60_000);
  await workOff(node, "janitor");
  t.equal(await shardCount(node), 4);
  t.strictSame(await get(store, "large"), LARGE);
  await node.running.stop();
});

test("Sweeper: data about to be committed stays, however old its rows look", async (t) => {
  const { rig, node } = await startRig();
  const { store } = node.running;
  const { core } = store as ObjectLayer;
  const written = await core.writer.write({
    source: bytesSource(LARGE),
    ownerKey: objectKey(await core.buckets.find("bucket"), "slow"),
    storageClass: "STANDARD",
    bytesMax: 10_000,
    inlineBytesMax: 0,
    checksums: [],
  });
  if (written.data.kind !== "shards") throw new Error("shards");
  core.committing.add(written.data.dataId);
  await workOff(node, "sweeper");
  rig.clock.skip(2 * 60 * 60_000);
  await workOff(node, "sweeper");
  t.equal(await shardCount(node), 4);
  core.committing.delete(written.data.dataId);
  await workOff(node, "sweeper");
  t.equal(await shardCount(node), 0);
  t.equal(await rowCount(node, "pending"), 0);
  await workOff(node, "janitor");
  t.equal(await rowCount(node, "trash"), 0, "the fence leaves no tombstone");
  await node.running.stop();
});

test("Sweeper: shards of a commit that never happened go, those of objects stay", async (t) => {
  const { rig, node } = await startRig();
  const { store } = node.running;
  await put(store, "large", LARGE);
  const bucket = await store.bucket("bucket");
  const call = store.putObject({
    bucket,
    key: "large",
    source: bytesSource(LARGE),
    headers: {},
    storageClass: "STANDARD",
    conditions: { ifNoneMatch: ["*"] },
    checksumAlgorithm: undefined,
  });
  t.equal(await codeOf(call), "precondition-failed");
  await settle();
  t.equal(await shardCount(node), 4, "a refused write leaves no shards");
  t.equal(await rowCount(node, "pending"), 4, "but rows that say where they were");
  await workOff(node, "sweeper");
  t.equal(await rowCount(node, "pending"), 4, "which stay for the grace time");
  rig.clock.skip(2 * 60 * 60_000);
  await workOff(node, "sweeper");
  t.equal(await rowCount(node, "pending"), 0);
  t.equal(await shardCount(node), 4);
  t.strictSame(await get(store, "large"), LARGE);
  await node.running.stop();
});

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
