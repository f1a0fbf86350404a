import { test } from "tap";
import {
  addDrives,
  addNode,
  replaceDrive,
  replaceNode,
  setDriveState,
  setDriveWeight,
  setNodeState,
} from "../../../../cluster/layout/member-changes.ts";
import { driveIdOf, nodeIdOf, regularCluster } from "./layout-support.ts";

const members = regularCluster(3, 2);
const [first, second] = members.nodes;
const [drive] = first?.drives ?? [];
if (first === undefined || second === undefined || drive === undefined) throw new Error("nodes");
const fresh = { driveId: driveIdOf(900), capacityBytes: 5e12 };
const newNode = {
  nodeId: nodeIdOf(9),
  peerId: "peer-9",
  addresses: ["a"],
  zone: "z",
  drives: [fresh],
};
const highest = Math.max(
  ...members.nodes.flatMap(({ drives }) => drives.map(({ number }) => number)),
);

test("addNode: numbers that nobody had, active, with a new revision", async (t) => {
  const next = addNode(members, newNode);
  t.equal(next.revision, members.revision + 1);
  t.match(next.nodes[3], {
    proposer: 4,
    state: "active",
    drives: [{ ...fresh, number: highest + 1, weight: undefined, state: "active" }],
  });
  t.throws(() => addNode(members, { ...newNode, nodeId: first.nodeId }), {
    code: "invalid-argument",
  });
});

test("addNode: numbers of removed nodes are not given again", async (t) => {
  const grown = addNode(members, newNode);
  const shrunk = setNodeState(grown, newNode.nodeId, "removed");
  const again = { ...newNode, nodeId: nodeIdOf(10), peerId: "peer-10" };
  const drives = [{ driveId: driveIdOf(901), capacityBytes: 1 }];
  const next = addNode(shrunk, { ...again, drives });
  t.match(next.nodes[4], { proposer: 5, drives: [{ number: highest + 2 }] });
});

test("addDrives: behind those of the node", async (t) => {
  const next = addDrives(members, second.nodeId, [fresh]);
  t.equal(next.nodes[1]?.drives.length, 3);
  t.match(next.nodes[1]?.drives[2], fresh);
  t.strictSame(next.nodes[0], first);
  t.throws(() => addDrives(members, nodeIdOf(77), [fresh]), { code: "invalid-argument" });
});

test("setNodeState, setDriveState: drain, take back, remove for good", async (t) => {
  const draining = setNodeState(members, first.nodeId, "draining");
  t.equal(draining.nodes[0]?.state, "draining");
  t.equal(setNodeState(draining, first.nodeId, "active").nodes[0]?.state, "active");
  const removed = setNodeState(draining, first.nodeId, "removed");
  t.throws(() => setNodeState(removed, first.nodeId, "active"), { code: "invalid-argument" });
  const away = setDriveState(members, drive.driveId, "removed");
  t.equal(away.nodes[0]?.drives[0]?.state, "removed");
  t.throws(() => setDriveState(away, drive.driveId, "active"), { code: "invalid-argument" });
  t.throws(() => setDriveState(members, driveIdOf(999), "removed"), { code: "invalid-argument" });
});

test("setDriveWeight: a weight of its own, or its capacity again", async (t) => {
  const heavy = setDriveWeight(members, drive.driveId, 7);
  t.equal(heavy.nodes[0]?.drives[0]?.weight, 7);
  t.equal(setDriveWeight(heavy, drive.driveId, undefined).nodes[0]?.drives[0]?.weight, undefined);
  t.throws(() => setDriveWeight(members, drive.driveId, 0), { code: "invalid-argument" });
});

test("replaceDrive: the new one has the weight of the old one unless it brings its own", async (t) => {
  const { members: next, replacements } = replaceDrive(members, drive.driveId, fresh);
  t.strictSame([...replacements], [[fresh.driveId, drive.driveId]]);
  t.equal(next.nodes[0]?.drives[0]?.state, "removed");
  t.match(next.nodes[0]?.drives[2], { ...fresh, weight: drive.capacityBytes, state: "active" });
  const own = replaceDrive(members, drive.driveId, { ...fresh, weight: 3 });
  t.equal(own.members.nodes[0]?.drives[2]?.weight, 3);
  const alike = { ...fresh, capacityBytes: drive.capacityBytes };
  const same = replaceDrive(members, drive.driveId, alike);
  t.equal(same.members.nodes[0]?.drives[2]?.weight, undefined);
  t.throws(() => replaceDrive(members, driveIdOf(999), fresh), { code: "invalid-argument" });
});

test("replaceNode: drive by drive; those it has more come in addition", async (t) => {
  const drives = [900, 901, 902].map((number) => ({
    driveId: driveIdOf(number),
    capacityBytes: 5e12,
  }));
  const { members: next, replacements } = replaceNode(members, first.nodeId, {
    ...newNode,
    drives,
  });
  t.strictSame(
    [...replacements],
    first.drives.map(({ driveId }, index) => [drives[index]?.driveId, driveId]),
  );
  t.equal(next.nodes[0]?.state, "removed");
  t.strictSame(
    next.nodes[3]?.drives.map(({ weight }) => weight),
    [1e12, 1e12, undefined],
  );
  t.throws(() => replaceNode(members, first.nodeId, newNode), { code: "invalid-argument" });
  t.throws(() => replaceNode(members, nodeIdOf(77), newNode), { code: "invalid-argument" });
});
