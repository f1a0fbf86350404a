import fc from "fast-check";
import { test } from "tap";
import { StoreError } from "../../../../src/base/store-error.ts";
import { SHARD_HEADER_BYTES } from "../../../../src/codec/shard-header.ts";
import { shardFileBytes } from "../../../../src/codec/stripe.ts";
import type { WrittenData } from "../../../../src/object/contract/data.ts";
import { BufferSource, chunksOf } from "../../../support/buffer-source.ts";
import {
  DataWorld,
  INLINE_BYTES_MAX,
  LAG_GRACE_MS,
  OVERFLOW_BYTES_MAX,
  settle,
} from "../../../support/data-world.ts";
import { UNAVAILABLE } from "../../../support/memory-drive.ts";

import { md5, STRIPE, shardsOf } from "../../../support/written-data.ts";

test("DataWriter: sizes around every boundary come back from the shards, length known or not", async (t) => {
  const sizes = [0, 1, INLINE_BYTES_MAX - 1, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1];
  for (const stripes of [1, 2, 5]) sizes.push(...[-1, 0, 1].map((by) => stripes * STRIPE + by));
  for (const block of [512, 448])
    sizes.push(STRIPE + block - 1, STRIPE + block, STRIPE + block + 1);
  const world = new DataWorld({ drives: 4 });
  for (const size of sizes) {
    for (const unknownLength of [false, true]) {
      const content = world.random.bytes(size);
      const source = new BufferSource(chunksOf(content, 300), { unknownLength });
      const written = await world.writer.write(world.request(source));
      t.equal(written.bytes, size);
      t.same(written.digests.md5, md5(content));
      if (size <= INLINE_BYTES_MAX) {
        t.strictSame(written.data, { kind: "inline", content });
        continue;
      }
      const data = shardsOf(written);
      t.equal(data.missing, 0);
      t.same(world.assemble(data), content);
      data.drives.forEach((drive, slot) => {
        const file = world.drives[drive]?.file(data.dataId, slot);
        t.equal(SHARD_HEADER_BYTES + (file?.content.length ?? 0), shardFileBytes(data, size));
        t.equal(file?.spec.fileBytes, unknownLength ? undefined : shardFileBytes(data, size));
      });
    }
  }
  t.ok(world.isAtRest);
});

test("DataWriter: every geometry of one to eight drives", async (t) => {
  for (let drives = 1; drives <= 8; drives++) {
    for (let parity = 0; parity <= drives / 2; parity++) {
      const world = new DataWorld({ drives, parity });
      const content = world.random.bytes(3 * STRIPE + 77);
      const written = await world.writer.write(
        world.request(new BufferSource(chunksOf(content, 999))),
      );
      const data = shardsOf(written);
      t.equal(`${data.k}+${data.m}`, `${drives - parity}+${parity}`);
      t.same(world.assemble(data), content);
      t.ok(world.isAtRest);
    }
  }
});

test("DataWriter: refuses what is too large, before or while it comes, and stops the source", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const tooLarge = new StoreError({ code: "entity-too-large", bytesMax: 2000 });
  const content = world.random.bytes(50_000);
  const known = new BufferSource(chunksOf(content, 500));
  await t.rejects(world.writer.write(world.request(known, { bytesMax: 2000 })), tooLarge);
  t.equal(known.remaining, 100, "a source that declares too much is not even started");
  const unknown = new BufferSource(chunksOf(content, 500), { unknownLength: true });
  await t.rejects(world.writer.write(world.request(unknown, { bytesMax: 2000 })), tooLarge);
  t.ok(unknown.stopped);
  await settle();
  t.ok(world.isAtRest);
});

test("DataWriter: a source that fails midway leaves no shard and no stripe", async (t) => {
  const gone = new StoreError({ code: "client-gone" });
  for (const before of [0, 100, 1500, 6000]) {
    const world = new DataWorld({ drives: 4, stripes: 2 });
    const steps = [...chunksOf(world.random.bytes(before), 400), { fail: gone }];
    const source = new BufferSource(steps, { declaredLength: 9000 });
    await t.rejects(world.writer.write(world.request(source)), gone);
    await settle();
    t.notOk(source.stopped, "it knows already");
    for (const drive of world.drives) {
      t.ok([...drive.files.values()].every(({ state }) => state === "aborted"));
    }
    t.ok(world.isAtRest);
  }
});

test("DataWriter: without stripes the source pauses, and all uploads end in turn", async (t) => {
  const world = new DataWorld({ drives: 4, stripes: 4 });
  const stripeCount = world.arena.stripeCount;
  const uploads = Array.from({ length: 5 * stripeCount }, () => {
    const content = world.random.bytes(10 * STRIPE);
    const source = new BufferSource(chunksOf(content, 700), { unknownLength: true });
    return { content, source };
  });
  const results = await Promise.all(
    uploads.map(({ source }) => world.writer.write(world.request(source))),
  );
  results.forEach((written, index) => {
    t.same(world.assemble(shardsOf(written)), uploads[index]?.content);
  });
  t.ok(uploads.every(({ source }) => source.pauses > 0));
  t.ok(world.isAtRest);
});

test("DataWriter: 256 uploads at once take the arena, one chunk each, and no more", async (t) => {
  const world = new DataWorld({ drives: 4, stripes: 16, waitersMax: 300 });
  for (const drive of world.drives)
    drive.fault = (call) => (call === "append" ? "hold" : undefined);
  const chunkBytes = 100;
  const contents = Array.from({ length: 256 }, () => world.random.bytes(4 * STRIPE));
  const sources = contents.map((content) => new BufferSource(chunksOf(content, chunkBytes)));
  const writing = sources.map((source) => world.writer.write(world.request(source)));
  await settle();
  const taken = sources.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  t.ok(taken >= world.arena.shareMax * STRIPE);
  t.ok(taken <= world.arena.stripeCount * STRIPE + 256 * chunkBytes, `${taken} bytes taken`);
  for (const drive of world.drives) drive.fault = () => undefined;
  for (const drive of world.drives) drive.letGo();
  const results = await Promise.all(writing);
  results.forEach((written, index) => {
    t.same(world.assemble(shardsOf(written)), contents[index]);
  });
  t.ok(world.isAtRest);
});

