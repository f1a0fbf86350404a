import { test } from "tap";
import { encodeValue } from "../../../../cluster/register/value-envelope.ts";
import type { Ballot } from "../../../../src/base/ballot.ts";
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

test("RegisterEngine: what is written is read; a tombstone reads like nothing", async (t) => {
  for (const soleProposer of [true, false]) {
    const { engine } = await createTrusted(4, { soleProposer });
    t.equal((await engine.read(KEY)).ballot.clock, 0, "blank");
    const outcome = await engine.update(KEY, put("one"));
    t.equal(outcome.kind, "written");
    t.equal(bodyText((await engine.read(KEY)).body), "one");
    await engine.update(KEY, () => ({ kind: "write", body: undefined, result: NOTHING }));
    const gone = await engine.read(KEY);
    t.equal(gone.body, undefined);
    t.ok(gone.ballot.clock > 0, "a tombstone has a ballot");
  }
});

test("RegisterEngine: a sole proposer reads a settled key from one member and skips prepare", async (t) => {
  const { engine, replicas } = await createTrusted(4);
  await engine.update(KEY, put("one"));
  t.equal(engine.unsettledCount, 0, "all four acknowledged");
  forget(replicas);
  await engine.read(KEY);
  await engine.update(KEY, put("two"));
  const asked = replicas.map((replica) => replica.asked.join());
  t.strictSame(asked, ["read,read,accept", "accept", "accept", "accept"]);
});

test("RegisterEngine: with other proposers about, every write prepares and every read asks a quorum", async (t) => {
  const { engine, replicas } = createFixture(3, { soleProposer: false });
  await engine.update(KEY, put("one"));
  await engine.read(KEY);
  t.strictSame(
    replicas.map((replica) => replica.asked.join()),
    ["prepare,accept,read", "prepare,accept,read", "prepare,accept"],
  );
});

test("RegisterEngine: before its recent keys are settled, a sole proposer trusts no member alone", async (t) => {
  const { engine, replicas } = createFixture(3);
  await engine.update(KEY, put("one"));
  await engine.read(KEY);
  for (const replica of replicas) t.strictSame(replica.asked, ["prepare", "accept", "prepare"]);
});

test("RegisterEngine: after an accept of unknown fate the next operation prepares (the fence)", async (t) => {
  const { engine, replicas, world } = await createTrusted(3);
  await engine.update(KEY, put("one"));
  for (const replica of replicas.slice(1)) replica.suffer("gone", "accept", "prepare");
  await t.rejects(settled(world, engine.update(KEY, put("lost"))), /^unknown-outcome/);
  for (const replica of replicas) replica.recover();
  forget(replicas);
  t.equal(bodyText((await engine.read(KEY)).body), "lost", "found by the reader and settled");
  t.ok(replicas.every((replica) => replica.count("prepare") === 1));
  t.equal(engine.unsettledCount, 0);
});

test("RegisterEngine: no-quorum when certainly nothing was accepted", async (t) => {
  const { engine, replicas, world } = await createTrusted(3);
  for (const replica of replicas) replica.suffer("gone", "accept", "prepare");
  await t.rejects(settled(world, engine.update(KEY, put("never"))), /^no-quorum/);
  for (const replica of replicas) replica.recover();
  t.equal((await engine.read(KEY)).ballot.clock, 0);
});

test("RegisterEngine: drive-full when no drive has room; what may have happened stays unknown", async (t) => {
  const { engine, replicas, world } = await createTrusted(3);
  for (const replica of replicas) replica.suffer("full", "accept");
  await t.rejects(engine.update(KEY, put("never")), /^drive-full/);
  t.equal(engine.unsettledCount, 0);
  replicas[0]?.recover();
  await t.rejects(settled(world, engine.update(KEY, put("perhaps"))), /^unknown-outcome/);
});

test("RegisterEngine: a settled key is read from the last member that is there", async (t) => {
  const { engine, replicas, world } = await createTrusted(4);
  await engine.update(KEY, put("one"));
  for (const replica of replicas.slice(0, 3)) replica.suffer("gone", "read", "accept", "prepare");
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "one");
});

