import { test } from "tap";
import { buildLayout } from "../../../../cluster/layout/build-layout.ts";
import { encodeLayout, layoutRefOf } from "../../../../cluster/layout/layout-codec.ts";
import { addNode, setNodeState } from "../../../../cluster/layout/member-changes.ts";
import type { ClusterMembers, MemberNode } from "../../../../cluster/layout/members.ts";
import { PartitionBits } from "../../../../cluster/layout/partition-bits.ts";
import type { NodeProgress } from "../../../../cluster/layout/ring-progress.ts";
import {
  abandonChange,
  advance,
  beginChange,
  firstRing,
  type RingState,
} from "../../../../cluster/layout/ring-state.ts";
import { type NodeId, newDriveId, newNodeId } from "../../../../src/base/ids.ts";
import { ClusterMap } from "../../../../src/object/cluster/cluster-map.ts";
import { describeCluster, type StatusFacts } from "../../../../src/object/cluster/ring-status.ts";
import type { DriveStatus } from "../../../../src/store/drive.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const random = new SeededRandom(3);
const PARTITIONS = 16;

function membersOf(count: number): ClusterMembers {
  let members: ClusterMembers = { revision: 0, nodes: [] };
  for (let node = 0; node < count; node++) {
    members = addNode(members, {
      nodeId: newNodeId(random),
      peerId: `peer-${node}`,
      addresses: [`n${node}:1`],
      zone: "",
      drives: [0, 1].map(() => ({ driveId: newDriveId(random), capacityBytes: 1000 })),
    });
  }
  return members;
}

const four = membersOf(4);
const first = four.nodes[0]?.nodeId ?? newNodeId(random);
const drained = setNodeState(four, first, "draining");
const before = buildLayout({
  members: four,
  previous: undefined,
  version: 1,
  partitions: PARTITIONS,
});
const after = buildLayout({
  members: drained,
  previous: before,
  version: 2,
  partitions: PARTITIONS,
});
const stable = firstRing(layoutRefOf(encodeLayout(before)));
const prepare = beginChange(stable, layoutRefOf(encodeLayout(after)));

function statusOf(id: DriveStatus["id"], change: Partial<DriveStatus> = {}): DriveStatus {
  const figures = { full: false, totalBytes: 1000, freeBytes: 400, readErrors: 0, writeErrors: 0 };
  return { id, path: "/drive", state: "online", ...figures, ...change };
}

/** What is said while everything answers and nothing is done yet, but for `change`. */
function describe(ring: RingState, change: Partial<StatusFacts> = {}) {
  const members = ring.phase === "stable" ? four : drained;
  const record = { clusterId: "ab".repeat(16), members, ring, membersBefore: four };
  const map = new ClusterMap(record, [before, after]);
  return describeCluster(map, {
    reports: new Map(),
    done: new PartitionBits(PARTITIONS),
    verdict: { allowed: false, partitionsWaiting: PARTITIONS, nodesWaiting: [] },
    heal: { waiting: 0, done: 0, failed: 0 },
    ageMs: 10_000,
    statusOf: (id) => statusOf(id),
    isUp: () => true,
    isSelf: ({ nodeId }) => nodeId === first,
    ...change,
  });
}

const nodeAt = (index: number) => (node: MemberNode) => node.addresses[0] === `n${index}:1`;

test("describeCluster: a change waits for partitions, nodes and drives, and says for which", async (t) => {
  t.equal(describe(stable).change, undefined);
  t.strictSame(describe(prepare).change?.waitingFor, [
    "most replicas of 16 partitions have to know of the step",
  ]);
  const joint = advance(prepare);
  const third = four.nodes[3];
  const lost = third?.drives[1]?.driveId;
  const waiting = describe(joint, {
    isUp: (node) => !nodeAt(2)(node),
    statusOf: (id) =>
      id === lost ? statusOf(id, { state: "offline", reason: "no folder" }) : statusOf(id),
  }).change?.waitingFor;
  t.strictSame(waiting, [
    "records and data of 16 partitions have to be moved",
    "node n2:1 does not answer",
    "drive 7 of node n3:1: no folder",
  ]);
});

test("describeCluster: drives of a node that is away, or leaves, are not awaited one by one", async (t) => {
  const joint = advance(prepare);
  const gone = describe(joint, {
    isUp: (node) => !nodeAt(1)(node),
    statusOf: () => undefined,
  }).change?.waitingFor;
  t.strictSame(gone, [
    "records and data of 16 partitions have to be moved",
    "node n1:1 does not answer",
    "drive 4 of node n2:1: it is not there",
    "drive 5 of node n2:1: it is not there",
    "drive 6 of node n3:1: it is not there",
    "drive 7 of node n3:1: it is not there",
  ]);
});

test("describeCluster: nodes that have to hear of a step are named, and none besides", async (t) => {
  const nodesWaiting = four.nodes.slice(1, 3).map(({ nodeId }) => nodeId);
  const verdict = { allowed: false, partitionsWaiting: 0, nodesWaiting };
  const { change } = describe(advance(advance(prepare)), {
    verdict,
    isUp: (node) => !nodeAt(2)(node) && !nodeAt(3)(node),
  });
  t.strictSame(change?.waitingFor, ["node n1:1 is told", "node n2:1 does not answer"]);
});

test("describeCluster: what is on its way back tells what a silent node costs", async (t) => {
  const returning = advance(abandonChange(advance(prepare)));
  t.equal(returning.phase, "returning");
  const { change } = describe(returning, { isUp: (node) => !nodeAt(3)(node) });
  t.match(change?.waitingFor, [
    "data of 16 partitions has to be moved back",
    /^node n3:1 does not answer: bring it back, or .* a quarter of an hour$/,
  ]);
});

test("describeCluster: pace and time left follow from the partitions that are done", async (t) => {
  const joint = advance(prepare);
  const unknown = describe(joint).change;
  t.match(unknown, { shardsLeft: undefined, bytesLeft: undefined, remainingMs: undefined });
  const done = new PartitionBits(PARTITIONS);
  for (let partition = 0; partition < 4; partition++) done.add(partition);
  const reportOf = (nodeId: NodeId, epoch: number): NodeProgress => ({
    nodeId,
    epoch,
    acknowledged: joint.epoch,
    done,
    cleaned: 0,
    shardsMoved: 10,
    bytesMoved: 5_000,
    shardsFailed: 1,
  });
  const second = four.nodes[1]?.nodeId ?? first;
  const reports = new Map([
    [first, reportOf(first, joint.epoch)],
    [second, reportOf(second, joint.epoch - 1)],
  ]);
  // The second report is of an earlier epoch.
  const { change, nodes } = describe(joint, { done, reports });
  t.match(change, {
    partitionsMoved: 4,
    shardsMoved: 10,
    shardsLeft: 30,
    bytesLeft: 15_000,
    bytesPerSecond: 500,
    remainingMs: 30_000,
    shardsFailed: 1,
  });
  t.match(nodes[0], { self: true, online: true, state: "draining" });
});
