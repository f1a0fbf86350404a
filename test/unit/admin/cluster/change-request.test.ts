import { test } from "tap";
import { AdminError } from "../../../../src/admin/admin-error.ts";
import { readChange, toMemberChange } from "../../../../src/admin/cluster/change-request.ts";
import { findTarget } from "../../../../src/admin/cluster/cluster-names.ts";
import { exampleStatus } from "../../../support/cluster-status.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const STATUS = exampleStatus();
const [ONE, TWO] = STATUS.nodes;
if (ONE === undefined || TWO === undefined) throw new Error("there are three nodes");
const [, DRIVE_1] = ONE.drives;
if (DRIVE_1 === undefined) throw new Error("each has two drives");

function changeOf(fields: object) {
  return toMemberChange(readChange(fields), STATUS, new SeededRandom(1));
}

function refusalOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof AdminError && error.status === 400) return error.message;
    throw error;
  }
  return "nothing was refused";
}

test("toMemberChange: every kind of change, by the names that operators use", (t) => {
  const { nodeId } = ONE;
  const { driveId } = DRIVE_1;
  t.strictSame(changeOf({ kind: "drain", target: "10.0.0.1:19000" }), {
    kind: "drain-node",
    nodeId,
  });
  t.strictSame(changeOf({ kind: "drain", target: "10.0.0.1" }), { kind: "drain-node", nodeId });
  t.strictSame(changeOf({ kind: "remove", target: nodeId.slice(0, 8).toUpperCase() }), {
    kind: "remove-node",
    nodeId,
  });
  t.strictSame(changeOf({ kind: "return", target: "1" }), { kind: "return-drive", driveId });
  t.strictSame(changeOf({ kind: "drain", target: "10.0.0.1/1" }), { kind: "drain-drive", driveId });
  t.match(changeOf({ kind: "replace", target: driveId }), {
    kind: "replace-drive",
    driveId,
    by: { capacityBytes: DRIVE_1.capacityBytes, driveId: /^[0-9a-f]{32}$/ },
  });
  t.strictSame(changeOf({ kind: "weight", target: "1", weight: 10 }), {
    kind: "weight",
    driveId,
    weight: 10,
  });
  t.strictSame(changeOf({ kind: "weight", target: "1", weight: null }), {
    kind: "weight",
    driveId,
    weight: undefined,
  });
  const added = changeOf({ kind: "add-drives", target: "10.0.0.2", count: 2, capacityBytes: 9 });
  t.match(added, { kind: "add-drives", nodeId: TWO.nodeId });
  t.equal(added.kind === "add-drives" && added.drives.length, 2);
  t.end();
});

test("readChange: what is not known, or not what it should be, is refused by name", (t) => {
  const cases: ReadonlyArray<readonly [unknown, RegExp]> = [
    [undefined, /change is missing/],
    [{ kind: "explode", target: "1" }, /change.kind must be one of drain/],
    [{ kind: "drain" }, /change.target must name/],
    [{ kind: "drain", target: "1", force: true }, /change.force is not known/],
    [{ kind: "weight", target: "1", weight: -1 }, /change.weight must be a whole number/],
    [{ kind: "weight", target: "1" }, /change.weight is missing/],
    [{ kind: "add-drives", target: "10.0.0.1", count: 65 }, /at most 64 drives/],
    [{ kind: "drain", target: "99" }, /no node or drive 99; the nodes are 10.0.0.1:19000/],
    [{ kind: "weight", target: "10.0.0.1", weight: 1 }, /is a node with the drives 0, 1/],
    [{ kind: "add-drives", target: "1" }, /is a drive; name a node/],
  ];
  for (const [fields, reason] of cases) {
    t.match(
      refusalOf(() => toMemberChange(readChange(fields), STATUS, new SeededRandom(1))),
      reason,
    );
  }
  t.end();
});

test("findTarget: a name of several is refused, removed members have none", (t) => {
  const nodes = STATUS.nodes.map((node) => ({ ...node, addresses: ["same:1"] }));
  const same = { ...STATUS, nodes };
  t.match(
    refusalOf(() => findTarget(same, "same")),
    /not one only: node same:1, node same:1/,
  );
  const gone = {
    ...STATUS,
    nodes: STATUS.nodes.map((node) => ({ ...node, state: "removed" as const })),
  };
  t.match(
    refusalOf(() => findTarget(gone, "10.0.0.1")),
    /no node or drive/,
  );
  t.end();
});
