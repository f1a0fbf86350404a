import { test } from "tap";
import { type DriveId, newDriveId } from "../../../src/base/ids.ts";
import type { DriveFormat, DriveTableEntry } from "../../../src/store/drive-format.ts";
import type { FolderFinding, InspectedFolder } from "../../../src/store/drive-inspection.ts";
import { type AssignedDrive, type DrivePlan, planDrives } from "../../../src/store/drive-plan.ts";
import { createSeededRandom } from "./collaborators.ts";

const random = createSeededRandom(11);
const CLUSTER = "c".repeat(32);
const NODE = "e".repeat(32);
const IDS = Array.from({ length: 4 }, () => newDriveId(random));
const TABLE: DriveTableEntry[] = IDS.map((id, index) => ({ index, id, createdMs: 1 }));

function drive(index: number, more: Partial<DriveFormat> = {}, mounted = false): FolderFinding {
  const id = IDS[index];
  if (id === undefined) throw new Error("a drive of the set");
  const format: DriveFormat = {
    cluster: CLUSTER,
    node: NODE,
    drive: id,
    index,
    state: "ready",
    createdMs: 1,
    stripeDataBytesMax: 2 ** 20,
    drives: TABLE,
    ...more,
  };
  return { kind: "drive", format, mounted };
}

const empty: FolderFinding = { kind: "empty", mounted: false };
const emptyMount: FolderFinding = { kind: "empty", mounted: true };
const absent: FolderFinding = { kind: "absent" };
const unreadable: FolderFinding = { kind: "unreadable", message: "cannot be read (EIO)" };
const foreign: FolderFinding = { kind: "foreign", message: "it is somebody else's" };

interface Wanted {
  readonly cluster?: string;
  readonly node?: string;
  readonly stripeDataBytes?: number;
  readonly assigned?: readonly AssignedDrive[];
}

function plan(findings: readonly FolderFinding[], more: Wanted = {}) {
  const folders: InspectedFolder[] = findings.map((finding, at) => ({ path: `/d${at}`, finding }));
  const { cluster, node, assigned, stripeDataBytes = 2 ** 20 } = more;
  return planDrives(folders, {
    cluster,
    node,
    assigned,
    stripeDataBytes,
    nowMs: 9,
    random,
  });
}

function planned(findings: readonly FolderFinding[], more: Wanted = {}): DrivePlan {
  const made = plan(findings, more);
  if (!made.ok) throw new Error(made.problems.join("; "));
  return made;
}

function refused(findings: readonly FolderFinding[], more: Wanted = {}): readonly string[] {
  const made = plan(findings, more);
  return made.ok ? [] : made.problems;
}

/** index:id, with + for a drive to format and ! for one to fill. */
function show(made: DrivePlan): string[] {
  return made.drives.map(({ path, format, toFormat, needsResync }) => {
    const known = IDS.indexOf(format.drive);
    const name = known < 0 ? "new" : `id${known}`;
    return `${path}=${format.index}:${name}${toFormat ? "+" : ""}${needsResync ? "!" : ""}`;
  });
}

test("planDrives: folders that nobody has used become a new set, in the order given", async (t) => {
  const made = planned([empty, absent, emptyMount]);
  t.same(show(made), ["/d0=0:new+", "/d1=1:new+", "/d2=2:new+"]);
  t.equal(new Set(made.drives.map(({ format }) => format.drive)).size, 3);
  t.equal(made.table.length, 3);
  t.same(
    made.drives.map(({ format }) => format.drives),
    [made.table, made.table, made.table],
  );
  t.same(made.missing, []);
});

test("planDrives: a new set belongs to the cluster and node asked for", async (t) => {
  const made = plan([empty], { cluster: CLUSTER, node: NODE });
  t.match(made, { ok: true, cluster: CLUSTER, node: NODE });
});

test("planDrives: nothing new is formatted while one folder cannot be looked at", async (t) => {
  t.match(refused([empty, unreadable]), [/^\/d1: cannot be read \(EIO\)/]);
});

