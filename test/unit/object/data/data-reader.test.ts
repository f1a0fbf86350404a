import fc from "fast-check";
import { test } from "tap";
import { StoreError } from "../../../../src/base/store-error.ts";
import type { ByteRange, DataPiece, ShardedData } from "../../../../src/object/contract/data.ts";

import { BufferSource, chunksOf } from "../../../support/buffer-source.ts";
import { CollectingSink } from "../../../support/collecting-sink.ts";
import { DataWorld, HEDGE, settle } from "../../../support/data-world.ts";
import { UNAVAILABLE } from "../../../support/memory-drive.ts";

const STRIPE = 1024;

async function readAll(world: DataWorld, data: ShardedData, range?: ByteRange): Promise<Buffer> {
  const sink = new CollectingSink();
  await world.reader.read(data, range ?? { offset: 0, length: data.bytes }, sink);
  return sink.content;
}

function readCount(world: DataWorld): number {
  return world.drives.reduce((sum, drive) => sum + drive.counts.read, 0);
}

test("DataReader: every geometry of one to eight drives, sizes around stripes and blocks", async (t) => {
  for (let drives = 1; drives <= 8; drives++) {
    for (let parity = 0; parity <= drives / 2; parity++) {
      const world = new DataWorld({ drives, parity });
      for (const size of [1, 63, 64, 65, STRIPE - 1, STRIPE, STRIPE + 1, 3 * STRIPE + 500]) {
        const content = world.random.bytes(size);
        const data = await world.store(content);
        t.same(await readAll(world, data), content);
        t.strictSame(world.damage, []);
      }
      t.ok(world.isAtRest);
    }
  }
});

test("DataReader: any range, inline and sharded, copied out or in place", async (t) => {
  for (const copyBytesMax of [0, 300]) {
    const world = new DataWorld({ drives: 6, parity: 2, copyBytesMax });
    const content = world.random.bytes(4 * STRIPE + 321);
    const data = await world.store(content);
    await fc.assert(
      fc.asyncProperty(fc.nat(content.length), fc.nat(content.length), async (left, right) => {
        const offset = Math.min(left, right);
        const length = Math.max(left, right) - offset;
        const sink = new CollectingSink();
        await world.reader.read(data, { offset, length }, sink);
        const inline = new CollectingSink();
        await world.reader.read({ kind: "inline", content }, { offset, length }, inline);
        const expected = content.subarray(offset, offset + length);
        return world.isAtRest && sink.content.equals(expected) && inline.content.equals(expected);
      }),
      { numRuns: 60 },
    );
  }
  t.pass();
});

test("DataReader: reads only the blocks that a range touches", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const content = world.random.bytes(4 * STRIPE);
  const data = await world.store(content);
  await readAll(world, data, { offset: STRIPE + 10, length: 100 });
  t.equal(readCount(world), 1, "one block of 512 bytes holds it");
  await readAll(world, data, { offset: STRIPE + 500, length: 100 });
  t.equal(readCount(world), 3);
  await readAll(world, data, { offset: STRIPE - 1, length: 2 });
  t.equal(readCount(world), 5);
});

test("DataReader: computes what it would have to fetch from other nodes, where that saves a fetch", async (t) => {
  const world = new DataWorld({ drives: 4, parity: 2 });
  const content = world.random.bytes(3 * STRIPE + 77);
  const data = await world.store(content);
  const reads = (slot: number) => world.holder(data, slot).counts.read;
  for (let own = 0; own < 4; own++) {
    for (let slot = 0; slot < 4; slot++) {
      Object.assign(world.holder(data, slot), { distance: slot === own ? 0 : 1 });
      world.holder(data, slot).counts.read = 0;
    }
    t.same(await readAll(world, data), content);
    t.equal(reads(own), 4, `its own slot ${own} for every stripe`);
    t.equal(readCount(world), 8, "and one of the others");
    const before = reads(own);
    await readAll(world, data, { offset: STRIPE + 10, length: 100 });
    t.equal(
      reads(own),
      own === 0 ? before + 1 : before,
      "a block is fetched, not computed from two",
    );
  }
  t.strictSame(world.damage, []);
});

