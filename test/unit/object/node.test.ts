import { test } from "tap";
import { objectKey } from "../../../src/object/contract/register-keys.ts";
import type { ObjectLayer } from "../../../src/object/operations/object-layer.ts";
import { settle } from "../../support/data-world.ts";
import { bytesSource } from "../../support/object/memory-data.ts";
import {
  get,
  LARGE,
  put,
  remove,
  rowCount,
  shardCount,
  startRig,
} from "../../support/object/node-steps.ts";
import { codeOf } from "../../support/object/store-fixture.ts";
import { withTime, workOff } from "../../support/object/test-node.ts";

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
