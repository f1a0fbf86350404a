import { createHash } from "node:crypto";
import fc from "fast-check";
import { test } from "tap";
import { CHECKSUM_ALGORITHMS } from "../../../src/base/payload.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import { crcToBytes, crcUpdateSlow } from "../../../src/codec/crc.ts";
import { SHARD_HEADER_BYTES } from "../../../src/codec/shard-header.ts";
import { shardFileBytes } from "../../../src/codec/stripe.ts";
import type { ShardedData, WrittenData } from "../../../src/object/data.ts";
import { BufferSource, chunksOf, type SourceStep } from "../../support/buffer-source.ts";
import {
  DataWorld,
  FINISH_GRACE_MS,
  INLINE_BYTES_MAX,
  LAG_GRACE_MS,
  OVERFLOW_BYTES_MAX,
  settle,
} from "../../support/data-world.ts";
import { UNAVAILABLE } from "../../support/memory-drive.ts";

const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest();
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
const STRIPE = 1024;

function shardsOf({ data }: WrittenData): ShardedData {
  if (data.kind !== "shards") throw new Error("the test expected shards");
  return data;
}

function checksumOf(algorithm: (typeof CHECKSUM_ALGORITHMS)[number], content: Uint8Array): Buffer {
  if (algorithm === "sha1" || algorithm === "sha256") {
    return createHash(algorithm).update(content).digest();
  }
  return crcToBytes(algorithm, crcUpdateSlow(algorithm, 0n, content));
}

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

test("DataWriter: computes what was asked for and what is expected, inline and sharded", async (t) => {
  const world = new DataWorld({ drives: 4 });
  for (const size of [0, 100, 5000]) {
    const content = world.random.bytes(size);
    for (const algorithm of CHECKSUM_ALGORITHMS) {
      const source = new BufferSource(chunksOf(content, 700), {
        expectations: { md5: md5(content), sha256: sha256(content) },
        trailing: { checksum: { algorithm, value: checksumOf(algorithm, content) } },
        trailingChecksum: algorithm,
      });
      const { digests } = await world.writer.write(world.request(source, { checksums: ["crc32"] }));
      t.same(digests.checksums[algorithm], checksumOf(algorithm, content));
      t.same(digests.checksums.crc32, checksumOf("crc32", content));
    }
  }
});

test("DataWriter: a wrong digest stores nothing, inline and sharded", async (t) => {
  const wrong = (bytes: number) => Buffer.alloc(bytes, 9);
  for (const size of [100, 5000]) {
    const world = new DataWorld({ drives: 4 });
    const content = world.random.bytes(size);
    const steps = chunksOf(content, 700);
    const checksum = { algorithm: "crc32c", value: wrong(4) } as const;
    const cases: [BufferSource, StoreError][] = [
      [
        new BufferSource(steps, { expectations: { md5: wrong(16) } }),
        new StoreError({ code: "digest-mismatch", digest: "md5" }),
      ],
      [
        new BufferSource(steps, { expectations: { sha256: wrong(32) } }),
        new StoreError({ code: "digest-mismatch", digest: "sha256" }),
      ],
      [
        new BufferSource(steps, { expectations: { checksum } }),
        new StoreError({ code: "digest-mismatch", digest: "checksum", algorithm: "crc32c" }),
      ],
      [
        new BufferSource(steps, { trailing: { checksum }, trailingChecksum: "crc32c" }),
        new StoreError({ code: "digest-mismatch", digest: "checksum", algorithm: "crc32c" }),
      ],
      [
        new BufferSource(steps, { trailing: { checksum } }),
        new StoreError({ code: "digest-mismatch", digest: "checksum", algorithm: "crc32c" }),
      ],
      [
        new BufferSource(steps, { declaredLength: size + 1 }),
        new StoreError({ code: "incomplete-body" }),
      ],
      [
        new BufferSource(steps, { declaredLength: size - 1 }),
        new StoreError({ code: "incomplete-body" }),
      ],
    ];
    for (const [source, error] of cases) {
      await t.rejects(world.writer.write(world.request(source)), error);
    }
    await settle();
    for (const drive of world.drives) {
      t.ok([...drive.files.values()].every(({ state }) => state === "aborted"));
    }
    t.ok(world.isAtRest);
  }
});

