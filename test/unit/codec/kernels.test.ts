import { createHash } from "node:crypto";
import * as zlib from "node:zlib";
import { xxh3 as native } from "@node-rs/xxhash";
import fc from "fast-check";
import { test } from "tap";
import { CRC_ALGORITHMS, CRC_EMPTY, type CrcAlgorithm } from "../../../src/codec/crc.ts";
import { createKernels } from "../../../src/codec/create-kernels.ts";
import type { Matrix } from "../../../src/codec/erasure-matrix.ts";
import {
  KERNEL_SCRATCH_BYTES,
  KERNEL_TABLES_BYTES,
  writeKernelTables,
} from "../../../src/codec/kernel-layout.ts";
import type { Kernels } from "../../../src/codec/kernels.ts";
import { MD5_STATE_BYTES } from "../../../src/codec/md5.ts";
import { createSharedMemory } from "../../../src/codec/wasm.ts";
import { createKernelRoom, fillPattern } from "../../support/kernel-memory.ts";

const room = createKernelRoom(256 * 1024);
const { fast, twin, offset, bytes } = room;

/** Lengths around the edges of lanes, vectors, steps and blocks. */
const lengths = fc.oneof(
  fc.nat(300),
  fc.constantFrom(1023, 1024, 1025, 2048, 4095, 4096, 4097, 4160, 8191, 8193),
);
const misalignments = fc.nat(17);

test("createKernels: takes the compiled kernels on this engine", async (t) => {
  t.match(fast.variant, /simd/);
  t.equal(twin.variant, "twin");
});

const multiplications = fc.record({
  rows: fc.integer({ min: 0, max: 5 }),
  columns: fc.integer({ min: 1, max: 11 }),
  /** Few values, so that rows of ones, mirrors and zeros come up. */
  coefficients: fc.array(fc.oneof(fc.constant(1), fc.nat(255)), { minLength: 55, maxLength: 55 }),
  onesRow: fc.nat(7),
  length: lengths,
  shift: misalignments,
});

test("multiplyBlocks: any matrix, any length, any alignment, and nothing beyond the targets", async () => {
  fc.assert(
    fc.property(multiplications, ({ rows, columns, coefficients, onesRow, length, shift }) => {
      const values = Uint8Array.from(coefficients.slice(0, rows * columns));
      values.fill(1, onesRow * columns, (onesRow + 1) * columns);
      const matrix: Matrix = { rows, columns, coefficients: values };
      const stride = length + shift + 3;
      const at = (index: number) => offset + shift + index * stride;
      const blocks = {
        sources: Array.from({ length: columns }, (_, column) => at(column)),
        targets: Array.from({ length: rows }, (_, row) => at(columns + row)),
        length,
      };
      const used = shift + (rows + columns) * stride;
      fillPattern(bytes.subarray(0, used), length + 1);
      twin.multiplyBlocks(matrix, blocks);
      const expected = Buffer.from(bytes.subarray(0, used));
      fillPattern(bytes.subarray(0, used), length + 1);
      fast.multiplyBlocks(matrix, blocks);
      return expected.equals(bytes.subarray(0, used));
    }),
    { numRuns: 150 },
  );
});

test("multiplyBlocks: refuses blocks that do not fit the matrix", async (t) => {
  const matrix: Matrix = { rows: 1, columns: 2, coefficients: Uint8Array.of(1, 2) };
  const blocks = { sources: [offset], targets: [offset + 64], length: 64 };
  t.throws(() => fast.multiplyBlocks(matrix, blocks), /a block each/);
});

test("xxh3: every length up to 1100 and blocks, at any alignment, as the native library", async (t) => {
  fillPattern(bytes, 5);
  for (const shift of [0, 3]) {
    for (let length = 0; length <= 1100; length++) {
      const input = bytes.subarray(shift, shift + length);
      fast.xxh3(offset + shift, length, offset + 200_000);
      const expected = native.xxh128(input).toString(16).padStart(32, "0");
      if (bytes.toString("hex", 200_000, 200_016) !== expected) t.fail(`${length} at ${shift}`);
    }
  }
  fast.xxh3(offset, 131_072, offset + 200_000);
  t.equal(
    bytes.toString("hex", 200_000, 200_016),
    native.xxh128(bytes.subarray(0, 131_072)).toString(16).padStart(32, "0"),
  );
});

