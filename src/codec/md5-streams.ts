/**
 * MD5 of many streams on the lanes of the kernel: finishes begun blocks, shares whole blocks out
 * over lanes, keeps what is left for the next call. The running states are laid out in md5.ts.
 */
import type { Md5Job } from "./kernels.ts";
import {
  MD5_BLOCK_BYTES,
  MD5_DIGEST_BYTES,
  MD5_LENGTH_OFFSET,
  MD5_STATE_BYTES,
  MD5_TAIL_OFFSET,
  md5Init,
  md5Padding,
} from "./md5.ts";
import type { SharedMemory } from "./wasm.ts";

/** The exports of src/codec/kernels/md5.ts. */
export interface Md5Exports {
  compress1(state: number, data: number, blocks: number, constants: number): void;
  compress4(lanes: number, words: number, blocks: number, constants: number): void;
  compress8(lanes: number, words: number, blocks: number, constants: number): void;
}

export interface Md5Places {
  readonly memory: SharedMemory;
  readonly constants: number;
  /** Eight pairs of u32: the offsets of a lane's state and data. */
  readonly lanes: number;
  /** Room for a state that nobody reads. */
  readonly idleState: number;
  readonly words: number;
  /** Room for the padding of one message. */
  readonly work: number;
}

const LANES_MAX = 8;
const LANES_FEW = 4;

/** Whole blocks of one stream that still wait. */
interface Run {
  readonly state: number;
  data: number;
  blocks: number;
}

export class Md5Streams {
  readonly #kernel: Md5Exports;
  readonly #places: Md5Places;
  readonly #lanes: Uint32Array;

  constructor(kernel: Md5Exports, places: Md5Places) {
    this.#kernel = kernel;
    this.#places = places;
    this.#lanes = new Uint32Array(places.memory.buffer, places.lanes, LANES_MAX * 2);
  }

  init(state: number): void {
    md5Init(this.#view(state, MD5_STATE_BYTES));
  }

  updateMany(jobs: readonly Md5Job[]): void {
    const runs: Run[] = [];
    for (const job of jobs) {
      const run = this.#begin(job);
      if (run.blocks > 0) runs.push(run);
    }
    while (runs.length > 0) this.#compress(runs);
  }

  final(state: number): Buffer {
    const { work } = this.#places;
    const bytes = this.#view(state, MD5_STATE_BYTES);
    const padding = md5Padding(bytes.readBigUInt64LE(MD5_LENGTH_OFFSET));
    this.#view(work, padding.length).set(padding);
    this.updateMany([{ state, offset: work, length: padding.length }]);
    return Buffer.from(bytes.subarray(0, MD5_DIGEST_BYTES));
  }

  /** Takes everything but the whole blocks, which it returns: first the begun one, then the rest. */
  #begin({ state, offset, length }: Md5Job): Run {
    const bytes = this.#view(state, MD5_STATE_BYTES);
    const hashed = bytes.readBigUInt64LE(MD5_LENGTH_OFFSET);
    bytes.writeBigUInt64LE(hashed + BigInt(length), MD5_LENGTH_OFFSET);
    const filled = Number(hashed % BigInt(MD5_BLOCK_BYTES));
    const missing = filled === 0 ? 0 : Math.min(MD5_BLOCK_BYTES - filled, length);
    bytes.set(this.#view(offset, missing), MD5_TAIL_OFFSET + filled);
    if (filled + missing === MD5_BLOCK_BYTES) {
      this.#kernel.compress1(state, state + MD5_TAIL_OFFSET, 1, this.#places.constants);
    }
    const data = offset + missing;
    const blocks = Math.floor((length - missing) / MD5_BLOCK_BYTES);
    const rest = length - missing - blocks * MD5_BLOCK_BYTES;
    if (rest > 0) bytes.set(this.#view(offset + length - rest, rest), MD5_TAIL_OFFSET);
    return { state, data, blocks };
  }

  /** Advances up to eight runs by as many blocks as the shortest of them has; drops finished ones. */
  #compress(runs: Run[]): void {
    const { constants, words, lanes } = this.#places;
    const chosen = runs.slice(0, LANES_MAX);
    const blocks = Math.min(...chosen.map((run) => run.blocks));
    const [first] = chosen;
    if (first !== undefined && chosen.length === 1) {
      this.#kernel.compress1(first.state, first.data, blocks, constants);
    } else if (first !== undefined) {
      // Lanes without a stream repeat the first one's data into a state that nobody reads.
      for (let lane = 0; lane < LANES_MAX; lane++) {
        const run = chosen[lane];
        this.#lanes[lane * 2] = run?.state ?? this.#places.idleState;
        this.#lanes[lane * 2 + 1] = run?.data ?? first.data;
      }
      if (chosen.length <= LANES_FEW) this.#kernel.compress4(lanes, words, blocks, constants);
      else this.#kernel.compress8(lanes, words, blocks, constants);
    }
    for (const run of chosen) {
      run.data += blocks * MD5_BLOCK_BYTES;
      run.blocks -= blocks;
    }
    const waiting = runs.filter((run) => run.blocks > 0);
    runs.splice(0, runs.length, ...waiting);
  }

  #view(offset: number, length: number): Buffer {
    return Buffer.from(this.#places.memory.buffer, offset, length);
  }
}
