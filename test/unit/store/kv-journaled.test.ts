/** What the journal in front of an index promises, beside what kv.test.ts asks of every index. */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { test } from "tap";
import type { Random } from "../../../src/base/random.ts";
import { xxh3 } from "../../../src/codec/xxh3.ts";
import type { RecordDigest } from "../../../src/store/drive-tables.ts";
import type { Kv, KvWrite } from "../../../src/store/kv.ts";
import { openJournaledKv } from "../../../src/store/kv-journaled.ts";
import {
  createMemoryKv,
  createMemoryKvImage,
  type MemoryKvImage,
} from "../../../src/store/kv-memory.ts";
import { type DiskOperation, FaultDisk } from "../../support/fault-disk.ts";
import { createSeededRandom, settle } from "./collaborators.ts";

const FOLDER = "/index";
const SEGMENT_BYTES = 16_384;
const KEYS = 12;
const digest: RecordDigest = (parts) => xxh3(Buffer.concat(parts));

interface World {
  readonly disk: FaultDisk;
  readonly image: MemoryKvImage;
  /** Set to see or disturb what comes next. */
  readonly hooks: {
    disk(operation: DiskOperation): void | Promise<void>;
    flush(apply: () => void): Promise<void>;
  };
  /** Commits that the engine made durable. */
  engineCommits: number;
}

async function createWorld(random: Random = { ...createSeededRandom(1) }): Promise<World> {
  const hooks: World["hooks"] = {
    disk: () => {},
    flush: async (apply) => apply(),
  };
  const disk = new FaultDisk({ random, before: (operation) => hooks.disk(operation) });
  await disk.mkdir(FOLDER);
  await disk.fsyncDir("/");
  return { disk, image: createMemoryKvImage(), hooks, engineCommits: 0 };
}

function open(world: World): Promise<Kv> {
  const engine = createMemoryKv(world.image, {
    flush: (apply) =>
      world.hooks.flush(() => {
        world.engineCommits += 1;
        apply();
      }),
  });
  return openJournaledKv(
    { folder: FOLDER, segmentBytes: SEGMENT_BYTES },
    { engine, disk: world.disk, digest, random: { bytes: randomBytes } },
  );
}

function put(key: string, value: string): KvWrite {
  return { table: "rec", key: Buffer.from(key), value: Buffer.from(value) };
}

function textOf(kv: Kv, key: string): string | undefined {
  return kv.get("rec", Buffer.from(key))?.toString();
}

/** All rows of `rec`, by what a scan shows; `get` must say the same. */
function contentOf(kv: Kv): string[] {
  const rows: string[] = [];
  const scan = kv.scan("rec", Buffer.alloc(0));
  while (scan.next()) {
    rows.push(`${scan.key.toString("latin1")}=${digestText(scan.value)}`);
    if (!kv.get("rec", scan.key)?.equals(scan.value)) throw new Error("get and scan differ");
  }
  return rows;
}

function digestText(value: Uint8Array): string {
  return `${value.length}:${Buffer.from(xxh3(value)).toString("hex", 0, 6)}`;
}

async function journalFile({ disk }: World): Promise<string> {
  const names = (await disk.readdir(FOLDER)).filter((name) => name.startsWith("journal-"));
  if (names.length !== 1) throw new Error(`journals: ${names.join(" ")}`);
  return `${FOLDER}/${names[0]}`;
}

/** A commit of some puts and removals, and the same on a plain map. */
function randomCommit(random: Random, plain: Map<string, string>): KvWrite[] {
  return Array.from({ length: 1 + random.below(4) }, () => {
    const name = `key${String.fromCharCode(97 + random.below(KEYS))}`;
    const key = Buffer.from(name);
    if (random.below(4) === 0) {
      plain.delete(name);
      return { table: "rec", key, value: undefined };
    }
    const value = random.bytes(random.below(3000));
    plain.set(name, digestText(value));
    return { table: "rec", key, value };
  });
}

function contentOfPlain(plain: ReadonlyMap<string, string>): string[] {
  return [...plain].map(([key, value]) => `${key}=${value}`).sort();
}

/**
 * Commits one after the other until the power fails at `cutAt`, and opens what survived. Throws when
 * that is not the state after some commit, or one before the last that was acknowledged.
 */
async function liveAndDie(seed: number, cutAt: number): Promise<number> {
  const random = createSeededRandom(seed);
  const world = await createWorld(random);
  const kv = await open(world);
  let operations = 0;
  const step = async () => {
    operations += 1;
    if (operations >= cutAt) await new Promise(() => {});
  };
  world.hooks.disk = step;
  world.hooks.flush = async (apply) => {
    await step();
    apply();
  };
  const plain = new Map<string, string>();
  const states = [contentOfPlain(plain)];
  let acknowledged = 0;
  for (let round = 0; round < 20; round++) {
    const committing = kv.commit(randomCommit(random, plain));
    states.push(contentOfPlain(plain));
    const state = await Promise.race([committing.then(() => "done"), settle().then(settle)]);
    if (state !== "done") break;
    acknowledged = states.length - 1;
    if (contentOf(kv).join() !== states.at(-1)?.join()) throw new Error("seen before the cut");
  }
  world.hooks.disk = () => {};
  world.hooks.flush = async (apply) => apply();
  world.disk.cutPower();
  const found = contentOf(await open(world)).join();
  const after = states.findIndex((state) => state.join() === found);
  if (states.slice(acknowledged).every((state) => state.join() !== found)) {
    throw new Error(`the state after commit ${after} of ${acknowledged} acknowledged`);
  }
  return operations;
}

