/**
 * An index whose commits are made durable in a journal first and reach the engine later, many at a
 * time: one write and one sync instead of the engine's many pages, for a commit of any size.
 *
 * It keeps the promises of kv.ts. A commit resolves when its record in the journal is durable, and is
 * seen from then on, from memory until the engine has it. When a segment of the journal is full, its
 * rows go to the engine, in order and durably, together with the number of the last commit among
 * them; only then is the segment used again. Opening replays what the engine lacks. A crash between
 * any two steps leaves the engine at an earlier state and the rest in the journal, and rows are
 * written whole, so replaying some of them twice changes nothing.
 */
import { assert } from "../base/assert.ts";
import { MIB } from "../base/bytes.ts";
import type { Disk } from "../base/disk.ts";
import type { Random } from "../base/random.ts";
import { ownMetaKey, type RecordDigest } from "./drive-tables.ts";
import { JOURNAL_PREFIX, Journal, journalPath, readJournal } from "./journal.ts";
import { encodeRecord, type JournalSeal, journalBytes, SEAL_BYTES } from "./journal-record.ts";
import type { Kv, KvScan, KvTable, KvWrite } from "./kv.ts";
import { KvOverlay, type OverlayRow, rowValue } from "./kv-overlay.ts";

/** Of each of the two segments: how much of the index is kept in memory, and replayed at a start. */
export const JOURNAL_SEGMENT_BYTES: number = 4 * MIB;

export interface JournaledKvOptions {
  /** The folder of the index, which exists. */
  readonly folder: string;
  /** Half of the journal. Larger commits go straight to the engine. */
  readonly segmentBytes: number;
}

export interface JournaledKvModules {
  readonly engine: Kv;
  readonly disk: Disk;
  readonly digest: RecordDigest;
  readonly random: Pick<Random, "bytes">;
}

/** Rows that go to the engine in one transaction; see kv.ts. */
const ENGINE_WRITES_MAX = 800;
const STATE_VERSION = 1;
const STATE_BYTES = 1 + SEAL_BYTES + 8;

/** Replays what the last journal holds, and begins a new one. Rejects when the journal is damaged. */
export async function openJournaledKv(
  options: JournaledKvOptions,
  modules: JournaledKvModules,
): Promise<Kv> {
  const { engine, disk, digest, random } = modules;
  const { folder, segmentBytes } = options;
  await replay(folder, modules);
  const seal: JournalSeal = { id: random.bytes(SEAL_BYTES), digest };
  const path = journalPath(folder, seal.id);
  const journal = await Journal.create(disk, path, segmentBytes);
  try {
    // The name first: an index must not refer to a journal that a crash can take away.
    await disk.fsyncDir(folder);
    await engine.commit([stateRow(seal.id, 0)]);
    await removeOthers(disk, folder, path);
  } catch (error) {
    await journal.close();
    throw error;
  }
  return new JournaledKv({ engine, journal, seal, segmentBytes });
}

async function replay(folder: string, modules: JournaledKvModules): Promise<void> {
  const { engine, disk, digest } = modules;
  const state = engine.get("meta", ownMetaKey("journal"));
  if (state === undefined) return;
  const known = state.length === STATE_BYTES && state[0] === STATE_VERSION;
  if (!known) throw new Error("the state of the journal is of an unknown kind");
  const seal: JournalSeal = { id: Buffer.from(state.subarray(1, 1 + SEAL_BYTES)), digest };
  const applied = Number(state.readBigUInt64LE(1 + SEAL_BYTES));
  const records = await readJournal(disk, journalPath(folder, seal.id), { seal, applied });
  const overlay = new KvOverlay();
  for (const record of records) overlay.add(record.rows);
  await commitInSteps(engine, overlay.writes());
}

/** Journals of earlier lives, and those that a crash kept from being used. */
async function removeOthers(disk: Disk, folder: string, path: string): Promise<void> {
  for (const name of await disk.readdir(folder)) {
    const other = `${folder}/${name}`;
    if (name.startsWith(JOURNAL_PREFIX) && other !== path) await disk.unlink(other);
  }
}

