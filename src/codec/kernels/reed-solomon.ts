/**
 * Erasure coding: every target block becomes a sum of multiples of the source blocks in GF(2^8).
 *
 * AssemblyScript, compiled into a WebAssembly module of its own by config/build-kernels.ts. It holds
 * no data: tables and scratch are places in the imported memory that the caller names
 * (src/codec/kernel-layout.ts). Its slow twin is in src/codec/twin-kernels.ts.
 *
 * Multiplying by a constant is two lookups in 16-entry tables, one for each nibble of the byte; a
 * byte shuffle (swizzle) does sixteen lookups at once. One pass over the sources makes up to two
 * products, in chunks that stay in the first-level cache for the next pass. A row of ones, as the
 * first parity is, needs no multiplication: it rides along in the first pass.
 */

/** Bytes of one coefficient's two nibble tables. */
const TABLE: usize = 32;
/** Bytes of each block that all passes treat before going on. */
const CHUNK: usize = 4096;
/** Bytes of each block that one step treats. */
const STEP: usize = 64;

/** Sixteen lookups; all indexes are 0..15, for which the relaxed form is exact on every machine. */
@inline
function lookup(table: v128, indexes: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indexes);
  return i8x16.swizzle(table, indexes);
}

/** The products of one coefficient, given by its two tables, with sixteen bytes. */
@inline
function product(lowTable: v128, highTable: v128, data: v128, nibble: v128): v128 {
  const low = v128.and(data, nibble);
  const high = v128.and(i16x8.shr_u(data, 4), nibble);
  return v128.xor(lookup(lowTable, low), lookup(highTable, high));
}

/**
 * Makes `rows` products (0 to 2) and, `withSum`, the plain sum, over bytes start..end of the blocks.
 * Both are constants at every call, so that each call compiles to a loop of its own. A step takes a
 * whole cache line of every source: with less, sources a power of two apart evict each other.
 */
@inline
function pass(
  rows: i32,
  withSum: bool,
  sources: usize,
  sourcesEnd: usize,
  tables: usize,
  targets: usize,
  sumTarget: usize,
  start: usize,
  end: usize,
): void {
  const nibble = i8x16.splat(0x0f);
  const rowTables = ((sourcesEnd - sources) / 4) * TABLE;
  const first: usize = rows > 0 ? load<u32>(targets) : 0;
  const second: usize = rows > 1 ? load<u32>(targets, 4) : 0;
  for (let at = start; at < end; at += STEP) {
    let sum0 = i64x2.splat(0);
    let sum1 = i64x2.splat(0);
    let sum2 = i64x2.splat(0);
    let sum3 = i64x2.splat(0);
    let first0 = i64x2.splat(0);
    let first1 = i64x2.splat(0);
    let first2 = i64x2.splat(0);
    let first3 = i64x2.splat(0);
    let second0 = i64x2.splat(0);
    let second1 = i64x2.splat(0);
    let second2 = i64x2.splat(0);
    let second3 = i64x2.splat(0);
    let table = tables;
    for (let source = sources; source < sourcesEnd; source += 4) {
      const from = <usize>load<u32>(source) + at;
      const data0 = v128.load(from);
      const data1 = v128.load(from, 16);
      const data2 = v128.load(from, 32);
      const data3 = v128.load(from, 48);
      if (withSum) {
        sum0 = v128.xor(sum0, data0);
        sum1 = v128.xor(sum1, data1);
        sum2 = v128.xor(sum2, data2);
        sum3 = v128.xor(sum3, data3);
      }
      if (rows > 0) {
        const lowTable = v128.load(table);
        const highTable = v128.load(table, 16);
        first0 = v128.xor(first0, product(lowTable, highTable, data0, nibble));
        first1 = v128.xor(first1, product(lowTable, highTable, data1, nibble));
        first2 = v128.xor(first2, product(lowTable, highTable, data2, nibble));
        first3 = v128.xor(first3, product(lowTable, highTable, data3, nibble));
      }
      if (rows > 1) {
        const lowTable = v128.load(table + rowTables);
        const highTable = v128.load(table + rowTables, 16);
        second0 = v128.xor(second0, product(lowTable, highTable, data0, nibble));
        second1 = v128.xor(second1, product(lowTable, highTable, data1, nibble));
        second2 = v128.xor(second2, product(lowTable, highTable, data2, nibble));
        second3 = v128.xor(second3, product(lowTable, highTable, data3, nibble));
      }
      table += TABLE;
    }
    if (withSum) {
      v128.store(sumTarget + at, sum0);
      v128.store(sumTarget + at, sum1, 16);
      v128.store(sumTarget + at, sum2, 32);
      v128.store(sumTarget + at, sum3, 48);
    }
    if (rows > 0) {
      v128.store(first + at, first0);
      v128.store(first + at, first1, 16);
      v128.store(first + at, first2, 32);
      v128.store(first + at, first3, 48);
    }
    if (rows > 1) {
      v128.store(second + at, second0);
      v128.store(second + at, second1, 16);
      v128.store(second + at, second2, 32);
      v128.store(second + at, second3, 48);
    }
  }
}

