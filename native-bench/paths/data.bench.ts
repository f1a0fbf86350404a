/**
 * The data path end to end, through real worker threads and synced drives, against what its parts
 * cost one after the other: copying, MD5, erasure coding with checksums, synced writes; or, for
 * reading, the bare reads of the blocks.
 */
import { hash } from "node:crypto";
import type { Stripe } from "../../src/actors/arena.ts";
import { threadPlaces } from "../../src/actors/arena-layout.ts";
import { KIB, MIB } from "../../src/base/bytes.ts";
import { newDataId } from "../../src/base/ids.ts";
import { createKernels } from "../../src/codec/create-kernels.ts";
import type { Kernels } from "../../src/codec/kernels.ts";
import { stripeGeometry, stripesOfRange } from "../../src/codec/stripe.ts";
import { encodeStripe } from "../../src/codec/stripe-codec.ts";
import { systemRandom } from "../../src/node/system-random.ts";
import type { Data, ShardedData } from "../../src/object/contract/data.ts";
import { blockPlace } from "../../src/object/data/stripe-places.ts";
import { type Bench, type BenchCase, type BenchGroup, fillSeeded } from "../harness.ts";
import { type DataNode, openDataNode, SocketLikeSource } from "./data-node.ts";

const K = 2;
const M = 2;
const SEED = 0x44415441;
const OWNER = Buffer.from("bench");
const NULL_SINK = { aborted: false, write: () => undefined };

interface Sizes {
  readonly stripeDataBytes: number;
  readonly objectBytes: number;
  readonly atOnce: number;
  readonly smallBytes: number;
}

const SIZES: Readonly<Record<"tiny" | "full", Sizes>> = {
  tiny: { stripeDataBytes: 16 * KIB, objectBytes: 50_000, atOnce: 2, smallBytes: 100 },
  full: { stripeDataBytes: MIB, objectBytes: 64 * MIB, atOnce: 8, smallBytes: 4 * KIB },
};

interface Stage {
  readonly node: DataNode;
  readonly kernels: Kernels;
  readonly sizes: Sizes;
  readonly content: Buffer;
  readonly stored: ShardedData;
}

async function put(node: DataNode, content: Buffer, inlineBytesMax: number): Promise<Data> {
  const { data } = await node.writer.write({
    source: new SocketLikeSource(content),
    ownerKey: OWNER,
    storageClass: "STANDARD",
    bytesMax: Number.MAX_SAFE_INTEGER,
    inlineBytesMax,
    checksums: [],
  });
  return data;
}

async function withStripe<T>(node: DataNode, work: (stripe: Stripe) => Promise<T>): Promise<T> {
  const stripe = await node.arena.acquire("write");
  try {
    return await work(stripe);
  } finally {
    node.arena.release(stripe);
  }
}

/** Calls back for each stripe of the content, copied into the same buffer. */
async function eachStripe(
  { node, content, sizes }: Stage,
  visit: (stripe: Stripe, length: number, stripeIndex: number) => unknown,
): Promise<void> {
  await withStripe(node, async (stripe) => {
    for (let start = 0, index = 0; start < content.length; index++) {
      const part = content.subarray(start, start + sizes.stripeDataBytes);
      stripe.bytes.set(part);
      await visit(stripe, part.length, index);
      start += part.length;
    }
  });
}

function partCases(stage: Stage): BenchCase[] {
  const { node, kernels, content, sizes } = stage;
  const dataId = newDataId(systemRandom);
  const encode = (stripe: Stripe, length: number, stripeIndex: number) => {
    encodeStripe(kernels, { offset: stripe.offset, length, k: K, m: M, dataId, stripeIndex });
  };
  const md5 = (stripe: Stripe, length: number) => {
    hash("md5", stripe.bytes.subarray(0, length), "buffer");
  };
  const writeAll = async (prepare: (stripe: Stripe, length: number, index: number) => void) => {
    const fresh = newDataId(systemRandom);
    const shards = node.store.drives.map((drive, slot) => {
      const { stripeDataBytes } = sizes;
      return drive.createShard({
        dataId: fresh,
        slot,
        k: K,
        m: M,
        stripeDataBytes,
        ownerKey: OWNER,
      });
    });
    await eachStripe(stage, async (stripe, length, index) => {
      prepare(stripe, length, index);
      const geometry = stripeGeometry(length, K, M);
      await Promise.all(
        shards.map((shard, slot) => shard.append(blockPlace(stripe.offset, geometry, slot))),
      );
    });
    await Promise.all(shards.map((shard) => shard.finish()));
    await Promise.all(node.store.drives.map((drive, slot) => drive.dropShard(fresh, slot)));
  };
  const work = content.length;
  return [
    {
      name: "all parts, one after the other (yardstick)",
      work,
      yardstick: true,
      run: () =>
        writeAll((stripe, length, index) => {
          md5(stripe, length);
          encode(stripe, length, index);
        }),
    },
    { name: "part: copy", work, run: () => eachStripe(stage, () => undefined) },
    { name: "part: copy, MD5", work, run: () => eachStripe(stage, md5) },
    { name: "part: copy, erasure code and checksums", work, run: () => eachStripe(stage, encode) },
    { name: "part: copy, synced writes", work, run: () => writeAll(() => undefined) },
  ];
}

