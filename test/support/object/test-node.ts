/**
 * A whole node in one thread, started and stopped over hardware that outlives it: object layer,
 * registers, data path and drive actors are the real ones; disks, index engine and clock are not.
 */
import { Arena } from "../../../src/actors/arena.ts";
import { reservedBytes, stripeBufferBytes } from "../../../src/actors/arena-layout.ts";
import { CodecThread } from "../../../src/actors/codec-jobs.ts";
import { CodecPool } from "../../../src/actors/codec-pool.ts";
import { createInlineThread } from "../../../src/actors/codec-threads.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { WASM_PAGE_BYTES } from "../../../src/codec/wasm.ts";
import { DriveTable } from "../../../src/object/data/data-drives.ts";
import { ErasureDataReader } from "../../../src/object/data/data-reader.ts";
import { DataRebuilder } from "../../../src/object/data/data-rebuilder.ts";
import { ErasureDataWriter } from "../../../src/object/data/data-writer.ts";
import { DEFAULT_OBJECT_OPTIONS } from "../../../src/object/operations/object-core.ts";
import { DRIVE_SET_LIMITS, DriveSet } from "../../../src/object/registers/drive-set.ts";
import {
  createObjectStore,
  type RunningObjectStore,
  SCRUB_OPTIONS,
} from "../../../src/object/upkeep/create-object-store.ts";
import { DamageLog } from "../../../src/object/upkeep/damage.ts";
import type { DriveClient } from "../../../src/store/drive-client.ts";
import { settle } from "../data-world.ts";
import { ManualClock } from "../manual-clock.ts";
import { SeededRandom } from "../seeded-random.ts";
import { createHardware, type Hardware, openHardware, reopenHardware } from "./node-fixture.ts";

export const INLINE_BYTES_MAX = 256;
const STRIPE_DATA_BYTES = 1024;
const STRIPES = 32;

export interface TestNode {
  readonly running: RunningObjectStore;
  readonly drives: readonly DriveClient[];
  readonly arena: Arena;
  readonly damage: DamageLog;
}

/** A manual clock that can also leave out time in which nothing happens: no timer fires. */
export class SkippingClock extends ManualClock {
  #skippedMs = 0;

  skip(byMs: number): void {
    this.#skippedMs += byMs;
  }

  override nowMs(): number {
    return super.nowMs() + this.#skippedMs;
  }

  override monotonicMs(): number {
    return super.monotonicMs() + this.#skippedMs;
  }
}

