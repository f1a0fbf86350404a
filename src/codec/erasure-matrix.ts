/**
 * The matrices of the erasure code: which sums of data blocks are the parity blocks, and which sums
 * of surviving blocks are the lost ones.
 *
 * The code is systematic: block i < k is data, block k + r is row r of the m × k parity matrix C
 * times the data. C is a Cauchy matrix 1 / (x_r + y_c) with x_r = k + r and y_c = c (all distinct,
 * so no denominator is zero), its columns scaled until row 0 is all ones and then its rows until
 * column 0 is all ones. Hence the first parity is a plain exclusive or, and with k = 1 every parity
 * is a copy (mirroring).
 *
 * Any k of the n = k + m blocks suffice: every square submatrix of a Cauchy matrix is invertible
 * (its determinant is a product of non-zero differences over non-zero sums), and scaling a row or a
 * column by a non-zero factor keeps that. Choosing k rows of [identity; C] and expanding along the
 * identity rows leaves the determinant of a square submatrix of C, which is not zero.
 *
 * The matrix is part of the format on disk (docs/FORMATS.md): it never changes for version 1.
 */
import { assert } from "../base/assert.ts";
import { fieldInverse, fieldMultiply } from "./gf256.ts";

export const SHARDS_MAX = 16;

/** Row-major coefficients: `rows` outputs, each a sum over `columns` inputs. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly coefficients: Uint8Array;
}

export function assertShape(k: number, m: number): void {
  assert(
    Number.isInteger(k) && Number.isInteger(m) && k >= 1 && m >= 0 && k + m <= SHARDS_MAX,
    `1 <= k, 0 <= m and k + m <= ${SHARDS_MAX}, got ${k}+${m}`,
  );
}

const parityMatrices = new Map<number, Matrix>();

/** The m × k parity matrix of the format. */
export function parityMatrix(k: number, m: number): Matrix {
  assertShape(k, m);
  const key = k * SHARDS_MAX + m;
  const known = parityMatrices.get(key);
  if (known !== undefined) return known;
  const made = makeParityMatrix(k, m);
  parityMatrices.set(key, made);
  return made;
}

function makeParityMatrix(k: number, m: number): Matrix {
  const coefficients = new Uint8Array(m * k);
  for (let row = 0; row < m; row++) {
    // Cauchy element × its column's scale × its row's scale.
    const columnZero = fieldMultiply(fieldInverse(k + row), k);
    const rowScale = fieldInverse(columnZero);
    for (let column = 0; column < k; column++) {
      const element = fieldMultiply(fieldInverse((k + row) ^ column), k ^ column);
      coefficients[row * k + column] = fieldMultiply(element, rowScale);
    }
  }
  return { rows: m, columns: k, coefficients };
}

/** The row of [identity; C] that makes block `slot` from the data. */
function generatorRow(k: number, m: number, slot: number): Uint8Array {
  const row = new Uint8Array(k);
  if (slot < k) {
    row[slot] = 1;
    return row;
  }
  const { coefficients } = parityMatrix(k, m);
  row.set(coefficients.subarray((slot - k) * k, (slot - k + 1) * k));
  return row;
}

/**
 * The matrix that makes the blocks of slots `wanted` from those of slots `sources` (exactly k,
 * distinct): generator(wanted) × generator(sources)⁻¹.
 */
export function recoveryMatrix(
  shape: { readonly k: number; readonly m: number },
  sources: readonly number[],
  wanted: readonly number[],
): Matrix {
  const { k, m } = shape;
  assert(sources.length === k && new Set(sources).size === k, "recovery needs k distinct sources");
  const inverse = invert(sources.map((slot) => generatorRow(k, m, slot)));
  const coefficients = new Uint8Array(wanted.length * k);
  wanted.forEach((slot, outputRow) => {
    const generator = generatorRow(k, m, slot);
    for (let column = 0; column < k; column++) {
      let sum = 0;
      for (let inner = 0; inner < k; inner++) {
        sum ^= fieldMultiply(generator[inner] ?? 0, inverse[inner]?.[column] ?? 0);
      }
      coefficients[outputRow * k + column] = sum;
    }
  });
  return { rows: wanted.length, columns: k, coefficients };
}

/** Gauss–Jordan elimination on [matrix | identity]. */
function invert(matrix: readonly Uint8Array[]): Uint8Array[] {
  const size = matrix.length;
  const work = matrix.map((row, index) => {
    const wide = new Uint8Array(2 * size);
    wide.set(row);
    wide[size + index] = 1;
    return wide;
  });
  for (let column = 0; column < size; column++) {
    const pivotIndex = work.findIndex((row, index) => index >= column && row[column] !== 0);
    const pivot = work[pivotIndex];
    const displaced = work[column];
    assert(pivot !== undefined && displaced !== undefined, "a generator submatrix is invertible");
    work[pivotIndex] = displaced;
    work[column] = pivot;
    scaleRow(pivot, fieldInverse(pivot[column] ?? 0));
    for (const row of work) {
      if (row !== pivot) addScaledRow(row, pivot, row[column] ?? 0);
    }
  }
  return work.map((row) => row.subarray(size));
}

function scaleRow(row: Uint8Array, factor: number): void {
  for (let index = 0; index < row.length; index++) {
    row[index] = fieldMultiply(row[index] ?? 0, factor);
  }
}

function addScaledRow(target: Uint8Array, source: Uint8Array, factor: number): void {
  for (let index = 0; index < target.length; index++) {
    target[index] = (target[index] ?? 0) ^ fieldMultiply(source[index] ?? 0, factor);
  }
}