test("DataReader: each single and double loss of shards, in each way, is made good and reported", async (t) => {
  const losses = ["missing", "corrupt", "refused", "offline", "recorded"] as const;
  const lose = (world: DataWorld, data: ShardedData, slot: number, how: string): ShardedData => {
    const drive = world.holder(data, slot);
    if (how === "missing") drive.files.clear();
    if (how === "corrupt") world.corrupt(data, slot);
    if (how === "refused") drive.fault = (call) => (call === "read" ? UNAVAILABLE : undefined);
    if (how === "offline") drive.state = "offline";
    return how === "recorded" ? { ...data, missing: data.missing | (1 << slot) } : data;
  };
  const causes = { missing: "missing", corrupt: "corrupt", refused: "unavailable" };
  for (const how of losses) {
    for (let first = 0; first < 4; first++) {
      for (let second = first; second < 4; second++) {
        const world = new DataWorld({ drives: 4 });
        const content = world.random.bytes(3 * STRIPE + 100);
        let data = await world.store(content);
        data = lose(world, data, first, how);
        if (second !== first) data = lose(world, data, second, how);
        t.same(await readAll(world, data), content, `${first} ${second} ${how}`);
        const cause = how === "offline" || how === "recorded" ? undefined : causes[how];
        const touched = [...new Set([first, second])].filter((slot) => slot < 2);
        const expected = cause === undefined ? [] : touched.map((slot) => `${slot} ${cause}`);
        for (const report of expected) t.ok(world.damage.includes(report), report);
        t.equal(new Set(world.damage).size, world.damage.length, "each slot is reported once");
        if (cause === undefined) t.strictSame(world.damage, []);
        t.ok(world.isAtRest);
      }
    }
  }
});

test("DataReader: fewer than k good shards is data-unavailable, and the memory comes back", async (t) => {
  for (const stripeIndex of [0, 2]) {
    const world = new DataWorld({ drives: 4 });
    const data = await world.store(world.random.bytes(5 * STRIPE));
    for (const slot of [0, 1, 3]) world.corrupt(data, slot, stripeIndex);
    const sink = new CollectingSink();
    const reading = world.reader.read(data, { offset: 0, length: data.bytes }, sink);
    const message = "1 of 2 shards needed can be read";
    await t.rejects(reading, new StoreError({ code: "data-unavailable", message }));
    t.equal(sink.content.length, stripeIndex * STRIPE, "what came before was written");
    await settle();
    t.ok(world.isAtRest);
    t.strictSame(world.damage.sort(), ["0 corrupt", "1 corrupt", "3 corrupt"]);
  }
});

test("DataReader: a shard recorded as missing is the last resort, not out of bounds", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const content = world.random.bytes(2000);
  const stored = await world.store(content);
  const data = { ...stored, missing: 0b0111 };
  t.same(await readAll(world, data), content);
});

test("DataReader: a slow drive is hedged after its delay, and then avoided", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const content = world.random.bytes(4 * STRIPE);
  const data = await world.store(content);
  const slow = world.holder(data, 0);
  slow.fault = (call) => (call === "read" ? "hold" : undefined);
  const sink = new CollectingSink();
  let done = false;
  const reading = world.reader.read(data, { offset: 0, length: data.bytes }, sink).finally(() => {
    done = true;
  });
  await settle();
  t.equal(sink.content.length, 0);
  world.clock.advance(HEDGE.ceilingMs - 1);
  await settle();
  t.notOk(done, "nothing is known of the drive: it has all the time there is");
  world.clock.advance(1);
  await reading;
  t.same(sink.content, content);
  t.equal(slow.heldCount, 3, "the window was under way; the stripe after it no longer asks");
  await settle();
  t.equal(world.arena.freeCount, world.arena.stripeCount - 3, "the slow answers may still come");
  slow.letGo();
  await settle();
  t.ok(world.isAtRest);
  t.strictSame(world.damage, [], "slow is not damaged");
});

