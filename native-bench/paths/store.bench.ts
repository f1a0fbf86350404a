/**
 * Drives through their real threads, against the engine and the file system driven directly: durable
 * accepts, reads, listing pages, and appended blocks.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, open as openFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open as openLmdb, type RootDatabase } from "lmdb";
import { KIB, MIB } from "../../src/base/bytes.ts";
import { newDataId } from "../../src/base/ids.ts";
import { ROW_VISIBLE } from "../../src/base/kv-row.ts";
import { silentLogger } from "../../src/base/log.ts";
import { TRAILER_BYTES } from "../../src/codec/stripe.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { systemRandom } from "../../src/node/system-random.ts";
import type { Drive } from "../../src/store/drive.ts";
import { openStore, STORE_LIMITS, type Store } from "../../src/store/store.ts";
import type { Bench, BenchCase, BenchGroup } from "../harness.ts";

interface Sizes {
  readonly operations: number;
  readonly keys: number;
  readonly rows: number;
  readonly blocks: number;
}

const SIZES: Readonly<Record<"tiny" | "full", Sizes>> = {
  tiny: { operations: 8, keys: 16, rows: 50, blocks: 2 },
  full: { operations: 1024, keys: 20_000, rows: 1000, blocks: 16 },
};
const DRIVES = 4;
const IN_FLIGHT = 32;
/** A small object, inline in its record. */
const VALUE = Buffer.alloc(4300, 7);
const ROW = Buffer.alloc(90, ROW_VISIBLE);
const BLOCK_BYTES = 512 * KIB;
const HEADS = Array.from({ length: 16 }, (_, shard) => {
  const head = Buffer.alloc(19, 1);
  head.writeUInt16BE(shard, 17);
  return head;
});

interface Stage {
  readonly root: string;
  readonly sizes: Sizes;
  readonly store: Store;
  readonly engines: readonly RootDatabase<Buffer, Buffer>[];
  clock: number;
}

function keyOf(index: number): Buffer {
  const head = HEADS[index % HEADS.length] ?? Buffer.alloc(0);
  return Buffer.concat([head, Buffer.from(`folder/photo-${String(index).padStart(9, "0")}.jpg`)]);
}

