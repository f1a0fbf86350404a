/**
 * XXH3-128 (seed 0, default secret) written as the xxHash specification reads, with big integers:
 * slow and obvious. It is the oracle and the fallback of the SIMD kernel, and good enough for the
 * few bytes of a shard header.
 *
 * https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */
import { asBuffer } from "../base/bytes.ts";

export const XXH3_DIGEST_BYTES = 16;

/** The default secret of the specification. */
export const XXH3_SECRET: Uint8Array = Buffer.from(
  "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f" +
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c" +
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8" +
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364" +
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e" +
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e",
  "hex",
);

const MASK_32 = 0xffffffffn;
const MASK_64 = 0xffffffffffffffffn;
const PRIME32_1 = 0x9e3779b1n;
const PRIME32_2 = 0x85ebca77n;
const PRIME32_3 = 0xc2b2ae3dn;
const PRIME64_1 = 0x9e3779b185ebca87n;
const PRIME64_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME64_3 = 0x165667b19e3779f9n;
const PRIME64_4 = 0x85ebca77c2b2ae63n;
const PRIME64_5 = 0x27d4eb2f165667c5n;
const PRIME_MX1 = 0x165667919e3779f9n;
const PRIME_MX2 = 0x9fb21c651e98df25n;

const STRIPE_BYTES = 64;
const STRIPES_PER_BLOCK = 16;

/** A 128-bit value as two 64-bit halves. */
interface Wide {
  readonly low: bigint;
  readonly high: bigint;
}

/** The digest in its canonical form: big-endian, high half first. */
export function xxh3(input: Uint8Array): Buffer {
  const { low, high } = digestOf(asBuffer(input));
  const digest = Buffer.alloc(XXH3_DIGEST_BYTES);
  digest.writeBigUInt64BE(high, 0);
  digest.writeBigUInt64BE(low, 8);
  return digest;
}

function digestOf(input: Buffer): Wide {
  if (input.length === 0) return digestOfNothing();
  if (input.length <= 3) return digestOf1To3(input);
  if (input.length <= 8) return digestOf4To8(input);
  if (input.length <= 16) return digestOf9To16(input);
  if (input.length <= 128) return digestOf17To128(input);
  if (input.length <= 240) return digestOf129To240(input);
  return digestOfLong(input);
}

const secretBuffer = asBuffer(XXH3_SECRET);

function secret(offset: number): bigint {
  return secretBuffer.readBigUInt64LE(offset);
}

function wrap(value: bigint): bigint {
  return value & MASK_64;
}

function multiplyWide(left: bigint, right: bigint): Wide {
  const product = left * right;
  return { low: product & MASK_64, high: product >> 64n };
}

function multiplyFold(left: bigint, right: bigint): bigint {
  const { low, high } = multiplyWide(left, right);
  return low ^ high;
}

function swap64(value: bigint): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.readBigUInt64BE();
}

function avalancheXxh64(value: bigint): bigint {
  const first = wrap((value ^ (value >> 33n)) * PRIME64_2);
  const second = wrap((first ^ (first >> 29n)) * PRIME64_3);
  return second ^ (second >> 32n);
}

function avalanche(value: bigint): bigint {
  const mixed = wrap((value ^ (value >> 37n)) * PRIME_MX1);
  return mixed ^ (mixed >> 32n);
}

function digestOfNothing(): Wide {
  return {
    low: avalancheXxh64(secret(64) ^ secret(72)),
    high: avalancheXxh64(secret(80) ^ secret(88)),
  };
}

function digestOf1To3(input: Buffer): Wide {
  const first = input.readUInt8(0);
  const middle = input.readUInt8(input.length >> 1);
  const last = input.readUInt8(input.length - 1);
  const low = BigInt(last | (input.length << 8) | (first << 16)) | (BigInt(middle) << 24n);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(Number(low));
  const swapped = BigInt(bytes.readUInt32BE());
  const high = ((swapped << 13n) | (swapped >> 19n)) & MASK_32;
  const flipLow = (secret(0) ^ (secret(0) >> 32n)) & MASK_32;
  const flipHigh = (secret(8) ^ (secret(8) >> 32n)) & MASK_32;
  return { low: avalancheXxh64(low ^ flipLow), high: avalancheXxh64(high ^ flipHigh) };
}

function digestOf4To8(input: Buffer): Wide {
  const { length } = input;
  const first = BigInt(input.readUInt32LE(0));
  const last = BigInt(input.readUInt32LE(length - 4));
  const keyed = (first | (last << 32n)) ^ secret(16) ^ secret(24);
  const product = multiplyWide(keyed, PRIME64_1 + BigInt(length << 2));
  const high = wrap(product.high + (product.low << 1n));
  const low = product.low ^ (high >> 3n);
  const mixed = wrap((low ^ (low >> 35n)) * PRIME_MX2);
  return { low: mixed ^ (mixed >> 28n), high: avalanche(high) };
}