test("DataReader: the late answer of a hedged read cannot spoil what was given out", async (t) => {
  const world = new DataWorld({ drives: 3, windowMax: 1 });
  const content = world.random.bytes(STRIPE);
  const data = await world.store(content);
  const slow = world.holder(data, 1);
  slow.fault = (call) => (call === "read" ? "hold" : undefined);
  world.corrupt(data, 1);
  const sink = new CollectingSink({ slow: true });
  const reading = world.reader.read(data, { offset: 0, length: data.bytes }, sink);
  await settle();
  world.clock.advance(HEDGE.ceilingMs);
  await settle();
  t.ok(sink.isWaiting);
  slow.letGo();
  await settle();
  sink.letGo();
  await reading;
  t.same(sink.content, content);
  await settle();
  t.ok(world.isAtRest);
});

test("DataReader: when the hedge fails, the slow drive is waited for", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const content = world.random.bytes(STRIPE);
  const data = await world.store(content);
  const slow = world.holder(data, 0);
  slow.fault = (call) => (call === "read" ? "hold" : undefined);
  for (const slot of [2, 3]) world.holder(data, slot).files.clear();
  const sink = new CollectingSink();
  const reading = world.reader.read(data, { offset: 0, length: data.bytes }, sink);
  await settle();
  world.clock.advance(HEDGE.ceilingMs);
  await settle();
  slow.letGo();
  await reading;
  t.same(sink.content, content);
  await settle();
  t.ok(world.isAtRest);
});

test("DataReader: the hedging delay follows how fast a drive has been", async (t) => {
  const world = new DataWorld({ drives: 2 });
  const { table } = world;
  t.equal(table.hedgeDelayMs(0), HEDGE.ceilingMs);
  for (let count = 0; count < 50; count++) table.recordRead(0, 1);
  t.equal(table.hedgeDelayMs(0), HEDGE.floorMs);
  for (let count = 0; count < 50; count++) table.recordRead(0, count % 2 === 0 ? 10 : 20);
  const delay = table.hedgeDelayMs(0);
  t.ok(delay > 20 && delay < 50, `${delay} ms for answers of 10 to 20 ms`);
  for (let count = 0; count < 50; count++) table.recordRead(0, 5000);
  t.equal(table.hedgeDelayMs(0), HEDGE.ceilingMs);
});

test("DataReader: reads ahead by its window, no further, while the sink is slow", async (t) => {
  const world = new DataWorld({ drives: 4, windowMax: 3 });
  const content = world.random.bytes(10 * STRIPE);
  const data = await world.store(content);
  const sink = new CollectingSink({ slow: true });
  const reading = world.reader.read(data, { offset: 0, length: data.bytes }, sink);
  await settle();
  t.ok(sink.isWaiting);
  t.equal(world.arena.freeCount, world.arena.stripeCount - 3);
  t.equal(readCount(world), 6);
  while (sink.isWaiting) {
    sink.letGo();
    await settle();
  }
  await reading;
  t.same(sink.content, content);
  t.ok(world.isAtRest);
});

test("DataReader: an aborted sink ends the read early, without an error", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const data = await world.store(world.random.bytes(20 * STRIPE));
  const sink = new CollectingSink({ abortAfterBytes: 2 * STRIPE });
  await world.reader.read(data, { offset: 0, length: data.bytes }, sink);
  t.equal(sink.content.length, 2 * STRIPE);
  await settle();
  t.ok(world.isAtRest);
  t.ok(readCount(world) <= 2 * 5);
});

test("DataReader: many reads share few stripes", async (t) => {
  const world = new DataWorld({ drives: 4, stripes: 3 });
  const content = world.random.bytes(6 * STRIPE);
  const data = await world.store(content);
  const results = await Promise.all(Array.from({ length: 20 }, () => readAll(world, data)));
  for (const result of results) t.same(result, content);
  t.ok(world.isAtRest);
});

test("DataReader: refuses data whose stripes are larger than the arena's buffers", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const data = { ...(await world.store(world.random.bytes(5000))), stripeDataBytes: 1024 * 1024 };
  await t.rejects(readAll(world, data), /data-unavailable.*raise the stripe size/);
});

