/**
 * The data path of a node, put together: the arena first, because drives read and write in it, then
 * codec actors, writer, reader and rebuilder over the drives that were opened on it.
 */

import { Arena } from "../../actors/arena.ts";
import { reservedBytes, stripeBufferBytes } from "../../actors/arena-layout.ts";
import { type CodecPool, type CodecPoolOptions, startCodecPool } from "../../actors/codec-pool.ts";
import { KIB, MIB } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { DamageReport } from "../contract/data.ts";
import type { BackgroundBudget } from "./background-budget.ts";
import { type DataDrive, DriveTable, type HedgeLimits } from "./data-drives.ts";
import { type ParitySettings, type PlaceNewData, SLOTS_MAX } from "./data-placement.ts";
import { type DataReaderOptions, ErasureDataReader } from "./data-reader.ts";
import { DataRebuilder } from "./data-rebuilder.ts";
import { ErasureDataWriter } from "./data-writer.ts";
import type { StripeWriterLimits } from "./stripe-writer.ts";

export interface DataLimits {
  /** Uploads and downloads that may wait for a stripe of the arena. */
  readonly stripeWaitersMax: number;
  readonly codec: CodecPoolOptions;
  readonly write: StripeWriterLimits;
  readonly read: DataReaderOptions;
  readonly hedge: HedgeLimits;
}

/** See docs/LIMITS.md. */
export const DATA_LIMITS: DataLimits = {
  stripeWaitersMax: 4096,
  // Verifying 512 KiB takes about 40 µs; asking a thread to takes longer.
  codec: { queuedJobsMax: 8192, inlineBytesMax: 512 * KIB },
  write: { windowMax: 3, overflowBytesMax: 2 * MIB, lagGraceMs: 5_000, finishGraceMs: 1_000 },
  read: { windowMax: 3, copyBytesMax: 64 * KIB, copiesWaitingMax: 1024 },
  hedge: { floorMs: 20, ceilingMs: 1_000 },
};

export interface ArenaSizing {
  /** The memory budget. */
  readonly memoryBytes: number;
  readonly stripeDataBytes: number;
  /** 0 does the codec's work in the calling thread (tests, simulation). */
  readonly codecThreads: number;
  readonly limits: DataLimits;
}

/** The node's arena; its stripes hold every geometry, because data keeps the one it was written in. */
export function createDataArena(sizing: ArenaSizing): Arena {
  return new Arena({
    budgetBytes: sizing.memoryBytes,
    threads: codecThreadPlaces(sizing.codecThreads),
    stripeBytes: stripeBufferBytes(sizing.stripeDataBytes, SLOTS_MAX),
    waitersMax: sizing.limits.stripeWaitersMax,
  });
}

/** A budget that gives the arena this many stripes, to a page more. */
export function memoryForStripes(
  stripes: number,
  sizing: Omit<ArenaSizing, "memoryBytes">,
): number {
  const stripeBytes = stripeBufferBytes(sizing.stripeDataBytes, SLOTS_MAX);
  const bytes = reservedBytes(codecThreadPlaces(sizing.codecThreads)) + stripes * stripeBytes;
  return Math.ceil(bytes / (64 * KIB)) * 64 * KIB;
}

export interface DataPathOptions {
  readonly stripeDataBytes: number;
  readonly codecThreads: number;
  readonly parity: ParitySettings;
  readonly limits: DataLimits;
}

export interface DataPathModules {
  readonly arena: Arena;
  /** Opened on the arena's memory. */
  readonly drives: readonly DataDrive[];
  /** Where new data goes; undefined: as the table of drives has it. */
  readonly place?: PlaceNewData;
  readonly clock: Clock;
  readonly random: Random;
  readonly onDamage: (report: DamageReport) => void;
  /** For what nobody waits for. */
  readonly budget?: BackgroundBudget;
}

export interface DataPath {
  readonly writer: ErasureDataWriter;
  readonly reader: ErasureDataReader;
  readonly rebuilder: DataRebuilder;
  /** To add drives to. */
  readonly drives: DriveTable;
  readonly codec: CodecPool;
  /** Ends the codec threads; what they were doing fails. */
  close(): Promise<void>;
}

export function createDataPath(options: DataPathOptions, modules: DataPathModules): DataPath {
  const { stripeDataBytes, codecThreads, parity, limits } = options;
  const { arena } = modules;
  const drives = new DriveTable(modules.drives, limits.hedge);
  const codec = startCodecPool(limits.codec, { memory: arena.memory, threads: codecThreads });
  const shared = { ...modules, drives, codec };
  return {
    writer: new ErasureDataWriter({ ...limits.write, stripeDataBytes, parity }, shared),
    reader: new ErasureDataReader(limits.read, shared),
    rebuilder: new DataRebuilder(shared),
    drives,
    codec,
    close: () => codec.close(),
  };
}

/** The front's place and one for each codec thread; the in-line twin takes one, too. */
function codecThreadPlaces(codecThreads: number): number {
  return 1 + Math.max(1, codecThreads);
}
