/**
 * XXH3-128 of short byte strings by the WebAssembly kernel: a private memory of one thread into
 * which the bytes are copied (cheap beside hashing them in plain JavaScript).
 */
import { asBuffer } from "../base/bytes.ts";
import { createKernels } from "../codec/create-kernels.ts";
import {
  KERNEL_ALIGNMENT,
  KERNEL_SCRATCH_BYTES,
  KERNEL_TABLES_BYTES,
  writeKernelTables,
} from "../codec/kernel-layout.ts";
import type { Kernels } from "../codec/kernels.ts";
import { createSharedMemory, WASM_PAGE_BYTES } from "../codec/wasm.ts";
import { XXH3_DIGEST_BYTES } from "../codec/xxh3.ts";
import type { RecordDigest } from "./drive-tables.ts";

const SCRATCH_OFFSET = alignUp(KERNEL_TABLES_BYTES);
const DIGEST_OFFSET = alignUp(SCRATCH_OFFSET + KERNEL_SCRATCH_BYTES);
const INPUT_OFFSET = DIGEST_OFFSET + KERNEL_ALIGNMENT;
const INPUT_BYTES_FIRST = 256 * 1024;

export function createRecordDigest(): RecordDigest {
  let inputBytesMax = 0;
  let kernels: Kernels;
  let memory: Buffer;

  function grow(bytes: number): void {
    inputBytesMax = Math.ceil(bytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
    const shared = createSharedMemory(INPUT_OFFSET + inputBytesMax);
    writeKernelTables(shared, 0);
    kernels = createKernels({ memory: shared, tablesOffset: 0, scratchOffset: SCRATCH_OFFSET });
    memory = asBuffer(new Uint8Array(shared.buffer));
  }

  grow(INPUT_BYTES_FIRST);
  return (parts) => {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    if (bytes > inputBytesMax) grow(bytes * 2);
    let offset = INPUT_OFFSET;
    for (const part of parts) {
      memory.set(part, offset);
      offset += part.length;
    }
    kernels.xxh3(INPUT_OFFSET, bytes, DIGEST_OFFSET);
    return memory.subarray(DIGEST_OFFSET, DIGEST_OFFSET + XXH3_DIGEST_BYTES);
  };
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / KERNEL_ALIGNMENT) * KERNEL_ALIGNMENT;
}
