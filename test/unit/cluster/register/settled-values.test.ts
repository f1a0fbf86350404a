import fc from "fast-check";
import { test } from "tap";
import type { RegisterReading } from "../../../../cluster/register/register-contract.ts";
import {
  SETTLED_VALUE_BYTES_MAX,
  SettledValues,
} from "../../../../cluster/register/settled-values.ts";
import { bodyText, createTrusted, type Fixture, KEY, put, settled } from "./engine-fixture.ts";

const KEPT: { settledBytesMax: number } = { settledBytesMax: 10_000 };
const OTHER = Buffer.from("other key");

function reading(clock: number): RegisterReading {
  return { ballot: { clock, proposer: 1, incarnation: 1 }, body: Buffer.of(clock) };
}

function reads({ replicas }: Fixture): number {
  return replicas.reduce((sum, replica) => sum + replica.count("read"), 0);
}

test("RegisterEngine: a settled key is read from a replica once, until it is written", async (t) => {
  const fixture = await createTrusted(3, KEPT);
  const { engine } = fixture;
  await engine.update(KEY, put("one"));
  const before = reads(fixture);
  const first = await engine.read(KEY);
  for (let again = 0; again < 3; again++) t.same(await engine.read(KEY), first);
  t.equal(reads(fixture), before + 1);
  await engine.update(KEY, put("two"));
  t.equal(bodyText((await engine.read(KEY)).body), "two");
  t.equal(bodyText((await engine.read(KEY)).body), "two");
});

test("RegisterEngine: without a bound on kept values none is kept", async (t) => {
  const fixture = await createTrusted(3);
  await fixture.engine.update(KEY, put("one"));
  const before = reads(fixture);
  for (let again = 0; again < 3; again++) await fixture.engine.read(KEY);
  t.equal(reads(fixture), before + 3);
});

test("RegisterEngine: a kept value is not read while the outcome of an accept is unknown", async (t) => {
  const { engine, replicas, world } = await createTrusted(3, KEPT);
  await engine.update(KEY, put("one"));
  await engine.read(KEY);
  for (const replica of replicas) replica.suffer("unknown", "accept", "prepare");
  await t.rejects(settled(world, engine.update(KEY, put("two"))), /^unknown-outcome/);
  for (const replica of replicas) replica.recover();
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "two", "it took effect");
});

test("RegisterEngine: what a read found before a write overtook it is not kept", async (t) => {
  const { engine, replicas, world } = await createTrusted(3, KEPT);
  await engine.update(KEY, put("one"));
  // The first member carries reads out and loses its answer, so the read is still under way.
  replicas[0]?.suffer("hangs", "read");
  const slow = engine.read(KEY);
  for (let turn = 0; turn < 20; turn++) await undefined;
  replicas[0]?.recover();
  await settled(world, engine.update(KEY, put("two")));
  await settled(world, slow);
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "two");
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "two");
});

test("RegisterEngine: a purged tombstone is not kept", async (t) => {
  const { engine } = await createTrusted(3, KEPT);
  const nothing = { kind: "write", body: undefined, result: Buffer.alloc(0) } as const;
  await engine.update(KEY, () => nothing);
  t.ok((await engine.read(KEY)).ballot.clock > 0);
  t.ok(await engine.purge(KEY));
  t.equal((await engine.read(KEY)).ballot.clock, 0);
});

test("RegisterEngine: nothing is kept across a change of the set, or when a replica has left", async (t) => {
  const fixture = await createTrusted(3, KEPT);
  const { engine } = fixture;
  await engine.update(KEY, put("one"));
  await engine.read(KEY);
  const before = reads(fixture);
  fixture.shrinkTo(["drive-0", "drive-1"]);
  await engine.read(KEY);
  t.equal(reads(fixture), before + 1);
  engine.forgetValues();
  await engine.read(KEY);
  t.equal(reads(fixture), before + 2);
});

test("SettledValues: a change bars the reads under way from keeping what they find", (t) => {
  const values = new SettledValues(10_000);
  const read = values.beginRead("a");
  const other = values.beginRead("b");
  values.forget("a");
  t.equal(read && values.endRead(read), false);
  t.equal(other && values.endRead(other), true);
  const first = values.beginRead("a");
  const second = values.beginRead("a");
  t.equal(first && values.endRead(first), false, "the last of several reads may keep");
  t.equal(second && values.endRead(second), true);
  const late = values.beginRead("a");
  values.forgetAll();
  t.equal(late && values.endRead(late), false);
  t.end();
});

test("SettledValues: stays within its bytes, takes one of eight when full, none too large", (t) => {
  const values = new SettledValues(3000);
  for (const name of ["a", "b"]) values.keep(name, 1000, () => reading(1));
  for (let index = 0; index < 7; index++) values.keep(`c${index}`, 1000, () => reading(2));
  t.ok(values.get("a") && values.get("b"), "seven are turned away");
  values.keep("d", 1000, () => reading(3));
  t.same(values.get("d"), reading(3));
  t.equal(values.get("a"), undefined, "the oldest made room");
  t.ok(values.get("b"));
  values.forget("b");
  values.forget("d");
  values.keep("e", 2700, () => reading(4));
  t.ok(values.get("e"), "what was forgotten takes no room");
  const large = new SettledValues(10 * SETTLED_VALUE_BYTES_MAX);
  large.keep("x", SETTLED_VALUE_BYTES_MAX + 1, () => reading(1));
  t.equal(large.get("x"), undefined);
  t.end();
});

test("SettledValues: shows the last value kept after the last change, or nothing", (t) => {
  const step = fc.record({
    name: fc.constantFrom("a", "b", "c"),
    kind: fc.constantFrom("keep", "forget"),
    bytes: fc.nat({ max: 900 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const values = new SettledValues(2000);
      const last = new Map<string, number>();
      steps.forEach(({ name, kind, bytes }, index) => {
        if (kind === "forget") {
          values.forget(name);
          last.delete(name);
        } else {
          values.keep(name, bytes, () => reading(index));
          last.set(name, index);
        }
        for (const key of ["a", "b", "c"]) {
          const shown = values.get(key);
          if (shown !== undefined && shown.ballot.clock !== last.get(key)) throw new Error(key);
        }
      });
    }),
  );
  t.pass();
  t.end();
});

test("RegisterEngine: keys are kept apart", async (t) => {
  const { engine } = await createTrusted(3, KEPT);
  await engine.update(KEY, put("one"));
  await engine.update(OTHER, put("other"));
  for (let again = 0; again < 2; again++) {
    t.equal(bodyText((await engine.read(KEY)).body), "one");
    t.equal(bodyText((await engine.read(OTHER)).body), "other");
  }
});