test("DataWriter: segments are checked in order, wherever they end", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(STRIPE + 10), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 50, max: 3000 }),
      fc.boolean(),
      async (segmentBytes, chunkBytes, unknownLength) => {
        const world = new DataWorld({ drives: 3, stripes: 4 });
        const seen: Uint8Array[] = [];
        const expected: Buffer[] = [];
        const steps: SourceStep[] = [];
        for (const bytes of segmentBytes) {
          const content = world.random.bytes(bytes);
          expected.push(sha256(content));
          steps.push(...chunksOf(content, chunkBytes), {
            segment: (digest) => {
              seen.push(digest);
              return undefined;
            },
          });
        }
        await world.writer.write(world.request(new BufferSource(steps, { unknownLength })));
        return (
          world.isAtRest &&
          seen.length === expected.length &&
          seen.every((digest, index) => expected[index]?.equals(digest) === true)
        );
      },
    ),
    { numRuns: 60 },
  );
  t.pass();
});

test("DataWriter: a segment end at exactly a stripe's end is checked", async (t) => {
  const world = new DataWorld({ drives: 3 });
  const content = world.random.bytes(2 * STRIPE);
  const seen: Uint8Array[] = [];
  const segment = (digest: Uint8Array) => {
    seen.push(digest);
    return undefined;
  };
  const parts = [content.subarray(0, STRIPE), content.subarray(STRIPE)];
  const steps = parts.flatMap((chunk): SourceStep[] => [{ chunk }, { segment }, { segment }]);
  await world.writer.write(world.request(new BufferSource(steps)));
  const none = sha256(Buffer.alloc(0));
  t.same(
    seen,
    parts.flatMap((part) => [sha256(part), none]),
  );
});

