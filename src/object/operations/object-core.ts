/** What every operation of the object layer works with: settings, collaborators, and the gates. */
import { KIB, MIB } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import type { DataId } from "../../base/ids.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { DataReader, DataWriter, ShardedData, StorageClass } from "../contract/data.ts";
import type { KeyedGate } from "../contract/keyed-gate.ts";
import type { Registers } from "../contract/registers.ts";
import type { ObjectEncryption } from "../encryption/object-encryption.ts";
import type { Buckets } from "./buckets.ts";
import { COMMIT_WITHIN_MS } from "./commit-limit.ts";
import type { Quotas } from "./quotas.ts";

export interface ObjectOptions {
  /** Payloads up to here live in the record. */
  readonly inlineBytesMax: number;
  /** How long data that a record gave up stays readable for those who are reading it. */
  readonly trashGraceMs: number;
  /** How late data may be committed: see commit-limit.ts. */
  readonly commitWithinMs: number;
  /** Every part but the last, checked at completion. */
  readonly partBytesMin: number;
  /** How long a completed upload answers a repeated CompleteMultipartUpload. */
  readonly completedUploadMs: number;
  /** Index shards of a new bucket: a power of two. */
  readonly bucketShards: number;
  /** Buckets kept in memory. */
  readonly bucketsCachedMax: number;
  /** Other nodes change buckets too: what is kept in memory may be old. */
  readonly bucketsShared: boolean;
}

export const DEFAULT_OBJECT_OPTIONS: ObjectOptions = {
  inlineBytesMax: 32 * KIB,
  trashGraceMs: 60 * 60 * 1000,
  commitWithinMs: COMMIT_WITHIN_MS,
  partBytesMin: 5 * MIB,
  completedUploadMs: 24 * 60 * 60 * 1000,
  bucketShards: 16,
  bucketsCachedMax: 10_000,
  bucketsShared: false,
};

/** The node's drives as writers see them. */
export interface Geometry {
  /** The data has fewer slots than the node's drives allow when all are there. */
  isDegraded(data: ShardedData, storageClass: StorageClass): boolean;
}

/** Remembers which record data belongs to, so that damage found while reading can be repaired. */
export interface DataOwners {
  remember(data: ShardedData, registerKey: Uint8Array): void;
}

/** Told which data a chosen record refers to: see PendingCleaner. */
export interface PendingRows {
  adopted(data: ShardedData): void;
  rebuilt(data: ShardedData, slots: readonly number[]): void;
}

export interface ObjectCore {
  readonly options: ObjectOptions;
  readonly registers: Registers;
  readonly writer: DataWriter;
  readonly reader: DataReader;
  readonly geometry: Geometry;
  readonly owners: DataOwners;
  readonly pending: PendingRows;
  readonly buckets: Buckets;
  readonly quotas: Quotas;
  readonly encryption: ObjectEncryption;
  /** Data written and about to be referred to: not to be swept, whatever its pending row says. */
  readonly committing: Set<DataId>;
  /** By register key of the upload: parts pass, completion and abort close. */
  readonly uploadGate: KeyedGate;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}
