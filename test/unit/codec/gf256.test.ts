import { test } from "tap";
import {
  FIELD_POLYNOMIAL,
  fieldInverse,
  fieldMultiply,
  nibbleTable,
} from "../../../src/codec/gf256.ts";

/** Long multiplication and long division of polynomials, bit by bit. */
function multiplyByHand(left: number, right: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit++) if ((right >> bit) & 1) product ^= left << bit;
  for (let bit = 15; bit >= 8; bit--) {
    if ((product >> bit) & 1) product ^= FIELD_POLYNOMIAL << (bit - 8);
  }
  return product;
}

test("fieldMultiply: is polynomial multiplication modulo 0x11d, for every pair", async (t) => {
  let wrong = 0;
  for (let left = 0; left < 256; left++) {
    for (let right = 0; right < 256; right++) {
      if (fieldMultiply(left, right) !== multiplyByHand(left, right)) wrong++;
    }
  }
  t.equal(wrong, 0);
});

test("fieldInverse: undoes multiplication, and zero has none", async (t) => {
  for (let value = 1; value < 256; value++) {
    t.equal(multiplyByHand(value, fieldInverse(value)), 1);
  }
  t.throws(() => fieldInverse(0), /zero has no inverse/);
});

test("nibbleTable: two lookups and an exclusive or are the product", async (t) => {
  let wrong = 0;
  for (let coefficient = 0; coefficient < 256; coefficient++) {
    const table = nibbleTable(coefficient);
    for (let byte = 0; byte < 256; byte++) {
      const product = (table[byte & 15] ?? 0) ^ (table[16 + (byte >> 4)] ?? 0);
      if (product !== multiplyByHand(coefficient, byte)) wrong++;
    }
  }
  t.equal(wrong, 0);
});
