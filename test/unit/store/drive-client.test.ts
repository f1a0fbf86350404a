import { test } from "tap";
import { createDeferred } from "../../../src/base/deferred.ts";
import { newDataId, parseDriveId } from "../../../src/base/ids.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { DriveClient } from "../../../src/store/drive-client.ts";
import type {
  DriveCallName,
  DriveLink,
  DriveReply,
  DriveReport,
} from "../../../src/store/store-messages.ts";
import { ballot, createSeededRandom, HandClock, objectKey, settle } from "./collaborators.ts";
import { createTestDrive, DRIVE_PATH } from "./test-drive.ts";

const online: DriveReport = {
  ok: true,
  state: "online",
  reason: undefined,
  full: false,
  totalBytes: 100,
  freeBytes: 50,
  readErrors: 0,
  writeErrors: 0,
};

/** A link whose answers the test gives by hand. */
class HandLink implements DriveLink {
  readonly calls: { name: DriveCallName; answer: (reply: unknown) => void }[] = [];
  report: (report: DriveReport) => void = () => {};

  async call<K extends DriveCallName>(name: K): Promise<DriveReply<K>> {
    const deferred = createDeferred<unknown>();
    this.calls.push({ name, answer: deferred.resolve });
    return (await deferred.promise) as DriveReply<K>;
  }

  onReport(callback: (report: DriveReport) => void): void {
    this.report = callback;
  }
}

function createClient(requestsInFlightMax = 10) {
  const link = new HandLink();
  const clock = new HandClock();
  const id = parseDriveId("a".repeat(32));
  if (id === undefined) throw new Error("a drive id");
  const client = new DriveClient(
    { id, path: "/d", index: 3, requestsInFlightMax, deadlineMs: 1000, probeIntervalMs: 5000 },
    { link, clock, log: silentLogger },
    online,
  );
  return { client, link, clock };
}

const key = objectKey("k");
const proposal = { value: Buffer.of(1), rows: [] };
const place = { blockOffset: 0, blockBytes: 64, trailerOffset: 64 };

test("DriveClient: a drive that leaves its index unanswered has failed, and all that waits is answered", async (t) => {
  const { client, clock, link } = createClient();
  const told: string[] = [];
  client.onStateChange(({ state, reason }) => told.push(`${state}: ${reason}`));
  const read = client.read(key);
  clock.advance(600);
  const accept = client.accept(key, ballot(1), proposal);
  clock.advance(400);
  t.same(told, []);
  clock.advance(300);
  t.match(await read, { ok: false, reason: "unavailable", applied: "no" });
  t.match(await accept, { ok: false, reason: "unavailable", applied: "unknown" });
  t.same(told, ['faulty: no answer to "read" for 1 s']);
  t.match(await client.accept(key, ballot(1), proposal), { ok: false, applied: "no" });
  t.same(
    link.calls.map(({ name }) => name),
    ["read", "accept", "fail"],
  );
  link.calls[0]?.answer({ ok: true });
  await settle();
  t.equal(client.status().state, "faulty", "an answer that comes after all changes nothing");
});

test("DriveClient: a file that takes long is unknown after the deadline, and the drive stays", async (t) => {
  const { client, clock, link } = createClient();
  const dataId = newDataId(createSeededRandom(1));
  const dropping = client.dropShard(dataId, 0);
  const listing = client.listShards("", 1);
  clock.advance(1300);
  t.match(await dropping, { ok: false, reason: "unavailable", applied: "unknown" });
  t.match(await listing, { ok: false, reason: "unavailable", applied: "no" });
  t.equal(client.status().state, "online");
  for (const call of link.calls) call.answer({ ok: true });
  await settle();
});

test("DriveClient: a probe without an answer is found out, too", async (t) => {
  const { client, clock } = createClient();
  client.start();
  clock.advance(5000);
  t.equal(client.status().state, "online");
  clock.advance(1300);
  t.match(client.status(), { state: "faulty", reason: 'no answer to "probe" for 1 s' });
});

