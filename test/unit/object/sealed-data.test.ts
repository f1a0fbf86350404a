/** Sealed payloads through the real writer and reader, over memory drives. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { test } from "tap";
import { KIB } from "../../../src/base/bytes.ts";
import { FRAME_PLAIN_BYTES, sealedBytes } from "../../../src/codec/sealed-frames.ts";
import type {
  ByteRange,
  Data,
  ShardedData,
  WrittenData,
} from "../../../src/object/contract/data.ts";
import { openContent, sealContent } from "../../../src/object/data/sealed-content.ts";
import { BufferSource, chunksOf } from "../../support/buffer-source.ts";
import { CollectingSink } from "../../support/collecting-sink.ts";
import { DataWorld } from "../../support/data-world.ts";

const STRIPE = 128 * KIB;
const STRIPE_PLAIN = 2 * FRAME_PLAIN_BYTES;
const KEY = Buffer.alloc(32, 3);
const CORRUPT = { code: "corrupt" };

function createWorld(drives = 4, parity = 2): DataWorld {
  return new DataWorld({ drives, parity, stripeDataBytes: STRIPE });
}

async function store(
  world: DataWorld,
  plain: Uint8Array,
): Promise<WrittenData & { data: ShardedData }> {
  const source = new BufferSource(chunksOf(plain, 40_000));
  const request = world.request(source, { inlineBytesMax: 0, sealKey: KEY, checksums: ["sha256"] });
  const written = await world.writer.write(request);
  if (written.data.kind !== "shards") throw new Error("a payload without a byte is inline");
  return { ...written, data: written.data };
}

async function read(
  world: DataWorld,
  data: Data,
  { range, plainBytes, key = KEY }: { range?: ByteRange; plainBytes: number; key?: Uint8Array },
): Promise<Buffer> {
  const sink = new CollectingSink();
  const wanted = range ?? { offset: 0, length: plainBytes };
  await world.reader.read(data, wanted, sink, { key, plainBytes });
  return sink.content;
}

test("sealed data: comes back for sizes around blocks, frames and stripes, in any geometry", async (t) => {
  for (const [drives, parity] of [
    [1, 0],
    [3, 1],
    [4, 2],
    [6, 2],
  ] as const) {
    const world = createWorld(drives, parity);
    for (const at of [1, 64, FRAME_PLAIN_BYTES, STRIPE_PLAIN, 2 * STRIPE_PLAIN, STRIPE]) {
      for (const size of [at - 1, at, at + 1].filter((bytes) => bytes > 0)) {
        const plain = world.random.bytes(size);
        const { data, bytes, digests } = await store(world, plain);
        t.equal(bytes, size);
        t.equal(data.bytes, sealedBytes(size));
        t.same(digests.md5, createHash("md5").update(plain).digest());
        t.same(digests.checksums.sha256, createHash("sha256").update(plain).digest());
        t.ok((await read(world, data, { plainBytes: size })).equals(plain), `${drives}, ${size}`);
        t.notOk(world.assemble(data).includes(plain.subarray(0, 16)) && size >= 16);
      }
    }
    t.ok(world.isAtRest);
  }
});

test("sealed data: any range is that of the payload, also with drives away", async (t) => {
  const world = createWorld();
  const size = 3 * STRIPE_PLAIN + 4321;
  const plain = world.random.bytes(size);
  const { data } = await store(world, plain);
  const ranges = fc.tuple(fc.nat(size - 1), fc.nat(size)).map(([offset, length]) => ({
    offset,
    length: Math.min(length, size - offset),
  }));
  const near = fc
    .tuple(
      fc.constantFrom(1, 2, 3, 4),
      fc.integer({ min: -3, max: 3 }),
      fc.integer({ min: 1, max: 9 }),
    )
    .map(([frames, shift, length]) => ({ offset: frames * FRAME_PLAIN_BYTES + shift, length }));
  const check = () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(ranges, near), async (range) => {
        const found = await read(world, data, { range, plainBytes: size });
        return found.equals(plain.subarray(range.offset, range.offset + range.length));
      }),
      { seed: 4, numRuns: 40 },
    );
  await check();
  world.corrupt(data, 0);
  await check();
  t.ok(world.damage.length > 0, "a bad block was rebuilt before it was opened");
  t.ok(world.isAtRest);
});

test("sealed data: reads only the stripes and blocks that a range touches", async (t) => {
  const world = createWorld(4, 2);
  const size = 4 * STRIPE_PLAIN;
  const { data } = await store(world, world.random.bytes(size));
  const before = world.drives.reduce((sum, drive) => sum + drive.counts.read, 0);
  await read(world, data, { range: { offset: STRIPE_PLAIN + 10, length: 20 }, plainBytes: size });
  const reads = world.drives.reduce((sum, drive) => sum + drive.counts.read, 0) - before;
  t.equal(reads, 1, "one frame lies in one block of a stripe of two");
});

test("sealed data: what was changed under good checksums does not open", async (t) => {
  const world = createWorld(1, 0);
  const size = 2 * STRIPE_PLAIN;
  const plain = world.random.bytes(size);
  const { data: one } = await store(world, plain);
  await t.rejects(read(world, one, { plainBytes: size, key: Buffer.alloc(32, 4) }), CORRUPT);
  await t.rejects(read(world, one, { plainBytes: size - 1 }), CORRUPT, "another length");
  const truncated: ShardedData = { ...one, bytes: STRIPE };
  await t.rejects(read(world, truncated, { plainBytes: STRIPE_PLAIN }), CORRUPT, "cut off");
  t.ok(world.isAtRest);
});

test("sealed data: copied raw, as a heal does, it is the same to its reader", async (t) => {
  const world = createWorld();
  const size = STRIPE_PLAIN + 5;
  const plain = world.random.bytes(size);
  const { data } = await store(world, plain);
  const source = world.reader.source([{ data, range: { offset: 0, length: data.bytes } }]);
  const copy = await world.writer.write({ ...world.request(new BufferSource([])), source });
  t.ok((await read(world, copy.data, { plainBytes: size })).equals(plain));
});

test("sealed content: small payloads, whole and in ranges", async (t) => {
  const world = createWorld();
  for (const size of [0, 1, 15, 16, 17, 200]) {
    const plain = world.random.bytes(size);
    const source = new BufferSource(chunksOf(plain, 7));
    const { data, bytes } = await world.writer.write(world.request(source, { sealKey: KEY }));
    if (data.kind !== "inline") throw new Error("small content is inline");
    t.equal(bytes, size);
    t.equal(data.content.length, sealedBytes(size));
    t.ok((await read(world, data, { plainBytes: size })).equals(plain));
  }
  const large = world.random.bytes(3 * FRAME_PLAIN_BYTES);
  const sealed = sealContent(large, KEY);
  const dataKey = { key: KEY, plainBytes: large.length };
  fc.assert(
    fc.property(fc.nat(large.length), fc.nat(70_000), (offset, more) => {
      const length = Math.min(more, large.length - offset);
      const found = openContent(sealed, { offset, length }, dataKey);
      return large.subarray(offset, offset + length).equals(found);
    }),
    { seed: 5, numRuns: 40 },
  );
  const empty = sealContent(new Uint8Array(0), KEY);
  const nothing = { offset: 0, length: 0 };
  t.equal(openContent(empty, nothing, { key: KEY, plainBytes: 0 }).length, 0);
  t.throws(() => openContent(empty, nothing, { key: Buffer.alloc(32), plainBytes: 0 }), CORRUPT);
  t.throws(() => openContent(new Uint8Array(0), nothing, { key: KEY, plainBytes: 0 }), CORRUPT);
});
