/**
 * The kernels in plain TypeScript: slow, obvious, the oracle of the fast ones in tests and their
 * stand-in on an engine without WebAssembly SIMD.
 */
import { crcUpdateSlow } from "./crc.ts";
import { fieldMultiply } from "./gf256.ts";
import type { Kernels } from "./kernels.ts";
import { MD5_STATE_BYTES, md5Final, md5Init, md5Update } from "./md5.ts";
import type { SharedMemory } from "./wasm.ts";
import { xxh3 } from "./xxh3.ts";

/** Kernels over `memory` whose small work area starts at `workOffset`. */
export function createTwinKernels(memory: SharedMemory, workOffset: number): Kernels {
  function view(offset: number, length: number): Buffer {
    return Buffer.from(memory.buffer, offset, length);
  }
  return {
    memory,
    variant: "twin",
    workOffset,
    multiplyBlocks(matrix, { sources, targets, length }) {
      const inputs = sources.map((offset) => view(offset, length));
      targets.forEach((offset, row) => {
        const output = view(offset, length);
        output.fill(0);
        inputs.forEach((input, column) => {
          const coefficient = matrix.coefficients[row * matrix.columns + column] ?? 0;
          for (let index = 0; index < length; index++) {
            output[index] = (output[index] ?? 0) ^ fieldMultiply(coefficient, input[index] ?? 0);
          }
        });
      });
    },
    xxh3(offset, length, digestOffset) {
      view(digestOffset, 16).set(xxh3(view(offset, length)));
    },
    md5Init(state) {
      md5Init(view(state, MD5_STATE_BYTES));
    },
    md5UpdateMany(jobs) {
      for (const { state, offset, length } of jobs) {
        md5Update(view(state, MD5_STATE_BYTES), view(offset, length));
      }
    },
    md5Final(state) {
      return md5Final(view(state, MD5_STATE_BYTES));
    },
    crcUpdate(algorithm, value, offset, length) {
      return crcUpdateSlow(algorithm, value, view(offset, length));
    },
  };
}
