/** The block checksum against the native XXH3-128 binding and against SHA-256 of OpenSSL. */
import { createHash } from "node:crypto";
import { xxh3 as native } from "@node-rs/xxhash";
import type { Bench, BenchGroup } from "../harness.ts";
import { createKernelArena } from "./kernel-arena.ts";

function group(blockBytes: number): BenchGroup {
  const { kernels, offset, bytes } = createKernelArena(blockBytes + 64);
  const block = bytes.subarray(0, blockBytes);
  let nativeDigest = 0n;
  return {
    name: `blocks of ${blockBytes} bytes`,
    unit: "MB/s",
    cases: [
      {
        name: "XXH3-128, ours",
        work: blockBytes,
        run: () => kernels.xxh3(offset, blockBytes, offset + blockBytes),
        check: () => bytes.toString("hex", blockBytes, blockBytes + 16),
      },
      {
        name: "XXH3-128, @node-rs/xxhash",
        work: blockBytes,
        run() {
          nativeDigest = native.xxh128(block);
        },
        check: () => nativeDigest.toString(16).padStart(32, "0"),
      },
      {
        name: "SHA-256, OpenSSL (yardstick)",
        work: blockBytes,
        yardstick: true,
        run: () => createHash("sha256").update(block).digest(),
      },
    ],
  };
}

export const bench: Bench = {
  name: "block checksum",
  prepare: (size) => (size === "tiny" ? [group(4096)] : [group(4096), group(512 * 1024)]),
};