test("RegisterEngine: a change that fails after an accept was sent leaves the outcome unknown", async (t) => {
  const { engine, replicas, world } = await createTrusted(3);
  replicas[1]?.suffer("gone", "accept");
  replicas[2]?.suffer("gone", "accept");
  world.after(5, () => {
    replicas[0]?.cells.clear();
  });
  let calls = 0;
  const update = engine.update(KEY, () => {
    if (calls++ > 0) throw new Error("no more");
    return { kind: "write", body: NOTHING, result: NOTHING };
  });
  await t.rejects(settled(world, update), /^unknown-outcome/);
  t.equal(calls, 2);
});

test("RegisterEngine: a retry finds its own accept and does not repeat it (rule 3)", async (t) => {
  const { engine, replicas, world } = await createTrusted(3);
  for (const replica of replicas) replica.suffer("unknown", "accept");
  world.after(150, () => {
    for (const replica of replicas) replica.recover();
  });
  let calls = 0;
  const outcome = await settled(
    world,
    engine.update(KEY, () => ({
      kind: "write",
      body: Buffer.from("once"),
      result: Buffer.from(`call ${++calls}`),
    })),
  );
  t.equal(outcome.kind === "written" && bodyText(outcome.result), "call 1");
  t.equal(calls, 1, "found before it was called again");
});

test("RegisterEngine: an id names an operation across calls", async (t) => {
  const { engine } = await createTrusted(3);
  const operationId = Buffer.from("multipart-42");
  const first = await engine.update(KEY, put("one"), { operationId });
  if (first.kind !== "written") throw new Error("written");
  await engine.update(KEY, put("two"));
  const again = await engine.update(KEY, put("three"), {
    operationId,
    repeatedSince: first.ballot,
  });
  t.equal(again.kind === "written" && bodyText(again.result), "put one");
  t.equal(bodyText((await engine.read(KEY)).body), "two", "not repeated");
});

test("RegisterEngine: an id that a full window may have dropped is an unknown outcome", async (t) => {
  const { engine } = await createTrusted(3);
  const operationId = Buffer.from("multipart-42");
  const first = await engine.update(KEY, put("one"), { operationId });
  if (first.kind !== "written") throw new Error("written");
  for (let index = 0; index < 16; index++) await engine.update(KEY, put(`other ${index}`));
  const repeat = engine.update(KEY, put("three"), { operationId, repeatedSince: first.ballot });
  await t.rejects(repeat, /^unknown-outcome/);
});

test("RegisterEngine: a floor above an earlier accept leaves its outcome unknown (rule 7)", async (t) => {
  const { engine, replicas, world } = await createTrusted(3);
  for (const replica of replicas) replica.suffer("unknown", "accept");
  world.after(10, () => {
    // Meanwhile the value was deleted and its tombstone collected.
    for (const replica of replicas) {
      replica.recover();
      replica.floor = replica.cells.get("some key")?.promised ?? replica.floor;
      replica.cells.clear();
    }
  });
  await t.rejects(settled(world, engine.update(KEY, put("ghost"))), /^unknown-outcome/);
  t.equal((await engine.read(KEY)).body, undefined, "it is not written again");
});

test("RegisterEngine: a refusal is computed from a chosen value (rule 4)", async (t) => {
  const { engine, replicas } = createFixture(3, { soleProposer: false });
  seed(replicas.slice(0, 1), "unchosen", 5);
  const outcome = await engine.update(KEY, (body) => ({ kind: "refuse", answer: bodyText(body) }));
  t.strictSame(outcome, { kind: "refused", answer: "unchosen" });
  t.ok(
    replicas.every((replica) => replica.count("accept") === 1),
    "it was accepted again first",
  );
  forget(replicas);
  await engine.update(KEY, () => ({ kind: "keep", answer: 1 }));
  t.ok(
    replicas.every((replica) => replica.count("accept") === 0),
    "chosen already",
  );
});

test("RegisterEngine: a refusal leaves no accept of its own behind (rule 4)", async (t) => {
  const { engine, replicas, world } = createFixture(5, { soleProposer: false });
  await engine.update(KEY, put("before"));
  const [first, ...others] = replicas;
  for (const replica of others) replica.suffer("gone", "accept");
  world.after(5, () => {
    first?.suffer("hangs", "prepare", "accept");
    for (const replica of others) replica.recover();
  });
  let calls = 0;
  const update = engine.update(KEY, () =>
    ++calls === 1 ? put("left behind")() : { kind: "refuse", answer: "too late" },
  );
  t.strictSame(await settled(world, update), { kind: "refused", answer: "too late" });
  first?.recover();
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "before");
  t.ok(
    others.every((replica) => replica.count("accept") >= 3),
    "the value found was accepted once more, above what was left behind",
  );
});