/** The last bytes, fewer than a step, one by one. */
function tail(
  withSum: bool,
  sources: usize,
  sourcesEnd: usize,
  tables: usize,
  targets: usize,
  targetsEnd: usize,
  start: usize,
  end: usize,
): void {
  for (let at = start; at < end; at++) {
    let table = tables;
    let target = targets;
    if (withSum) {
      let sum: u32 = 0;
      for (let source = sources; source < sourcesEnd; source += 4) {
        sum ^= load<u8>(<usize>load<u32>(source) + at);
      }
      store<u8>(<usize>load<u32>(target) + at, sum);
      target += 4;
    }
    for (; target < targetsEnd; target += 4) {
      let value: u32 = 0;
      for (let source = sources; source < sourcesEnd; source += 4) {
        const byte: u32 = load<u8>(<usize>load<u32>(source) + at);
        value ^= load<u8>(table + (byte & 15)) ^ load<u8>(table + (byte >> 4), 16);
        table += TABLE;
      }
      store<u8>(<usize>load<u32>(target) + at, value);
    }
  }
}

/**
 * The offsets of the blocks are u32s at sources..sourcesEnd and targets..targetsEnd. With `withSum`
 * the first target is the plain sum. The others' nibble tables lie at `tables`, row by row.
 */
export function multiplyBlocks(
  sources: usize,
  sourcesEnd: usize,
  tables: usize,
  targets: usize,
  targetsEnd: usize,
  withSum: bool,
  length: usize,
): void {
  const whole = length & ~(STEP - 1);
  const rowTables = ((sourcesEnd - sources) / 4) * TABLE;
  const sumTarget: usize = withSum ? load<u32>(targets) : 0;
  const products: usize = withSum ? targets + 4 : targets;
  for (let start: usize = 0; start < whole; start += CHUNK) {
    const end = min(start + CHUNK, whole);
    const rows = (targetsEnd - products) / 4;
    if (withSum) {
      if (rows == 0) pass(0, true, sources, sourcesEnd, tables, products, sumTarget, start, end);
      else if (rows == 1) pass(1, true, sources, sourcesEnd, tables, products, sumTarget, start, end);
      else pass(2, true, sources, sourcesEnd, tables, products, sumTarget, start, end);
    }
    let table = tables;
    let target = products;
    if (withSum) {
      target += min(rows, 2) * 4;
      table += min(rows, 2) * rowTables;
    }
    for (; target + 4 < targetsEnd; target += 8) {
      pass(2, false, sources, sourcesEnd, table, target, 0, start, end);
      table += 2 * rowTables;
    }
    if (target < targetsEnd) pass(1, false, sources, sourcesEnd, table, target, 0, start, end);
  }
  tail(withSum, sources, sourcesEnd, tables, targets, targetsEnd, whole, length);
}
