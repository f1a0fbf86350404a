/**
 * The kernels: computations over bytes in the shared memory (the arena), addressed by offsets from
 * its start. Every thread creates its own instance with scratch of its own; instances on the same
 * memory never disturb each other as long as nobody gives two of them the same target bytes.
 *
 * The memory's low end holds the tables (`writeKernelTables`, once) and each thread's scratch.
 */
import type { CrcAlgorithm } from "./crc.ts";
import type { Matrix } from "./erasure-matrix.ts";
import type { SharedMemory } from "./wasm.ts";

/** Which implementation is at work, for logs and benchmarks. */
export type KernelVariant = "relaxed-simd" | "simd" | "twin";

export interface BlockOffsets {
  /** One for each column of the matrix. */
  readonly sources: readonly number[];
  /** One for each row; none overlaps a source. */
  readonly targets: readonly number[];
  /** Bytes of each block. */
  readonly length: number;
}

/** One stream's next bytes. */
export interface Md5Job {
  /** Offset of its running state: MD5_STATE_BYTES bytes at a multiple of 16. */
  readonly state: number;
  readonly offset: number;
  readonly length: number;
}

export interface Kernels {
  readonly memory: SharedMemory;
  readonly variant: KernelVariant;
  /** KERNEL_WORK_BYTES that belong to whoever uses this instance, within one synchronous call. */
  readonly workOffset: number;
  /** Each target becomes its matrix row times the sources, in GF(2^8). */
  multiplyBlocks(matrix: Matrix, blocks: BlockOffsets): void;
  /** Writes XXH3-128 (seed 0) of the bytes to `digestOffset`: 16 bytes, canonical big-endian. */
  xxh3(offset: number, length: number, digestOffset: number): void;
  md5Init(state: number): void;
  /** Feeds each stream its bytes; many streams at once are faster than one after the other. */
  md5UpdateMany(jobs: readonly Md5Job[]): void;
  /** The digest, 16 bytes; the state is spent afterwards. */
  md5Final(state: number): Buffer;
  /** The running CRC with these bytes appended; starts from `CRC_EMPTY`. */
  crcUpdate(algorithm: CrcAlgorithm, value: bigint, offset: number, length: number): bigint;
}

export interface KernelPlaces {
  readonly memory: SharedMemory;
  /** Where `writeKernelTables` wrote; shared by all threads. */
  readonly tablesOffset: number;
  /** KERNEL_SCRATCH_BYTES that only this instance uses, at a multiple of 64. */
  readonly scratchOffset: number;
}
