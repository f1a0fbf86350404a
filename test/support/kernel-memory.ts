/** A shared memory laid out for kernels, for tests and benchmarks: tables, scratch, then room. */

import { createKernels } from "../../src/codec/create-kernels.ts";
import {
  KERNEL_SCRATCH_BYTES,
  KERNEL_TABLES_BYTES,
  writeKernelTables,
} from "../../src/codec/kernel-layout.ts";
import type { Kernels } from "../../src/codec/kernels.ts";
import { createTwinKernels } from "../../src/codec/twin-kernels.ts";
import { createSharedMemory } from "../../src/codec/wasm.ts";

export interface KernelRoom {
  readonly fast: Kernels;
  readonly twin: Kernels;
  /** First free byte, a multiple of 64. */
  readonly offset: number;
  /** The free bytes. */
  readonly bytes: Buffer;
}

export function createKernelRoom(roomBytes: number): KernelRoom {
  const offset = KERNEL_TABLES_BYTES + 2 * KERNEL_SCRATCH_BYTES;
  const memory = createSharedMemory(offset + roomBytes);
  writeKernelTables(memory, 0);
  return {
    fast: createKernels({ memory, tablesOffset: 0, scratchOffset: KERNEL_TABLES_BYTES }),
    twin: createTwinKernels(memory, KERNEL_TABLES_BYTES + KERNEL_SCRATCH_BYTES),
    offset,
    bytes: Buffer.from(memory.buffer, offset, roomBytes),
  };
}

/** Repeatable bytes (xorshift), not for secrets. */
export function fillPattern(bytes: Uint8Array, seed: number): void {
  let state = seed | 1;
  for (let index = 0; index < bytes.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state & 0xff;
  }
}
