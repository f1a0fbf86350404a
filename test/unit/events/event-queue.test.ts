/** Queues of events: durable before anybody is told, shared batches, full queues, failing records. */
import { test } from "tap";
import { silentLogger } from "../../../src/base/log.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import { BATCH_EVENTS_MAX, EventQueue } from "../../../src/events/event-queue.ts";
import { MemoryRecords } from "../../support/iam/memory-records.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** Records that may refuse to be written. */
class Records extends MemoryRecords {
  failing = false;
  updates = 0;

  override async update(...parameters: Parameters<MemoryRecords["update"]>): Promise<void> {
    this.updates += 1;
    if (this.failing) throw new StoreError({ code: "unknown-outcome" });
    await super.update(...parameters);
  }
}

async function queueOn(
  records: Records,
  clock = new ManualClock(),
  limit = 1000,
): Promise<EventQueue> {
  const options = { target: "T", node: "n1", limit };
  const queue = new EventQueue(options, { records, clock, log: silentLogger });
  await queue.load();
  return queue;
}

async function linesOf(queue: EventQueue): Promise<string[]> {
  const lines: string[] = [];
  for (let batch = queue.first(); batch !== undefined; batch = queue.first()) {
    lines.push(...(await queue.read(batch)));
    await queue.remove(batch);
  }
  return lines;
}

test("EventQueue: events of one turn share a record; another process finds them in order", async (t) => {
  const records = new Records();
  const queue = await queueOn(records);
  await Promise.all(["1", "2", "3"].map((line) => queue.add(line)));
  t.equal(records.updates, 1);
  await queue.add("4");
  t.equal(queue.length, 4);
  const later = await queueOn(records);
  t.equal(later.length, 4);
  await later.add("5");
  t.strictSame(await linesOf(later), ["1", "2", "3", "4", "5"]);
  t.equal(later.length, 0);
  t.strictSame(await records.list("events/"), [], "what was delivered leaves nothing");
});

test("EventQueue: order and numbers survive a clock that goes back", async (t) => {
  const records = new Records();
  await (await queueOn(records, new ManualClock(2_000_000))).add("old");
  const back = await queueOn(records, new ManualClock(1_000_000));
  await back.add("new");
  const last = await queueOn(records, new ManualClock(500_000));
  t.strictSame(await linesOf(last), ["old", "new"]);
});

test("EventQueue: a batch has a limit of events", async (t) => {
  const records = new Records();
  const queue = await queueOn(records, new ManualClock(), 10_000);
  const lines = Array.from({ length: BATCH_EVENTS_MAX + 1 }, (_, index) => String(index));
  await Promise.all(lines.map((line) => queue.add(line)));
  t.equal(records.updates, 2);
  t.strictSame(await linesOf(queue), lines);
});

test("EventQueue: a full queue drops what comes, counts it, and takes again when it has room", async (t) => {
  const queue = await queueOn(new Records(), new ManualClock(), 2);
  await Promise.all(["1", "2", "3"].map((line) => queue.add(line)));
  t.equal(queue.dropped, 1);
  t.strictSame(await linesOf(queue), ["1", "2"]);
  await queue.add("4");
  t.strictSame(await linesOf(queue), ["4"]);
});

test("EventQueue: what cannot be written is told as uncertain, kept, and written later", async (t) => {
  const [records, clock] = [new Records(), new ManualClock()];
  const queue = await queueOn(records, clock);
  records.failing = true;
  await t.rejects(queue.add("1"), { code: "unknown-outcome" });
  await t.rejects(queue.add("2"), { code: "unknown-outcome" });
  t.equal(queue.first(), undefined);
  t.equal(queue.length, 2);
  records.failing = false;
  const arrived = new Promise<void>((resolve) => queue.onBatch(resolve));
  clock.advance(1_000);
  await arrived;
  t.strictSame(await linesOf(queue), ["1", "2"]);
});

test("EventQueue: other nodes and other targets are not its own", async (t) => {
  const records = new Records();
  await (await queueOn(records)).add("1");
  const modules = { records, clock: new ManualClock(), log: silentLogger };
  for (const options of [
    { target: "T", node: "n2", limit: 9 },
    { target: "T2", node: "n1", limit: 9 },
  ]) {
    const other = new EventQueue(options, modules);
    await other.load();
    t.equal(other.length, 0);
  }
});

test("EventQueue: a batch of a version it does not know stays", async (t) => {
  const records = new Records();
  const queue = await queueOn(records);
  await queue.add("1");
  const [key = ""] = await records.list("events/");
  await records.update(key, () => ({ kind: "write", value: Buffer.from('{"version":2}\nx') }));
  const batch = queue.first();
  await t.rejects(async () => batch && queue.read(batch), /unknown version/);
});

test("EventQueue: what comes before the old events are known waits for them", async (t) => {
  const records = new Records();
  await (await queueOn(records)).add("old");
  const modules = { records, clock: new ManualClock(1_000), log: silentLogger };
  const queue = new EventQueue({ target: "T", node: "n1", limit: 9 }, modules);
  const added = queue.add("new");
  t.equal(queue.first(), undefined);
  await queue.load();
  await added;
  t.strictSame(await linesOf(queue), ["old", "new"]);
});