test("DataReader.source: copies parts through a writer, pulled by its back-pressure", async (t) => {
  const world = new DataWorld({ drives: 4, stripes: 4, windowMax: 2 });
  const contents = [5000, 300, 9000].map((bytes) => world.random.bytes(bytes));
  const parts: DataPiece[] = [];
  for (const content of contents) {
    const source = new BufferSource(chunksOf(content, 1000));
    const { data } = await world.writer.write(world.request(source, { inlineBytesMax: 500 }));
    parts.push({ data, range: { offset: 10, length: content.length - 20 } });
  }
  const expected = Buffer.concat(contents.map((content) => content.subarray(10, -10)));
  const copies = await Promise.all(
    Array.from({ length: 8 }, () => {
      const source = world.reader.source(parts);
      t.equal(source.length, expected.length);
      return world.writer.write({ ...world.request(new BufferSource([])), source });
    }),
  );
  for (const { data } of copies) {
    if (data.kind !== "shards") throw new Error("the copy is large");
    t.same(world.assemble(data), expected);
  }
  t.ok(world.isAtRest);
});

test("DataReader.source: an unreadable original fails the copy, a refused copy stops the reading", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const data = await world.store(world.random.bytes(30 * STRIPE));
  const parts = [{ data, range: { offset: 0, length: data.bytes } }];
  const copy = (bytesMax: number) =>
    world.writer.write({
      ...world.request(new BufferSource([])),
      source: world.reader.source(parts),
      bytesMax,
    });
  await t.rejects(copy(5), /entity-too-large/);
  t.equal(readCount(world), 0);
  for (const drive of world.drives) {
    drive.fault = (call, nth) => (call === "append" && nth >= 33 ? UNAVAILABLE : undefined);
  }
  await t.rejects(copy(1_000_000), /no-quorum/);
  await settle();
  t.ok(readCount(world) < 2 * 15, "it stopped soon after");
  for (const drive of world.drives.slice(0, 3)) drive.files.clear();
  for (const drive of world.drives) drive.fault = () => undefined;
  await t.rejects(copy(1_000_000), /data-unavailable/);
  await settle();
  t.ok(world.isAtRest);
});

test("DataReader: any faults that leave k shards leave the content intact", async (t) => {
  const fault = fc.record({
    slot: fc.nat(5),
    stripe: fc.nat(4),
    kind: fc.constantFrom("corrupt", "refuse", "hold", "lose"),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 * STRIPE }),
      fc.array(fault, { maxLength: 4 }),
      async (size, faults) => {
        const world = new DataWorld({ drives: 6, parity: 2, stripes: 8, seed: size });
        const content = world.random.bytes(size);
        const data = await world.store(content);
        for (const { slot, stripe, kind } of faults) {
          const drive = world.holder(data, slot);
          if (kind === "corrupt" && stripe * STRIPE < size) world.corrupt(data, slot, stripe);
          if (kind === "lose") drive.files.clear();
          if (kind === "refuse" || kind === "hold") {
            const answer = kind === "hold" ? "hold" : UNAVAILABLE;
            drive.fault = (call, nth) => (call === "read" && nth === stripe ? answer : undefined);
          }
        }
        let outcome: Buffer | StoreError | undefined;
        void readAll(world, data).then(
          (bytes) => {
            outcome = bytes;
          },
          (error) => {
            outcome = StoreError.from(error);
          },
        );
        for (let turn = 0; turn < 10 && outcome === undefined; turn++) {
          await settle();
          world.clock.advance(HEDGE.ceilingMs);
          if (turn > 5) for (const drive of world.drives) drive.letGo();
        }
        for (const drive of world.drives) drive.letGo();
        await settle();
        if (!world.isAtRest || outcome === undefined) return false;
        const lost = new Set(faults.filter(({ kind }) => kind !== "hold").map(({ slot }) => slot));
        if (outcome instanceof StoreError) {
          return lost.size > 2 && outcome.code === "data-unavailable";
        }
        return outcome.equals(content);
      },
    ),
    { numRuns: 100 },
  );
  t.pass();
});