test("DataWriter: the chunk that fills the window goes one stripe beyond it, then the source pauses", async (t) => {
  const world = new DataWorld({ drives: 4, stripes: 16, windowMax: 2 });
  for (const drive of world.drives)
    drive.fault = (call) => (call === "append" ? "hold" : undefined);
  const content = world.random.bytes(8 * STRIPE);
  const source = new BufferSource(chunksOf(content, 700));
  const writing = world.writer.write(world.request(source));
  await settle();
  t.equal(world.arena.stripeCount - world.arena.freeCount, 3);
  t.equal(source.bytesSent, 3 * 700, "it ends in the third stripe");
  for (const drive of world.drives) drive.fault = () => undefined;
  for (const drive of world.drives) drive.letGo();
  t.same(world.assemble(shardsOf(await writing)), content);
  t.ok(world.isAtRest);
});

test("DataWriter: a source that does not pause when asked is refused at the overflow's limit", async (t) => {
  const world = new DataWorld({ drives: 4, windowMax: 1 });
  for (const drive of world.drives)
    drive.fault = (call) => (call === "append" ? "hold" : undefined);
  const content = world.random.bytes(STRIPE);
  let sent = 0;
  let stopped = false;
  const writing = world.writer.write({
    ...world.request(new BufferSource([])),
    source: {
      length: undefined,
      segmentDigests: false,
      expectations: {},
      trailingChecksum: undefined,
      start: (sink) => {
        while (!stopped && sent < 100) {
          sink.write(content);
          sent++;
        }
      },
      resume: () => {},
      stop: () => {
        stopped = true;
      },
    },
  });
  await t.rejects(writing, new StoreError({ code: "busy" }));
  t.ok(sent * STRIPE <= OVERFLOW_BYTES_MAX + 3 * STRIPE, `${sent} chunks`);
  for (const drive of world.drives) drive.letGo();
  await settle();
  for (const drive of world.drives) drive.letGo();
  await settle();
  t.ok(world.isAtRest);
});

test("DataWriter: uploads beyond what may wait for a stripe are refused as busy", async (t) => {
  const world = new DataWorld({ drives: 4, stripes: 2, waitersMax: 1 });
  for (const drive of world.drives)
    drive.fault = (call) => (call === "append" ? "hold" : undefined);
  const sources = Array.from(
    { length: world.arena.shareMax + 2 },
    () => new BufferSource(chunksOf(world.random.bytes(STRIPE), 500)),
  );
  const results = sources.map((source) => world.writer.write(world.request(source)));
  const refused = results.pop();
  await t.rejects(async () => await refused, new StoreError({ code: "busy" }));
  for (const drive of world.drives) drive.fault = () => undefined;
  for (const drive of world.drives) drive.letGo();
  await Promise.all(results);
  t.ok(world.isAtRest);
});

test("DataWriter.discard: deletes every shard, and nothing for inline data", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const source = new BufferSource(chunksOf(world.random.bytes(3000), 500));
  const { data } = await world.writer.write(world.request(source));
  world.writer.discard(data);
  world.writer.discard({ kind: "inline", content: Buffer.alloc(3) });
  t.strictSame(
    world.drives.map(({ files }) => files.size),
    [0, 0, 0, 0],
  );
});

test("DataWriter: any chunking, any fault times: stored whole or refused, and at rest", async (t) => {
  const fault = fc.record({
    drive: fc.nat(5),
    call: fc.constantFrom("append", "finish"),
    nth: fc.nat(6),
    kind: fc.constantFrom("refuse", "hold"),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.nat(7000),
      fc.integer({ min: 1, max: 2500 }),
      fc.array(fault, { maxLength: 3 }),
      async (size, chunkBytes, faults) => {
        const world = new DataWorld({ drives: 6, parity: 2, stripes: 6, seed: size });
        for (const [index, drive] of world.drives.entries()) {
          drive.fault = (call, nth) => {
            const hit = faults.find(
              (entry) => entry.drive === index && entry.call === call && entry.nth === nth,
            );
            if (hit === undefined) return undefined;
            return hit.kind === "hold" ? "hold" : UNAVAILABLE;
          };
        }
        const content = world.random.bytes(size);
        const source = new BufferSource(chunksOf(content, chunkBytes));
        let outcome: WrittenData | StoreError | undefined;
        void world.writer.write(world.request(source)).then(
          (written) => {
            outcome = written;
          },
          (error) => {
            outcome = StoreError.from(error);
          },
        );
        for (let turn = 0; turn < 20 && outcome === undefined; turn++) {
          await settle();
          world.clock.advance(LAG_GRACE_MS);
          if (turn >= 10) for (const drive of world.drives) drive.letGo();
        }
        for (const drive of world.drives) drive.letGo();
        await settle();
        if (!world.isAtRest || outcome === undefined) return false;
        if (outcome instanceof StoreError) return outcome.code === "no-quorum";
        const { data } = outcome;
        if (data.kind === "inline") return content.equals(data.content);
        return data.drives.every((drive, slot) => {
          const state = world.drives[drive]?.file(data.dataId, slot)?.state;
          return (data.missing & (1 << slot)) !== 0 || state === "durable";
        });
      },
    ),
    { numRuns: 60 },
  );
  t.pass();
});