test("xxh3: the twin and the kernel agree", async () => {
  fc.assert(
    fc.property(lengths, misalignments, (length, shift) => {
      fillPattern(bytes.subarray(shift, shift + length), length);
      fast.xxh3(offset + shift, length, offset + 20_000);
      twin.xxh3(offset + shift, length, offset + 20_016);
      return bytes.subarray(20_000, 20_016).equals(bytes.subarray(20_016, 20_032));
    }),
  );
});

const STATES = 100_000;
function stateAt(stream: number): number {
  return offset + STATES + stream * MD5_STATE_BYTES;
}

/** Cuts each stream into chunks and feeds the k-th chunks of all streams together. */
function hashStreams(kernels: readonly Kernels[], streams: readonly number[][]): string[] {
  const [first] = kernels;
  if (first === undefined) return [];
  streams.forEach((_, stream) => {
    first.md5Init(stateAt(stream));
  });
  const rounds = Math.max(0, ...streams.map((chunks) => chunks.length));
  const done = streams.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    const jobs = streams.flatMap((chunks, stream) => {
      const length = chunks[round];
      if (length === undefined) return [];
      const job = { state: stateAt(stream), offset: offset + stream + (done[stream] ?? 0), length };
      done[stream] = (done[stream] ?? 0) + length;
      return [job];
    });
    kernels[round % kernels.length]?.md5UpdateMany(jobs);
  }
  return streams.map((_, stream) => first.md5Final(stateAt(stream)).toString("hex"));
}

test("md5UpdateMany: any streams in any chunks, hopping between instances, as OpenSSL", async (t) => {
  const other = createKernelRoomSibling();
  fillPattern(bytes.subarray(0, STATES), 9);
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.oneof(fc.nat(70), fc.nat(1500)), { maxLength: 5 }), { maxLength: 19 }),
      (streams) => {
        const expected = streams.map((chunks, stream) => {
          const length = chunks.reduce((sum, chunk) => sum + chunk, 0);
          return createHash("md5")
            .update(bytes.subarray(stream, stream + length))
            .digest("hex");
        });
        t.strictSame(hashStreams([fast, other], streams), expected);
      },
    ),
  );
  t.strictSame(hashStreams([twin], [[3, 100]]), hashStreams([fast], [[3, 100]]));
});

/** A second instance on the same memory, with the scratch that the twin does not need. */
function createKernelRoomSibling(): Kernels {
  return createKernels({
    memory: fast.memory,
    tablesOffset: 0,
    scratchOffset: KERNEL_TABLES_BYTES + KERNEL_SCRATCH_BYTES,
  });
}

test("crcUpdate: any cut at any alignment, as the twin", async () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...CRC_ALGORITHMS),
      lengths,
      fc.nat(100),
      misalignments,
      (algorithm, length, head, shift) => {
        fillPattern(bytes.subarray(shift, shift + head + length), length);
        const expected = twin.crcUpdate(algorithm, CRC_EMPTY, offset + shift, head + length);
        const begun = fast.crcUpdate(algorithm, CRC_EMPTY, offset + shift, head);
        return fast.crcUpdate(algorithm, begun, offset + shift + head, length) === expected;
      },
    ),
  );
});

/** The CRC of many bytes in pieces too short for folding. */
function crcInPieces(
  algorithm: CrcAlgorithm,
  begun: bigint,
  start: number,
  length: number,
): bigint {
  let value = begun;
  for (let done = 0; done < length; done += 1000) {
    value = fast.crcUpdate(algorithm, value, start + done, Math.min(1000, length - done));
  }
  return value;
}

