import { test } from "tap";
import { AgreedReader } from "../../../../cluster/register/agreed-reader.ts";
import { DriveMembership } from "../../../../cluster/register/drive-membership.ts";
import type { RegisterEngineOptions } from "../../../../cluster/register/register-contract.ts";
import { RegisterEngine } from "../../../../cluster/register/register-engine.ts";
import { ZERO_BALLOT } from "../../../../src/base/ballot.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { ProcessClock, World } from "../../../sim/register/world.ts";
import { bodyText, KEY, OPTIONS, put, settled } from "./engine-fixture.ts";
import { MemoryReplica } from "./memory-replica.ts";

interface Node {
  readonly world: World;
  readonly membership: DriveMembership;
  readonly engine: RegisterEngine;
  readonly incarnation: number;
}

function createMembership(world: World): DriveMembership {
  return new DriveMembership(
    { forgetMs: 50, retryMs: 20, acceptMissing: false },
    {
      clock: new ProcessClock(world, 0),
      log: silentLogger,
      listCells: async (drive) => {
        if (!(drive instanceof MemoryReplica)) throw new Error("a memory replica");
        const cells = [...drive.cells]
          .sort(([left], [right]) => (left < right ? -1 : 1))
          .map(([key, cell]) => ({ key: Buffer.from(key, "latin1"), accepted: cell.accepted }));
        return { ok: true, cells, complete: true };
      },
    },
  );
}

async function startNode(drives: readonly MemoryReplica[], expected: number): Promise<Node> {
  const world = new World(1, { trace: false });
  const membership = createMembership(world);
  const first = await settled(world, membership.start(drives, expected));
  if (first.mode !== "read-write") throw new Error(`started ${first.mode}`);
  const { incarnation } = first;
  const options: RegisterEngineOptions = { ...OPTIONS, incarnation };
  const engine = new RegisterEngine(options, {
    replicasFor: () => membership.set,
    deriveRows: () => [],
    purgedRows: () => [],
    onReplicaUnavailable: (id) => membership.reportUnavailable(id),
    preferredMember: () => 0,
    clock: new ProcessClock(world, 0),
    random: world,
    log: silentLogger,
  });
  await settled(world, membership.open(engine));
  return { world, membership, engine, incarnation };
}

function createDrives(count: number): MemoryReplica[] {
  return Array.from({ length: count }, (_, index) => new MemoryReplica(`drive-${index}`));
}

function kill(drive: MemoryReplica | undefined): void {
  const requests = ["read", "prepare", "accept", "purge", "install", "recent", "meta"] as const;
  drive?.suffer("gone", ...requests);
}

const ids = (...numbers: number[]): string[] => numbers.map((number) => `drive-${number}`);

test("DriveMembership: makes a new set only of all the drives that the node should have", async (t) => {
  const world = new World(1, { trace: false });
  const drives = createDrives(3);
  const some = await createMembership(world).start(drives.slice(0, 2), 3);
  t.strictSame(some, { mode: "unavailable", needed: 3, got: 2 });
  t.ok(
    drives.every((drive) => drive.metas.size === 0),
    "nothing was written",
  );
  const { membership, incarnation } = await startNode(drives, 3);
  t.strictSame(membership.members, ids(0, 1, 2));
  t.equal(incarnation, 1);
});

test("DriveMembership: excludes a lost drive, remembers it, and takes it back up to date", async (t) => {
  const drives = createDrives(4);
  const first = await startNode(drives, 4);
  await first.engine.update(KEY, put("one"));
  kill(drives[3]);
  await settled(first.world, first.engine.update(KEY, put("two")));
  await first.world.run(first.world.nowMs + 200);
  t.strictSame(first.membership.members, ids(0, 1, 2));
  first.membership.stop();
  drives[3]?.recover();

  const second = await startNode(drives, 4);
  t.equal(second.incarnation, first.incarnation + 1);
  t.equal(bodyText((await second.engine.read(KEY)).body), "two");
  await second.world.run(second.world.nowMs + 500);
  t.strictSame([...second.membership.members].sort(), ids(0, 1, 2, 3));
  t.strictSame(second.membership.observers, []);
  t.strictSame(
    drives[3]?.cells.get("some key")?.accepted,
    drives[0]?.cells.get("some key")?.accepted,
  );
});

