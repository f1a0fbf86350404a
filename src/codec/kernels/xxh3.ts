/**
 * XXH3-128 with seed 0 and the default secret, as in the xxHash specification; the block checksum.
 *
 * AssemblyScript, compiled into a WebAssembly module of its own by config/build-kernels.ts. It holds
 * no data: the secret is a table in the imported memory. Its slow twin, which follows the text of
 * the specification, is src/codec/xxh3.ts; the names are the same.
 *
 * Long inputs are the case that counts: eight 64-bit sums in four vectors, 64 bytes a step. A lane's
 * product is of the low and the high half of (data ^ secret); two vectors are sorted into one of low
 * and one of high halves, because there is no multiplication of even lanes.
 */

const PRIME32_1: u64 = 0x9e3779b1;
const PRIME32_2: u64 = 0x85ebca77;
const PRIME32_3: u64 = 0xc2b2ae3d;
const PRIME64_1: u64 = 0x9e3779b185ebca87;
const PRIME64_2: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME64_3: u64 = 0x165667b19e3779f9;
const PRIME64_4: u64 = 0x85ebca77c2b2ae63;
const PRIME64_5: u64 = 0x27d4eb2f165667c5;
const PRIME_MX1: u64 = 0x165667919e3779f9;
const PRIME_MX2: u64 = 0x9fb21c651e98df25;

const STRIPE: usize = 64;
const STRIPES_PER_BLOCK: usize = 16;
/** Offset in the secret of what scrambles the sums after each block. */
const SCRAMBLE: usize = 128;

/** Writes the canonical form: big-endian, high half first. */
@inline
function writeDigest(digest: usize, low: u64, high: u64): void {
  store<u64>(digest, bswap<u64>(high));
  store<u64>(digest, bswap<u64>(low), 8);
}

/** The high half of the 128-bit product, from four products of 32-bit halves. */
function multiplyHigh(left: u64, right: u64): u64 {
  const leftLow = left & 0xffffffff;
  const rightLow = right & 0xffffffff;
  const leftHigh = left >> 32;
  const rightHigh = right >> 32;
  const middle = leftHigh * rightLow + ((leftLow * rightLow) >> 32);
  const cross = leftLow * rightHigh + (middle & 0xffffffff);
  return leftHigh * rightHigh + (middle >> 32) + (cross >> 32);
}

@inline
function multiplyFold(left: u64, right: u64): u64 {
  return (left * right) ^ multiplyHigh(left, right);
}

function avalancheXxh64(value: u64): u64 {
  value = (value ^ (value >> 33)) * PRIME64_2;
  value = (value ^ (value >> 29)) * PRIME64_3;
  return value ^ (value >> 32);
}

function avalanche(value: u64): u64 {
  value = (value ^ (value >> 37)) * PRIME_MX1;
  return value ^ (value >> 32);
}

function digestOfNothing(secret: usize, digest: usize): void {
  const low = load<u64>(secret, 64) ^ load<u64>(secret, 72);
  const high = load<u64>(secret, 80) ^ load<u64>(secret, 88);
  writeDigest(digest, avalancheXxh64(low), avalancheXxh64(high));
}

function digestOf1To3(input: usize, length: usize, secret: usize, digest: usize): void {
  const first: u32 = load<u8>(input);
  const middle: u32 = load<u8>(input + (length >> 1));
  const last: u32 = load<u8>(input + length - 1);
  const low = last | (<u32>length << 8) | (first << 16) | (middle << 24);
  const high = rotl<u32>(bswap<u32>(low), 13);
  const flipLow = load<u32>(secret) ^ load<u32>(secret, 4);
  const flipHigh = load<u32>(secret, 8) ^ load<u32>(secret, 12);
  writeDigest(digest, avalancheXxh64(low ^ flipLow), avalancheXxh64(high ^ flipHigh));
}

function digestOf4To8(input: usize, length: usize, secret: usize, digest: usize): void {
  const first: u64 = load<u32>(input);
  const last: u64 = load<u32>(input + length - 4);
  const keyed = (first | (last << 32)) ^ load<u64>(secret, 16) ^ load<u64>(secret, 24);
  const factor = PRIME64_1 + (<u64>length << 2);
  let low = keyed * factor;
  const high = multiplyHigh(keyed, factor) + (low << 1);
  low ^= high >> 3;
  low = (low ^ (low >> 35)) * PRIME_MX2;
  writeDigest(digest, low ^ (low >> 28), avalanche(high));
}