test("DataWriter: a segment that is refused fails the upload, inline and sharded", async (t) => {
  for (const size of [100, 3000]) {
    const world = new DataWorld({ drives: 3 });
    const refusal = new StoreError({
      code: "payload-rejected",
      s3Code: "SignatureDoesNotMatch",
      message: "the chunk was signed with something else",
    });
    const chunk = world.random.bytes(size);
    let asked = 0;
    const source = new BufferSource([
      { chunk },
      { segment: () => (asked++ === 0 ? undefined : refusal) },
      { chunk },
      { segment: () => (asked++ === 0 ? undefined : refusal) },
      { chunk },
    ]);
    await t.rejects(world.writer.write(world.request(source, { inlineBytesMax: 500 })), refusal);
    await settle();
    t.equal(asked, 2);
    t.ok(world.isAtRest);
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

test("DataWriter: one drive failing in any phase is left out, and two are too many for 2+2", async (t) => {
  const phases = ["append", "finish"] as const;
  for (const failing of [1, 2]) {
    for (const phase of phases) {
      for (const nth of phase === "append" ? [0, 1, 3] : [0]) {
        const world = new DataWorld({ drives: 4 });
        for (const drive of world.drives.slice(1, 1 + failing)) {
          drive.fault = (call, count) => (call === phase && count >= nth ? UNAVAILABLE : undefined);
        }
        const content = world.random.bytes(4 * STRIPE - 100);
        const writing = world.writer.write(world.request(new BufferSource(chunksOf(content, 500))));
        if (failing === 1) {
          const data = shardsOf(await writing);
          t.equal(data.missing, 1 << data.drives.indexOf(1));
          t.equal(world.drives[1]?.file(data.dataId, data.drives.indexOf(1))?.state, "aborted");
        } else {
          const error = new StoreError({ code: "no-quorum", needed: 3, got: 2 });
          await t.rejects(writing, error, `${phase} ${nth}`);
        }
        await settle();
        t.ok(world.isAtRest);
      }
    }
  }
});

test("DataWriter: a single drive that fails fails the write", async (t) => {
  const world = new DataWorld({ drives: 1 });
  const [drive] = world.drives;
  if (drive) drive.fault = () => UNAVAILABLE;
  const source = new BufferSource(chunksOf(world.random.bytes(9000), 500));
  await t.rejects(
    world.writer.write(world.request(source)),
    new StoreError({ code: "no-quorum", needed: 1, got: 0 }),
  );
  await settle();
  t.ok(world.isAtRest);
});

test("DataWriter: drives that fill up midway are reported as full", async (t) => {
  const world = new DataWorld({ drives: 4 });
  for (const drive of world.drives.slice(0, 2)) {
    drive.fault = (call, nth) =>
      call === "append" && nth === 1 ? { ok: false, reason: "full" } : undefined;
  }
  const source = new BufferSource(chunksOf(world.random.bytes(9000), 500));
  await t.rejects(
    world.writer.write(world.request(source)),
    new StoreError({ code: "drive-full" }),
  );
  await settle();
  t.ok(world.isAtRest);
});

test("DataWriter: too few drives online is no-quorum, before the source is started", async (t) => {
  const world = new DataWorld({ drives: 4 });
  for (const drive of world.drives.slice(1)) drive.state = "offline";
  const source = new BufferSource(chunksOf(world.random.bytes(5000), 500));
  await t.rejects(
    world.writer.write(world.request(source)),
    new StoreError({ code: "no-quorum", needed: 2, got: 1 }),
  );
  t.equal(source.remaining, 10);
  const unknown = new BufferSource(chunksOf(world.random.bytes(5000), 100), {
    unknownLength: true,
  });
  await t.rejects(world.writer.write(world.request(unknown)), /no-quorum/);
  t.ok(unknown.stopped);
  const inline = new BufferSource([{ chunk: Buffer.from("small") }]);
  t.equal((await world.writer.write(world.request(inline))).bytes, 5, "inline data needs no drive");
});

test("DataWriter: a drive that lags is dropped after the grace time, and its stripe comes back late", async (t) => {
  const world = new DataWorld({ drives: 4, windowMax: 2 });
  const [slow] = world.drives;
  if (slow === undefined) return;
  slow.fault = (call, nth) => (call === "append" && nth >= 1 ? "hold" : undefined);
  const content = world.random.bytes(8 * STRIPE);
  const source = new BufferSource(chunksOf(content, STRIPE));
  const writing = world.writer.write(world.request(source));
  await settle();
  t.ok(source.remaining > 0, "the window is full of what the slow drive holds back");
  world.clock.advance(LAG_GRACE_MS);
  const data = shardsOf(await writing);
  t.equal(data.missing, 1 << data.drives.indexOf(0));
  await settle();
  t.equal(world.arena.freeCount, world.arena.stripeCount - 2, "the drive may still read them");
  t.notOk(world.table.states()[0]?.online, "it gets no new data before it has answered");
  slow.letGo();
  await settle();
  t.ok(world.table.states()[0]?.online);
  t.ok(world.isAtRest);
});

test("DataWriter: a drive slow to finish counts as missing after the grace time", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const slow = world.drives[2];
  if (slow === undefined) return;
  slow.fault = (call) => (call === "finish" ? "hold" : undefined);
  const content = world.random.bytes(3000);
  let written: WrittenData | undefined;
  void world.writer
    .write(world.request(new BufferSource(chunksOf(content, 500))))
    .then((result) => {
      written = result;
    });
  await settle();
  world.clock.advance(FINISH_GRACE_MS - 1);
  await settle();
  t.equal(written, undefined, "all drives are waited for at first");
  world.clock.advance(1);
  await settle();
  if (written === undefined) throw new Error("the grace time is over");
  const data = shardsOf(written);
  t.equal(data.missing, 1 << data.drives.indexOf(2));
  slow.letGo();
  await settle();
  t.ok(world.isAtRest);
});

test("DataWriter: two drives slow to finish are waited for: one spare is needed", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const slow = world.drives.slice(0, 2);
  for (const drive of slow) drive.fault = (call) => (call === "finish" ? "hold" : undefined);
  let done = false;
  const writing = world.writer
    .write(world.request(new BufferSource(chunksOf(world.random.bytes(3000), 500))))
    .finally(() => {
      done = true;
    });
  await settle();
  world.clock.advance(100 * FINISH_GRACE_MS);
  await settle();
  t.notOk(done);
  slow[0]?.letGo();
  await settle();
  world.clock.advance(FINISH_GRACE_MS);
  const data = shardsOf(await writing);
  t.equal(data.missing, 1 << data.drives.indexOf(1));
  slow[1]?.letGo();
  await settle();
  t.ok(world.isAtRest);
});

test("DataWriter: offline drives are replaced by a handoff or left out", async (t) => {
  const world = new DataWorld({ drives: 18 });
  const content = world.random.bytes(5000);
  const first = shardsOf(
    await world.writer.write(world.request(new BufferSource(chunksOf(content, 500)))),
  );
  for (const drive of world.drives.slice(0, 2)) drive.state = "offline";
  const second = shardsOf(
    await world.writer.write(world.request(new BufferSource(chunksOf(content, 500)))),
  );
  t.equal(first.drives.length, 16);
  t.equal(second.missing, 0);
  t.notOk(second.drives.includes(0) || second.drives.includes(1));
  t.same(world.assemble(second), content);
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
