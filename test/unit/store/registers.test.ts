import { test } from "tap";
import { ZERO_BALLOT } from "../../../src/base/ballot.ts";
import { createDeferred } from "../../../src/base/deferred.ts";
import { recentBallot, recentKeys } from "../../../src/store/drive-tables.ts";
import { ballot, objectKey, settle } from "./collaborators.ts";
import { createTestDrive } from "./test-drive.ts";

const key = objectKey("a");
const value = Buffer.from("value");

test("Registers: a blank register reads as blank, a promise and an accept move it", async (t) => {
  const { client } = await createTestDrive();
  const blank = { ok: true, promised: ZERO_BALLOT, accepted: ZERO_BALLOT, floor: ZERO_BALLOT };
  t.same(await client.read(key), blank);
  t.same(await client.prepare(key, ballot(3)), { ...blank, promised: ballot(3) });
  t.same(await client.accept(key, ballot(2), { value, rows: [] }), {
    ok: false,
    reason: "ballot",
    promised: ballot(3),
  });
  t.same(await client.accept(key, ballot(3), { value, rows: [] }), { ok: true });
  t.same(await client.read(key), { ...blank, promised: ballot(3), accepted: ballot(3), value });
  t.same(await client.prepare(key, ballot(4)), {
    ...blank,
    promised: ballot(4),
    accepted: ballot(3),
    value,
  });
});

test("Registers: a first accept is refused by any accept before it, durable or not", async (t) => {
  const drive = await createTestDrive();
  const { client, hooks } = drive;
  const first = { value, rows: [], first: true };
  t.same(await client.prepare(key, ballot(3)), {
    ok: true,
    promised: ballot(3),
    accepted: ZERO_BALLOT,
    floor: ZERO_BALLOT,
  });
  t.same(await client.accept(key, ballot(2), first), {
    ok: false,
    reason: "ballot",
    promised: ballot(3),
  });
  const gate = createDeferred<void>();
  hooks.flush = async (apply) => {
    await gate.promise;
    apply();
  };
  const accepted = client.accept(key, ballot(4), first);
  const refused = client.accept(key, ballot(5), { ...first, value: Buffer.from("other") });
  gate.resolve();
  t.same(await accepted, { ok: true });
  t.same(await refused, { ok: false, reason: "ballot", promised: ballot(4) });
  t.match(await client.read(key), { accepted: ballot(4), value });
});

test("Registers: decisions see what is not durable yet, reads do not", async (t) => {
  const drive = await createTestDrive();
  const { client, hooks } = drive;
  const gate = createDeferred<void>();
  hooks.flush = async (apply) => {
    await gate.promise;
    apply();
  };
  const answers: string[] = [];
  const first = client.prepare(key, ballot(5)).then((reply) => answers.push(`5 ${reply.ok}`));
  const second = client.prepare(key, ballot(4)).then((reply) => answers.push(`4 ${reply.ok}`));
  await settle();
  t.same(answers, [], "neither the promise nor the refusal that rests on it is out");
  t.match(await client.read(key), { promised: ZERO_BALLOT });
  gate.resolve();
  await Promise.all([first, second]);
  t.same(answers, ["5 true", "4 false"]);
  t.match(await client.read(key), { promised: ballot(5) });
});

test("Registers: what arrives during a flush goes out in one transaction after it", async (t) => {
  const { client, hooks } = await createTestDrive();
  const gates: (() => void)[] = [];
  hooks.flush = (apply) =>
    new Promise((resolve) => {
      gates.push(() => {
        apply();
        resolve();
      });
    });
  const writes = [client.prepare(objectKey("0"), ballot(1))];
  await settle();
  for (let index = 1; index < 50; index++) {
    writes.push(client.prepare(objectKey(String(index)), ballot(1)));
  }
  await settle();
  t.equal(gates.length, 1);
  gates[0]?.();
  await settle();
  t.equal(gates.length, 2);
  gates[1]?.();
  t.ok((await Promise.all(writes)).every((reply) => reply.ok));
});

test("Registers: accept stores its rows and its place in the recent log with it", async (t) => {
  const { client, image } = await createTestDrive();
  const rows = [
    { table: "list", key, value: Buffer.of(1) },
    { table: "heal", key: Buffer.of(9), value: Buffer.of(2) },
  ] as const;
  await client.accept(key, ballot(7), { value, rows });
  t.same(image.tables.get("list"), [{ key, value: Buffer.of(1) }]);
  t.same(image.tables.get("heal"), [{ key: Buffer.of(9), value: Buffer.of(2) }]);
  const [recent, ...more] = image.tables.get("recent") ?? [];
  t.same(more, []);
  t.same(recent && recentBallot(recent.key), ballot(7));
  t.same(recent && recentKeys(recent.value), [key]);
});

