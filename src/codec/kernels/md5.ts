/**
 * MD5's compression (RFC 1321) of one stream, of four, and of eight at once.
 *
 * AssemblyScript, compiled into a WebAssembly module of its own by config/build-kernels.ts. It holds
 * no data: the 64 constants are a table in the imported memory, and the message words of the lanes
 * go through the caller's scratch. Padding and unfinished blocks are the caller's
 * (src/codec/md5-streams.ts). The slow twin is src/codec/md5.ts.
 *
 * One stream is a chain of 64 dependent steps a block, so its speed is the latency of a step. Four
 * streams fit the lanes of a vector and cost the same chain; eight, as two independent groups,
 * fill the gaps that one group leaves. The message words are transposed first: one vector for word w
 * of all four lanes.
 */

/** Bytes between two message words of one group: two groups of 16. */
const WORD: usize = 32;
const BLOCK: usize = 64;

// ---- One stream. ----

@inline
function step(a: u32, b: u32, mixed: u32, sum: u32, shift: u32): u32 {
  return b + rotl<u32>(a + sum + mixed, shift);
}

/** Message word plus constant. */
@inline
function input(data: usize, word: usize, constant: usize): u32 {
  return load<u32>(data + ((word & 15) << 2)) + load<u32>(constant);
}

/** Absorbs `blocks` blocks of 64 bytes at `data` into the four words at `state`. */
export function compress1(state: usize, data: usize, blocks: usize, constants: usize): void {
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  // Counted, not compared with an end: at the end of 4 GiB that is 0.
  for (; blocks > 0; blocks--, data += BLOCK) {
    const a0 = a;
    const b0 = b;
    const c0 = c;
    const d0 = d;
    let k = constants;
    for (let w: usize = 0; w < 16; w += 4, k += 16) {
      a = step(a, b, d ^ (b & (c ^ d)), input(data, w, k), 7);
      d = step(d, a, c ^ (a & (b ^ c)), input(data, w + 1, k + 4), 12);
      c = step(c, d, b ^ (d & (a ^ b)), input(data, w + 2, k + 8), 17);
      b = step(b, c, a ^ (c & (d ^ a)), input(data, w + 3, k + 12), 22);
    }
    for (let w: usize = 1; w < 81; w += 20, k += 16) {
      a = step(a, b, (b & d) + (c & ~d), input(data, w, k), 5);
      d = step(d, a, (a & c) + (b & ~c), input(data, w + 5, k + 4), 9);
      c = step(c, d, (d & b) + (a & ~b), input(data, w + 10, k + 8), 14);
      b = step(b, c, (c & a) + (d & ~a), input(data, w + 15, k + 12), 20);
    }
    for (let w: usize = 5; w < 53; w += 12, k += 16) {
      a = step(a, b, b ^ (c ^ d), input(data, w, k), 4);
      d = step(d, a, a ^ (b ^ c), input(data, w + 3, k + 4), 11);
      c = step(c, d, d ^ (a ^ b), input(data, w + 6, k + 8), 16);
      b = step(b, c, c ^ (d ^ a), input(data, w + 9, k + 12), 23);
    }
    for (let w: usize = 0; w < 112; w += 28, k += 16) {
      a = step(a, b, c ^ (b | ~d), input(data, w, k), 6);
      d = step(d, a, b ^ (a | ~c), input(data, w + 7, k + 4), 10);
      c = step(c, d, a ^ (d | ~b), input(data, w + 14, k + 8), 15);
      b = step(b, c, d ^ (c | ~a), input(data, w + 21, k + 12), 21);
    }
    a += a0;
    b += b0;
    c += c0;
    d += d0;
  }
  store<u32>(state, a);
  store<u32>(state, b, 4);
  store<u32>(state, c, 8);
  store<u32>(state, d, 12);
}

// ---- Many streams: a lane is a pair of u32, the offsets of its state and of its data. ----

@inline
function stateOf(lanes: usize, lane: usize): usize {
  return load<u32>(lanes + lane * 8);
}

@inline
function dataOf(lanes: usize, lane: usize): usize {
  return load<u32>(lanes + lane * 8, 4);
}