test("RegisterEngine: a read repairs what a majority does not agree on (rule 2)", async (t) => {
  const { engine, replicas } = createFixture(3, { soleProposer: false });
  seed(replicas.slice(0, 2), "old", 5);
  seed(replicas.slice(0, 1), "newer", 6);
  t.equal(bodyText((await engine.read(KEY)).body), "newer");
  t.ok(replicas.every((replica) => replica.count("accept") === 1));
});

test("RegisterEngine: an accept in flight counts by the set that is left", async (t) => {
  const { engine, replicas, world, shrinkTo, reported } = await createTrusted(4);
  for (const replica of replicas.slice(2)) replica.suffer("unknown", "accept");
  const update = engine.update(KEY, put("one"));
  await world.run(5);
  for (let turn = 0; turn < 50; turn++) await undefined;
  t.strictSame([...new Set(reported)], ["drive-2", "drive-3"]);
  shrinkTo(["drive-0", "drive-1"]);
  t.equal((await update).kind, "written", "two of four were no quorum, two of two are");
  t.equal(engine.unsettledCount, 0);
});

test("RegisterEngine: after a change of the set an unsettled key is asked of all its members", async (t) => {
  const { engine, replicas, world, shrinkTo } = await createTrusted(5);
  const [one, two] = replicas;
  one?.suffer("hangs", "accept");
  two?.suffer("hangs", "accept");
  await engine.update(KEY, put("on three of five"));
  one?.recover();
  two?.recover();
  forget(replicas);
  shrinkTo(["drive-0", "drive-1", "drive-2"]);
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "on three of five");
  t.ok(replicas.slice(0, 3).every((replica) => replica.count("prepare") === 1));
});

test("RegisterEngine: a slow member is hedged and then passed over", async (t) => {
  const { engine, replicas, world } = await createTrusted(4);
  await engine.update(KEY, put("one"));
  replicas[0]?.suffer("hangs", "read");
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "one");
  forget(replicas);
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "one");
  t.strictSame(
    replicas.map((replica) => replica.count("read")),
    [0, 1, 0, 0],
  );
});

test("RegisterEngine: a member that cannot read its cell gets the value back", async (t) => {
  const { engine, replicas, world, reported } = await createTrusted(3);
  await engine.update(KEY, put("one"));
  replicas[0]?.rotten.add("some key");
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "one");
  await world.run(world.nowMs + 500);
  t.equal(replicas[0]?.rotten.size, 0, "repaired in the background");
  t.equal(engine.unsettledCount, 0);
  t.strictSame(reported, [], "a bad cell is no bad drive");
});

test("RegisterEngine: a member that misses an accept and its settling is reported", async (t) => {
  const { engine, replicas, world, reported } = await createTrusted(3);
  replicas[2]?.suffer("hangs", "accept", "prepare");
  await engine.update(KEY, put("one"));
  t.strictSame(reported, []);
  t.equal(engine.unsettledCount, 1);
  await world.run(1000);
  t.ok(reported.includes("drive-2"));
});

test("RegisterEngine: a busy member is not a lost one", async (t) => {
  const { engine, replicas, world, reported } = await createTrusted(3);
  replicas[2]?.suffer("busy", "accept", "prepare");
  await engine.update(KEY, put("one"));
  await world.run(1000);
  t.equal(engine.unsettledCount, 1);
  t.strictSame(reported, []);
  replicas[2]?.recover();
  await world.run(2000);
  t.equal(engine.unsettledCount, 0, "settled once it has time");
});

test("RegisterEngine: the settled watermark stays below what a member lacks", async (t) => {
  const { engine, replicas } = await createTrusted(3);
  const first = await engine.update(KEY, put("one"));
  replicas[2]?.suffer("hangs", "accept");
  const second = await engine.update(KEY, put("two"));
  if (first.kind !== "written" || second.kind !== "written") throw new Error("written");
  await engine.update(Buffer.from("another"), put("x"));
  t.ok(engine.settledBelow() > first.ballot.clock);
  t.ok(engine.settledBelow() <= second.ballot.clock);
  t.strictSame(engine.listUnsettled().map(bodyText), ["some key", "another"]);
});

