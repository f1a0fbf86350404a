/**
 * Immutable data beside the registers: what a record says about its bytes, and the two services
 * that turn payloads into data and back. Data is written once under a fresh id, before any record
 * refers to it, and is deleted only because a chosen record excludes it.
 */
import type { DataId } from "../../base/ids.ts";
import type { ChecksumAlgorithm, PayloadExpectations, PayloadSource } from "../../base/payload.ts";

/** Erasure-coded data on drives. `drives[slot]` is the index of the drive that holds the slot. */
export interface ShardedData {
  readonly kind: "shards";
  readonly dataId: DataId;
  readonly k: number;
  readonly m: number;
  readonly stripeDataBytes: number;
  readonly bytes: number;
  readonly drives: readonly number[];
  /** Bit s is set when slot s was not durable at commit: a heal intent. */
  readonly missing: number;
}

/** Small data, whole in the record. */
export interface InlineData {
  readonly kind: "inline";
  readonly content: Uint8Array;
}

export type Data = ShardedData | InlineData;

/** Redundancy asked for by a storage class: parity shards of a full-strength write. */
export type StorageClass = "STANDARD" | "REDUCED_REDUNDANCY";

/** The digests computed over a payload. */
export interface Digests {
  readonly md5: Uint8Array;
  /** One entry per algorithm asked for or expected. */
  readonly checksums: Readonly<Partial<Record<ChecksumAlgorithm, Uint8Array>>>;
}

export interface WriteDataRequest {
  readonly source: PayloadSource;
  /** The register whose record will refer to the data. */
  readonly ownerKey: Uint8Array;
  readonly storageClass: StorageClass;
  /** Larger payloads fail with entity-too-large. */
  readonly bytesMax: number;
  /** Payloads up to here become inline data. */
  readonly inlineBytesMax: number;
  /** Checksums to compute besides those expected by the source. */
  readonly checksums: readonly ChecksumAlgorithm[];
  /** The payload is complete and as promised; only the drives have not finished yet. */
  readonly onVerified?: () => void;
  /** Seals the payload, after it was digested; a key of its own (src/codec/sealed-frames.ts). */
  readonly sealKey?: Uint8Array | undefined;
}

/** What it takes to read sealed data. */
export interface DataKey {
  readonly key: Uint8Array;
  /** Of the payload before it was sealed. */
  readonly plainBytes: number;
}

/** Some of the bytes of a data item. */
export interface DataPiece {
  readonly data: Data;
  /** Of the payload as it was before it was sealed. */
  readonly range: ByteRange;
  /** For data that is sealed. */
  readonly dataKey?: DataKey | undefined;
}

export interface WrittenData {
  readonly data: Data;
  /** Of the payload; sealed data is longer. */
  readonly bytes: number;
  readonly digests: Digests;
}

export interface DataWriter {
  /**
   * Streams a payload into data that is durable on at least k + 1 distinct drives (all n unless
   * some fail or lag), verifies every expectation, and only then resolves. On failure nothing
   * remains but what the pending rows let the sweeper find; rejects with StoreError.
   */
  write(request: WriteDataRequest): Promise<WrittenData>;
  /** Deletes data that no record refers to or will: a refused precondition, a failed commit that
   * certainly did not happen. Best effort; the sweeper finishes what this cannot. */
  discard(data: Data): void;
}

/** Where read bytes go: the HTTP response, or another write (copy). */
export interface DataSink {
  /**
   * Takes a chunk. The memory may be reused when the promise resolves, or at once when undefined
   * is returned.
   */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** True when nobody wants more bytes: reading stops early. */
  readonly aborted: boolean;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface DataReader {
  /**
   * Writes the bytes of `range` to the sink in order; with its key, those of sealed data. Missing, corrupt or slow shards are replaced
   * by others in flight and reported for healing. Rejects with data-unavailable when fewer than k
   * good shards answer, with corrupt when sealed data does not open, possibly after bytes were
   * written: the caller must then break the answer.
   */
  read(data: Data, range: ByteRange, sink: DataSink, dataKey?: DataKey | undefined): Promise<void>;
  /** A source for copying the pieces one after the other. */
  source(pieces: readonly DataPiece[]): PayloadSource;
}

/** Told about data that is weaker than it should be; the healer turns it into work. */
export interface DamageReport {
  readonly data: ShardedData;
  readonly slots: readonly number[];
  readonly cause: "missing" | "corrupt" | "unavailable";
}

/** Nothing more is expected of a payload than what it says itself. */
export const NO_EXPECTATIONS: PayloadExpectations = {};
