/** A whole object layer over memory: registers, data and clock are the slow obvious twins. */
import { newDriveId } from "../../../src/base/ids.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { StoreError, type StoreErrorCode } from "../../../src/base/store-error.ts";
import { KeyStore } from "../../../src/iam/keys/key-store.ts";
import type { Bucket, PutObjectInput } from "../../../src/object/contract/object-store.ts";
import {
  DEFAULT_OBJECT_OPTIONS,
  type ObjectOptions,
} from "../../../src/object/operations/object-core.ts";
import { ObjectLayer } from "../../../src/object/operations/object-layer.ts";
import type { TrashDrive } from "../../../src/object/upkeep/empty-trash.ts";
import { Janitor, type JanitorDrive } from "../../../src/object/upkeep/janitor.ts";
import { MemoryRecords } from "../iam/memory-records.ts";
import { ManualClock } from "../manual-clock.ts";
import { SeededRandom } from "../seeded-random.ts";
import { BufferSink, bytesSource, MemoryData } from "./memory-data.ts";
import { MemoryRegisters } from "./memory-registers.ts";

export interface StoreFixture {
  readonly store: ObjectLayer;
  readonly registers: MemoryRegisters;
  readonly data: MemoryData;
  readonly clock: ManualClock;
  /** With the default key "default-key". */
  readonly keys: KeyStore;
}

/** Give `before` to start a second process over what the first one has stored. */
export function createFixture(
  options: Partial<ObjectOptions> = {},
  before?: StoreFixture,
  seed = 1,
): StoreFixture {
  const random = new SeededRandom(seed);
  const registers = before?.registers ?? new MemoryRegisters();
  const data = before?.data ?? new MemoryData(random);
  const clock = before?.clock ?? new ManualClock();
  const keys = before?.keys ?? createKeys(clock);
  const store = new ObjectLayer(
    {
      ...DEFAULT_OBJECT_OPTIONS,
      inlineBytesMax: 16,
      bucketShards: 4,
      partBytesMin: 20,
      ...options,
    },
    {
      registers,
      writer: data,
      reader: data,
      geometry: { isDegraded: () => false },
      owners: { remember() {} },
      pending: { adopted() {}, rebuilt() {} },
      keyService: keys,
      clock,
      random,
      log: silentLogger,
    },
  );
  return { store, registers, data, clock, keys };
}

function createKeys(clock: ManualClock): KeyStore {
  return new KeyStore(
    {
      configured: { name: "default-key", key: Buffer.alloc(32, 7) },
      rootPassword: "a root password",
      previousRootPassword: undefined,
    },
    { records: new MemoryRecords(), clock, random: new SeededRandom(99) },
  );
}

export function putInput(
  bucket: Bucket,
  key: string,
  content: string | Uint8Array,
  more: Partial<PutObjectInput> = {},
): PutObjectInput {
  return {
    bucket,
    key,
    source: bytesSource(Buffer.from(content)),
    headers: {},
    storageClass: "STANDARD",
    conditions: {},
    checksumAlgorithm: undefined,
    ...more,
  };
}

export async function readContent(
  store: ObjectLayer,
  bucket: Bucket,
  key: string,
  versionId?: string,
): Promise<string> {
  const opened = await store.openObject({
    bucket,
    key,
    conditions: {},
    ...(versionId === undefined ? {} : { versionId }),
  });
  const sink = new BufferSink();
  await opened.read({ offset: 0, length: opened.details.bytes }, sink);
  return sink.bytes.toString();
}

/** The code of the StoreError that a call rejects with; anything else is a failure. */
export async function codeOf(call: Promise<unknown>): Promise<StoreErrorCode | "resolved"> {
  try {
    await call;
    return "resolved";
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
}

/** The janitor over the same memory; every drive is there. */
export function createJanitor({ store, registers, data }: StoreFixture): Janitor {
  const drive: JanitorDrive & TrashDrive = {
    id: newDriveId(new SeededRandom(3)),
    index: 0,
    range: async ({ from, limit }) => {
      const rows = registers
        .table("trash")
        .filter(({ key }) => key.compare(from) >= 0)
        .map(({ key, value }) => ({ key, value, head: 0 }));
      const rest = rows[limit];
      if (rest === undefined) return { ok: true, rows, exhausted: true };
      return { ok: true, rows: rows.slice(0, limit), exhausted: false, resume: rest.key };
    },
    dropShard: async (dataId, slot) => {
      data.dropShard(dataId, slot);
      return { ok: true };
    },
  };
  return new Janitor({
    core: store.core,
    members: () => [drive],
    driveAt: () => drive,
    isOurs: () => true,
  });
}

/** Lets the janitor work until nothing is due. */
export async function tidyUp(janitor: Janitor): Promise<void> {
  for (let unit = 0; unit < 100; unit++) {
    if ((await janitor.work()) === "idle") return;
  }
  throw new Error("the janitor does not come to an end");
}
