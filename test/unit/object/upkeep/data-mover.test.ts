import { test } from "tap";
import { newDataId } from "../../../../src/base/ids.ts";
import type { ShardedData } from "../../../../src/object/contract/data.ts";
import { objectKey } from "../../../../src/object/contract/register-keys.ts";
import { COMMIT_WITHIN_MS } from "../../../../src/object/operations/commit-limit.ts";
import { dataOf, mergeShards } from "../../../../src/object/records/record-data.ts";
import { DataMover } from "../../../../src/object/upkeep/data-mover.ts";
import { planMoves } from "../../../../src/object/upkeep/move-plan.ts";
import { createFixture, putInput } from "../../../support/object/store-fixture.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const random = new SeededRandom(5);

function dataOn(drives: readonly number[], missing = 0): ShardedData {
  const m = Math.floor(drives.length / 2);
  const dataId = newDataId(random);
  const k = drives.length - m;
  return { kind: "shards", dataId, k, m, stripeDataBytes: 1 << 20, bytes: 5000, drives, missing };
}

function statesOf(count: number, offline: readonly number[] = [], full: readonly number[] = []) {
  return Array.from({ length: count }, (_, index) => {
    return { index, online: !offline.includes(index), full: full.includes(index) };
  });
}

function placementOf(order: readonly number[], leaving: readonly number[] = [], waits = true) {
  const isLeaving = (index: number) => leaving.includes(index);
  return { orderFor: () => order, isLeaving, waits, rewrites: false };
}

test("planMoves: shards go to the drives of their slots, what is there stays", async (t) => {
  const plan = planMoves(dataOn([0, 1, 2, 3]), placementOf([0, 4, 2, 1, 3]), statesOf(5), false);
  t.strictSame(plan.moves, [
    { slot: 1, driveIndex: 4 },
    { slot: 3, driveIndex: 1 },
  ]);
  t.notOk(plan.blocked);
});

test("planMoves: a drive that is away is waited for, a full one is not", async (t) => {
  const data = dataOn([0, 1, 2, 3]);
  const placement = placementOf([0, 4, 2, 3, 1]);
  t.match(planMoves(data, placement, statesOf(5, [4]), false), { moves: [], blocked: true });
  t.match(planMoves(data, placement, statesOf(5, [], [4]), false), { moves: [], blocked: false });
});

test("planMoves: on the way back nothing waits for a drive that is away", async (t) => {
  const order = [0, 4, 2, 3, 1];
  const staying = planMoves(
    dataOn([0, 1, 2, 3]),
    placementOf(order, [], false),
    statesOf(5, [4]),
    false,
  );
  t.match(staying, { moves: [], blocked: false });
  const leaving = placementOf([0, 4, 2, 3], [1], false);
  t.match(planMoves(dataOn([0, 1, 2, 3]), leaving, statesOf(5, [4]), false), { blocked: true });
  const patient = { ...leaving, rewrites: true };
  t.match(
    planMoves(dataOn([0, 1, 2, 3]), patient, statesOf(5, [4]), false),
    { moves: [], blocked: false, anew: true },
    "in the end what is on a drive that leaves is written anew for the others",
  );
  t.match(planMoves(dataOn([0, 1, 2, 3]), patient, statesOf(5), false), { anew: false });
});

test("planMoves: what cannot move does not keep others from being done", async (t) => {
  // Slot 1 is wanted where slot 0 is, and that one cannot go to the drive that is away.
  const order = [4, 0, 2, 3, 5];
  const states = statesOf(6, [4]);
  const back = planMoves(dataOn([0, 1, 2, 3]), placementOf(order, [], false), states, false);
  t.match(back, { moves: [], blocked: false });
  const full = planMoves(dataOn([0, 1, 2, 3]), placementOf(order), statesOf(6, [], [4]), false);
  t.match(full, { moves: [], blocked: false });
  const leaving = planMoves(dataOn([0, 1, 2, 3]), placementOf(order, [1], false), states, false);
  t.strictSame(leaving, { moves: [{ slot: 1, driveIndex: 5 }], blocked: false, anew: false });
  const part = planMoves(dataOn([0, 1, 2, 3]), placementOf(order, [1]), statesOf(6), true);
  t.strictSame(part.moves, [{ slot: 1, driveIndex: 5 }]);
});