function putGroups(stage: Stage): BenchGroup[] {
  const { node, content, sizes } = stage;
  const small = content.subarray(0, sizes.smallBytes);
  const parts = Array.from({ length: sizes.atOnce }, (_, index) => {
    const bytes = Math.floor(content.length / sizes.atOnce);
    return content.subarray(index * bytes, (index + 1) * bytes);
  });
  const putAndDrop = async (bytes: Buffer) => node.writer.discard(await put(node, bytes, 0));
  const putGroup: BenchGroup = {
    name: `PUT ${content.length} bytes, ${K}+${M}`,
    unit: "MB/s",
    cases: [
      ...partCases(stage),
      { name: "end to end", work: content.length, run: () => putAndDrop(content) },
      {
        name: `end to end, as ${sizes.atOnce} at once`,
        work: content.length,
        run: () => Promise.all(parts.map(putAndDrop)),
      },
    ],
  };
  const inlineGroup: BenchGroup = {
    name: `PUT ${small.length} bytes inline`,
    unit: "op/s",
    cases: [
      {
        name: "copy and MD5 (yardstick)",
        work: 1,
        yardstick: true,
        run: () => hash("md5", Buffer.from(small), "buffer"),
      },
      { name: "end to end", work: 1, run: () => put(node, small, sizes.smallBytes) },
    ],
  };
  return [putGroup, inlineGroup];
}

/** Reads the data blocks that a range touches, one stripe after the other. */
async function readBlocks({ node, stored }: Stage, range: { offset: number; length: number }) {
  await withStripe(node, async (stripe) => {
    for (const slice of stripesOfRange(stored, stored.bytes, range)) {
      const reads: Promise<unknown>[] = [];
      for (let slot = slice.firstSlot; slot <= slice.lastSlot; slot++) {
        const drive = node.store.drives.find(({ index }) => index === stored.drives[slot]);
        const place = blockPlace(stripe.offset, slice.geometry, slot);
        const { fileOffset } = slice;
        const read = drive?.readBlock({ dataId: stored.dataId, slot, fileOffset, place });
        if (read !== undefined) reads.push(read);
      }
      await Promise.all(reads);
    }
  });
}

function getGroups(stage: Stage): BenchGroup[] {
  const { node, stored, sizes } = stage;
  const whole = { offset: 0, length: stored.bytes };
  let turn = 0;
  const nextRange = () => {
    turn += 1;
    const { smallBytes } = sizes;
    return { offset: (turn * 7919 * 64) % (stored.bytes - smallBytes), length: smallBytes };
  };
  return [
    {
      name: `GET ${stored.bytes} bytes, page cache`,
      unit: "MB/s",
      cases: [
        {
          name: "bare reads, one stripe at a time (yardstick)",
          work: stored.bytes,
          yardstick: true,
          run: () => readBlocks(stage, whole),
        },
        {
          name: "end to end, verified",
          work: stored.bytes,
          run: () => node.reader.read(stored, whole, NULL_SINK),
        },
        {
          name: "end to end, two data shards rebuilt",
          work: stored.bytes,
          run: () => node.reader.read({ ...stored, missing: 0b0011 }, whole, NULL_SINK),
        },
      ],
    },
    {
      name: `GET ranges of ${sizes.smallBytes} bytes, one after the other`,
      unit: "op/s",
      cases: [
        {
          name: "bare reads (yardstick)",
          work: 1,
          yardstick: true,
          run: () => readBlocks(stage, nextRange()),
        },
        {
          name: "end to end, verified",
          work: 1,
          run: () => node.reader.read(stored, nextRange(), NULL_SINK),
        },
      ],
    },
  ];
}

let opened: DataNode | undefined;

export const bench: Bench = {
  name: "data path",
  async prepare(size) {
    const sizes = SIZES[size];
    const { stripeDataBytes } = sizes;
    const node = await openDataNode({
      drives: K + M,
      stripeDataBytes,
      stripes: 64,
      codecThreads: 1,
      storeThreads: 1,
      windowMax: 3,
    });
    opened = node;
    const content = Buffer.alloc(sizes.objectBytes);
    fillSeeded(content, SEED);
    const stored = await put(node, content, 0);
    if (stored.kind !== "shards") throw new Error("the payload is large");
    // The front's place: nothing else computes there while a case runs.
    const kernels = createKernels({ memory: node.arena.memory, ...threadPlaces(0) });
    const stage: Stage = { node, kernels, sizes, content, stored };
    return [...putGroups(stage), ...getGroups(stage)];
  },
  async close() {
    await opened?.close();
  },
};
