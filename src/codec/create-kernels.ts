/** Chooses the kernels for this engine: WebAssembly where it has what they need, else the slow twin. */
import { assert } from "../base/assert.ts";
import { assertKernelTables, KERNEL_ALIGNMENT, SCRATCH } from "./kernel-layout.ts";
import type { KernelPlaces, Kernels } from "./kernels.ts";
import { createTwinKernels } from "./twin-kernels.ts";
import { createWasmKernels, supportsWasmKernels } from "./wasm-kernels.ts";

/** The fastest kernels that this engine can run. */
export function createKernels(places: KernelPlaces): Kernels {
  const { memory, tablesOffset, scratchOffset } = places;
  assert(scratchOffset % KERNEL_ALIGNMENT === 0, "scratch is aligned");
  assertKernelTables(memory, tablesOffset);
  return supportsWasmKernels()
    ? createWasmKernels(places)
    : createTwinKernels(memory, scratchOffset + SCRATCH.work);
}
