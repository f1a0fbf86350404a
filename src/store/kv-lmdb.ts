/**
 * The index on LMDB: one environment per drive, opened by one worker thread. The only importer of
 * lmdb.
 *
 * The settings carry the promises of kv.ts (why: core-design §6):
 * - overlappingSync off: a commit is flushed before it can be read, so reads are durable, and no
 *   boot-id heuristics decide after a crash which commit counts;
 * - eventTurnBatching off: with it a failed commit also rejects a promise that nobody can reach;
 * - all tables in the root database under a table byte, so that a commit dirties one tree;
 * - a large sparse map, so that it is never remapped; no compression; keys and values as they are.
 */
import { open, type RangeIterable, type RootDatabase } from "lmdb";
import { assert } from "../base/assert.ts";
import { afterPrefix, GIB } from "../base/bytes.ts";
import {
  KV_KEY_BYTES_MAX,
  KV_TABLES,
  type Kv,
  type KvScan,
  type KvTable,
  type KvWrite,
} from "./kv.ts";

type Root = RootDatabase<Buffer, Buffer>;
type Entries = Iterator<{ key: Buffer; value: Buffer }>;

/** Address space only: the file grows as it is used, and past it the engine maps anew. */
const MAP_BYTES = 256 * GIB;
const PAGE_BYTES = 4096;
const READERS_MAX = 16;

/** Opens or creates the environment in the folder `path`. */
export function openLmdbKv(path: string): Kv {
  return new LmdbKv(
    open<Buffer, Buffer>({
      path,
      noSubdir: false,
      mapSize: MAP_BYTES,
      pageSize: PAGE_BYTES,
      maxReaders: READERS_MAX,
      maxDbs: 1,
      encoding: "binary",
      keyEncoding: "binary",
      overlappingSync: false,
      eventTurnBatching: false,
      compression: false,
      cache: false,
    }),
  );
}

class LmdbKv implements Kv {
  readonly #root: Root;

  constructor(root: Root) {
    this.#root = root;
  }

  get(table: KvTable, key: Uint8Array): Buffer | undefined {
    return this.#root.getBinary(engineKey(table, key));
  }

  peek(table: KvTable, key: Uint8Array): Buffer | undefined {
    // A buffer that lmdb uses again and again, larger than the value.
    const bytes = this.#root.getBinaryFast(engineKey(table, key));
    return bytes?.subarray(0, bytes.length);
  }

  scan(table: KvTable, from: Uint8Array, before?: Uint8Array): KvScan {
    const end = before === undefined ? afterTable(table) : engineKey(table, before);
    return new LmdbScan(this.#root.getRange({ start: engineKey(table, from), end }));
  }

  async commit(writes: readonly KvWrite[]): Promise<void> {
    const root = this.#root;
    const done = root.batch(() => {
      for (const { table, key, value } of writes) {
        // The promises of the single operations are those of the batch.
        if (value === undefined) void root.remove(engineKey(table, key));
        else void root.put(engineKey(table, key), asPlainBuffer(value));
      }
    });
    try {
      await done;
      await root.flushed;
    } catch (error) {
      throw await findCause(error);
    }
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

class LmdbScan implements KvScan {
  key: Buffer = Buffer.alloc(0);
  value: Buffer = this.key;
  readonly #entries: Entries;

  constructor(range: RangeIterable<{ key: Buffer; value: Buffer }>) {
    this.#entries = range[Symbol.iterator]();
  }

  next(): boolean {
    const step = this.#entries.next();
    if (step.done === true) return false;
    this.key = step.value.key.subarray(1);
    this.value = step.value.value;
    return true;
  }

  close(): void {
    this.#entries.return?.();
  }
}

/** lmdb rejects with a wrapper whose `commitError` promises, by rejecting, the error itself. */
async function findCause(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}

function engineKey(table: KvTable, key: Uint8Array): Buffer {
  assert(key.length <= KV_KEY_BYTES_MAX, "index key too long");
  const bytes = Buffer.allocUnsafe(1 + key.length);
  bytes[0] = KV_TABLES[table];
  bytes.set(key, 1);
  return bytes;
}

/** Greater than every key of the table. */
function afterTable(table: KvTable): Buffer {
  const end = afterPrefix(Uint8Array.of(KV_TABLES[table]));
  assert(end !== undefined, "table byte below 0xFF");
  return end;
}

/** lmdb keeps the address of a value until it is written, so it must be a Buffer or Uint8Array. */
function asPlainBuffer(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value)
    ? value
    : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
