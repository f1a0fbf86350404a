/**
 * CRC-32, CRC-32C and CRC-64/NVME: all bit-reflected, so one way of computing serves both widths.
 *
 * AssemblyScript, compiled into a WebAssembly module of its own by config/build-kernels.ts. It holds
 * no data: the tables and the scratch lie in the imported memory. Its slow twin is `crcUpdateSlow`
 * in src/codec/crc.ts.
 *
 * Short inputs: slicing by 16. Table s says what a byte does to the register s bytes later, so
 * sixteen bytes cost sixteen independent lookups instead of a chain of sixteen.
 *
 * Long inputs are first folded into a short one with the same CRC. WebAssembly has no carry-less
 * multiply, but a generator polynomial has sparse multiples: with units of 16 bytes,
 *
 *   x^(128·d) = x^(128·(d - g1)) + … + x^(128·(d - gn))   modulo the polynomial, and d = g1.
 *
 * So a unit may be taken out when it is added to the units g1 … gn places after it. Seen from the
 * other end: when its turn comes, unit i is its input plus units i - g1 … i - gn. That is a few
 * vector loads and exclusive ors a unit, and only the last d units remain. The gaps below were found
 * by search (docs/decisions/0010); one wrong gap makes every long input's CRC wrong.
 *
 * Loops count what is left instead of comparing with an end, which at the end of 4 GiB is 0.
 */

/** Bytes of a unit, one vector. */
const UNIT: usize = 16;
/** Units folded before the last ones move to the start of the scratch; less than the longest gap. */
const CHUNK: usize = 1024;
/** Folding leaves d units to slice: not worth it for fewer units than this many times d. */
const WORTHWHILE: usize = 3;
/** Entries of one slice. */
const SLICE: usize = 256;

// ---- Folding. ----

/** Adds the unit `gap` places before `at`; a gap of 0 stands for none. */
@inline
function plus(sum: v128, at: usize, gap: usize): v128 {
  return gap == 0 ? sum : v128.xor(sum, v128.load(at - gap * UNIT));
}

/**
 * Folds the first `units` units of the input into the `longest` that follow them; those are left at
 * the start of `scratch`. The gaps are constants at every call.
 */
@inline
function fold(
  register: v128,
  input: usize,
  units: usize,
  scratch: usize,
  longest: usize,
  gap2: usize,
  gap3: usize,
  gap4: usize,
  gap5: usize,
  gap6: usize,
  gap7: usize,
  gap8: usize,
): void {
  const window = longest * UNIT;
  memory.fill(scratch, 0, window);
  // Only unit 0 sees this place, through the longest gap: so it starts with the register.
  v128.store(scratch, register);
  for (let left = units; left > 0; ) {
    const count = min(left, CHUNK);
    let at = scratch + window;
    for (let unit: usize = 0; unit < count; unit++) {
      let sum = plus(v128.load(input), at, longest);
      sum = plus(plus(plus(sum, at, gap2), at, gap3), at, gap4);
      sum = plus(plus(plus(plus(sum, at, gap5), at, gap6), at, gap7), at, gap8);
      v128.store(at, sum);
      input += UNIT;
      at += UNIT;
    }
    memory.copy(scratch, scratch + count * UNIT, window);
    left -= count;
  }
  // The units that remain take what came before them, but nothing from each other.
  memory.fill(scratch + window, 0, window);
  let at = scratch + window;
  for (let unit: usize = 0; unit < longest; unit++) {
    let sum = plus(v128.load(input), at, longest);
    sum = plus(plus(plus(sum, at, gap2), at, gap3), at, gap4);
    sum = plus(plus(plus(plus(sum, at, gap5), at, gap6), at, gap7), at, gap8);
    // This place is behind every window now.
    v128.store(at - window, sum);
    input += UNIT;
    at += UNIT;
  }
}

// ---- Slicing, 32 bits. ----

/** What the lowest byte of `word` does to the register `slice` bytes later. */
@inline
function after32(tables: usize, slice: usize, word: u32): u32 {
  return load<u32>(tables + slice * SLICE * 4 + (<usize>(word & 0xff) << 2));
}

