/** The data path in one thread over memory drives: everything real but the disks and the threads. */
import { Arena } from "../../src/actors/arena.ts";
import { reservedBytes, stripeBufferBytes } from "../../src/actors/arena-layout.ts";
import { SHARD_HEADER_BYTES } from "../../src/codec/shard-header.ts";
import { stripeFileOffset, stripeGeometry, stripesOfRange } from "../../src/codec/stripe.ts";
import { WASM_PAGE_BYTES } from "../../src/codec/wasm.ts";
import type {
  DamageReport,
  ShardedData,
  WriteDataRequest,
} from "../../src/object/contract/data.ts";
import type { DriveTable } from "../../src/object/data/data-drives.ts";
import { createDataPath } from "../../src/object/data/data-path.ts";
import type { ErasureDataReader } from "../../src/object/data/data-reader.ts";
import type { DataRebuilder } from "../../src/object/data/data-rebuilder.ts";
import type { ErasureDataWriter } from "../../src/object/data/data-writer.ts";
import { BufferSource, chunksOf } from "./buffer-source.ts";
import { ManualClock } from "./manual-clock.ts";
import { MemoryDrive } from "./memory-drive.ts";
import { SeededRandom } from "./seeded-random.ts";

export interface DataWorldOptions {
  readonly drives: number;
  readonly parity?: number;
  readonly stripes?: number;
  readonly stripeDataBytes?: number;
  readonly windowMax?: number;
  readonly copyBytesMax?: number;
  readonly waitersMax?: number;
  readonly seed?: number;
}

export const INLINE_BYTES_MAX = 256;
export const LAG_GRACE_MS = 5000;
export const FINISH_GRACE_MS = 1000;
export const OVERFLOW_BYTES_MAX = 4096;
export const HEDGE = { floorMs: 10, ceilingMs: 100 };

export class DataWorld {
  readonly arena: Arena;
  readonly clock = new ManualClock();
  readonly random: SeededRandom;
  readonly drives: MemoryDrive[];
  readonly table: DriveTable;
  readonly writer: ErasureDataWriter;
  readonly reader: ErasureDataReader;
  readonly rebuilder: DataRebuilder;
  /** Reports of the reader and of the rebuilder, as "slot cause". */
  readonly damage: string[] = [];
  readonly stripeDataBytes: number;

  readonly #report = ({ slots, cause }: DamageReport): void => {
    this.damage.push(`${slots.join(",")} ${cause}`);
  };

  constructor(options: DataWorldOptions) {
    const stripeDataBytes = options.stripeDataBytes ?? 1024;
    this.stripeDataBytes = stripeDataBytes;
    // A whole page at least, so that the arena has exactly as many stripes as asked for.
    const stripeBytes = Math.max(WASM_PAGE_BYTES, stripeBufferBytes(stripeDataBytes, 16));
    this.random = new SeededRandom(options.seed ?? 1);
    this.arena = new Arena({
      budgetBytes: roundUp(reservedBytes(2)) + roundUp((options.stripes ?? 16) * stripeBytes),
      threads: 2,
      stripeBytes,
      waitersMax: options.waitersMax ?? 100,
    });
    const { memory } = this.arena;
    this.drives = Array.from(
      { length: options.drives },
      (_, index) => new MemoryDrive({ index, random: this.random, memory }),
    );
    const windowMax = options.windowMax ?? 3;
    const path = createDataPath(
      {
        stripeDataBytes,
        codecThreads: 0,
        parity: { STANDARD: options.parity, REDUCED_REDUNDANCY: undefined },
        limits: {
          stripeWaitersMax: options.waitersMax ?? 100,
          codec: { queuedJobsMax: 1000, inlineBytesMax: 0 },
          write: {
            windowMax,
            overflowBytesMax: OVERFLOW_BYTES_MAX,
            lagGraceMs: LAG_GRACE_MS,
            finishGraceMs: FINISH_GRACE_MS,
          },
          read: { windowMax, copyBytesMax: options.copyBytesMax ?? 0, copiesWaitingMax: 100 },
          hedge: HEDGE,
        },
      },
      {
        arena: this.arena,
        drives: this.drives,
        clock: this.clock,
        random: this.random,
        onDamage: this.#report,
      },
    );
    this.table = path.drives;
    this.writer = path.writer;
    this.reader = path.reader;
    this.rebuilder = path.rebuilder;
  }

  /** Writes a payload that is certain to become shards. */
  async store(content: Uint8Array): Promise<ShardedData> {
    const source = new BufferSource(chunksOf(content, 4000));
    const { data } = await this.writer.write(this.request(source, { inlineBytesMax: 0 }));
    if (data.kind !== "shards") throw new Error("a payload without a byte is inline");
    return data;
  }

  /** The drive that holds a slot. */
  holder(data: ShardedData, slot: number): MemoryDrive {
    const drive = this.drives[data.drives[slot] ?? -1];
    if (drive === undefined) throw new Error(`no drive holds slot ${slot}`);
    return drive;
  }

  /** Flips a bit of every block, or of one, in a slot's file. */
  corrupt(data: ShardedData, slot: number, stripeIndex?: number): void {
    const content = this.holder(data, slot).file(data.dataId, slot)?.content;
    const stripes = stripesOfRange(data, data.bytes, { offset: 0, length: data.bytes });
    for (const slice of stripes) {
      if (stripeIndex !== undefined && stripeIndex !== slice.stripeIndex) continue;
      const at = slice.fileOffset - SHARD_HEADER_BYTES + 3;
      content?.writeUInt8(content.readUInt8(at) ^ 0x10, at);
    }
  }

  /** No stripe is leased, nobody waits for one, no timer is left behind. */
  get isAtRest(): boolean {
    const { arena, clock } = this;
    return (
      arena.freeCount === arena.stripeCount && arena.waitingCount === 0 && clock.timerCount === 0
    );
  }

  request(source: BufferSource, overrides: Partial<WriteDataRequest> = {}): WriteDataRequest {
    return {
      source,
      ownerKey: Buffer.from("owner"),
      storageClass: "STANDARD",
      bytesMax: 10_000_000,
      inlineBytesMax: INLINE_BYTES_MAX,
      checksums: [],
      ...overrides,
    };
  }

  /** The payload put together from the data shards, block by block; missing ones leave zeros. */
  assemble(data: ShardedData): Buffer {
    const content = Buffer.alloc(data.bytes);
    for (const slice of stripesOfRange(data, data.bytes, { offset: 0, length: data.bytes })) {
      const { blockBytes, dataBytes } = stripeGeometry(slice.geometry.dataBytes, data.k, data.m);
      const from = stripeFileOffset(data, slice.stripeIndex) - SHARD_HEADER_BYTES;
      for (let slot = 0; slot < data.k; slot++) {
        const file = this.drives[data.drives[slot] ?? -1]?.file(data.dataId, slot);
        const start = slot * blockBytes;
        const length = Math.max(0, Math.min(blockBytes, dataBytes - start));
        if (file?.state !== "durable") continue;
        const target = slice.stripeIndex * data.stripeDataBytes + start;
        file.content.copy(content, target, from, from + length);
      }
    }
    return content;
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
}

/** Lets replies under way arrive: enough turns of the loop for anything that is not held back. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}
