/** Updates of a sole proposer that begin as if their register were blank. */
import { test } from "tap";
import { BLANK_RUN_MIN } from "../../../../cluster/register/blank-run.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import { bodyText, createTrusted, type Fixture, KEY, put, settled } from "./engine-fixture.ts";

/** A fixture that has met so many blank registers that it guesses. */
async function createGuessing(count: number): Promise<Fixture> {
  const fixture = await createTrusted(count);
  for (let number = 0; number < BLANK_RUN_MIN; number++) {
    await fixture.engine.update(Buffer.from(`new ${number}`), put("new"));
  }
  for (const { asked } of fixture.replicas) asked.length = 0;
  return fixture;
}

test("RegisterEngine: after a run of blank registers a new key is accepted without being read", async (t) => {
  const { engine, replicas } = await createGuessing(4);
  t.match(await engine.update(KEY, put("one")), { kind: "written" });
  for (const replica of replicas) t.strictSame(replica.asked, ["accept"]);
  t.equal(bodyText((await engine.read(KEY)).body), "one");
  t.equal(engine.unsettledCount, 0);
});

test("RegisterEngine: a wrong guess changes nothing, and the next update reads first", async (t) => {
  const { engine, replicas } = await createGuessing(4);
  await engine.update(KEY, put("one"));
  for (const { asked } of replicas) asked.length = 0;
  const bodies: Array<string | undefined> = [];
  const outcome = await engine.update(KEY, (body) => {
    bodies.push(bodyText(body));
    return put("two")();
  });
  t.match(outcome, { kind: "written" });
  t.strictSame(bodies, [undefined, "one"], "the change is judged on what is there");
  t.equal(engine.unsettledCount, 0);
  await engine.update(KEY, put("three"));
  t.strictSame(replicas[0]?.asked, ["accept", "read", "accept", "read", "accept"]);
  t.strictSame(replicas[3]?.asked, ["accept", "accept", "accept"]);
  t.equal(bodyText((await engine.read(KEY)).body), "three");
});

test("RegisterEngine: a tombstone is no blank register", async (t) => {
  const { engine } = await createGuessing(3);
  await engine.update(KEY, () => ({ kind: "write", body: undefined, result: Buffer.alloc(0) }));
  const before = await engine.read(KEY);
  await engine.update(KEY, put("one"));
  t.ok((await engine.read(KEY)).ballot.clock > before.ballot.clock);
});

test("RegisterEngine: no refusal and no failure follows from a guess", async (t) => {
  const { engine } = await createGuessing(3);
  await engine.update(KEY, put("one"));
  const refused = await engine.update(KEY, (body) =>
    body === undefined ? { kind: "refuse", answer: "there is nothing" } : put("two")(),
  );
  t.match(refused, { kind: "written" });
  const other = await createGuessing(3);
  await other.engine.update(KEY, put("one"));
  const thrown = await other.engine.update(KEY, (body) => {
    if (body === undefined) throw new StoreError({ code: "no-such-key" });
    return put("two")();
  });
  t.match(thrown, { kind: "written" });
});

test("RegisterEngine: nothing is guessed while an observer may hold something else", async (t) => {
  const { engine, replicas, shrinkTo } = await createGuessing(4);
  shrinkTo(["drive-0", "drive-1", "drive-2"], ["drive-3"]);
  await engine.update(KEY, put("one"));
  t.strictSame(replicas[0]?.asked, ["read", "accept"]);
});

test("RegisterEngine: a member that hangs delays a wrong guess, and nothing is lost by it", async (t) => {
  const { engine, replicas, world } = await createGuessing(4);
  await engine.update(KEY, put("one"));
  replicas[3]?.suffer("hangs", "accept");
  const outcome = await settled(world, engine.update(KEY, put("two")));
  t.match(outcome, { kind: "written" });
  t.equal(bodyText((await settled(world, engine.read(KEY))).body), "two");
});