test("planDrives: known drives are recognised in any order", async (t) => {
  const made = planned([drive(2), drive(0), drive(3), drive(1)]);
  t.same(show(made), ["/d0=2:id2", "/d1=0:id0", "/d2=3:id3", "/d3=1:id1"]);
  t.same(made.missing, []);
});

test("planDrives: an empty folder replaces a missing drive by a new one at its index", async (t) => {
  const made = planned([drive(0), empty, drive(2), drive(3)]);
  t.same(show(made), ["/d0=0:id0", "/d1=1:new+!", "/d2=2:id2", "/d3=3:id3"]);
  t.equal(made.drives[1]?.replaces, IDS[1]);
  t.equal(made.table.length, 5);
  t.ok(made.drives.every((one) => one.format.drives.length === 5));
  t.same(
    made.drives.map((one) => one.outdated),
    [true, false, true, true],
  );
});

test("planDrives: further empty folders become further drives", async (t) => {
  const made = planned([drive(0), drive(1), drive(2), drive(3), empty, empty]);
  t.same(show(made).slice(4), ["/d4=4:new+!", "/d5=5:new+!"]);
  t.same(
    made.drives.slice(4).map((one) => one.replaces),
    [undefined, undefined],
  );
});

test("planDrives: without half of the known drives nothing is formatted", async (t) => {
  const half = planned([drive(0), drive(1), empty, empty]);
  t.same(show(half), ["/d0=0:id0", "/d1=1:id1", "/d2=2:new+!", "/d3=3:new+!"]);
  const made = planned([drive(0), empty, empty, empty]);
  t.same(show(made), ["/d0=0:id0"]);
  t.match(made.missing, [
    { index: 1, id: IDS[1], reason: /not formatted without half of the drives/ },
    { index: 2 },
    { index: 3 },
  ]);
});

test("planDrives: an unmounted mount point is not a new disk", async (t) => {
  const made = planned([drive(0, {}, true), empty, drive(2, {}, true), drive(3, {}, true)]);
  t.same(show(made), ["/d0=0:id0", "/d2=2:id2", "/d3=3:id3"]);
  t.match(made.missing, [{ index: 1, reason: /nothing is mounted there/ }]);
  const mounted = planned([drive(0, {}, true), emptyMount, drive(2, {}, true), drive(3, {}, true)]);
  t.same(show(mounted)[1], "/d1=1:new+!");
});

test("planDrives: absent and broken folders leave their drives missing", async (t) => {
  const made = planned([drive(0), absent, drive(2), unreadable]);
  t.same(show(made), ["/d0=0:id0", "/d2=2:id2"]);
  t.match(made.missing, [
    { index: 1, reason: "/d1 does not exist; /d3: cannot be read (EIO)" },
    { index: 3 },
  ]);
});

test("planDrives: strangers are refused with what to do, whatever else is there", async (t) => {
  t.match(refused([drive(0), foreign]), ["/d1: it is somebody else's"]);
  t.match(refused([drive(0), drive(1, { cluster: "other" })]), [/belongs to cluster other/]);
  t.match(refused([drive(0), drive(1, { node: "other" })]), [/belongs to node other/]);
  t.match(refused([drive(0), drive(0)]), [/is the same drive as \/d0/]);
  t.match(refused([drive(0)], { cluster: "wanted" }), [/belongs to cluster c+, not wanted/]);
  t.match(refused([drive(0)], { node: "wanted" }), [/belongs to node e+, not wanted/]);
});

test("planDrives: a drive that was replaced does not come back by itself", async (t) => {
  const successor: DriveId = newDriveId(random);
  const longer = [...TABLE, { index: 1, id: successor, createdMs: 2 }];
  const others = [0, 2, 3].map((index) => drive(index, { drives: longer }));
  t.match(refused([...others, drive(1)]), [/was replaced by .*empty the folder/]);
});

test("planDrives: tables that contradict each other are refused", async (t) => {
  const other = TABLE.map((entry) =>
    entry.index === 3 ? { ...entry, id: newDriveId(random) } : entry,
  );
  t.match(refused([drive(0), drive(1, { drives: [...other, ...TABLE.slice(0, 1)] })]), [
    /contradicts/,
  ]);
});