function digestOf9To16(input: Buffer): Wide {
  const { length } = input;
  const first = input.readBigUInt64LE(0);
  const last = input.readBigUInt64LE(length - 8);
  const product = multiplyWide(first ^ last ^ secret(32) ^ secret(40), PRIME64_1);
  const lowSum = wrap(product.low + (BigInt(length - 1) << 54n));
  const keyedLast = last ^ secret(48) ^ secret(56);
  const highSum = wrap(product.high + keyedLast + (keyedLast & MASK_32) * (PRIME32_2 - 1n));
  const second = multiplyWide(lowSum ^ swap64(highSum), PRIME64_2);
  return {
    low: avalanche(second.low),
    high: avalanche(wrap(second.high + highSum * PRIME64_2)),
  };
}

/** Mixes 16 bytes with 16 bytes of the secret. */
function mix16(input: Buffer, offset: number, secretOffset: number): bigint {
  return multiplyFold(
    input.readBigUInt64LE(offset) ^ secret(secretOffset),
    input.readBigUInt64LE(offset + 8) ^ secret(secretOffset + 8),
  );
}

function sum16(input: Buffer, offset: number): bigint {
  return wrap(input.readBigUInt64LE(offset) + input.readBigUInt64LE(offset + 8));
}

/** Mixes 16 bytes at `left` and 16 at `right` into the accumulator. */
function mix32(
  sum: Wide,
  input: Buffer,
  at: { readonly left: number; readonly right: number },
  secretOffset: number,
): Wide {
  return {
    low: wrap(sum.low + mix16(input, at.left, secretOffset)) ^ sum16(input, at.right),
    high: wrap(sum.high + mix16(input, at.right, secretOffset + 16)) ^ sum16(input, at.left),
  };
}

function finishMedium(sum: Wide, length: number): Wide {
  const low = avalanche(wrap(sum.low + sum.high));
  const high = avalanche(
    wrap(sum.low * PRIME64_1 + sum.high * PRIME64_4 + BigInt(length) * PRIME64_2),
  );
  return { low, high: wrap(-high) };
}

function digestOf17To128(input: Buffer): Wide {
  const { length } = input;
  let sum: Wide = { low: wrap(BigInt(length) * PRIME64_1), high: 0n };
  for (let pair = (length - 1) >> 5; pair >= 0; pair--) {
    const at = { left: pair * 16, right: length - 16 - pair * 16 };
    sum = mix32(sum, input, at, pair * 32);
  }
  return finishMedium(sum, length);
}

function digestOf129To240(input: Buffer): Wide {
  const { length } = input;
  let sum: Wide = { low: wrap(BigInt(length) * PRIME64_1), high: 0n };
  for (let offset = 0; offset < 128; offset += 32) {
    sum = mix32(sum, input, { left: offset, right: offset + 16 }, offset);
  }
  sum = { low: avalanche(sum.low), high: avalanche(sum.high) };
  for (let offset = 128; offset + 32 <= length; offset += 32) {
    sum = mix32(sum, input, { left: offset, right: offset + 16 }, offset - 128 + 3);
  }
  sum = mix32(sum, input, { left: length - 16, right: length - 32 }, 103);
  return finishMedium(sum, length);
}

function digestOfLong(input: Buffer): Wide {
  const { length } = input;
  const sums = [
    PRIME32_3,
    PRIME64_1,
    PRIME64_2,
    PRIME64_3,
    PRIME64_4,
    PRIME32_2,
    PRIME64_5,
    PRIME32_1,
  ];
  // The last stripe always is the last 64 bytes of the input, overlapping or not.
  const stripes = Math.floor((length - 1) / STRIPE_BYTES);
  for (let stripe = 0; stripe < stripes; stripe++) {
    const indexInBlock = stripe % STRIPES_PER_BLOCK;
    accumulate(sums, input, stripe * STRIPE_BYTES, indexInBlock * 8);
    if (indexInBlock === STRIPES_PER_BLOCK - 1) scramble(sums);
  }
  accumulate(sums, input, length - STRIPE_BYTES, 121);
  const size = BigInt(length);
  return {
    low: merge(sums, 11, wrap(size * PRIME64_1)),
    high: merge(sums, 117, wrap(~(size * PRIME64_2))),
  };
}

function accumulate(sums: bigint[], input: Buffer, offset: number, secretOffset: number): void {
  for (let lane = 0; lane < 8; lane++) {
    const value = input.readBigUInt64LE(offset + lane * 8);
    const keyed = value ^ secret(secretOffset + lane * 8);
    sums[lane ^ 1] = wrap((sums[lane ^ 1] ?? 0n) + value);
    sums[lane] = wrap((sums[lane] ?? 0n) + (keyed & MASK_32) * (keyed >> 32n));
  }
}

function scramble(sums: bigint[]): void {
  for (let lane = 0; lane < 8; lane++) {
    const sum = sums[lane] ?? 0n;
    sums[lane] = wrap((sum ^ (sum >> 47n) ^ secret(128 + lane * 8)) * PRIME32_1);
  }
}

function merge(sums: readonly bigint[], secretOffset: number, start: bigint): bigint {
  let result = start;
  for (let pair = 0; pair < 4; pair++) {
    result += multiplyFold(
      (sums[2 * pair] ?? 0n) ^ secret(secretOffset + 16 * pair),
      (sums[2 * pair + 1] ?? 0n) ^ secret(secretOffset + 16 * pair + 8),
    );
  }
  return avalanche(wrap(result));
}