/** Rows of four words become columns, at words, words + stride, …: out[w][lane] = in[lane][w]. */
@inline
function transpose(row0: v128, row1: v128, row2: v128, row3: v128, words: usize): void {
  const low01 = v128.shuffle<i32>(row0, row1, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(row0, row1, 2, 6, 3, 7);
  const low23 = v128.shuffle<i32>(row2, row3, 0, 4, 1, 5);
  const high23 = v128.shuffle<i32>(row2, row3, 2, 6, 3, 7);
  v128.store(words, v128.shuffle<i64>(low01, low23, 0, 2));
  v128.store(words, v128.shuffle<i64>(low01, low23, 1, 3), WORD);
  v128.store(words, v128.shuffle<i64>(high01, high23, 0, 2), 2 * WORD);
  v128.store(words, v128.shuffle<i64>(high01, high23, 1, 3), 3 * WORD);
}

/** The message words of four lanes, `at` bytes into their data. */
@inline
function gather(lanes: usize, at: usize, words: usize): void {
  const data0 = dataOf(lanes, 0) + at;
  const data1 = dataOf(lanes, 1) + at;
  const data2 = dataOf(lanes, 2) + at;
  const data3 = dataOf(lanes, 3) + at;
  for (let part: usize = 0; part < BLOCK; part += 16) {
    transpose(
      v128.load(data0 + part),
      v128.load(data1 + part),
      v128.load(data2 + part),
      v128.load(data3 + part),
      words + (part >> 2) * WORD,
    );
  }
}

/** Word `index` (0 to 3) of the states of four lanes. */
@inline
function readStates(lanes: usize, index: usize): v128 {
  let word = v128.load32_splat(stateOf(lanes, 0) + index * 4);
  word = v128.load_lane<u32>(stateOf(lanes, 1) + index * 4, word, 1);
  word = v128.load_lane<u32>(stateOf(lanes, 2) + index * 4, word, 2);
  return v128.load_lane<u32>(stateOf(lanes, 3) + index * 4, word, 3);
}

@inline
function writeStates(lanes: usize, index: usize, word: v128): void {
  v128.store_lane<u32>(stateOf(lanes, 0) + index * 4, word, 0);
  v128.store_lane<u32>(stateOf(lanes, 1) + index * 4, word, 1);
  v128.store_lane<u32>(stateOf(lanes, 2) + index * 4, word, 2);
  v128.store_lane<u32>(stateOf(lanes, 3) + index * 4, word, 3);
}

/** Message words plus constant. */
@inline
function inputs(words: usize, word: usize, constant: usize): v128 {
  return i32x4.add(v128.load(words + (word & 15) * WORD), v128.load32_splat(constant));
}

@inline
function steps(a: v128, b: v128, mixed: v128, sum: v128, shift: i32): v128 {
  const turned = i32x4.add(i32x4.add(a, sum), mixed);
  return i32x4.add(b, v128.or(i32x4.shl(turned, shift), i32x4.shr_u(turned, 32 - shift)));
}

@inline
function round1(b: v128, c: v128, d: v128): v128 {
  return v128.xor(d, v128.and(b, v128.xor(c, d)));
}

@inline
function round2(b: v128, c: v128, d: v128): v128 {
  return v128.or(v128.and(b, d), v128.andnot(c, d));
}

@inline
function round3(b: v128, c: v128, d: v128): v128 {
  return v128.xor(b, v128.xor(c, d));
}

@inline
function round4(b: v128, c: v128, d: v128): v128 {
  return v128.xor(c, v128.or(b, v128.not(d)));
}

/** Absorbs `blocks` blocks of each of the four lanes at `lanes`. */
export function compress4(lanes: usize, words: usize, blocks: usize, constants: usize): void {
  let a = readStates(lanes, 0);
  let b = readStates(lanes, 1);
  let c = readStates(lanes, 2);
  let d = readStates(lanes, 3);
  for (let at: usize = 0; at < blocks * BLOCK; at += BLOCK) {
    gather(lanes, at, words);
    const a0 = a;
    const b0 = b;
    const c0 = c;
    const d0 = d;
    let k = constants;
    for (let w: usize = 0; w < 16; w += 4, k += 16) {
      a = steps(a, b, round1(b, c, d), inputs(words, w, k), 7);
      d = steps(d, a, round1(a, b, c), inputs(words, w + 1, k + 4), 12);
      c = steps(c, d, round1(d, a, b), inputs(words, w + 2, k + 8), 17);
      b = steps(b, c, round1(c, d, a), inputs(words, w + 3, k + 12), 22);
    }
    for (let w: usize = 1; w < 81; w += 20, k += 16) {
      a = steps(a, b, round2(b, c, d), inputs(words, w, k), 5);
      d = steps(d, a, round2(a, b, c), inputs(words, w + 5, k + 4), 9);
      c = steps(c, d, round2(d, a, b), inputs(words, w + 10, k + 8), 14);
      b = steps(b, c, round2(c, d, a), inputs(words, w + 15, k + 12), 20);
    }
    for (let w: usize = 5; w < 53; w += 12, k += 16) {
      a = steps(a, b, round3(b, c, d), inputs(words, w, k), 4);
      d = steps(d, a, round3(a, b, c), inputs(words, w + 3, k + 4), 11);
      c = steps(c, d, round3(d, a, b), inputs(words, w + 6, k + 8), 16);
      b = steps(b, c, round3(c, d, a), inputs(words, w + 9, k + 12), 23);
    }
    for (let w: usize = 0; w < 112; w += 28, k += 16) {
      a = steps(a, b, round4(b, c, d), inputs(words, w, k), 6);
      d = steps(d, a, round4(a, b, c), inputs(words, w + 7, k + 4), 10);
      c = steps(c, d, round4(d, a, b), inputs(words, w + 14, k + 8), 15);
      b = steps(b, c, round4(c, d, a), inputs(words, w + 21, k + 12), 21);
    }
    a = i32x4.add(a, a0);
    b = i32x4.add(b, b0);
    c = i32x4.add(c, c0);
    d = i32x4.add(d, d0);
  }
  writeStates(lanes, 0, a);
  writeStates(lanes, 1, b);
  writeStates(lanes, 2, c);
  writeStates(lanes, 3, d);
}

/** Absorbs `blocks` blocks of each of the eight lanes at `lanes`: two groups, step by step. */
export function compress8(lanes: usize, words: usize, blocks: usize, constants: usize): void {
  const others = lanes + 32;
  const more = words + 16;
  let a = readStates(lanes, 0);
  let b = readStates(lanes, 1);
  let c = readStates(lanes, 2);
  let d = readStates(lanes, 3);
  let p = readStates(others, 0);
  let q = readStates(others, 1);
  let r = readStates(others, 2);
  let s = readStates(others, 3);
  for (let at: usize = 0; at < blocks * BLOCK; at += BLOCK) {
    gather(lanes, at, words);
    gather(others, at, more);
    const a0 = a;
    const b0 = b;
    const c0 = c;
    const d0 = d;
    const p0 = p;
    const q0 = q;
    const r0 = r;
    const s0 = s;
    let k = constants;
    for (let w: usize = 0; w < 16; w += 4, k += 16) {
      a = steps(a, b, round1(b, c, d), inputs(words, w, k), 7);
      p = steps(p, q, round1(q, r, s), inputs(more, w, k), 7);
      d = steps(d, a, round1(a, b, c), inputs(words, w + 1, k + 4), 12);
      s = steps(s, p, round1(p, q, r), inputs(more, w + 1, k + 4), 12);
      c = steps(c, d, round1(d, a, b), inputs(words, w + 2, k + 8), 17);
      r = steps(r, s, round1(s, p, q), inputs(more, w + 2, k + 8), 17);
      b = steps(b, c, round1(c, d, a), inputs(words, w + 3, k + 12), 22);
      q = steps(q, r, round1(r, s, p), inputs(more, w + 3, k + 12), 22);
    }
    for (let w: usize = 1; w < 81; w += 20, k += 16) {
      a = steps(a, b, round2(b, c, d), inputs(words, w, k), 5);
      p = steps(p, q, round2(q, r, s), inputs(more, w, k), 5);
      d = steps(d, a, round2(a, b, c), inputs(words, w + 5, k + 4), 9);
      s = steps(s, p, round2(p, q, r), inputs(more, w + 5, k + 4), 9);
      c = steps(c, d, round2(d, a, b), inputs(words, w + 10, k + 8), 14);
      r = steps(r, s, round2(s, p, q), inputs(more, w + 10, k + 8), 14);
      b = steps(b, c, round2(c, d, a), inputs(words, w + 15, k + 12), 20);
      q = steps(q, r, round2(r, s, p), inputs(more, w + 15, k + 12), 20);
    }
    for (let w: usize = 5; w < 53; w += 12, k += 16) {
      a = steps(a, b, round3(b, c, d), inputs(words, w, k), 4);
      p = steps(p, q, round3(q, r, s), inputs(more, w, k), 4);
      d = steps(d, a, round3(a, b, c), inputs(words, w + 3, k + 4), 11);
      s = steps(s, p, round3(p, q, r), inputs(more, w + 3, k + 4), 11);
      c = steps(c, d, round3(d, a, b), inputs(words, w + 6, k + 8), 16);
      r = steps(r, s, round3(s, p, q), inputs(more, w + 6, k + 8), 16);
      b = steps(b, c, round3(c, d, a), inputs(words, w + 9, k + 12), 23);
      q = steps(q, r, round3(r, s, p), inputs(more, w + 9, k + 12), 23);
    }
    for (let w: usize = 0; w < 112; w += 28, k += 16) {
      a = steps(a, b, round4(b, c, d), inputs(words, w, k), 6);
      p = steps(p, q, round4(q, r, s), inputs(more, w, k), 6);
      d = steps(d, a, round4(a, b, c), inputs(words, w + 7, k + 4), 10);
      s = steps(s, p, round4(p, q, r), inputs(more, w + 7, k + 4), 10);
      c = steps(c, d, round4(d, a, b), inputs(words, w + 14, k + 8), 15);
      r = steps(r, s, round4(s, p, q), inputs(more, w + 14, k + 8), 15);
      b = steps(b, c, round4(c, d, a), inputs(words, w + 21, k + 12), 21);
      q = steps(q, r, round4(r, s, p), inputs(more, w + 21, k + 12), 21);
    }
    a = i32x4.add(a, a0);
    b = i32x4.add(b, b0);
    c = i32x4.add(c, c0);
    d = i32x4.add(d, d0);
    p = i32x4.add(p, p0);
    q = i32x4.add(q, q0);
    r = i32x4.add(r, r0);
    s = i32x4.add(s, s0);
  }
  writeStates(lanes, 0, a);
  writeStates(lanes, 1, b);
  writeStates(lanes, 2, c);
  writeStates(lanes, 3, d);
  writeStates(others, 0, p);
  writeStates(others, 1, q);
  writeStates(others, 2, r);
  writeStates(others, 3, s);
}
