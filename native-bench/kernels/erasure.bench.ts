/**
 * Erasure coding of one stripe, counted in data bytes. The yardstick is a copy of the data within
 * the same memory, the least that any writer of parity could do.
 */
import { createHash } from "node:crypto";
import { parityMatrix, recoveryMatrix } from "../../src/codec/erasure-matrix.ts";
import { stripeGeometry } from "../../src/codec/stripe.ts";
import type { Bench, BenchCase, BenchGroup, BenchSize } from "../harness.ts";
import { createKernelArena, type KernelArena } from "./kernel-arena.ts";

const CODES = [
  { k: 4, m: 2 },
  { k: 8, m: 2 },
  { k: 8, m: 4 },
] as const;

function copyCase(arena: KernelArena, dataBytes: number): BenchCase {
  return {
    name: "copy (yardstick)",
    work: dataBytes,
    yardstick: true,
    run: () => arena.bytes.copyWithin(2 * dataBytes, 0, dataBytes),
  };
}

function blocksAt(arena: KernelArena, blockBytes: number, slots: readonly number[]): number[] {
  return slots.map((slot) => arena.offset + slot * blockBytes);
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

function codeGroup(size: BenchSize, k: number, m: number): BenchGroup {
  const dataBytes = size === "tiny" ? 16 * 1024 : 1024 * 1024;
  const { blockBytes } = stripeGeometry(dataBytes, k, m);
  const arena = createKernelArena(4 * dataBytes);
  const checkParity = () => {
    const parity = arena.bytes.subarray(k * blockBytes, (k + m) * blockBytes);
    return createHash("sha256").update(parity).digest("hex").slice(0, 16);
  };
  const encode: BenchCase = {
    name: `encode, ${arena.kernels.variant}`,
    work: dataBytes,
    run: () =>
      arena.kernels.multiplyBlocks(parityMatrix(k, m), {
        sources: blocksAt(arena, blockBytes, range(0, k)),
        targets: blocksAt(arena, blockBytes, range(k, m)),
        length: blockBytes,
      }),
    check: checkParity,
  };
  const lost = range(0, m);
  const sources = range(m, k);
  const matrix = recoveryMatrix({ k, m }, sources, lost);
  const reconstruct: BenchCase = {
    name: `reconstruct ${m} lost data blocks`,
    work: dataBytes,
    run: () =>
      arena.kernels.multiplyBlocks(matrix, {
        sources: blocksAt(arena, blockBytes, sources),
        targets: blocksAt(arena, blockBytes, range(k + m, m)),
        length: blockBytes,
      }),
  };
  return {
    name: `${k}+${m}, ${dataBytes / 1024} KiB stripes`,
    unit: "MB/s",
    cases: [copyCase(arena, dataBytes), encode, reconstruct],
    skipped: [
      "ISA-L: no binding of it is among the development dependencies; see docs/BENCHMARKS.md",
    ],
  };
}

export const bench: Bench = {
  name: "erasure coding",
  prepare: (size) => CODES.map(({ k, m }) => codeGroup(size, k, m)),
};
