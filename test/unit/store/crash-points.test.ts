/**
 * Cuts the power at every write, sync and commit of a workload, reopens the drive, and looks whether
 * everything that was acknowledged is there, bit for bit, and nothing else that could not be.
 */
import { test } from "tap";
import { type Ballot, compareBallots, ZERO_BALLOT } from "../../../src/base/ballot.ts";
import { newDataId } from "../../../src/base/ids.ts";
import type { Random } from "../../../src/base/random.ts";
import type { DriveClient } from "../../../src/store/drive-client.ts";
import type { PlannedDrive } from "../../../src/store/drive-plan.ts";
import { decodePending, encodeBallot, pendingKey } from "../../../src/store/drive-tables.ts";
import { ballot, createSeededRandom, objectKey, settle } from "./collaborators.ts";
import { createTestDrive, openTestDrive, type TestDrive, type TestOptions } from "./test-drive.ts";

const KEYS = ["a", "b", "c"].map((name) => objectKey(name));
const BLOCK_BYTES = 8192;
const TRAILER_BYTES = 32;
const STEPS = 16;

/** What the workload knows of one register. */
interface KeyBook {
  promised: Ballot;
  accepted: Ballot;
  floor: Ballot;
  /** Everything ever proposed, by ballot clock. */
  readonly proposed: Map<number, Buffer>;
  /** Ballots of purges that were asked for: the cell may be gone. */
  readonly purged: Set<number>;
}

interface ShardBook {
  readonly dataId: ReturnType<typeof newDataId>;
  readonly content: Buffer;
  finished: boolean;
  dropAsked: boolean;
  dropped: boolean;
}

interface Book {
  readonly keys: KeyBook[];
  readonly shards: ShardBook[];
  clock: number;
}

function createBook(): Book {
  return {
    keys: KEYS.map(() => ({
      promised: ZERO_BALLOT,
      accepted: ZERO_BALLOT,
      floor: ZERO_BALLOT,
      proposed: new Map(),
      purged: new Set(),
    })),
    shards: [],
    clock: 0,
  };
}

function higher(left: Ballot, right: Ballot): Ballot {
  return compareBallots(left, right) > 0 ? left : right;
}

/** Power that is cut before the numbered operation; what runs into the cut never comes back. */
class Power {
  operations = 0;
  readonly isCut: Promise<void>;
  readonly #cutAt: number;
  #signal: () => void = () => {};

  constructor(cutAt: number) {
    this.#cutAt = cutAt;
    this.isCut = new Promise((resolve) => {
      this.#signal = resolve;
    });
  }

  get cutIsNext(): boolean {
    return this.operations + 1 >= this.#cutAt;
  }

