/**
 * Arithmetic in GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d), in which 2 generates
 * every non-zero element. Addition and subtraction are both exclusive or.
 */
import { assert } from "../base/assert.ts";

export const FIELD_POLYNOMIAL = 0x11d;
/** Bytes of one coefficient's nibble table, see `nibbleTable`. */
export const NIBBLE_TABLE_BYTES = 32;

/** Powers of 2, twice over, so that a sum of two logarithms needs no reduction. */
const EXPONENT = new Uint8Array(510);
const LOGARITHM = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power++) {
  EXPONENT[power] = value;
  EXPONENT[power + 255] = value;
  LOGARITHM[value] = power;
  value <<= 1;
  if (value > 0xff) value ^= FIELD_POLYNOMIAL;
}

function logarithm(value: number): number {
  return LOGARITHM[value] ?? 0;
}

export function fieldMultiply(left: number, right: number): number {
  if (left === 0 || right === 0) return 0;
  return EXPONENT[logarithm(left) + logarithm(right)] ?? 0;
}

export function fieldInverse(value: number): number {
  assert(value !== 0, "zero has no inverse");
  return EXPONENT[255 - logarithm(value)] ?? 0;
}

/**
 * The products of `coefficient` with 0..15 and with 0x00, 0x10 .. 0xf0: the product with any byte is
 * the exclusive or of one entry of each half. A byte shuffle looks up sixteen at once.
 */
export function nibbleTable(coefficient: number): Uint8Array {
  const table = new Uint8Array(NIBBLE_TABLE_BYTES);
  for (let nibble = 0; nibble < 16; nibble++) {
    table[nibble] = fieldMultiply(coefficient, nibble);
    table[nibble + 16] = fieldMultiply(coefficient, nibble << 4);
  }
  return table;
}
