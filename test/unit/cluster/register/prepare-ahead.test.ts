import { test } from "tap";
import { bodyText, createFixture, KEY, put, settled } from "./engine-fixture.ts";

const SHARED = { soleProposer: false } as const;

test("prepareAhead: the update that follows has only to accept", async (t) => {
  const { engine, replicas } = createFixture(3, SHARED);
  const prepared = engine.prepareAhead(KEY);
  await engine.update(KEY, put("one"), { prepared });
  t.strictSame(
    replicas.map((replica) => replica.asked.join()),
    ["prepare,accept", "prepare,accept", "prepare,accept"],
  );
  t.equal(bodyText((await engine.read(KEY)).body), "one");
});

test("prepareAhead: what was written in between is seen, not overwritten unseen", async (t) => {
  const { engine, world } = createFixture(3, SHARED);
  const prepared = engine.prepareAhead(KEY);
  await engine.update(KEY, put("between"));
  const seen: unknown[] = [];
  const append = (body: Uint8Array | undefined) => {
    seen.push(bodyText(body));
    return {
      kind: "write",
      body: Buffer.from(`${bodyText(body) ?? ""}+`),
      result: NOTHING,
    } as const;
  };
  await settled(world, engine.update(KEY, append, { prepared }));
  t.strictSame(seen, [undefined, "between"], "the accept above a stale base is refused");
  t.equal(bodyText((await engine.read(KEY)).body), "between+");
});

test("prepareAhead: nothing for a sole proposer, nor for a key that is being changed", async (t) => {
  const sole = createFixture(3);
  t.equal(sole.engine.prepareAhead(KEY), undefined);
  const { engine, replicas } = createFixture(3, SHARED);
  const update = engine.update(KEY, put("one"));
  t.equal(engine.prepareAhead(KEY), undefined);
  await update;
  t.equal(replicas[0]?.asked.join(), "prepare,accept");
});

test("prepareAhead: under other settings of the bucket, or by other replicas, it counts for nothing", async (t) => {
  const { engine, replicas, shrinkTo } = createFixture(4, SHARED);
  const older = engine.prepareAhead(KEY, { bucketEpoch: 1 });
  await older?.base;
  await engine.update(KEY, put("one"), { bucketEpoch: 2, prepared: older });
  t.equal(replicas[0]?.asked.join(), "prepare,prepare,accept");
  const before = engine.prepareAhead(KEY);
  await before?.base;
  shrinkTo(replicas.slice(0, 3).map(({ id }) => id));
  replicas[0]?.asked.splice(0);
  await engine.update(KEY, put("two"), { prepared: before });
  t.equal(replicas[0]?.asked.join(), "prepare,accept");
});

test("prepareAhead: no quorum then is no failure now", async (t) => {
  const { engine, replicas, world } = createFixture(3, SHARED);
  for (const replica of replicas) replica.suffer("gone", "prepare");
  const prepared = engine.prepareAhead(KEY);
  await settled(world, Promise.resolve(prepared?.base));
  for (const replica of replicas) replica.recover();
  t.equal((await settled(world, engine.update(KEY, put("one"), { prepared }))).kind, "written");
});

const NOTHING = Buffer.alloc(0);