  async step(): Promise<void> {
    this.operations += 1;
    if (this.operations < this.#cutAt) return;
    this.#signal();
    await new Promise(() => {});
  }
}

function connect(drive: TestDrive, power: Power, random: Random): void {
  drive.hooks.disk = () => power.step();
  drive.hooks.flush = async (apply) => {
    // The cut may come just after the commit became durable, before anybody was told.
    const inTime = power.cutIsNext && random.below(2) === 0;
    if (inTime) apply();
    await power.step();
    apply();
  };
}

async function changeRegister(client: DriveClient, book: Book, random: Random): Promise<void> {
  const which = random.below(KEYS.length);
  const key = KEYS[which];
  const known = book.keys[which];
  if (key === undefined || known === undefined) throw new Error("a key within the table");
  book.clock += 1;
  const own = ballot(book.clock);
  const choice = random.below(5);
  if (choice === 0) {
    const reply = await client.prepare(key, own);
    if (reply.ok) known.promised = higher(known.promised, own);
  } else if (choice === 1) {
    await purge(client, key, known);
  } else {
    const value = random.bytes(1 + random.below(3000));
    known.proposed.set(own.clock, value);
    const rows = [{ table: "list", key, value: encodeBallot(own) }] as const;
    const reply = await client.accept(key, own, { value, rows });
    if (!reply.ok) return;
    known.promised = higher(known.promised, own);
    known.accepted = higher(known.accepted, own);
  }
}

async function purge(client: DriveClient, key: Buffer, known: KeyBook): Promise<void> {
  const { accepted } = known;
  known.purged.add(accepted.clock);
  const reply = await client.purge(key, accepted, [{ table: "list", key, value: undefined }]);
  if (reply.ok) known.floor = higher(known.floor, accepted);
}

async function writeShard(drive: TestDrive, book: Book, random: Random): Promise<void> {
  const content = random.bytes(BLOCK_BYTES + TRAILER_BYTES);
  const dataId = newDataId(random);
  const shard: ShardBook = {
    dataId,
    content,
    finished: false,
    dropAsked: false,
    dropped: false,
  };
  book.shards.push(shard);
  const offset = (book.shards.length % 16) * 16_384;
  content.copy(drive.arena, offset);
  const owner = KEYS[0] ?? Buffer.alloc(0);
  const spec = { dataId, slot: 1, k: 2, m: 1, stripeDataBytes: 16_384, ownerKey: owner };
  const writer = drive.client.createShard(spec);
  const place = {
    blockOffset: offset,
    blockBytes: BLOCK_BYTES,
    trailerOffset: offset + BLOCK_BYTES,
  };
  if (!(await writer.append(place)).ok) return;
  shard.finished = (await writer.finish()).ok;
}

async function dropShard(client: DriveClient, book: Book, random: Random): Promise<void> {
  const shard = book.shards[random.below(Math.max(1, book.shards.length))];
  if (shard === undefined || !shard.finished || shard.dropAsked) return;
  shard.dropAsked = true;
  shard.dropped = (await client.dropShard(shard.dataId, 1)).ok;
}

/** Three at a time, so that group commits and folder syncs have company. */
async function runWorkload(drive: TestDrive, book: Book, random: Random): Promise<void> {
  async function one(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      const choice = random.below(6);
      if (choice === 0) await writeShard(drive, book, random);
      else if (choice === 1) await dropShard(drive.client, book, random);
      else await changeRegister(drive.client, book, random);
    }
  }
  await Promise.all([one(), one(), one()]);
}

/** Throws when the drive lacks something that was acknowledged or shows something impossible. */
async function audit(drive: TestDrive, book: Book): Promise<void> {
  for (const [which, known] of book.keys.entries()) await auditRegister(drive, which, known);
  for (const shard of book.shards) await auditShard(drive, shard);
}

async function findRow(
  drive: TestDrive,
  table: "list" | "pending",
  key: Buffer,
): Promise<Uint8Array | undefined> {
  const nothing = Buffer.alloc(0);
  const page = await drive.client.range({
    table,
    heads: [nothing],
    from: key,
    fromExclusive: false,
    prefix: nothing,
    visibleOnly: false,
    limit: 1,
    scanMax: 10,
  });
  const [row] = page.ok ? page.rows : [];
  return row !== undefined && key.equals(row.key) ? row.value : undefined;
}

async function auditRegister(drive: TestDrive, which: number, known: KeyBook): Promise<void> {
  const key = KEYS[which] ?? Buffer.alloc(0);
  const cell = await drive.client.read(key);
  if (!cell.ok) throw new Error(`register ${which}: ${JSON.stringify(cell)}`);
  const row = await findRow(drive, "list", key);
  if (compareBallots(cell.floor, known.floor) < 0) throw new Error("the floor went down");
  // A purge trades the promise for the floor.
  const forbidden = higher(cell.promised, cell.floor);
  if (compareBallots(forbidden, known.promised) < 0) throw new Error("a promise is gone");
  if (cell.value === undefined) {
    const mayBeGone = known.accepted.clock === 0 || known.purged.has(known.accepted.clock);
    if (!mayBeGone) throw new Error("an accepted value is gone");
    if (row !== undefined) throw new Error("a row without its record");
    return;
  }
  if (compareBallots(cell.accepted, known.accepted) < 0) throw new Error("an accept is gone");
  const value = known.proposed.get(cell.accepted.clock);
  if (value === undefined || !value.equals(cell.value)) throw new Error("a value nobody proposed");
  if (row === undefined || !encodeBallot(cell.accepted).equals(row)) {
    throw new Error("the row does not go with the record");
  }
}

