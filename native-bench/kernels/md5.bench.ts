/** MD5 of many streams at once, aggregate, against one OpenSSL stream after the other. */
import { createHash } from "node:crypto";
import type { Md5Job } from "../../src/codec/kernels.ts";
import { MD5_STATE_BYTES } from "../../src/codec/md5.ts";
import type { Bench, BenchCase } from "../harness.ts";
import { createKernelArena, type KernelArena } from "./kernel-arena.ts";

const STREAMS = [1, 2, 4, 8, 16] as const;
const STREAMS_MAX = 16;

function oursCase(arena: KernelArena, streams: number, chunkBytes: number): BenchCase {
  const { kernels, offset } = arena;
  const states = offset + STREAMS_MAX * chunkBytes;
  const jobs: Md5Job[] = Array.from({ length: streams }, (_, stream) => ({
    state: states + stream * MD5_STATE_BYTES,
    offset: offset + stream * chunkBytes,
    length: chunkBytes,
  }));
  const digests: string[] = [];
  return {
    name: `ours, ${streams} at once`,
    work: streams * chunkBytes,
    run() {
      for (const { state } of jobs) kernels.md5Init(state);
      kernels.md5UpdateMany(jobs);
      digests[0] = kernels.md5Final(jobs[0]?.state ?? states).toString("hex");
    },
    check: () => digests.join(),
  };
}

function opensslCase(arena: KernelArena, chunkBytes: number): BenchCase {
  let digest = "";
  return {
    name: "OpenSSL, one stream (yardstick)",
    work: chunkBytes,
    yardstick: true,
    run() {
      digest = createHash("md5").update(arena.bytes.subarray(0, chunkBytes)).digest("hex");
    },
    check: () => digest,
  };
}

export const bench: Bench = {
  name: "MD5",
  prepare(size) {
    const chunkBytes = size === "tiny" ? 1000 : 256 * 1024;
    const arena = createKernelArena(STREAMS_MAX * (chunkBytes + MD5_STATE_BYTES) + 64);
    const ours = STREAMS.map((streams) => oursCase(arena, streams, chunkBytes));
    const cases = [opensslCase(arena, chunkBytes), ...ours];
    return [{ name: `chunks of ${chunkBytes} bytes`, unit: "MB/s", cases }];
  },
};
