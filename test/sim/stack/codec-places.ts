/**
 * Memories with kernels on them, which the processes of all runs use one after the other: making
 * them costs more than a simulated process lives. What an earlier process left behind cannot be seen:
 * leases are the arena's, running digests have names of their own.
 */
import { Arena } from "../../../src/actors/arena.ts";
import {
  reservedBytes,
  stripeBufferBytes,
  threadPlaces,
} from "../../../src/actors/arena-layout.ts";
import type { CodecJob } from "../../../src/actors/codec-messages.ts";
import { CodecPool } from "../../../src/actors/codec-pool.ts";
import { type CodecThreadClient, createInlineThread } from "../../../src/actors/codec-threads.ts";
import { createKernels } from "../../../src/codec/create-kernels.ts";
import type { Kernels } from "../../../src/codec/kernels.ts";
import { type SharedMemory, WASM_PAGE_BYTES } from "../../../src/codec/wasm.ts";
import { SLOTS_MAX } from "../../../src/object/data/data-placement.ts";
import { CredulousCodec } from "./hazardous.ts";

export const STRIPE_DATA_BYTES = 512;
const STRIPES = 48;
const WAITERS_MAX = 256;
const UPLOADS_PER_LIFE = 1_000_000;

/** What a process computes with. */
export interface CodecPlace {
  readonly arena: Arena;
  readonly codec: CodecPool;
}

interface Place {
  readonly memory: SharedMemory;
  readonly kernels: Kernels;
  readonly thread: CodecThreadClient;
  lives: number;
}

export class CodecPlaces {
  readonly #all: Place[] = [];
  #used = 0;

  /** Everything that was taken may be taken again: its users are no more. */
  reuse(): void {
    this.#used = 0;
  }

  /** A credulous codec believes every block: see the hazards. */
  take(credulous: boolean): CodecPlace {
    const stripeBytes = stripeBufferBytes(STRIPE_DATA_BYTES, SLOTS_MAX);
    const bytes = reservedBytes(2) + STRIPES * (stripeBytes + 64);
    const options = {
      budgetBytes: Math.ceil(bytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES,
      threads: 2,
      stripeBytes,
      waitersMax: WAITERS_MAX,
    };
    let place = this.#all[this.#used];
    if (place === undefined) {
      const { memory } = new Arena(options);
      const kernels = createKernels({ memory, ...threadPlaces(0) });
      place = { memory, kernels, thread: createInlineThread(memory, 1), lives: 0 };
      this.#all.push(place);
    }
    this.#used += 1;
    place.lives += 1;
    const arena = new Arena({ ...options, memory: place.memory });
    const first = place.lives * UPLOADS_PER_LIFE;
    const { thread, kernels } = place;
    const own: CodecThreadClient = {
      run: (batch) => thread.run(batch.map((job) => renamed(job, first))),
      close: () => Promise.resolve(),
    };
    const limits = { queuedJobsMax: 1000, inlineBytesMax: 64 * 1024 };
    const Pool = credulous ? CredulousCodec : CodecPool;
    return { arena, codec: new Pool(limits, { kernels, threads: [own] }) };
  }
}

/** Uploads are numbered from zero by each process. */
function renamed(job: CodecJob, first: number): CodecJob {
  if (job.call === "encode") {
    return { ...job, request: { ...job.request, upload: job.request.upload + first } };
  }
  if (job.call === "forget") return { ...job, request: { upload: job.request.upload + first } };
  return job;
}
