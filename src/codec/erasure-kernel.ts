/**
 * Prepares what the erasure coding kernel takes: the offsets of the blocks and the nibble tables of
 * the matrix, in this thread's scratch. The tables of the last matrix stay; encoding uses one all
 * the time.
 */
import { assert } from "../base/assert.ts";
import { type Matrix, SHARDS_MAX } from "./erasure-matrix.ts";
import { NIBBLE_TABLE_BYTES } from "./gf256.ts";
import { MATRIX_COEFFICIENTS_MAX, SCRATCH, TABLES } from "./kernel-layout.ts";
import type { BlockOffsets, KernelPlaces } from "./kernels.ts";

/** The exports of src/codec/kernels/reed-solomon.ts. */
export interface ErasureExports {
  multiplyBlocks(
    ...parameters: [
      sources: number,
      sourcesEnd: number,
      tables: number,
      targets: number,
      targetsEnd: number,
      withSum: boolean,
      length: number,
    ]
  ): void;
}

export class ErasureKernel {
  readonly #kernel: ErasureExports;
  readonly #bytes: Uint8Array;
  readonly #nibbleTables: number;
  readonly #matrixTables: number;
  readonly #blocks: Uint32Array;
  #matrix: Matrix | undefined;
  /** The row of the matrix that is a plain sum and goes first, or -1. */
  #sumRow = -1;

  constructor(kernel: ErasureExports, { memory, tablesOffset, scratchOffset }: KernelPlaces) {
    this.#kernel = kernel;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#nibbleTables = tablesOffset + TABLES.nibbles;
    this.#matrixTables = scratchOffset + SCRATCH.matrix;
    this.#blocks = new Uint32Array(memory.buffer, scratchOffset + SCRATCH.blocks, 2 * SHARDS_MAX);
  }

  multiplyBlocks(matrix: Matrix, { sources, targets, length }: BlockOffsets): void {
    assert(sources.length === matrix.columns && targets.length === matrix.rows, "a block each");
    assert(matrix.coefficients.length <= MATRIX_COEFFICIENTS_MAX, "the matrix tables have room");
    const [onlySource] = sources;
    if (onlySource !== undefined && isMirror(matrix)) {
      for (const target of targets) {
        this.#bytes.copyWithin(target, onlySource, onlySource + length);
      }
      return;
    }
    if (targets.length === 0) return;
    if (this.#matrix !== matrix) this.#useMatrix(matrix);
    const sumRow = this.#sumRow;
    const ordered = sumRow < 0 ? targets : [targets[sumRow] ?? 0, ...targets.toSpliced(sumRow, 1)];
    this.#blocks.set(sources);
    this.#blocks.set(ordered, SHARDS_MAX);
    const at = this.#blocks.byteOffset;
    const targetsAt = at + SHARDS_MAX * 4;
    this.#kernel.multiplyBlocks(
      at,
      at + sources.length * 4,
      this.#matrixTables,
      targetsAt,
      targetsAt + targets.length * 4,
      sumRow >= 0,
      length,
    );
  }

  #useMatrix(matrix: Matrix): void {
    this.#sumRow = -1;
    let at = this.#matrixTables;
    for (let row = 0; row < matrix.rows; row++) {
      const start = row * matrix.columns;
      const coefficients = matrix.coefficients.subarray(start, start + matrix.columns);
      if (this.#sumRow < 0 && coefficients.every((coefficient) => coefficient === 1)) {
        this.#sumRow = row;
        continue;
      }
      for (const coefficient of coefficients) {
        const table = this.#nibbleTables + coefficient * NIBBLE_TABLE_BYTES;
        this.#bytes.copyWithin(at, table, table + NIBBLE_TABLE_BYTES);
        at += NIBBLE_TABLE_BYTES;
      }
    }
    this.#matrix = matrix;
  }
}

/** One source, and every target a copy of it. */
function isMirror({ columns, coefficients }: Matrix): boolean {
  return columns === 1 && coefficients.every((coefficient) => coefficient === 1);
}
