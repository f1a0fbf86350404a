/** The CRCs of S3's checksums, and joining those of parts, against zlib's CRC-32. */
import * as zlib from "node:zlib";
import { CRC_ALGORITHMS, CRC_EMPTY, type CrcAlgorithm, crcCombine } from "../../src/codec/crc.ts";
import type { Bench, BenchCase, BenchGroup, BenchSize } from "../harness.ts";
import { createKernelArena } from "./kernel-arena.ts";

function throughput(size: BenchSize): BenchGroup {
  const chunkBytes = size === "tiny" ? 4096 : 1024 * 1024;
  const { kernels, offset, bytes } = createKernelArena(chunkBytes);
  const ours = CRC_ALGORITHMS.map((algorithm): BenchCase => {
    let value = CRC_EMPTY;
    return {
      name: algorithm,
      work: chunkBytes,
      run() {
        value = kernels.crcUpdate(algorithm, CRC_EMPTY, offset, chunkBytes);
      },
      check: () => value.toString(16),
    };
  });
  let native = 0;
  const yardstick: BenchCase = {
    name: "zlib.crc32 (yardstick)",
    work: chunkBytes,
    yardstick: true,
    run() {
      native = zlib.crc32(bytes);
    },
    check: () => native.toString(16),
  };
  const name = `chunks of ${chunkBytes} bytes`;
  return { name, unit: "MB/s", cases: [...ours, yardstick] };
}

function combineCase(algorithm: CrcAlgorithm, parts: number): BenchCase {
  let value = CRC_EMPTY;
  return {
    name: algorithm,
    work: parts,
    run() {
      value = CRC_EMPTY;
      for (let part = 0; part < parts; part++) {
        value = crcCombine(algorithm, value, BigInt(part), 5 * 1024 * 1024 + part);
      }
    },
    check: () => value.toString(16),
  };
}

export const bench: Bench = {
  name: "CRC",
  prepare(size) {
    const parts = size === "tiny" ? 10 : 10_000;
    const cases = CRC_ALGORITHMS.map((algorithm) => combineCase(algorithm, parts));
    return [throughput(size), { name: `combine ${parts} parts`, unit: "op/s", cases }];
  },
};