test("crcUpdate: folding long inputs changes nothing, at any length, cut and alignment", async () => {
  fillPattern(bytes, 11);
  // Three times the longest gap of each CRC, in bytes: where folding begins.
  const edges = [300, 209, 1079].map((units) => 3 * 16 * units);
  const longLengths = fc.oneof(
    fc
      .tuple(fc.constantFrom(...edges), fc.integer({ min: -2, max: 40 }))
      .map(([at, by]) => at + by),
    fc.integer({ min: 10_000, max: 200_000 }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...CRC_ALGORITHMS),
      longLengths,
      fc.nat(40),
      misalignments,
      (algorithm, length, head, shift) => {
        const start = offset + shift + head;
        const begun = fast.crcUpdate(algorithm, CRC_EMPTY, offset + shift, head);
        const expected = crcInPieces(algorithm, begun, start, length);
        return fast.crcUpdate(algorithm, begun, start, length) === expected;
      },
    ),
  );
});

test("crcUpdate: a long CRC-32 is zlib's", async (t) => {
  fillPattern(bytes, 12);
  t.equal(
    fast.crcUpdate("crc32", CRC_EMPTY, offset, 200_001),
    BigInt(zlib.crc32(bytes.subarray(0, 200_001))),
  );
});

test("createKernels: two instances on one memory do not disturb each other's matrix", async (t) => {
  const other = createKernelRoomSibling();
  const double: Matrix = { rows: 1, columns: 1, coefficients: Uint8Array.of(2) };
  const triple: Matrix = { rows: 1, columns: 1, coefficients: Uint8Array.of(3) };
  const blocks = { sources: [offset], targets: [offset + 128], length: 128 };
  bytes.fill(1, 0, 128);
  fast.multiplyBlocks(double, blocks);
  other.multiplyBlocks(triple, blocks);
  fast.multiplyBlocks(double, blocks);
  t.equal(bytes[128], 2);
});

test("createKernels: offsets are unsigned, up to the end of a 4 GiB memory", async (t) => {
  // Pages are committed when touched, so this costs address space only.
  const end = 4 * 1024 ** 3;
  const memory = createSharedMemory(end);
  const scratchOffset = 3 * 1024 ** 3;
  const tablesOffset = scratchOffset + KERNEL_SCRATCH_BYTES;
  writeKernelTables(memory, tablesOffset);
  const high = createKernels({ memory, tablesOffset, scratchOffset });
  const start = end - 4096;
  const tail = Buffer.from(memory.buffer, start, 4096);
  fillPattern(tail, 4);

  high.xxh3(start, 4000, start + 4000);
  const expected = native.xxh128(tail.subarray(0, 4000)).toString(16).padStart(32, "0");
  t.equal(tail.toString("hex", 4000, 4016), expected);

  const matrix: Matrix = { rows: 2, columns: 2, coefficients: Uint8Array.of(1, 1, 2, 3) };
  const blocks = { sources: [start, start + 64], targets: [end - 128, end - 64], length: 64 };
  high.multiplyBlocks(matrix, blocks);
  t.equal(tail[4096 - 128], (tail[0] ?? 0) ^ (tail[64] ?? 0));

  const state = end - 1024;
  high.md5Init(state);
  high.md5UpdateMany([{ state, offset: start, length: 1000 }]);
  t.equal(
    high.md5Final(state).toString("hex"),
    createHash("md5").update(tail.subarray(0, 1000)).digest("hex"),
  );
  const last = tail.subarray(4096 - 640);
  high.md5Init(start);
  high.md5UpdateMany([{ state: start, offset: end - 640, length: 640 }]);
  t.equal(high.md5Final(start).toString("hex"), createHash("md5").update(last).digest("hex"));
  for (const algorithm of CRC_ALGORITHMS) {
    last.copy(bytes);
    t.equal(
      high.crcUpdate(algorithm, CRC_EMPTY, end - 640, 640),
      twin.crcUpdate(algorithm, CRC_EMPTY, offset, 640),
      algorithm,
    );
  }
});

test("createKernels: refuses a memory whose tables were not written", async (t) => {
  const memory = createSharedMemory(KERNEL_TABLES_BYTES + KERNEL_SCRATCH_BYTES);
  t.throws(
    () => createKernels({ memory, tablesOffset: 0, scratchOffset: KERNEL_TABLES_BYTES }),
    /writeKernelTables comes before/,
  );
});