/** In the order given; a crash may leave a beginning of it. */
async function commitInSteps(engine: Kv, writes: readonly KvWrite[]): Promise<void> {
  for (let start = 0; start < writes.length; start += ENGINE_WRITES_MAX) {
    await engine.commit(writes.slice(start, start + ENGINE_WRITES_MAX));
  }
}

function stateRow(id: Uint8Array, applied: number): KvWrite {
  const value = Buffer.alloc(STATE_BYTES);
  value[0] = STATE_VERSION;
  value.set(id, 1);
  value.writeBigUInt64LE(BigInt(applied), 1 + SEAL_BYTES);
  return { table: "meta", key: ownMetaKey("journal"), value };
}

interface JournaledKvState {
  readonly engine: Kv;
  readonly journal: Journal;
  readonly seal: JournalSeal;
  readonly segmentBytes: number;
}

class JournaledKv implements Kv {
  readonly #state: JournaledKvState;
  /** What is in the segment under way. */
  #newer = new KvOverlay();
  /** What is in the other one and on its way to the engine. */
  #older: KvOverlay | undefined;
  #moving: Promise<void> = Promise.resolve();
  #sequence = 0;
  #lastCommit: Promise<void> = Promise.resolve();

  constructor(state: JournaledKvState) {
    this.#state = state;
  }

  get(table: KvTable, key: Uint8Array): Buffer | undefined {
    const row = this.#overlaid(table, key);
    if (row === undefined) return this.#state.engine.get(table, key);
    const value = rowValue(row);
    return value === undefined ? undefined : Buffer.from(value);
  }

  peek(table: KvTable, key: Uint8Array): Buffer | undefined {
    const row = this.#overlaid(table, key);
    return row === undefined ? this.#state.engine.peek(table, key) : rowValue(row);
  }

  scan(table: KvTable, from: Uint8Array, before?: Uint8Array): KvScan {
    const range = before === undefined ? { from } : { from, before };
    let scan = this.#state.engine.scan(table, from, before);
    if (this.#older !== undefined) scan = this.#older.scan(table, scan, range);
    return this.#newer.scan(table, scan, range);
  }

  commit(writes: readonly KvWrite[]): Promise<void> {
    // In order, and nothing after one that failed.
    this.#lastCommit = this.#lastCommit.then(() => this.#commit(writes));
    return this.#lastCommit;
  }

  async close(): Promise<void> {
    const { engine, journal } = this.#state;
    try {
      await this.#lastCommit;
      await this.#moveAll();
    } catch {
      // Whoever committed was told. What the engine lacks is in the journal.
    }
    await journal.close();
    await engine.close();
  }

  async #commit(writes: readonly KvWrite[]): Promise<void> {
    const { engine, journal, seal, segmentBytes } = this.#state;
    const bytes = journalBytes(writes);
    if (bytes > segmentBytes) {
      await this.#moveAll();
      return engine.commit(writes);
    }
    const record = journal.nextRecord(bytes) ?? (await this.#nextSegment(bytes));
    const rows = encodeRecord(seal, record, { sequence: this.#sequence + 1, writes });
    await journal.append(record);
    this.#sequence += 1;
    this.#newer.add(rows);
  }

  /** Begins the other segment as soon as the engine has all that is in it. */
  async #turn(): Promise<void> {
    await this.#moving;
    this.#state.journal.turn();
    const full = this.#newer;
    this.#older = full;
    this.#newer = new KvOverlay();
    this.#moving = this.#move(full);
    // It is heard at the next turn; until then rows are read from memory.
    this.#moving.catch(() => {});
  }

  async #nextSegment(bytes: number): Promise<Buffer> {
    await this.#turn();
    const record = this.#state.journal.nextRecord(bytes);
    assert(record !== undefined, "a segment has room for what is no larger");
    return record;
  }

  async #moveAll(): Promise<void> {
    await this.#turn();
    await this.#moving;
  }

  async #move(overlay: KvOverlay): Promise<void> {
    const { engine, seal } = this.#state;
    // Taken now: later commits are in the other segment.
    const applied = stateRow(seal.id, this.#sequence);
    await commitInSteps(engine, [...overlay.writes(), applied]);
    if (this.#older === overlay) this.#older = undefined;
  }

  #overlaid(table: KvTable, key: Uint8Array): OverlayRow | undefined {
    return this.#newer.get(table, key) ?? this.#older?.get(table, key);
  }
}