test("planMoves: what leaves goes elsewhere when its new drive takes nothing", async (t) => {
  const data = dataOn([0, 1, 2, 3]);
  const placement = placementOf([0, 4, 2, 3, 5], [1]);
  const plan = planMoves(data, placement, statesOf(6, [4]), false);
  t.strictSame(plan.moves, [{ slot: 1, driveIndex: 5 }]);
  t.match(planMoves(data, placement, statesOf(6, [4, 5]), false), { moves: [], blocked: true });
});

test("planMoves: a lost shard is left to the healer, unless its drive leaves", async (t) => {
  const data = dataOn([0, 1, 2, 3], 0b0010);
  const order = [0, 4, 2, 3];
  t.strictSame(planMoves(data, placementOf(order), statesOf(5), false).moves, []);
  t.strictSame(planMoves(data, placementOf(order, [1]), statesOf(5), false).moves, [
    { slot: 1, driveIndex: 4 },
  ]);
});

test("planMoves: parts move off leaving drives only", async (t) => {
  const data = dataOn([0, 1, 2, 3]);
  const order = [4, 5, 2, 3];
  t.strictSame(planMoves(data, placementOf(order, [1]), statesOf(6), true).moves, [
    { slot: 1, driveIndex: 5 },
  ]);
});

test("planMoves: a part leaves for a free drive, also one where a slot belongs that stays", async (t) => {
  const plan = planMoves(dataOn([2, 4, 3, 1]), placementOf([3, 0, 4, 1], [2]), statesOf(5), true);
  t.strictSame(plan, { moves: [{ slot: 0, driveIndex: 0 }], blocked: false, anew: false });
});

test("planMoves: with fewer drives than shards what leaves is written anew", async (t) => {
  const data = dataOn([0, 1, 2, 3]);
  t.match(planMoves(data, placementOf([0, 1, 2], [3]), statesOf(4), false), { anew: true });
});

test("mergeShards: changes only what is still as it was found", async (t) => {
  const before = dataOn([0, 1, 2, 3], 0b1000);
  const after = { ...before, drives: [5, 1, 6, 7], missing: 0 };
  t.match(mergeShards(before, before, after), { drives: [5, 1, 6, 7], missing: 0 });
  const meanwhile = { ...before, drives: [0, 1, 9, 3], missing: 0b1001 };
  t.match(
    mergeShards(meanwhile, before, after),
    { drives: [0, 1, 9, 7], missing: 0b0001 },
    "slot 0 was found damaged, slot 2 was moved",
  );
  t.equal(mergeShards(after, before, after), undefined);
});

test("DataMover: what was made long before it could be recorded is not recorded any more", async (t) => {
  const { store, registers, clock } = createFixture({}, undefined, 1);
  const bucket = await store.createBucket("bucket");
  await store.putObject(putInput(bucket, "key", "content that is too long to be kept inline"));
  const key = objectKey(await store.core.buckets.find("bucket"), "key");
  const drivesNow = async () => dataOf(key, await registers.read(key))[0]?.data.drives ?? [];
  const before = await drivesNow();
  const order = before.map((index) => index + before.length);
  const dropped: number[] = [];
  let standsMs = COMMIT_WITHIN_MS + 1;
  const mover = new DataMover({
    core: store.core,
    copier: { arena: { acquire: () => Promise.reject(), release() {} }, drives: { get() {} } },
    rebuilder: {
      async rebuild({ targets, onFinishing }) {
        onFinishing?.();
        clock.advance(standsMs);
        return targets;
      },
    },
    drives: {
      get(index) {
        dropped.push(index);
        return undefined;
      },
      states: () => statesOf(2 * before.length),
      isOnline: () => true,
    },
    placement: () => placementOf(order),
  });
  t.notOk(await mover.tend(key, await registers.read(key)));
  t.strictSame(await drivesNow(), before, "the sweeper may have deleted the copies");
  t.strictSame(dropped, [], "and the old ones stay");
  standsMs = COMMIT_WITHIN_MS - 1;
  t.ok(await mover.tend(key, await registers.read(key)));
  t.strictSame(await drivesNow(), order);
});
