/** What the codec's parts of a 2+2 write cost on one core, in seconds per byte of object data. */
import { parityMatrix } from "../../src/codec/erasure-matrix.ts";
import { createKernelArena } from "./kernel-arena.ts";

export interface CodecParts {
  readonly md5: number;
  readonly parity: number;
  readonly checksum: number;
}

const STRIPE_BYTES = 1024 * 1024;
const BLOCK_BYTES = STRIPE_BYTES / 2;
const STREAMS = 8;
const MD5_STATE_ROOM = 4096;
const RUNS = 40;

export function measureCodecParts(): CodecParts {
  const { kernels, offset } = createKernelArena(STREAMS * STRIPE_BYTES + MD5_STATE_ROOM);
  const states = offset + STREAMS * STRIPE_BYTES;
  const jobs = Array.from({ length: STREAMS }, (_, stream) => ({
    state: states + stream * 256,
    offset: offset + stream * STRIPE_BYTES,
    length: STRIPE_BYTES,
  }));
  for (const job of jobs) kernels.md5Init(job.state);
  const blocks = [0, 1, 2, 3].map((slot) => offset + slot * BLOCK_BYTES);
  const parity = () =>
    kernels.multiplyBlocks(parityMatrix(2, 2), {
      sources: blocks.slice(0, 2),
      targets: blocks.slice(2),
      length: BLOCK_BYTES,
    });
  // All four blocks of a stripe carry a checksum.
  const checksum = () => {
    for (const block of blocks) kernels.xxh3(block, BLOCK_BYTES, states + 3072);
  };
  return {
    md5: perByte(STREAMS * STRIPE_BYTES, 3, () => kernels.md5UpdateMany(jobs)),
    parity: perByte(STRIPE_BYTES, RUNS, parity),
    checksum: perByte(STRIPE_BYTES, RUNS, checksum),
  };
}

function perByte(bytes: number, runs: number, work: () => void): number {
  work();
  const start = performance.now();
  for (let run = 0; run < runs; run++) work();
  return (performance.now() - start) / 1000 / bytes / runs;
}
