/**
 * The three CRCs that S3 knows, with an explicit running value and with `crcCombine`, which makes
 * the checksum of a whole object from those of its parts. All are bit-reflected, start from all
 * ones and end inverted; the values here are the finished ones, so that a checksum, a running value
 * and the input of `crcCombine` are the same thing, and 0 stands for no bytes.
 *
 * `crcUpdateSlow` is the bit-by-bit twin of the kernels.
 */
import { assert } from "../base/assert.ts";

export const CRC_ALGORITHMS = ["crc32", "crc32c", "crc64nvme"] as const;
export type CrcAlgorithm = (typeof CRC_ALGORITHMS)[number];

export interface CrcParameters {
  /** Width in bytes. */
  readonly bytes: 4 | 8;
  /** The polynomial without its leading term, reflected: bit 0 is the highest power. */
  readonly polynomial: bigint;
}

/** CRC-32/ISO-HDLC, CRC-32/ISCSI and CRC-64/NVME of the CRC catalogue. */
export const CRC_PARAMETERS: Readonly<Record<CrcAlgorithm, CrcParameters>> = {
  crc32: { bytes: 4, polynomial: 0xedb88320n },
  crc32c: { bytes: 4, polynomial: 0x82f63b78n },
  crc64nvme: { bytes: 8, polynomial: 0x9a6c9329ac4bc9b5n },
};

/** The running value before the first byte, and the CRC of no bytes. */
export const CRC_EMPTY = 0n;

/** The CRC of (what gave `value` ‖ input). */
export function crcUpdateSlow(algorithm: CrcAlgorithm, value: bigint, input: Uint8Array): bigint {
  const { bytes, polynomial } = CRC_PARAMETERS[algorithm];
  const ones = (1n << BigInt(bytes * 8)) - 1n;
  let state = value ^ ones;
  for (const byte of input) {
    state ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) {
      state = (state & 1n) === 1n ? (state >> 1n) ^ polynomial : state >> 1n;
    }
  }
  return state ^ ones;
}

/** Big-endian bytes, as S3 encodes a checksum in base64. */
export function crcToBytes(algorithm: CrcAlgorithm, value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes.subarray(8 - CRC_PARAMETERS[algorithm].bytes);
}

/** The reverse of `crcToBytes`; undefined when the width is wrong. */
export function crcFromBytes(algorithm: CrcAlgorithm, bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== CRC_PARAMETERS[algorithm].bytes) return undefined;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/**
 * The CRC of (left ‖ right) from both CRCs and the length of the right part:
 * left × x^(8 · rightBytes) + right, modulo the polynomial. The inversions at both ends cancel.
 */
export function crcCombine(
  algorithm: CrcAlgorithm,
  left: bigint,
  right: bigint,
  rightBytes: number,
): bigint {
  assert(Number.isSafeInteger(rightBytes) && rightBytes >= 0, "a length is a whole number");
  let shifted = toHalves(algorithm, left);
  let remaining = rightBytes;
  for (let power = 3; remaining > 0; power++) {
    if (remaining % 2 === 1) {
      shifted = multiplyModulo(algorithm, shifted, powerOfX(algorithm, power));
    }
    remaining = Math.floor(remaining / 2);
  }
  return fromHalves(algorithm, shifted) ^ right;
}

/**
 * A residue as two 32-bit halves, left-aligned: bit 31 of `high` is x^0 for either width. Numbers
 * instead of big integers, because completing an upload combines up to 10 000 parts at once.
 */
interface Halves {
  readonly high: number;
  readonly low: number;
}

function toHalves(algorithm: CrcAlgorithm, value: bigint): Halves {
  const aligned = CRC_PARAMETERS[algorithm].bytes === 4 ? value << 32n : value;
  return {
    high: Number(BigInt.asIntN(32, aligned >> 32n)),
    low: Number(BigInt.asIntN(32, aligned)),
  };
}

function fromHalves(algorithm: CrcAlgorithm, { high, low }: Halves): bigint {
  const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return CRC_PARAMETERS[algorithm].bytes === 4 ? value >> 32n : value;
}

const polynomialHalves: Readonly<Record<CrcAlgorithm, Halves>> = {
  crc32: toHalves("crc32", CRC_PARAMETERS.crc32.polynomial),
  crc32c: toHalves("crc32c", CRC_PARAMETERS.crc32c.polynomial),
  crc64nvme: toHalves("crc64nvme", CRC_PARAMETERS.crc64nvme.polynomial),
};

/** left × right modulo the polynomial: one shifted copy of `left` for each power in `right`. */
function multiplyModulo(algorithm: CrcAlgorithm, left: Halves, right: Halves): Halves {
  const polynomial = polynomialHalves[algorithm];
  const width = CRC_PARAMETERS[algorithm].bytes * 8;
  let { high, low } = left;
  let sumHigh = 0;
  let sumLow = 0;
  for (let bit = 0; bit < width; bit++) {
    const half = bit < 32 ? right.high : right.low;
    const chosen = -((half >>> (31 - (bit & 31))) & 1);
    sumHigh ^= high & chosen;
    sumLow ^= low & chosen;
    // Multiply by x: shift right; what falls out is x^width, which the polynomial replaces.
    const reduced = width === 32 ? -(high & 1) : -(low & 1);
    low = ((low >>> 1) | (width === 32 ? 0 : high << 31)) ^ (polynomial.low & reduced);
    high = (high >>> 1) ^ (polynomial.high & reduced);
  }
  return { high: sumHigh, low: sumLow };
}

const powersOfX: Readonly<Record<CrcAlgorithm, Halves[]>> = {
  crc32: [],
  crc32c: [],
  crc64nvme: [],
};

/** x^(2^exponent), by squaring; each is computed once. */
function powerOfX(algorithm: CrcAlgorithm, exponent: number): Halves {
  const powers = powersOfX[algorithm];
  let last = powers.at(-1) ?? { high: 1 << 30, low: 0 };
  if (powers.length === 0) powers.push(last);
  while (powers.length <= exponent) {
    last = multiplyModulo(algorithm, last, last);
    powers.push(last);
  }
  return powers[exponent] ?? last;
}