test("DriveClient: time in which the process stood still does not count", async (t) => {
  const { client, link } = createClient();
  const clock = new HandClock();
  const standing = new DriveClient(
    {
      id: client.id,
      path: "/d",
      index: 3,
      requestsInFlightMax: 9,
      deadlineMs: 1000,
      probeIntervalMs: 5000,
    },
    {
      link,
      // Its timers fire once, however late.
      clock: {
        nowMs: () => 1e9 + clock.nowMs(),
        monotonicMs: () => 1e9 * clock.monotonicMs(),
        after: (delayMs, callback) => clock.after(delayMs, callback),
      },
      log: silentLogger,
    },
    online,
  );
  const reading = standing.read(key);
  clock.advance(260);
  t.equal(standing.status().state, "online");
  link.calls[0]?.answer({ ok: true });
  t.same(await reading, { ok: true });
});

test("DriveClient: connect brings a drive back; what it was writing before is lost", async (t) => {
  const { client, link, clock } = createClient();
  const spec = {
    dataId: newDataId(createSeededRandom(2)),
    slot: 0,
    k: 1,
    m: 0,
    stripeDataBytes: 1,
    ownerKey: key,
  };
  const writer = client.createShard(spec);
  const told: string[] = [];
  client.onStateChange(({ state, path }) => told.push(`${state} ${path}`));
  client.fail("by hand");
  const next = new HandLink();
  client.connect(next, "/elsewhere", online);
  t.same(told, ["faulty /d", "online /elsewhere"]);
  link.report({ ...online, state: "offline", reason: "the actor before" });
  t.equal(client.status().state, "online");
  t.match(await writer.append(place), { ok: false, reason: "unavailable", applied: "unknown" });
  t.match(await writer.finish(), { ok: false, reason: "unavailable", applied: "unknown" });
  writer.abort();
  t.equal(link.calls.at(-1)?.name, "shardAbort", "numbers of the new actor are not touched");
  void client.read(key);
  t.same(
    next.calls.map(({ name }) => name),
    ["read"],
  );
  next.calls[0]?.answer({ ok: true });
  await settle();
  clock.advance(5000);
  t.equal(next.calls.at(-1)?.name, "probe");
  next.report({ ...online, state: "offline", reason: "gone again" });
  t.equal(told.at(-1), "offline /elsewhere");
});

test("DriveClient: calls that lend arena memory wait for their reply", async (t) => {
  const { client, clock, link } = createClient();
  let answered = false;
  const dataId = newDataId(createSeededRandom(1));
  const reading = client.readBlock({ dataId, slot: 0, fileOffset: 0, place }).then(() => {
    answered = true;
  });
  clock.advance(100_000);
  await settle();
  t.notOk(answered);
  link.calls[0]?.answer({ ok: true });
  await reading;
});

test("DriveClient: a full mailbox is busy, and late replies make room again", async (t) => {
  const { client, clock, link } = createClient(2);
  const waiting = [client.listShards("", 1), client.listShards("", 1)];
  t.same(await client.read(key), { ok: false, reason: "busy" });
  clock.advance(1300);
  await Promise.all(waiting);
  t.same(await client.read(key), { ok: false, reason: "busy" }, "the actor still has both");
  for (const call of link.calls) call.answer({ ok: true });
  await settle();
  void client.read(key);
  t.equal(link.calls.length, 3);
});

test("DriveClient: a refused createShard is the answer of its appends", async (t) => {
  const { client, link } = createClient(2);
  void client.read(key);
  void client.read(key);
  const writer = client.createShard({
    dataId: newDataId(createSeededRandom(2)),
    slot: 0,
    k: 1,
    m: 0,
    stripeDataBytes: 1,
    ownerKey: key,
  });
  for (const call of link.calls) call.answer({ ok: true });
  await settle();
  const appending = writer.append(place);
  await settle();
  link.calls.at(-1)?.answer({ ok: true });
  t.same(await appending, { ok: false, reason: "busy" });
});

