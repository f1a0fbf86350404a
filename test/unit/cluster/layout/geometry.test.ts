import { test } from "tap";
import {
  chooseGeometry,
  choosePartitions,
  defaultParity,
} from "../../../../cluster/layout/geometry.ts";

const geometryOf = (...drivesOfNodes: number[]) => chooseGeometry({ drivesOfNodes });

test("chooseGeometry: slots by drives, parity by slots, 2m + 1 replicas", async (t) => {
  t.strictSame(geometryOf(1), { slots: 1, parity: 0, replicas: 1 });
  t.strictSame(geometryOf(2), { slots: 2, parity: 1, replicas: 2 });
  t.strictSame(geometryOf(1, 1, 1), { slots: 3, parity: 1, replicas: 3 });
  t.strictSame(geometryOf(1, 1, 1, 1), { slots: 4, parity: 2, replicas: 4 });
  t.strictSame(geometryOf(4, 4, 4, 4), { slots: 16, parity: 4, replicas: 9 });
  t.strictSame(geometryOf(12, 12, 12, 12, 12), { slots: 16, parity: 4, replicas: 9 });
  t.strictSame([1, 2, 3, 4, 5, 6, 7, 8, 16].map(defaultParity), [0, 1, 1, 2, 2, 3, 3, 4, 4]);
});

test("chooseGeometry: takes fewer slots when data then survives a node", async (t) => {
  t.equal(geometryOf(6, 6, 6).slots, 12);
  t.equal(geometryOf(8, 8).slots, 8);
  // Half of the slots would not do either: capacity goes first.
  t.equal(geometryOf(10, 1).slots, 11);
});

test("chooseGeometry: slots become fewer only with the drives", async (t) => {
  const choose = (drivesOfNodes: number[]) =>
    chooseGeometry({ drivesOfNodes, previousSlots: 16 }).slots;
  t.equal(choose([6, 6, 6]), 16);
  t.equal(choose([5, 5, 4]), 14);
});

test("chooseGeometry: an operator's choice, as far as there are drives", async (t) => {
  const chosen = chooseGeometry({ drivesOfNodes: [4, 4, 4, 4], slots: 12, parity: 3 });
  t.strictSame(chosen, { slots: 12, parity: 3, replicas: 7 });
  t.equal(chooseGeometry({ drivesOfNodes: [2, 2], slots: 12, parity: 9 }).parity, 2);
});

test("choosePartitions: doubles until drives have slots enough, never halves", async (t) => {
  t.equal(choosePartitions(4, 4, undefined), 4096);
  t.equal(choosePartitions(12_000, 16, undefined), 65_536);
  t.equal(choosePartitions(4, 4, 65_536), 65_536);
  t.equal(choosePartitions(65_536, 16, undefined), 262_144);
  t.equal(choosePartitions(65_536, 4, undefined), 262_144);
});