/** Runs `count` operations, so many at a time. */
async function inFlight(
  count: number,
  atOnce: number,
  operation: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  async function work(): Promise<void> {
    while (next < count) {
      next += 1;
      await operation(next);
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function accept(stage: Stage, drive: Drive, index: number): Promise<void> {
  stage.clock += 1;
  const key = keyOf(index % stage.sizes.keys);
  const ballot = { clock: stage.clock, proposer: 1, incarnation: 1 };
  const rows = [{ table: "list", key, value: ROW }] as const;
  const reply = await drive.accept(key, ballot, { value: VALUE, rows });
  if (!reply.ok) throw new Error(JSON.stringify(reply));
}

function acceptGroup(stage: Stage): BenchGroup {
  const { store, engines, sizes } = stage;
  const work = sizes.operations * DRIVES;
  return {
    name: `accepts of ${VALUE.length} bytes, ${IN_FLIGHT} in flight on each of ${DRIVES} drives`,
    unit: "op/s",
    cases: [
      {
        name: "lmdb puts, awaited (yardstick)",
        work,
        yardstick: true,
        run: () =>
          Promise.all(
            engines.map((engine) =>
              inFlight(sizes.operations, IN_FLIGHT, async (index) => {
                await engine.put(keyOf(index % sizes.keys), VALUE);
              }),
            ),
          ),
      },
      {
        name: "accept with a listing row",
        work,
        run: () =>
          Promise.all(
            store.drives.map((drive) =>
              inFlight(sizes.operations, IN_FLIGHT, (index) => accept(stage, drive, index)),
            ),
          ),
      },
    ],
  };
}

function readGroup(stage: Stage): BenchGroup {
  const { store, engines, sizes } = stage;
  const work = sizes.operations * DRIVES;
  return {
    name: `reads of ${VALUE.length} bytes, ${IN_FLIGHT} in flight on each of ${DRIVES} drives`,
    unit: "op/s",
    cases: [
      {
        name: "lmdb gets on this thread (yardstick)",
        work,
        yardstick: true,
        run: () => {
          for (const engine of engines) {
            for (let index = 0; index < sizes.operations; index++) {
              engine.getBinary(keyOf(index % sizes.keys));
            }
          }
        },
      },
      {
        name: "read",
        work,
        run: () =>
          Promise.all(
            store.drives.map((drive) =>
              inFlight(sizes.operations, IN_FLIGHT, async (index) => {
                const reply = await drive.read(keyOf(index % sizes.keys));
                if (!reply.ok) throw new Error(JSON.stringify(reply));
              }),
            ),
          ),
      },
    ],
  };
}

function listGroup(stage: Stage): BenchGroup {
  const { store, engines, sizes } = stage;
  const [engine] = engines;
  const [drive] = store.drives;
  const nothing = Buffer.alloc(0);
  const query = {
    table: "list",
    heads: HEADS,
    from: nothing,
    fromExclusive: false,
    prefix: Buffer.from("folder/"),
    visibleOnly: true,
    limit: sizes.rows,
    scanMax: 10 * sizes.rows,
  } as const;
  return {
    name: `pages of ${sizes.rows} rows, one after the other (rows per second)`,
    unit: "op/s",
    cases: [
      {
        name: "lmdb range of one shard on this thread (yardstick)",
        work: sizes.rows,
        yardstick: true,
        run: () => Array.from(engine?.getRange({ limit: sizes.rows }) ?? []).length,
      },
      {
        name: `range merged from ${HEADS.length} shards`,
        work: sizes.rows,
        run: async () => {
          const reply = await drive?.range(query);
          if (reply?.ok !== true) throw new Error(JSON.stringify(reply));
          return reply.rows.length;
        },
      },
    ],
  };
}

function appendGroup(stage: Stage, memory: SharedArrayBuffer): BenchGroup {
  const { root, store, sizes } = stage;
  const arena = new Uint8Array(memory);
  const [drive] = store.drives;
  const block = arena.subarray(0, BLOCK_BYTES);
  const trailer = arena.subarray(BLOCK_BYTES, BLOCK_BYTES + TRAILER_BYTES);
  const work = sizes.blocks * BLOCK_BYTES;
  let files = 0;
  const plain: BenchCase = {
    name: "writev, fdatasync (yardstick)",
    work,
    yardstick: true,
    run: async () => {
      files += 1;
      const path = join(root, "plain", String(files));
      const file = await openFile(path, "wx");
      for (let count = 0; count < sizes.blocks; count++) await file.writev([block, trailer]);
      await file.datasync();
      await file.close();
      rmSync(path);
    },
  };
  const shards: BenchCase = {
    name: "append, finish (with folder sync and pending row), drop",
    work,
    run: async () => {
      const dataId = newDataId(systemRandom);
      const shape = { slot: 0, k: 1, m: 0, stripeDataBytes: BLOCK_BYTES };
      const writer = drive?.createShard({ dataId, ...shape, ownerKey: keyOf(1) });
      const place = { blockOffset: 0, blockBytes: BLOCK_BYTES, trailerOffset: BLOCK_BYTES };
      for (let count = 0; count < sizes.blocks; count++) await writer?.append(place);
      const reply = await writer?.finish();
      if (reply?.ok !== true) throw new Error(JSON.stringify(reply));
      await drive?.dropShard(dataId, 0);
    },
  };
  return {
    name: `shards of ${sizes.blocks} blocks of ${BLOCK_BYTES} bytes, one after the other`,
    unit: "MB/s",
    cases: [plain, shards],
  };
}

function openEngine(path: string): RootDatabase<Buffer, Buffer> {
  return openLmdb<Buffer, Buffer>({
    path,
    noSubdir: false,
    encoding: "binary",
    keyEncoding: "binary",
    overlappingSync: false,
    mapSize: 16 * 1024 * MIB,
  });
}

let stage: Stage | undefined;

export const bench: Bench = {
  name: "store",
  async prepare(size) {
    const sizes = SIZES[size];
    const root = mkdtempSync(join(tmpdir(), "ringfort-bench-"));
    const memory = new SharedArrayBuffer(2 * MIB);
    const names = Array.from({ length: DRIVES }, (_, index) => String(index));
    const store = await openStore(
      {
        paths: names.map((name) => join(root, `drive${name}`)),
        memory,
        threads: 2,
        stripeDataBytes: MIB,
        limits: STORE_LIMITS,
      },
      { clock: systemClock, random: systemRandom, log: silentLogger },
    );
    await mkdir(join(root, "plain"));
    const engines = names.map((name) => openEngine(join(root, `engine${name}`)));
    const made: Stage = { root, sizes, store, engines, clock: 0 };
    stage = made;
    for (const drive of store.drives) {
      await inFlight(sizes.keys, 256, (index) => accept(made, drive, index));
    }
    for (const engine of engines) {
      await inFlight(sizes.keys, 256, async (index) => {
        await engine.put(keyOf(index % sizes.keys), VALUE);
      });
    }
    return [acceptGroup(made), readGroup(made), listGroup(made), appendGroup(made, memory)];
  },
  async close() {
    await stage?.store.close();
    for (const engine of stage?.engines ?? []) await engine.close();
    if (stage !== undefined) rmSync(stage.root, { recursive: true, force: true });
    stage = undefined;
  },
};