function digestOf9To16(input: usize, length: usize, secret: usize, digest: usize): void {
  const first = load<u64>(input);
  const last = load<u64>(input + length - 8);
  const keyed = first ^ last ^ load<u64>(secret, 32) ^ load<u64>(secret, 40);
  let low = keyed * PRIME64_1 + (<u64>(length - 1) << 54);
  const keyedLast = last ^ load<u64>(secret, 48) ^ load<u64>(secret, 56);
  const high =
    multiplyHigh(keyed, PRIME64_1) + keyedLast + (keyedLast & 0xffffffff) * (PRIME32_2 - 1);
  low ^= bswap<u64>(high);
  const lowProduct = low * PRIME64_2;
  const highProduct = multiplyHigh(low, PRIME64_2) + high * PRIME64_2;
  writeDigest(digest, avalanche(lowProduct), avalanche(highProduct));
}

/** Mixes 16 bytes with 16 bytes of the secret. */
@inline
function mix16(input: usize, secret: usize): u64 {
  return multiplyFold(
    load<u64>(input) ^ load<u64>(secret),
    load<u64>(input, 8) ^ load<u64>(secret, 8),
  );
}

@inline
function sum16(input: usize): u64 {
  return load<u64>(input) + load<u64>(input, 8);
}

function finishMedium(low: u64, high: u64, length: usize, digest: usize): void {
  const mixed = low * PRIME64_1 + high * PRIME64_4 + <u64>length * PRIME64_2;
  writeDigest(digest, avalanche(low + high), 0 - avalanche(mixed));
}

function digestOf17To128(input: usize, length: usize, secret: usize, digest: usize): void {
  let low = <u64>length * PRIME64_1;
  let high: u64 = 0;
  for (let pair: i32 = <i32>((length - 1) >> 5); pair >= 0; pair--) {
    const left = input + <usize>pair * 16;
    const right = input + length - 16 - <usize>pair * 16;
    low = (low + mix16(left, secret + <usize>pair * 32)) ^ sum16(right);
    high = (high + mix16(right, secret + <usize>pair * 32 + 16)) ^ sum16(left);
  }
  finishMedium(low, high, length, digest);
}

function digestOf129To240(input: usize, length: usize, secret: usize, digest: usize): void {
  let low = <u64>length * PRIME64_1;
  let high: u64 = 0;
  for (let offset: usize = 0; offset < 128; offset += 32) {
    const left = input + offset;
    low = (low + mix16(left, secret + offset)) ^ sum16(left + 16);
    high = (high + mix16(left + 16, secret + offset + 16)) ^ sum16(left);
  }
  low = avalanche(low);
  high = avalanche(high);
  for (let offset: usize = 128; offset + 32 <= length; offset += 32) {
    const left = input + offset;
    const key = secret + (offset - 128 + 3);
    low = (low + mix16(left, key)) ^ sum16(left + 16);
    high = (high + mix16(left + 16, key + 16)) ^ sum16(left);
  }
  const left = input + length - 16;
  const right = input + length - 32;
  low = (low + mix16(left, secret + 103)) ^ sum16(right);
  high = (high + mix16(right, secret + 119)) ^ sum16(left);
  finishMedium(low, high, length, digest);
}

/** The low halves of both vectors' lanes; extmul_low then sees the first, extmul_high the second. */
@inline
function lowHalves(left: v128, right: v128): v128 {
  return v128.shuffle<i32>(left, right, 0, 2, 4, 6);
}

@inline
function highHalves(left: v128, right: v128): v128 {
  return v128.shuffle<i32>(left, right, 1, 3, 5, 7);
}

/** Each lane's data goes to its neighbour's sum. */
@inline
function swapLanes(data: v128): v128 {
  return v128.shuffle<i64>(data, data, 1, 0);
}