test("JournaledKv: what was committed survives a power cut at every operation", async (t) => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const operations = await liveAndDie(seed, Number.POSITIVE_INFINITY);
    t.ok(operations > 25, `${operations} operations, some of them the engine's`);
    for (let cutAt = 1; cutAt <= operations; cutAt++) {
      try {
        await liveAndDie(seed, cutAt);
      } catch (error) {
        t.fail(`seed ${seed}, cut at ${cutAt}: ${String(error)}`);
      }
    }
  }
});

test("JournaledKv: shows and keeps the same as a plain map, through closing and opening", async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const random = createSeededRandom(seed);
      const world = await createWorld(random);
      const plain = new Map<string, string>();
      let kv = await open(world);
      for (let round = 0; round < 25; round++) {
        await kv.commit(randomCommit(random, plain));
        if (random.below(8) === 0) {
          await kv.close();
          kv = await open(world);
        }
        if (contentOf(kv).join() !== contentOfPlain(plain).join()) return false;
      }
      return true;
    }),
    { numRuns: 30 },
  );
  t.pass("thirty lives");
});

test("JournaledKv: the engine sees many commits as one, and all of them before a stop", async (t) => {
  const world = await createWorld();
  const kv = await open(world);
  const before = world.engineCommits;
  for (let index = 0; index < 3; index++) await kv.commit([put("key", String(index))]);
  t.equal(world.engineCommits, before);
  t.equal(textOf(kv, "key"), "2");
  t.same(world.image.tables.get("rec"), []);
  await kv.close();
  t.same(world.image.tables.get("rec"), [{ key: Buffer.from("key"), value: Buffer.from("2") }]);
});

test("JournaledKv: a commit larger than a segment comes after those before it", async (t) => {
  const world = await createWorld();
  const kv = await open(world);
  await Promise.all([
    kv.commit([put("key", "old"), put("other", "1")]),
    kv.commit([put("key", "x".repeat(SEGMENT_BYTES))]),
    kv.commit([put("last", "2")]),
  ]);
  t.equal(textOf(kv, "key")?.length, SEGMENT_BYTES);
  world.disk.cutPower();
  const again = await open(world);
  t.equal(textOf(again, "key")?.length, SEGMENT_BYTES);
  t.equal(textOf(again, "other"), "1");
  t.equal(textOf(again, "last"), "2");
});

test("JournaledKv: only the last record may be damaged, since only it may be torn", async (t) => {
  const world = await createWorld();
  const kv = await open(world);
  for (const name of ["a", "b", "c"]) await kv.commit([put(name, name)]);
  const path = await journalFile(world);
  // Each record has a step of 4096 bytes to itself.
  world.disk.rot(path, 2 * 4096 + 45);
  const torn = await open(world);
  t.same(contentOf(torn), [
    `a=${digestText(Buffer.from("a"))}`,
    `b=${digestText(Buffer.from("b"))}`,
  ]);
  for (const name of ["c", "d"]) await torn.commit([put(name, name)]);
  world.disk.rot(await journalFile(world), 45);
  await t.rejects(open(world), { message: "the journal is damaged" });
});

test("JournaledKv: a journal that is gone is not taken for an empty one", async (t) => {
  const world = await createWorld();
  await (await open(world)).commit([put("a", "1")]);
  world.disk.remove(await journalFile(world));
  await t.rejects(open(world), { code: "ENOENT" });
});

test("JournaledKv: what a stored value looks like is never replayed", async (t) => {
  const world = await createWorld();
  const kv = await open(world);
  await kv.commit([put("a", "1")]);
  const stolen = world.disk.contentOf(await journalFile(world)).subarray(0, 4096);
  await kv.close();
  const next = await open(world);
  // The value lies where a reader looks for records once this one is torn.
  const value = Buffer.concat([Buffer.alloc(4096 - 50), stolen, stolen]);
  await next.commit([{ table: "rec", key: Buffer.from("abc"), value }]);
  world.disk.rot(await journalFile(world), 60);
  t.same(contentOf(await open(world)), [`a=${digestText(Buffer.from("1"))}`]);
});

test("JournaledKv: after a failed write nothing more is committed, and nothing of it is seen", async (t) => {
  const world = await createWorld();
  const kv = await open(world);
  await kv.commit([put("a", "1")]);
  world.hooks.disk = (operation) => {
    if (operation === "writev") throw new Error("EIO");
  };
  await t.rejects(kv.commit([put("a", "2")]), { message: "EIO" });
  world.hooks.disk = () => {};
  await t.rejects(kv.commit([put("a", "3")]), { message: "EIO" });
  t.equal(textOf(kv, "a"), "1");
  await kv.close();
  t.equal(textOf(await open(world), "a"), "1");
});

test("JournaledKv: an engine that fails is heard when its segment is wanted again", async (t) => {
  const world = await createWorld();
  const kv = await open(world);
  world.hooks.flush = () => Promise.reject(new Error("engine"));
  const value = "x".repeat(SEGMENT_BYTES / 2);
  let done = 0;
  await t.rejects(
    async () => {
      for (;;) {
        await kv.commit([put(`key${done}`, value)]);
        done += 1;
      }
    },
    { message: "engine" },
  );
  t.equal(done, 2, "both segments were filled");
  t.equal(textOf(kv, "key0")?.length, value.length, "rows on their way are read from memory");
  world.hooks.flush = async (apply) => apply();
  await kv.close();
  const again = await open(world);
  t.equal(contentOf(again).length, done, "and they are in the journal");
});

test("JournaledKv: leaves no journals of earlier lives behind", async (t) => {
  const world = await createWorld();
  world.disk.put(`${FOLDER}/journal-00`, Buffer.alloc(10));
  await (await open(world)).close();
  await (await open(world)).close();
  t.ok(await journalFile(world));
});
