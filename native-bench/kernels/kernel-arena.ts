/** The memory that the kernel benches work on. */

import { createKernels } from "../../src/codec/create-kernels.ts";
import {
  KERNEL_SCRATCH_BYTES,
  KERNEL_TABLES_BYTES,
  writeKernelTables,
} from "../../src/codec/kernel-layout.ts";
import type { Kernels } from "../../src/codec/kernels.ts";
import { createSharedMemory } from "../../src/codec/wasm.ts";
import { fillSeeded } from "../harness.ts";

const SEED = 0x52494e47;

export interface KernelArena {
  readonly kernels: Kernels;
  /** First byte of the room. */
  readonly offset: number;
  /** The room, filled from the seed. */
  readonly bytes: Buffer;
}

export function createKernelArena(roomBytes: number): KernelArena {
  const offset = KERNEL_TABLES_BYTES + KERNEL_SCRATCH_BYTES;
  const memory = createSharedMemory(offset + roomBytes);
  writeKernelTables(memory, 0);
  const bytes = Buffer.from(memory.buffer, offset, roomBytes);
  fillSeeded(bytes, SEED);
  const scratchOffset = KERNEL_TABLES_BYTES;
  return { kernels: createKernels({ memory, tablesOffset: 0, scratchOffset }), offset, bytes };
}