test("Registers: accepts of one transaction have one row in the recent log", async (t) => {
  const { client, image } = await createTestDrive();
  const names = ["a", "b", "c"].map((name) => objectKey(name));
  const accept = (clock: number) =>
    Promise.all(
      names.map((name, index) => client.accept(name, ballot(clock - index), { value, rows: [] })),
    );
  await accept(9);
  t.same(await client.recent(1), { ok: true, keys: names, upTo: 9 });
  t.equal(image.tables.get("recent")?.length, 1);
  // The same highest ballot with other keys does not hide them.
  await client.accept(objectKey("d"), ballot(9), { value, rows: [] });
  const page = await client.recent(1);
  t.equal(page.ok && page.keys.length, 4);
  t.equal(page.ok && page.upTo, 9);
  await client.forgetRecent(8);
  t.equal(image.tables.get("recent")?.length, 2, "kept while its highest ballot is");
  await client.forgetRecent(9);
  t.equal(image.tables.get("recent")?.length, 0);
});

test("Registers: purge drops the tombstone and its rows, and raises the floor", async (t) => {
  const { client, image } = await createTestDrive();
  await client.accept(key, ballot(7), {
    value,
    rows: [{ table: "list", key, value: Buffer.of(0) }],
  });
  const rows = [{ table: "list", key, value: undefined }] as const;
  t.match(await client.purge(key, ballot(6), rows), { ok: false, reason: "ballot" });
  await client.prepare(key, ballot(8));
  t.match(await client.purge(key, ballot(7), rows), { ok: false, reason: "ballot" });
  await client.accept(key, ballot(8), { value, rows: [] });
  t.same(await client.purge(key, ballot(8), rows), { ok: true });
  t.same(image.tables.get("rec"), []);
  t.same(image.tables.get("list"), []);
  const neighbour = objectKey("b");
  t.same(await client.prepare(neighbour, ballot(8)), {
    ok: false,
    reason: "floor",
    floor: ballot(8),
  });
  const elsewhere = objectKey("b", 1);
  t.match(await client.prepare(elsewhere, ballot(1)), { ok: true, floor: ZERO_BALLOT });
  t.match(await client.prepare(key, ballot(9)), { ok: true, floor: ballot(8) });
});

test("Registers: a record whose bits rotted refuses everything but install and discard", async (t) => {
  const { client, image } = await createTestDrive();
  await client.accept(key, ballot(2), { value, rows: [] });
  const row = image.tables.get("rec")?.[0];
  if (row === undefined) throw new Error("one record");
  row.value[20] = (row.value[20] ?? 0) ^ 4;
  t.match(await client.read(key), { ok: false, reason: "corrupt" });
  t.match(await client.prepare(key, ballot(9)), { ok: false, reason: "corrupt" });
  t.match(await client.accept(key, ballot(9), { value, rows: [] }), { reason: "corrupt" });
  t.same(await client.install(key, ballot(5), { value, rows: [] }), { ok: true });
  t.match(await client.read(key), { ok: true, accepted: ballot(5) });
  t.same(await client.discard(key, ballot(6), []), { ok: true });
  t.match(await client.read(key), { ok: true, accepted: ZERO_BALLOT, floor: ballot(6) });
  const late = { ok: false, reason: "floor", floor: ballot(6) };
  t.same(await client.install(key, ballot(6), { value, rows: [] }), late, "it was collected since");
  t.same(await client.install(key, ballot(7), { value, rows: [] }), { ok: true });
});

test("Registers: a failed commit answers unknown once and refuses from then on", async (t) => {
  const { client, hooks } = await createTestDrive();
  const states: string[] = [];
  client.onStateChange((status) => states.push(status.state));
  hooks.flush = () => Promise.reject(new Error("EIO"));
  const lost = await client.accept(key, ballot(2), { value, rows: [] });
  t.match(lost, { ok: false, reason: "unavailable", applied: "unknown" });
  hooks.flush = (apply) => Promise.resolve(apply());
  t.match(await client.accept(key, ballot(3), { value, rows: [] }), {
    ok: false,
    reason: "unavailable",
    applied: "no",
  });
  t.same(states, ["faulty"]);
  t.match(client.status(), { state: "faulty", writeErrors: 1 });
});
