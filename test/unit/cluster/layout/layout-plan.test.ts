import { test } from "tap";
import { buildLayout } from "../../../../cluster/layout/build-layout.ts";
import { planChange, slotMoves } from "../../../../cluster/layout/layout-plan.ts";
import { loadsOf, movesBetween, regularCluster } from "./layout-support.ts";

const GIB = 2 ** 30;
const before = buildLayout({
  members: regularCluster(4, 1),
  previous: undefined,
  version: 1,
  partitions: 256,
});
const after = buildLayout({ members: regularCluster(5, 1), previous: before, version: 2 });

test("planChange: a fifth node of one drive", async (t) => {
  const plan = planChange(before, after, () => 256 * GIB);
  t.equal(plan.slotsMoved, movesBetween(before, after));
  // Shares are 204.8 slots: each of the four gives 51 at least, the new one takes 204.
  t.equal(plan.slotsMovedAtLeast, 204);
  t.ok(plan.slotsMoved <= 1.1 * plan.slotsMovedAtLeast);
  t.equal(plan.slotsAdded, 256);
  t.equal(plan.slotsLost, 0);
  // Every drive has 256 slots and 256 GiB: 1 GiB a slot.
  t.equal(plan.bytesMoved, plan.slotsMoved * GIB);
  const sum = (values: readonly number[]) => values.reduce((so, value) => so + value, 0);
  t.equal(sum(plan.flows.map(({ slots }) => slots)), plan.slotsMoved);
  t.equal(sum(plan.drives.map(({ bytesIn }) => bytesIn)), plan.bytesMoved);
  t.equal(sum(plan.drives.map(({ bytesOut }) => bytesOut)), plan.bytesMoved);
  t.equal(sum(plan.drives.map(({ slotsAfter }) => slotsAfter)), 256 * 5);
  t.equal(sum(plan.drives.map(({ slotsBefore }) => slotsBefore)), 256 * 4);
  t.equal(sum(plan.drives.map(({ replicasAfter }) => replicasAfter)), 256 * 5);
  const flows = plan.flows.map(({ slots }) => slots);
  t.strictSame(
    flows,
    [...flows].sort((a, b) => b - a),
  );
  t.equal(plan.before?.drives, 4);
  t.match(plan.after, { version: 2, nodes: 5, drives: 5, zones: 1, survivesNode: true });
  t.ok(plan.after.imbalance < 0.01);
});

test("planChange: drives that leave give everything away; too few drives lose slots", async (t) => {
  const plan = planChange(after, before, () => 0);
  t.equal(plan.slotsLost, 256);
  const gone = plan.drives.find(({ slotsAfter }) => slotsAfter === 0);
  t.ok((gone?.slotsBefore ?? 0) > 0);
  t.equal(
    plan.slotsMovedAtLeast,
    loadsOf(after, 4).find((_, drive) => after.drives[drive]?.driveId === gone?.driveId),
  );
  t.equal(plan.slotsAdded, 0);
});

test("planChange: the first layout moves nothing", async (t) => {
  const plan = planChange(undefined, before, () => 1);
  t.equal(plan.slotsMoved, 0);
  t.equal(plan.slotsAdded, 1024);
  t.equal(plan.before, undefined);
});

test("slotMoves: each slot that has another drive, once", async (t) => {
  const moves = [...slotMoves(before, after)];
  t.equal(moves.filter(({ from }) => from !== undefined).length, movesBetween(before, after));
  t.equal(new Set(moves.map(({ partition, slot }) => `${partition} ${slot}`)).size, moves.length);
  t.strictSame([...slotMoves(before, before)], []);
});