test("DriveMembership: after a kill half of the drives are too few, after a clean stop enough to read", async (t) => {
  const drives = createDrives(4);
  const first = await startNode(drives, 4);
  const other = Buffer.from("in flight");
  await first.engine.update(KEY, put("settled"));
  await settled(first.world, first.engine.update(other, put("settled too")));
  await first.world.run(first.world.nowMs + 200);
  for (const drive of drives.slice(1)) drive.suffer("hangs", "accept");
  first.engine.update(other, put("never chosen")).catch(() => {});
  for (let turn = 0; turn < 50; turn++) await undefined;
  first.membership.stop();
  for (const drive of drives) drive.recover();

  const world = new World(1, { trace: false });
  const killed = await createMembership(world).start(drives.slice(0, 2), 4);
  t.equal(killed.mode, "unavailable", "the other half may have gone on");
  const again = await startNode(drives, 4);
  await settled(again.world, again.membership.leave());
  const outcome = await createMembership(world).start(drives.slice(0, 2), 4);
  if (outcome.mode !== "read-only") throw new Error(`started ${outcome.mode}`);
  const reader = new AgreedReader(outcome.members);
  await t.rejects(reader.read(KEY), /^data-unavailable/, "the logs come first");
  await reader.load();
  t.equal(bodyText((await reader.read(KEY)).body), "settled");
  t.match(bodyText((await reader.read(other)).body), /settled too|never chosen/);
  t.equal((await reader.read(Buffer.from("nothing"))).ballot, ZERO_BALLOT);

  const one = await createMembership(world).start(drives.slice(0, 1), 4);
  t.equal(one.mode, "unavailable");
});

test("DriveMembership: drives that were left behind cannot start without the others", async (t) => {
  const drives = createDrives(3);
  const first = await startNode(drives, 3);
  kill(drives[2]);
  await settled(first.world, first.engine.update(KEY, put("one")));
  await first.world.run(first.world.nowMs + 200);
  t.strictSame(first.membership.members, ids(0, 1));
  first.membership.stop();
  drives[2]?.recover();
  const world = new World(1, { trace: false });
  t.equal((await createMembership(world).start(drives.slice(2), 3)).mode, "unavailable");
  const pair = await createMembership(world).start(drives.slice(1), 3);
  t.equal(pair.mode, "unavailable", "drive-1 knows that drive-2 is no member");
});

test("DriveMembership: too few survivors change nothing, and go on when a drive is back", async (t) => {
  const drives = createDrives(3);
  const { engine, membership, world } = await startNode(drives, 3);
  await engine.update(KEY, put("one"));
  kill(drives[1]);
  kill(drives[2]);
  await t.rejects(settled(world, engine.update(KEY, put("two"))), /^(no-quorum|unknown-outcome)/);
  t.strictSame(membership.members, ids(0, 1, 2));
  const back = drives[1];
  if (back === undefined) throw new Error("three");
  back.recover();
  membership.addDrive(back);
  await settled(world, engine.update(KEY, put("three")));
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "three");
});

test("DriveMembership: a blank drive that replaces a lost one becomes a member", async (t) => {
  const drives = createDrives(3);
  const first = await startNode(drives, 3);
  await first.engine.update(KEY, put("one"));
  first.membership.stop();
  const fresh = new MemoryReplica("drive-new");
  const second = await startNode([...drives.slice(0, 2), fresh], 3);
  await second.world.run(second.world.nowMs + 500);
  t.strictSame([...second.membership.members].sort(), [...ids(0, 1), "drive-new"]);
  t.ok(fresh.cells.has("some key"));
});

test("DriveMembership: drives forget recent keys once all members have them", async (t) => {
  const drives = createDrives(3);
  const { engine, world } = await startNode(drives, 3);
  await engine.update(KEY, put("one"));
  await world.run(world.nowMs + 200);
  for (const drive of drives)
    t.strictSame((await drive.recent(10)).ok && (await drive.recent(10)), {
      ok: true,
      keys: [],
      upTo: 0,
    });
  drives[2]?.suffer("hangs", "accept", "prepare");
  await engine.update(KEY, put("two"));
  await world.run(world.nowMs + 90);
  const page = await drives[0]?.recent(10);
  t.equal(page?.ok && page.keys.length, 1, "kept while one lacks it");
});
