/** What a replica was sent once and carries out late, after it has left the set or joined another. */
import { test } from "tap";
import { Outstanding } from "../../../../cluster/register/outstanding.ts";
import { resyncObserver } from "../../../../cluster/register/resync-observer.ts";
import { createDeferred } from "../../../../src/base/deferred.ts";
import {
  bodyText,
  createFixture,
  createTrusted,
  type Fixture,
  KEY,
  put,
  settled,
} from "./engine-fixture.ts";
import type { MemoryReplica } from "./memory-replica.ts";

/** Holds the replica's accepts back; the returned function lets them through. */
function delayAccepts(replica: MemoryReplica): () => void {
  const gate = createDeferred<void>();
  const accept = replica.accept.bind(replica);
  replica.accept = async (...request) => {
    await gate.promise;
    return accept(...request);
  };
  return () => {
    replica.accept = accept;
    gate.resolve();
  };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await undefined;
}

function listCells(drive: MemoryReplica) {
  const cells = [...drive.cells]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, cell]) => ({ key: Buffer.from(key, "latin1"), accepted: cell.accepted }));
  return { ok: true, cells, complete: true } as const;
}

async function fourDrives(): Promise<{
  fixture: Fixture;
  member: MemoryReplica;
  slow: MemoryReplica;
}> {
  const fixture = await createTrusted(4);
  const [member, , , slow] = fixture.replicas;
  if (member === undefined || slow === undefined) throw new Error("four");
  return { fixture, member, slow };
}

const MEMBERS = ["drive-0", "drive-1", "drive-2"];

const remove = () => ({ kind: "write", body: undefined, result: new Uint8Array(0) }) as const;

test("resyncObserver: an accept from before the drive was excluded cannot come after the comparison", async (t) => {
  const { fixture, member, slow } = await fourDrives();
  const { engine, shrinkTo } = fixture;
  const letGo = delayAccepts(slow);
  await engine.update(KEY, put("deleted later"));
  shrinkTo(MEMBERS);
  await engine.update(KEY, remove);
  t.ok(await engine.purge(KEY), "the tombstone is on all members");

  shrinkTo(MEMBERS, ["drive-3"]);
  let compared = false;
  const resynced = resyncObserver({
    observer: slow,
    member,
    engine,
    listCells: async (drive) => listCells(drive === slow ? slow : member),
  }).then(() => {
    compared = true;
  });
  await turns();
  t.notOk(compared, "waits for what the drive was sent");
  letGo();
  await settled(fixture.world, resynced);
  await turns();
  t.equal(slow.cells.get("some key")?.value.length ?? 0, 0, "nothing is left of the old value");
  shrinkTo([...MEMBERS, "drive-3"]);
  t.equal((await engine.read(KEY)).body, undefined);
});

test("RegisterEngine.settle: a blank key stays blank on an observer that an accept reaches late", async (t) => {
  const { fixture, slow } = await fourDrives();
  const { engine, replicas, world, shrinkTo } = fixture;
  shrinkTo(MEMBERS, ["drive-3"]);
  const letGo = delayAccepts(slow);
  for (const replica of replicas.slice(0, 3)) replica.suffer("gone", "accept");
  await t.rejects(settled(world, engine.update(KEY, put("of no member"))), /^unknown-outcome/);
  for (const replica of replicas) replica.recover();
  await settled(world, engine.settle(KEY));
  t.equal(engine.unsettledCount, 0);
  letGo();
  await turns();
  t.notOk(slow.cells.has("some key"), "refused below the floor");
});

test("RegisterEngine.settle: what was prepared before a drive joined does not speak for it", async (t) => {
  const { fixture, slow } = await fourDrives();
  const { engine, replicas, world, shrinkTo } = fixture;
  shrinkTo(MEMBERS);
  await engine.update(KEY, put("current"));
  const last = replicas[2];
  if (last === undefined) throw new Error("four");
  const prepare = last.prepare.bind(last);
  last.prepare = async (...request) => {
    const reply = await prepare(...request);
    shrinkTo(MEMBERS, ["drive-3"]);
    last.prepare = prepare;
    return reply;
  };
  await settled(world, engine.settle(KEY));
  t.equal(bodyText(slow.cells.get("some key")?.value.subarray(-7)), "current");
});

test("RegisterEngine: a drive that is lost while recent keys are settled fences those still to come", async (t) => {
  const fixture = createFixture(4);
  const { engine, replicas, world, shrinkTo } = fixture;
  await engine.update(KEY, put("old"));
  const [first, second, third] = replicas;
  if (!first || !second || !third) throw new Error("four");
  const recent = first.recent.bind(first);
  first.recent = async (limit) => {
    const page = await recent(limit);
    shrinkTo(MEMBERS);
    first.recent = recent;
    return page;
  };
  third.rotten.add("some key");
  const settling = engine.settleRecent(replicas, { fenced: false });
  await t.rejects(settled(world, settling), /^no-quorum/, "only all of them know the newest value");
  t.ok(fixture.reported.includes("drive-2"));
});

test("Outstanding.answered: waits for what was sent before, however it ends", async (t) => {
  const outstanding = new Outstanding();
  await outstanding.answered("a");
  const first = createDeferred<string>();
  const second = createDeferred<string>();
  const sent = [outstanding.add("a", first.promise), outstanding.add("a", second.promise)];
  void outstanding.add("b", new Promise(() => {}));
  let done = false;
  const answered = outstanding.answered("a").then(() => {
    done = true;
  });
  first.resolve("fine");
  t.equal(await sent[0], "fine");
  await turns();
  t.notOk(done);
  void outstanding.add("a", new Promise(() => {}));
  second.reject(new Error("lost"));
  await t.rejects(Promise.all(sent), /lost/);
  await answered;
  t.ok(done, "what was sent after it is not waited for");
});
