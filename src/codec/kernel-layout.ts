/**
 * Where the kernels keep what is not data, as offsets in the shared memory.
 *
 * Tables are read only: written once by `writeKernelTables`, before any thread works, and shared by
 * every instance. Scratch belongs to one instance, hence to one thread. Neither lies in the modules
 * themselves: they have no data segments and no heap, because several of them share the memory.
 */
import { assert } from "../base/assert.ts";
import { CRC_ALGORITHMS, CRC_PARAMETERS, type CrcAlgorithm, crcUpdateSlow } from "./crc.ts";
import { SHARDS_MAX } from "./erasure-matrix.ts";
import { NIBBLE_TABLE_BYTES, nibbleTable } from "./gf256.ts";
import { MD5_CONSTANTS } from "./md5.ts";
import type { SharedMemory } from "./wasm.ts";
import { XXH3_SECRET } from "./xxh3.ts";

export const KERNEL_ALIGNMENT = 64;
/** Bytes at a time that the CRC tables serve. */
export const CRC_SLICES = 16;

/** Offsets from the start of the tables. */
export const TABLES = {
  nibbles: 0,
  secret: 256 * NIBBLE_TABLE_BYTES,
  md5: 256 * NIBBLE_TABLE_BYTES + 192,
  crc32: 256 * NIBBLE_TABLE_BYTES + 448,
  crc32c: 256 * NIBBLE_TABLE_BYTES + 448 + CRC_SLICES * 1024,
  crc64nvme: 256 * NIBBLE_TABLE_BYTES + 448 + 2 * CRC_SLICES * 1024,
  marker: 256 * NIBBLE_TABLE_BYTES + 448 + 4 * CRC_SLICES * 1024,
} as const;

/** Bytes of the shared tables. */
export const KERNEL_TABLES_BYTES: number = TABLES.marker + KERNEL_ALIGNMENT;

/** Offsets from the start of one thread's scratch. */
export const SCRATCH = {
  /** Small buffers of the TypeScript side: digests and padding. */
  work: 0,
  /** Offsets of source and target blocks, u32 each. */
  blocks: 256,
  /** Nibble tables of one matrix, row by row. */
  matrix: 256 + 2 * SHARDS_MAX * 4,
  /** Per MD5 lane a state offset and a data offset, u32 each. */
  lanes: 384 + 64 * NIBBLE_TABLE_BYTES,
  /** State of the lanes that have nothing to do. */
  idleState: 448 + 64 * NIBBLE_TABLE_BYTES,
  /** Message words of all lanes, transposed. */
  words: 576 + 64 * NIBBLE_TABLE_BYTES,
  /** Twice what the longest folding gap of a CRC spans. */
  fold: 1600 + 64 * NIBBLE_TABLE_BYTES,
} as const;

/** Coefficients that one multiplication may have: a product k × m with k + m <= 16. */
export const MATRIX_COEFFICIENTS_MAX = 64;
export const KERNEL_WORK_BYTES = 256;
/** At least the longest gap in src/codec/kernels/crc.ts, in units of 16 bytes. */
const FOLD_UNITS = 1088;

/** Bytes of one thread's scratch. */
export const KERNEL_SCRATCH_BYTES: number = SCRATCH.fold + 2 * FOLD_UNITS * 16;

const MARKER = Buffer.from("RFKERNEL-TABLES1");

/** Writes the tables at `offset` (a multiple of 64), once per memory. */
export function writeKernelTables(memory: SharedMemory, offset: number): void {
  assert(offset % KERNEL_ALIGNMENT === 0, "tables are aligned");
  const tables = Buffer.from(memory.buffer, offset, KERNEL_TABLES_BYTES);
  for (let coefficient = 0; coefficient < 256; coefficient++) {
    tables.set(nibbleTable(coefficient), TABLES.nibbles + coefficient * NIBBLE_TABLE_BYTES);
  }
  tables.set(XXH3_SECRET, TABLES.secret);
  MD5_CONSTANTS.forEach((constant, step) => {
    tables.writeUInt32LE(constant, TABLES.md5 + step * 4);
  });
  for (const algorithm of CRC_ALGORITHMS) {
    tables.set(crcTables(algorithm), TABLES[algorithm]);
  }
  tables.set(MARKER, TABLES.marker);
}

export function assertKernelTables(memory: SharedMemory, offset: number): void {
  const found = Buffer.from(memory.buffer, offset + TABLES.marker, MARKER.length);
  assert(found.equals(MARKER), "writeKernelTables comes before createKernels");
}

/**
 * Slice s, entry b: the CRC register after byte b and s zero bytes, so that `CRC_SLICES` bytes cost
 * one lookup each, all independent of one another.
 */
function crcTables(algorithm: CrcAlgorithm): Buffer {
  const { bytes } = CRC_PARAMETERS[algorithm];
  const ones = (1n << BigInt(bytes * 8)) - 1n;
  const first = Array.from({ length: 256 }, (_, byte) => {
    // From an all-zero register: undo the inversions at both ends.
    return crcUpdateSlow(algorithm, ones, Uint8Array.of(byte)) ^ ones;
  });
  const tables = Buffer.alloc(CRC_SLICES * 256 * bytes);
  let slice = first;
  for (let index = 0; index < CRC_SLICES; index++) {
    slice.forEach((entry, byte) => {
      const at = (index * 256 + byte) * bytes;
      if (bytes === 4) tables.writeUInt32LE(Number(entry), at);
      else tables.writeBigUInt64LE(entry, at);
    });
    slice = slice.map((entry) => (entry >> 8n) ^ (first[Number(entry & 0xffn)] ?? 0n));
  }
  return tables;
}
