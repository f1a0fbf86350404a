import fc from "fast-check";
import { test } from "tap";
import {
  type Matrix,
  parityMatrix,
  recoveryMatrix,
  SHARDS_MAX,
} from "../../../src/codec/erasure-matrix.ts";
import { fieldMultiply } from "../../../src/codec/gf256.ts";

function apply(matrix: Matrix, input: readonly number[]): number[] {
  return Array.from({ length: matrix.rows }, (_, row) =>
    input.reduce(
      (sum, byte, column) =>
        sum ^ fieldMultiply(matrix.coefficients[row * matrix.columns + column] ?? 0, byte),
      0,
    ),
  );
}

/** Every choice of `count` numbers below `limit`. */
function* choices(limit: number, count: number, from = 0): Generator<number[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (let first = from; first <= limit - count; first++) {
    for (const rest of choices(limit, count - 1, first + 1)) yield [first, ...rest];
  }
}

function recoversAll(k: number, m: number, sources: readonly number[]): boolean {
  const data = Array.from({ length: k }, (_, index) => (37 * index + 11) & 0xff);
  const blocks = [...data, ...apply(parityMatrix(k, m), data)];
  const slots = blocks.map((_, slot) => slot);
  const found = apply(
    recoveryMatrix({ k, m }, sources, slots),
    sources.map((slot) => blocks[slot] ?? 0),
  );
  return found.every((byte, slot) => byte === blocks[slot]);
}

test("parityMatrix: the first parity is the exclusive or, the first column copies", async (t) => {
  for (let k = 1; k <= SHARDS_MAX; k++) {
    for (let m = 1; k + m <= SHARDS_MAX; m++) {
      const { coefficients } = parityMatrix(k, m);
      const edges = coefficients.filter((_, index) => index < k || index % k === 0);
      t.ok(edges.every((value) => value === 1) && !coefficients.includes(0), `${k}+${m}`);
    }
  }
});

test("parityMatrix: is the matrix of the format", async (t) => {
  t.strictSame([...parityMatrix(4, 2).coefficients], [1, 1, 1, 1, 1, 217, 92, 172]);
});

test("recoveryMatrix: any k blocks give all the others, for every choice up to 8 slots", async (t) => {
  for (let k = 1; k <= 8; k++) {
    for (let m = 0; k + m <= 8; m++) {
      for (const sources of choices(k + m, k)) {
        if (!recoversAll(k, m, sources)) t.fail(`${k}+${m} from ${sources.join()}`);
      }
    }
  }
});

test("recoveryMatrix: any k blocks give all the others, up to 16 slots and in any order", async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: SHARDS_MAX }),
      fc.nat(),
      fc.array(fc.nat(), { minLength: SHARDS_MAX, maxLength: SHARDS_MAX }),
      (k, parity, order) => {
        const m = parity % (SHARDS_MAX - k + 1);
        const slots = Array.from({ length: k + m }, (_, slot) => slot);
        slots.sort((left, right) => (order[left] ?? 0) - (order[right] ?? 0));
        return recoversAll(k, m, slots.slice(0, k));
      },
    ),
  );
});

test("parityMatrix: refuses shapes outside 1 <= k, 0 <= m, k + m <= 16", async (t) => {
  for (const [k, m] of [
    [0, 2],
    [1, -1],
    [12, 5],
    [1.5, 1],
  ] as const) {
    t.throws(() => parityMatrix(k, m), /got/);
  }
});