test("planDrives: a drive that missed the growth of the table learns of it", async (t) => {
  const made = planned([drive(0), drive(1, { drives: TABLE.slice(0, 2) }), drive(2), drive(3)]);
  t.same(
    made.drives.map((one) => one.outdated),
    [false, true, false, false],
  );
});

test("planDrives: an interrupted first formatting starts over", async (t) => {
  const half = drive(0, { state: "formatting" });
  const made = planned([half, empty, empty, empty]);
  t.same(show(made), ["/d0=0:new+", "/d1=1:new+", "/d2=2:new+", "/d3=3:new+"]);
});

test("planDrives: an interrupted formatting among drives in use goes on", async (t) => {
  const half = drive(1, { state: "formatting" });
  const made = planned([drive(0), half, drive(2), drive(3)]);
  t.same(show(made), ["/d0=0:id0", "/d1=1:id1+!", "/d2=2:id2", "/d3=3:id3"]);
});

test("planDrives: unfinished drives whose set is not all in sight are no new set", async (t) => {
  const half = [2, 3].map((index) => drive(index, { state: "formatting" }));
  const made = planned([...half, absent, absent]);
  t.same(show(made), ["/d0=2:id2+!", "/d1=3:id3+!"]);
});

test("planDrives: the largest stripes that any drive knows of hold, and the others learn them", async (t) => {
  const MIB = 2 ** 20;
  const lowered = planned(
    [drive(0, { stripeDataBytesMax: 4 * MIB }), drive(1), drive(2, { stripeDataBytesMax: 0 })],
    { stripeDataBytes: MIB / 4 },
  );
  t.same(
    lowered.drives.map(({ format, outdated }) => [format.stripeDataBytesMax, outdated]),
    [
      [4 * MIB, false],
      [4 * MIB, true],
      [4 * MIB, true],
    ],
  );
  const raised = planned([drive(0), drive(1), drive(2), drive(3)], { stripeDataBytes: 8 * MIB });
  t.ok(raised.drives.every(({ outdated }) => outdated));
  t.ok(raised.drives.every(({ format }) => format.stripeDataBytesMax === 8 * MIB));
  const replaced = planned([drive(0), drive(1), drive(2), empty], { stripeDataBytes: MIB / 4 });
  t.equal(replaced.drives[3]?.format.stripeDataBytesMax, MIB);
  const fresh = planned([empty, empty], { stripeDataBytes: 2 * MIB });
  t.ok(fresh.drives.every(({ format }) => format.stripeDataBytesMax === 2 * MIB));
});

test("planDrives: an empty folder becomes the drive that the cluster has given to the node", async (t) => {
  const given = { id: newDriveId(random), index: 17 };
  const assigned = [...IDS.map((id, index) => ({ id, index })), given];
  const findings = [drive(0), drive(1), drive(2), drive(3), empty, empty];
  const { drives, table, missing } = planned(findings, { assigned });
  t.strictSame(
    drives.map(({ format }) => format.index),
    [0, 1, 2, 3, 17],
    "and no other: the cluster gives the numbers",
  );
  t.match(drives[4], { toFormat: true, format: { drive: given.id }, replaces: undefined });
  t.equal(table.at(-1)?.id, given.id);
  t.strictSame(missing, []);
  // In the place of one that is gone as well.
  const replaced = planned([drive(0), drive(1), drive(2), empty], { assigned });
  t.equal(replaced.drives[3]?.format.drive, given.id);
  t.strictSame(
    replaced.missing.map(({ index }) => index),
    [3],
  );
  // Without one the others would not know it.
  const known = { assigned: assigned.slice(0, IDS.length) };
  const waiting = planned([drive(0), drive(1), drive(2), empty], known);
  t.equal(waiting.drives.length, 3);
  t.match(waiting.missing, [{ index: 3, reason: /is empty: the cluster gives it a drive/ }]);
});