@inline
function word32(tables: usize, slice: usize, word: u32): u32 {
  return (
    after32(tables, slice + 3, word) ^
    after32(tables, slice + 2, word >> 8) ^
    after32(tables, slice + 1, word >> 16) ^
    after32(tables, slice, word >> 24)
  );
}

function slice32(register: u32, input: usize, length: usize, tables: usize): u32 {
  for (; length >= UNIT; length -= UNIT, input += UNIT) {
    register =
      word32(tables, 12, register ^ load<u32>(input)) ^
      word32(tables, 8, load<u32>(input, 4)) ^
      word32(tables, 4, load<u32>(input, 8)) ^
      word32(tables, 0, load<u32>(input, 12));
  }
  for (; length > 0; length--, input++) {
    register = (register >> 8) ^ after32(tables, 0, register ^ load<u8>(input));
  }
  return register;
}

// ---- Slicing, 64 bits. ----

@inline
function after64(tables: usize, slice: usize, word: u64): u64 {
  return load<u64>(tables + slice * SLICE * 8 + (<usize>(word & 0xff) << 3));
}

@inline
function word64(tables: usize, slice: usize, word: u64): u64 {
  return (
    after64(tables, slice + 7, word) ^
    after64(tables, slice + 6, word >> 8) ^
    after64(tables, slice + 5, word >> 16) ^
    after64(tables, slice + 4, word >> 24) ^
    after64(tables, slice + 3, word >> 32) ^
    after64(tables, slice + 2, word >> 40) ^
    after64(tables, slice + 1, word >> 48) ^
    after64(tables, slice, word >> 56)
  );
}

function slice64(register: u64, input: usize, length: usize, tables: usize): u64 {
  for (; length >= UNIT; length -= UNIT, input += UNIT) {
    register = word64(tables, 8, register ^ load<u64>(input)) ^ word64(tables, 0, load<u64>(input, 8));
  }
  for (; length > 0; length--, input++) {
    register = (register >> 8) ^ after64(tables, 0, register ^ load<u8>(input));
  }
  return register;
}

// ---- The finished values after more bytes. ----

export function crc32(value: u32, input: usize, length: usize, tables: usize, scratch: usize): u32 {
  const longest: usize = 300;
  let register = ~value;
  if (length >= WORTHWHILE * longest * UNIT) {
    const units = length / UNIT - longest;
    const start = i32x4.replace_lane(i32x4.splat(0), 0, register);
    fold(start, input, units, scratch, longest, 211, 183, 145, 0, 0, 0, 0);
    register = slice32(0, scratch, longest * UNIT, tables);
    input += (units + longest) * UNIT;
    length -= (units + longest) * UNIT;
  }
  return ~slice32(register, input, length, tables);
}

export function crc32c(value: u32, input: usize, length: usize, tables: usize, scratch: usize): u32 {
  const longest: usize = 209;
  let register = ~value;
  if (length >= WORTHWHILE * longest * UNIT) {
    const units = length / UNIT - longest;
    const start = i32x4.replace_lane(i32x4.splat(0), 0, register);
    fold(start, input, units, scratch, longest, 195, 170, 155, 65, 0, 0, 0);
    register = slice32(0, scratch, longest * UNIT, tables);
    input += (units + longest) * UNIT;
    length -= (units + longest) * UNIT;
  }
  return ~slice32(register, input, length, tables);
}

export function crc64nvme(
  value: u64,
  input: usize,
  length: usize,
  tables: usize,
  scratch: usize,
): u64 {
  const longest: usize = 1079;
  let register = ~value;
  if (length >= WORTHWHILE * longest * UNIT) {
    const units = length / UNIT - longest;
    const start = i64x2.replace_lane(i64x2.splat(0), 0, register);
    fold(start, input, units, scratch, longest, 972, 938, 931, 718, 648, 118, 92);
    register = slice64(0, scratch, longest * UNIT, tables);
    input += (units + longest) * UNIT;
    length -= (units + longest) * UNIT;
  }
  return ~slice64(register, input, length, tables);
}
