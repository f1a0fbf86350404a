import { setFlagsFromString } from "node:v8";
import { test } from "tap";

// Newer engines have relaxed SIMD anyway; Node 20 has it behind this switch, read at compile time.
setFlagsFromString("--experimental-wasm-relaxed-simd");
const { createKernelRoom, fillPattern } = await import("../../support/kernel-memory.ts");

test("createKernels: takes relaxed SIMD where the engine has it, with the same results", async (t) => {
  const { fast, twin, offset, bytes } = createKernelRoom(16 * 1024);
  t.equal(fast.variant, "relaxed-simd");
  // Every coefficient once, on blocks that hold every byte.
  for (let first = 0; first < 256; first += 2) {
    const matrix = { rows: 2, columns: 1, coefficients: Uint8Array.of(first, first + 1) };
    const blocks = { sources: [offset], targets: [offset + 1024, offset + 2048], length: 300 };
    bytes.forEach((_, index) => {
      bytes[index] = index;
    });
    twin.multiplyBlocks(matrix, blocks);
    const expected = Buffer.from(bytes);
    fillPattern(bytes.subarray(1024), first);
    fast.multiplyBlocks(matrix, blocks);
    if (!bytes.subarray(1024, 1324).equals(expected.subarray(1024, 1324))) t.fail(`${first}`);
    if (!bytes.subarray(2048, 2348).equals(expected.subarray(2048, 2348))) t.fail(`${first + 1}`);
  }
});
