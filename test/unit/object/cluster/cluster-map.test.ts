import { test } from "tap";
import type { ClusterRecord } from "../../../../cluster/forming/cluster-record.ts";
import { buildLayout } from "../../../../cluster/layout/build-layout.ts";
import type { Layout } from "../../../../cluster/layout/layout.ts";
import { encodeLayout, layoutRefOf } from "../../../../cluster/layout/layout-codec.ts";
import { addNode, setNodeState } from "../../../../cluster/layout/member-changes.ts";
import type { ClusterMembers } from "../../../../cluster/layout/members.ts";
import {
  advance,
  beginChange,
  firstRing,
  type RingState,
} from "../../../../cluster/layout/ring-state.ts";
import { newDataId, newDriveId, newNodeId } from "../../../../src/base/ids.ts";
import { ClusterMap } from "../../../../src/object/cluster/cluster-map.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const random = new SeededRandom(3);

function membersOf(count: number): ClusterMembers {
  let members: ClusterMembers = { revision: 0, nodes: [] };
  for (let node = 0; node < count; node++) {
    members = addNode(members, {
      nodeId: newNodeId(random),
      peerId: `peer-${node}`,
      addresses: [`n${node}:1`],
      zone: "",
      drives: [{ driveId: newDriveId(random), capacityBytes: 1000 }],
    });
  }
  return members;
}

function mapAt(ring: RingState, members: ClusterMembers, layouts: readonly Layout[]): ClusterMap {
  const record: ClusterRecord = {
    clusterId: "ab".repeat(16),
    members,
    ring,
    membersBefore: members,
  };
  return new ClusterMap(record, layouts);
}

const four = membersOf(4);
const drained = setNodeState(four, four.nodes[1]?.nodeId ?? newNodeId(random), "draining");
const before = buildLayout({ members: four, previous: undefined, version: 1, partitions: 16 });
const after = buildLayout({ members: drained, previous: before, version: 2, partitions: 32 });
const refOf = (layout: Layout) => layoutRefOf(encodeLayout(layout));
const stable = firstRing(refOf(before));
const prepare = beginChange(stable, refOf(after));

test("ClusterMap: registers of a stable ring have one group, and the epoch as their version", async (t) => {
  const { registers } = mapAt(stable, four, [before]);
  t.equal(registers.version, stable.epoch);
  t.equal(registers.partitions, 16);
  t.strictSame(
    registers.groupsOf(3).map((group) => group.length),
    [before.geometry.replicas],
  );
});

test("ClusterMap: during a change each group is that of its layout, whatever their partitions", async (t) => {
  const { registers } = mapAt(advance(prepare), drained, [after, before]);
  t.equal(registers.version, 3);
  t.equal(registers.partitions, 32);
  const old = mapAt(stable, four, [before]).registers;
  const done = mapAt(advance(advance(advance(prepare))), drained, [after]).registers;
  for (let partition = 0; partition < 32; partition++) {
    t.strictSame(registers.groupsOf(partition), [
      ...old.groupsOf(partition >> 1),
      ...done.groupsOf(partition),
    ]);
  }
});

test("ClusterMap: new data never goes to a drive that is being drained", async (t) => {
  const map = mapAt(prepare, drained, [before, after]);
  const leaving = four.nodes[1]?.drives[0]?.number;
  for (let item = 0; item < 64; item++) {
    const order = map.orderFor(newDataId(random));
    t.notOk(order.includes(leaving ?? -1));
    t.equal(new Set(order).size, 3, "each of the others once");
  }
  t.equal(map.slots, 3);
  t.throws(() => mapAt(prepare, drained, [before]), /layout 2 is not here/);
});