test("RegisterEngine: limits: waiters of a key, unsettled keys, sizes", async (t) => {
  const { engine, replicas, world } = await createTrusted(3);
  await t.rejects(engine.read(new Uint8Array(0)), /^invalid-argument/);
  await t.rejects(engine.read(new Uint8Array(1101)), /^invalid-argument/);
  const running = Array.from({ length: 4 }, (_, index) => engine.update(KEY, put(`${index}`)));
  await t.rejects(engine.update(KEY, put("one too many")), /^busy/);
  await settled(world, Promise.all(running));
  replicas[2]?.suffer("hangs", "accept", "prepare");
  for (let index = 0; index < 5; index++) await engine.update(Buffer.from([index]), put("x"));
  await t.rejects(engine.update(Buffer.from("sixth"), put("x")), /^busy/);
  t.equal((await engine.update(Buffer.from([0]), put("y"))).kind, "written", "known keys go on");
});

test("RegisterEngine: duels are lost in the end, and nothing was changed", async (t) => {
  const { engine, replicas, world } = createFixture(3, { soleProposer: false });
  for (const replica of replicas) {
    replica.prepare = async () => ({ ok: false, reason: "ballot", promised: ballot(2 ** 50) });
  }
  await t.rejects(settled(world, engine.update(KEY, put("x"))), /^conditional-conflict/);
});

test("RegisterEngine.purge: only a tombstone that everyone holds", async (t) => {
  const { engine, replicas } = await createTrusted(3);
  await engine.update(KEY, put("one"));
  t.notOk(await engine.purge(KEY), "alive");
  await engine.update(KEY, () => ({ kind: "write", body: undefined, result: NOTHING }));
  t.ok(await engine.purge(KEY));
  t.ok(replicas.every((replica) => replica.cells.size === 0 && replica.floor.clock > 0));
  t.notOk(await engine.purge(KEY), "gone already");
  await engine.update(KEY, put("two"));
  t.equal(bodyText((await engine.read(KEY)).body), "two");
  replicas[2]?.suffer("hangs", "accept");
  await engine.update(KEY, () => ({ kind: "write", body: undefined, result: NOTHING }));
  t.notOk(await engine.purge(KEY), "one member lacks it");
});

test("RegisterEngine.resync: gives an observer what it missed and takes what nobody else has", async (t) => {
  const { engine, replicas, shrinkTo } = await createTrusted(4);
  const extra = Buffer.from("extra");
  await engine.update(KEY, put("old"));
  const [first, second, third, back] = replicas;
  if (!first || !second || !third || !back) throw new Error("four");
  shrinkTo(["drive-0", "drive-1", "drive-2"]);
  await engine.update(KEY, put("new"));
  seed([back], "leftover", 7, "extra");
  shrinkTo(["drive-0", "drive-1", "drive-2"], ["drive-3"]);
  await engine.resync(KEY, "drive-3");
  await engine.resync(extra, "drive-3");
  t.strictSame(back.cells.get("some key")?.accepted, first.cells.get("some key")?.accepted);
  t.notOk(back.cells.has("extra"));
  t.equal(engine.unsettledCount, 0);
});

test("RegisterEngine.stop: turns away what waits and what comes", async (t) => {
  const { engine, replicas, world } = await createTrusted(3);
  for (const replica of replicas) replica.suffer("hangs", "accept");
  const inside = engine.update(KEY, put("one"));
  const waiting = engine.update(KEY, put("two"));
  waiting.catch(() => {});
  engine.stop();
  await t.rejects(waiting, /^shutting-down/);
  await t.rejects(engine.read(KEY), /^shutting-down/);
  await t.rejects(settled(world, inside), /^unknown-outcome/);
});

const NOTHING = new Uint8Array(0);

function ballot(clock: number): Ballot {
  return { clock, proposer: 1, incarnation: 1 };
}

function forget(replicas: Fixture["replicas"]): void {
  for (const replica of replicas) replica.asked.length = 0;
}

/** Puts a value straight into some replicas. */
function seed(
  replicas: readonly MemoryReplica[],
  body: string,
  clock: number,
  key = "some key",
): void {
  const id = Buffer.alloc(16, clock);
  const value = encodeValue(
    { window: [], body: undefined },
    { id, result: NOTHING },
    Buffer.from(body),
  );
  for (const replica of replicas) {
    replica.cells.set(key, { promised: ballot(clock), accepted: ballot(clock), value });
  }
}