@inline
function scramble(sum: v128, secret: usize): v128 {
  const mixed = v128.xor(v128.xor(sum, i64x2.shr_u(sum, 47)), v128.load(secret));
  const prime = i64x2.splat(PRIME32_1);
  const low = i64x2.mul(v128.and(mixed, i64x2.splat(0xffffffff)), prime);
  return i64x2.add(low, i64x2.shl(i64x2.mul(i64x2.shr_u(mixed, 32), prime), 32));
}

@inline
function mergePair(sums: v128, secret: usize): u64 {
  return multiplyFold(
    <u64>i64x2.extract_lane(sums, 0) ^ load<u64>(secret),
    <u64>i64x2.extract_lane(sums, 1) ^ load<u64>(secret, 8),
  );
}

function digestOfLong(input: usize, length: usize, secret: usize, digest: usize): void {
  let sum0 = i64x2(PRIME32_3, PRIME64_1);
  let sum1 = i64x2(PRIME64_2, PRIME64_3);
  let sum2 = i64x2(PRIME64_4, PRIME32_2);
  let sum3 = i64x2(PRIME64_5, PRIME32_1);
  const stripes = (length - 1) / STRIPE;
  let key = secret;
  let from = input;
  // One step more than there are whole stripes: the last takes the last 64 bytes of the input.
  for (let stripe: usize = 0; stripe <= stripes; stripe++) {
    if (stripe == stripes) {
      from = input + length - STRIPE;
      key = secret + 121;
    }
    const data0 = v128.load(from);
    const data1 = v128.load(from, 16);
    const data2 = v128.load(from, 32);
    const data3 = v128.load(from, 48);
    const keyed0 = v128.xor(data0, v128.load(key));
    const keyed1 = v128.xor(data1, v128.load(key, 16));
    const keyed2 = v128.xor(data2, v128.load(key, 32));
    const keyed3 = v128.xor(data3, v128.load(key, 48));
    const low01 = lowHalves(keyed0, keyed1);
    const high01 = highHalves(keyed0, keyed1);
    const low23 = lowHalves(keyed2, keyed3);
    const high23 = highHalves(keyed2, keyed3);
    sum0 = i64x2.add(i64x2.add(sum0, swapLanes(data0)), i64x2.extmul_low_i32x4_u(low01, high01));
    sum1 = i64x2.add(i64x2.add(sum1, swapLanes(data1)), i64x2.extmul_high_i32x4_u(low01, high01));
    sum2 = i64x2.add(i64x2.add(sum2, swapLanes(data2)), i64x2.extmul_low_i32x4_u(low23, high23));
    sum3 = i64x2.add(i64x2.add(sum3, swapLanes(data3)), i64x2.extmul_high_i32x4_u(low23, high23));
    from += STRIPE;
    key += 8;
    if ((stripe & (STRIPES_PER_BLOCK - 1)) == STRIPES_PER_BLOCK - 1 && stripe < stripes) {
      sum0 = scramble(sum0, secret + SCRAMBLE);
      sum1 = scramble(sum1, secret + SCRAMBLE + 16);
      sum2 = scramble(sum2, secret + SCRAMBLE + 32);
      sum3 = scramble(sum3, secret + SCRAMBLE + 48);
      key = secret;
    }
  }
  let low = <u64>length * PRIME64_1;
  low += mergePair(sum0, secret + 11) + mergePair(sum1, secret + 27);
  low += mergePair(sum2, secret + 43) + mergePair(sum3, secret + 59);
  let high = ~(<u64>length * PRIME64_2);
  high += mergePair(sum0, secret + 117) + mergePair(sum1, secret + 133);
  high += mergePair(sum2, secret + 149) + mergePair(sum3, secret + 165);
  writeDigest(digest, avalanche(low), avalanche(high));
}

/** Writes the digest of input..input + length to `digest`. */
export function xxh3(input: usize, length: usize, secret: usize, digest: usize): void {
  if (length > 240) digestOfLong(input, length, secret, digest);
  else if (length > 128) digestOf129To240(input, length, secret, digest);
  else if (length > 16) digestOf17To128(input, length, secret, digest);
  else if (length > 8) digestOf9To16(input, length, secret, digest);
  else if (length > 3) digestOf4To8(input, length, secret, digest);
  else if (length > 0) digestOf1To3(input, length, secret, digest);
  else digestOfNothing(secret, digest);
}