/** Drives on the shelf and the room they stand in. */
export class TestRig {
  readonly clock = new SkippingClock();
  readonly random: SeededRandom;
  readonly hardware: Hardware[] = [];
  /** Not formatted yet. */
  readonly #blank = new Set<Hardware>();
  /** In the place of drives that held something. */
  readonly #replacing = new Set<Hardware>();
  readonly synced: number[] = [];

  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
  }

  async add(count: number): Promise<void> {
    for (let added = 0; added < count; added++) {
      const hardware = await createHardware(this.hardware.length, this.random);
      this.hardware.push(hardware);
      this.#blank.add(hardware);
    }
  }

  /** Puts an empty drive into the place of another. */
  async replace(index: number): Promise<void> {
    const hardware = await createHardware(index, this.random);
    this.hardware[index] = hardware;
    this.#blank.add(hardware);
    this.#replacing.add(hardware);
  }

  /** Brings a failed drive of a running node back, as the store does. */
  async reopen(node: TestNode, index: number): Promise<void> {
    const hardware = this.hardware[index];
    const drive = node.drives.find((candidate) => candidate.index === index);
    if (hardware === undefined || drive === undefined) throw new Error("no such drive");
    const memory = Buffer.from(node.arena.memory.buffer);
    await reopenHardware(drive, hardware, { memory, clock: this.clock });
  }

  /** Starts a process over the drives that are named, or all. */
  async boot(indexes = this.hardware.map((_, index) => index)): Promise<TestNode> {
    const { clock, random } = this;
    const stripeBytes = Math.max(WASM_PAGE_BYTES, stripeBufferBytes(STRIPE_DATA_BYTES, 16));
    const arena = new Arena({
      budgetBytes: roundUp(reservedBytes(2)) + roundUp(STRIPES * stripeBytes),
      threads: 2,
      stripeBytes,
      waitersMax: 100,
    });
    const memory = Buffer.from(arena.memory.buffer);
    const drives: DriveClient[] = [];
    const empty: { drive: DriveClient; hardware: Hardware }[] = [];
    for (const index of indexes) {
      const hardware = this.hardware[index];
      if (hardware === undefined) continue;
      const create = this.#blank.delete(hardware);
      const drive = await openHardware(hardware, { memory, clock, create });
      drives.push(drive);
      if (this.#replacing.has(hardware)) empty.push({ drive, hardware });
    }
    const table = new DriveTable(drives, { floorMs: 10, ceilingMs: 100 });
    const codec = new CodecPool(
      { queuedJobsMax: 1000, inlineBytesMax: 0 },
      {
        kernels: new CodecThread(arena.memory, 0).kernels,
        threads: [createInlineThread(arena.memory, 1)],
      },
    );
    const damage = new DamageLog();
    const data = { arena, codec, drives: table, clock };
    const modules = { ...data, random, onDamage: damage.report };
    const parity = { STANDARD: undefined, REDUCED_REDUNDANCY: undefined };
    const set = new DriveSet(
      { ...DRIVE_SET_LIMITS, drivesExpected: this.hardware.length },
      { drives, clock, random, log: silentLogger },
    );
    const running = createObjectStore(
      {
        lifecycle: { dayMs: 86_400_000 },
        object: { ...DEFAULT_OBJECT_OPTIONS, inlineBytesMax: INLINE_BYTES_MAX, bucketShards: 4 },
        scrub: SCRUB_OPTIONS,
        runWorkers: false,
      },
      {
        replicas: set,
        spares: set,
        fresh: empty.map(({ drive, hardware }) => ({
          drive,
          markSynced: () => {
            this.synced.push(drive.index);
            this.#replacing.delete(hardware);
            return Promise.resolve({ ok: true });
          },
        })),
        writer: new ErasureDataWriter(
          {
            stripeDataBytes: STRIPE_DATA_BYTES,
            parity,
            windowMax: 3,
            overflowBytesMax: 4096,
            lagGraceMs: 5000,
            finishGraceMs: 1000,
          },
          modules,
        ),
        reader: new ErasureDataReader(
          { windowMax: 3, copyBytesMax: 256, copiesWaitingMax: 16 },
          modules,
        ),
        rebuilder: new DataRebuilder(modules),
        data,
        damage,
        clock,
        random,
        log: silentLogger,
      },
    );
    return { running, drives, arena, damage };
  }
}

/** Waits for something that needs time to pass. */
export async function withTime<T>(rig: TestRig, call: Promise<T>): Promise<T> {
  let done = false;
  const ended = call.finally(() => {
    done = true;
  });
  // Awaited below; until then a rejection is nobody's.
  ended.catch(() => {});
  for (let turn = 0; turn < 500; turn++) {
    await settle();
    if (done) return ended;
    rig.clock.advance(100);
  }
  throw new Error("does not end");
}

/** Lets a worker work until it has nothing to do. */
export async function workOff(node: TestNode, name: string, unitsMax = 200): Promise<void> {
  const worker = node.running.workers.find((candidate) => candidate.name === name);
  if (worker === undefined) throw new Error(`no worker ${name}`);
  for (let unit = 0; unit < unitsMax; unit++) {
    if ((await worker.work()) === "idle") return;
  }
  throw new Error(`worker ${name} does not come to an end`);
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
}
