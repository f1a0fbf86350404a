import { test } from "tap";
import { bodyText, createFixture, KEY, put, settled } from "./engine-fixture.ts";
import type { MemoryReplica } from "./memory-replica.ts";

const SHARED = { soleProposer: false } as const;

test("RegisterEngine: a read asks the nearest quorum, the others only at need", async (t) => {
  const { engine, replicas } = createFixture(5, SHARED);
  await engine.update(KEY, put("one"));
  forget(replicas);
  t.equal(bodyText((await engine.read(KEY)).body), "one");
  t.strictSame(readers(replicas), [0, 1, 2]);
});

test("RegisterEngine: a replica that refuses is made up for at once", async (t) => {
  const { engine, replicas, world } = createFixture(5, SHARED);
  await engine.update(KEY, put("one"));
  forget(replicas);
  replicas[1]?.suffer("gone", "read");
  const startMs = world.nowMs;
  t.equal(bodyText((await engine.read(KEY)).body), "one");
  t.equal(world.nowMs, startMs);
  t.strictSame(readers(replicas), [0, 1, 2, 3, 4]);
});

test("RegisterEngine: a quorum that disagrees is not the last word", async (t) => {
  const { engine, replicas } = createFixture(3, SHARED);
  replicas[1]?.suffer("gone", "accept");
  await engine.update(KEY, put("one"));
  replicas[1]?.recover();
  forget(replicas);
  t.equal(bodyText((await engine.read(KEY)).body), "one", "the third agrees with the first");
  t.strictSame(readers(replicas), [0, 1, 2]);
  t.equal(replicas[0]?.count("prepare"), 0, "so nothing had to be written");
});

test("RegisterEngine: a slow replica is hedged once, and not asked first until it answers again", async (t) => {
  const { engine, replicas, world } = createFixture(3, SHARED);
  await engine.update(KEY, put("one"));
  replicas[1]?.suffer("hangs", "read");
  forget(replicas);
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "one");
  t.strictSame(readers(replicas), [0, 1, 2]);
  forget(replicas);
  const startMs = world.nowMs;
  t.equal(bodyText((await engine.read(KEY)).body), "one");
  t.equal(world.nowMs, startMs, "nobody was waited for");
  t.strictSame(readers(replicas), [0, 2]);
  replicas[1]?.recover();
  await engine.update(KEY, put("two"));
  forget(replicas);
  t.equal(bodyText((await engine.read(KEY)).body), "two");
  t.strictSame(readers(replicas), [0, 1]);
});

function forget(replicas: readonly MemoryReplica[]): void {
  for (const replica of replicas) replica.asked.length = 0;
}

function readers(replicas: readonly MemoryReplica[]): number[] {
  return replicas.flatMap((replica, index) => (replica.asked.includes("read") ? [index] : []));
}