async function auditShard(drive: TestDrive, shard: ShardBook): Promise<void> {
  const { dataId, content } = shard;
  if (!shard.finished) return;
  const place = {
    blockOffset: 512 * 1024,
    blockBytes: BLOCK_BYTES,
    trailerOffset: 512 * 1024 + BLOCK_BYTES,
  };
  drive.arena.fill(0xee, place.blockOffset, place.blockOffset + content.length);
  const reply = await drive.client.readBlock({ dataId, slot: 1, fileOffset: 128, place });
  if (shard.dropped && reply.ok) throw new Error("a dropped shard came back");
  if (shard.dropAsked) return;
  if (!reply.ok) throw new Error(`a finished shard is gone: ${JSON.stringify(reply)}`);
  const found = drive.arena.subarray(place.blockOffset, place.blockOffset + content.length);
  if (!found.equals(content)) throw new Error("a finished shard has other bytes");
  const key = pendingKey(dataId, 1);
  const row = await findRow(drive, "pending", key);
  if (row === undefined) throw new Error("a finished shard without its pending row");
  if (!Buffer.from(decodePending(row).ownerKey).equals(KEYS[0] ?? Buffer.alloc(0))) {
    throw new Error("a pending row of another owner");
  }
}

/** One drive through several lives, each ended by a cut; the number of operations of the first. */
async function live(seed: number, cuts: readonly number[], options: TestOptions): Promise<number> {
  const random = createSeededRandom(seed);
  const book = createBook();
  let drive = await createTestDrive({ random, ...options });
  const planned: PlannedDrive = drive.planned;
  let firstOperations = 0;
  for (const [life, cutAt] of cuts.entries()) {
    const power = new Power(cutAt);
    connect(drive, power, random);
    await Promise.race([runWorkload(drive, book, random), power.isCut]);
    // What was answered before the cut has reached the book.
    await settle();
    if (life === 0) firstOperations = power.operations;
    drive.hooks.disk = () => {};
    drive.hooks.flush = (apply) => Promise.resolve(apply());
    drive.disk.cutPower();
    const { disk, image, hooks } = drive;
    drive = await openTestDrive(
      {
        disk,
        image,
        hooks: { ...hooks },
        planned: { ...planned, toFormat: false },
        create: false,
      },
      options,
    );
    await audit(drive, book);
  }
  return firstOperations;
}

/** Segments so small that they are changed every few commits. */
const JOURNAL_BYTES = 16_384;

for (const [name, options] of Object.entries<TestOptions>({
  "without a journal": {},
  "with a journal": { journalBytes: JOURNAL_BYTES },
})) {
  test(`DriveActor ${name}: what was acknowledged survives a power cut anywhere`, async (t) => {
    for (const seed of [1, 2, 3]) {
      const operations = await live(seed, [Number.POSITIVE_INFINITY], options);
      t.ok(operations > 40, `the workload has ${operations} operations`);
      for (let cutAt = 1; cutAt <= operations; cutAt++) {
        try {
          await live(seed, [cutAt], options);
        } catch (error) {
          t.fail(`seed ${seed}, cut at ${cutAt}: ${String(error)}`);
        }
      }
    }
  });

  test(`DriveActor ${name}: ballots and floors only rise through many lives`, async (t) => {
    for (let seed = 100; seed < 130; seed++) {
      const random = createSeededRandom(seed);
      const cuts = Array.from({ length: 5 }, () => 1 + random.below(80));
      try {
        await live(seed, cuts, options);
      } catch (error) {
        t.fail(`seed ${seed}, cuts ${cuts.join(" ")}: ${String(error)}`);
      }
    }
    t.pass("thirty drives lived five lives each");
  });
}