test("DriveClient: fail takes the drive out and tells it once", async (t) => {
  const { client, link } = createClient();
  const told: string[] = [];
  client.onStateChange((status) => told.push(`${status.state} ${status.reason}`));
  client.fail("by hand");
  link.report({ ...online, state: "offline", reason: "later" });
  link.report(online);
  t.same(told, ["faulty by hand"]);
  t.match(client.status(), { state: "faulty", reason: "by hand", path: "/d" });
  t.match(await client.read(key), { ok: false, reason: "unavailable", applied: "no" });
  t.same(
    link.calls.map((call) => call.name),
    ["fail"],
  );
});

test("DriveClient: keys beyond the limit are a programmer's error", async (t) => {
  const { client } = createClient();
  t.throws(() => client.prepare(Buffer.alloc(1101), ballot(1)), /assertion/);
  t.throws(() => client.accept(Buffer.alloc(0), ballot(1), proposal), /assertion/);
});

test("DriveClient: probes find a folder that vanished or became another's", async (t) => {
  for (const harm of ["vanished", "emptied", "exchanged"]) {
    const drive = await createTestDrive();
    const { client, clock, disk } = drive;
    clock.advance(5000);
    await settle();
    t.equal(client.status().state, "online");
    if (harm === "vanished") disk.remove(DRIVE_PATH);
    if (harm === "emptied") disk.remove(`${DRIVE_PATH}/ringfort.json`);
    if (harm === "exchanged") {
      const other = await createTestDrive();
      disk.put(`${DRIVE_PATH}/ringfort.json`, other.disk.contentOf(`${DRIVE_PATH}/ringfort.json`));
    }
    clock.advance(5000);
    await settle();
    t.equal(client.status().state, "offline", harm);
    t.match(await client.accept(key, ballot(1), proposal), { ok: false, applied: "no" });
  }
});

test("DriveClient: meta values, recent log and rows to delete", async (t) => {
  const { client, image } = await createTestDrive();
  t.same(await client.readMeta("epoch"), { ok: true });
  t.same(await client.writeMeta("epoch", Buffer.of(7)), { ok: true });
  t.same(await client.readMeta("epoch"), { ok: true, value: Buffer.of(7) });
  for (const [index, clock] of [5, 3, 9, 9].entries()) {
    await client.accept(objectKey(`k${index}`), ballot(clock, index + 1), proposal);
  }
  const keys = [1, 0, 2, 3].map((index) => objectKey(`k${index}`));
  t.same(await client.recent(2), { ok: true, keys: keys.slice(0, 2), upTo: 5 });
  t.same(await client.recent(3), { ok: true, keys, upTo: 9 }, "one clock is not cut in two");
  t.same(await client.forgetRecent(5), { ok: true });
  t.same(await client.recent(10), { ok: true, keys: keys.slice(2), upTo: 9 });
  t.same(await client.forgetRecent(9), { ok: true });
  t.same(await client.recent(10), { ok: true, keys: [], upTo: 0 });
  const row = { table: "heal", key: Buffer.of(1) } as const;
  await client.accept(key, ballot(20), { ...proposal, rows: [{ ...row, value: Buffer.of(2) }] });
  t.equal(image.tables.get("heal")?.length, 1);
  t.same(await client.deleteRows([row]), { ok: true });
  t.equal(image.tables.get("heal")?.length, 0);
});

test("DriveClient: forgetRecent forgets more than one transaction holds", async (t) => {
  const { client, image } = await createTestDrive();
  // Each is a commit of its own, and so has a row of its own.
  for (let clock = 1; clock <= 1000; clock++) {
    await client.accept(key, ballot(clock), proposal);
  }
  t.equal(image.tables.get("recent")?.length, 1000);
  t.same(await client.forgetRecent(999), { ok: true });
  t.equal(image.tables.get("recent")?.length, 1);
});
