/**
 * The codec actors of a node: typed calls, batched and balanced over threads.
 *
 * An upload is pinned to the thread that was least loaded when it began, because its running digests
 * live there and must see its stripes in order. Jobs that become ready while their thread is busy
 * go to it together in one message: the message costs once, and MD5 advances many streams at once.
 * Work so small that the hop would cost more is done in the calling thread.
 */
import { assert } from "../base/assert.ts";
import { createKernels } from "../codec/create-kernels.ts";
import type { Kernels } from "../codec/kernels.ts";
import { FRAME_BYTES } from "../codec/sealed-frames.ts";
import { stripeGeometry } from "../codec/stripe.ts";
import type { DecodeResult, LoadedStripe } from "../codec/stripe-codec.ts";
import type { SharedMemory } from "../codec/wasm.ts";
import { threadPlaces } from "./arena-layout.ts";
import { CodecActor } from "./codec-actor.ts";
import type {
  DecodeRequest,
  DigestPlan,
  EncodeReply,
  EncodeRequest,
  PayloadDigests,
} from "./codec-messages.ts";
import { type CodecThreadClient, createInlineThread, startCodecThread } from "./codec-threads.ts";
import { decodeAndOpen } from "./decode-and-open.ts";
import { digestInline } from "./inline-digest.ts";

export interface CodecPoolOptions {
  /** Jobs of one thread that may wait; more are refused as busy. */
  readonly queuedJobsMax: number;
  /** Bytes of blocks up to which a stripe is decoded in the calling thread. */
  readonly inlineBytesMax: number;
}

export interface CodecPoolStart {
  readonly memory: SharedMemory;
  /** Worker threads; 0 does all work in the calling thread (tests, simulation). */
  readonly threads: number;
}

/** Starts the actors; they take the places 1, 2 … of the arena's layout (arena-layout.ts). */
export function startCodecPool(options: CodecPoolOptions, start: CodecPoolStart): CodecPool {
  const { memory } = start;
  const threads =
    start.threads === 0
      ? [createInlineThread(memory, 1)]
      : Array.from({ length: start.threads }, (_, index) => startCodecThread(memory, index + 1));
  return new CodecPool(options, {
    kernels: createKernels({ memory, ...threadPlaces(0) }),
    threads,
  });
}

export type StripeEncode = Omit<EncodeRequest, "upload" | "plan">;

/** One upload's stripes, encoded in order. */
export interface CodecUpload {
  /** Resolves once the stripe's memory is the caller's again; rejects with StoreError, as well. */
  encode(stripe: StripeEncode): Promise<EncodeReply>;
  /** Forgets the digests of an upload that will not end. */
  close(): void;
}

export class CodecPool {
  /** Of the calling thread. */
  readonly #kernels: Kernels;
  readonly #options: CodecPoolOptions;
  readonly #actors: readonly CodecActor[];
  #nextUpload = 0;

  constructor(
    options: CodecPoolOptions,
    modules: { readonly kernels: Kernels; readonly threads: readonly CodecThreadClient[] },
  ) {
    assert(modules.threads.length > 0, "a codec pool has at least one thread");
    this.#options = options;
    this.#kernels = modules.kernels;
    this.#actors = modules.threads.map((thread) => new CodecActor(thread, options.queuedJobsMax));
  }

  openUpload(plan: DigestPlan): CodecUpload {
    const actor = this.#leastLoaded();
    const upload = this.#nextUpload++;
    let state: "new" | "running" | "ended" = "new";
    actor.uploadCount++;
    const end = () => {
      if (state !== "ended") actor.uploadCount--;
      state = "ended";
    };
    return {
      encode: (stripe) => {
        assert(state !== "ended", "nothing is encoded after the last stripe");
        const request = { upload, ...stripe, ...(state === "new" ? { plan } : {}) };
        state = "running";
        if (stripe.last) end();
        return actor.call({ call: "encode", request }, stripe.place.length);
      },
      close: () => {
        const running = state === "running";
        end();
        // A refusal changes nothing: the thread is gone, and the digests with it.
        if (running) void actor.call({ call: "forget", request: { upload } }, 0).catch(() => {});
      },
    };
  }

  /** The digests of a small payload, in the calling thread and at once. */
  digest(content: Uint8Array, plan: DigestPlan): PayloadDigests {
    return digestInline(this.#kernels, content, plan);
  }

  async decode(loaded: DecodeRequest): Promise<DecodeResult> {
    const bytes = blockBytesOf(loaded);
    // Opening takes ten times as long as verifying: one frame is as much as a hop costs.
    const sealedBytes = loaded.open?.length ?? 0;
    if (bytes <= this.#options.inlineBytesMax && sealedBytes <= FRAME_BYTES) {
      return decodeAndOpen(this.#kernels, loaded);
    }
    return this.#leastLoaded().call({ call: "decode", request: loaded }, bytes);
  }

  rebuild(loaded: LoadedStripe): Promise<DecodeResult> {
    return this.#leastLoaded().call({ call: "rebuild", request: loaded }, blockBytesOf(loaded));
  }

  async close(): Promise<void> {
    await Promise.all(this.#actors.map((actor) => actor.close()));
  }

  #leastLoaded(): CodecActor {
    return this.#actors.reduce((best, actor) => (actor.load < best.load ? actor : best));
  }
}

function blockBytesOf(loaded: LoadedStripe): number {
  const { blockBytes } = stripeGeometry(loaded.length, loaded.k, loaded.m);
  return blockBytes * loaded.present.length;
}
