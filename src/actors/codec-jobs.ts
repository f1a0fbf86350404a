/**
 * The work of one codec thread, the same in a worker and in line: runs a batch of jobs against its
 * kernels and keeps the running digests of the uploads that are pinned to it.
 *
 * The MD5 of all uploads in a batch advance together, because the kernel does several streams in
 * little more time than one. So a batch has at most one stripe of each upload, and at most
 * MD5_LANES stripes to encode.
 */
import { assert } from "../base/assert.ts";
import { StoreError } from "../base/store-error.ts";
import { createKernels } from "../codec/create-kernels.ts";
import type { Kernels, Md5Job } from "../codec/kernels.ts";
import { MD5_STATE_BYTES } from "../codec/md5.ts";
import { type FrameRun, sealedBytes, sealFrames } from "../codec/sealed-frames.ts";
import { encodeStripe, rebuildStripe, type StripePlace } from "../codec/stripe-codec.ts";
import type { SharedMemory } from "../codec/wasm.ts";
import { MD5_LANES, threadPlaces } from "./arena-layout.ts";
import type {
  CodecCallName,
  CodecCalls,
  CodecJob,
  CodecOutcome,
  EncodeReply,
  EncodeRequest,
  PayloadDigests,
} from "./codec-messages.ts";
import { decodeAndOpen } from "./decode-and-open.ts";
import { PayloadHashes } from "./payload-hashes.ts";

interface Upload {
  /** Between batches; while one runs the state is in a lane. */
  readonly md5: Uint8Array;
  readonly hashes: PayloadHashes;
}

type Handlers = {
  readonly [Name in CodecCallName]: (
    request: CodecCalls[Name]["request"],
  ) => CodecCalls[Name]["reply"];
};

export class CodecThread {
  readonly kernels: Kernels;
  readonly #lanesOffset: number;
  readonly #md5Initial: Uint8Array;
  readonly #uploads = new Map<number, Upload>();
  readonly #handlers: Handlers = {
    encode: (request) => this.#encode(request),
    decode: (request) => decodeAndOpen(this.kernels, request),
    rebuild: (request) => rebuildStripe(this.kernels, request),
    forget: ({ upload }) => {
      this.#uploads.delete(upload);
      return undefined;
    },
  };

  /** `writeKernelTables` came before, once for the memory. */
  constructor(memory: SharedMemory, thread: number) {
    const places = threadPlaces(thread);
    this.kernels = createKernels({ memory, ...places });
    this.#lanesOffset = places.lanesOffset;
    this.kernels.md5Init(this.#lanesOffset);
    this.#md5Initial = Uint8Array.from(this.#lane(0));
  }

  /** Uploads whose digests are running here. */
  get uploadCount(): number {
    return this.#uploads.size;
  }

  run(batch: readonly CodecJob[]): CodecOutcome[] {
    this.#advanceMd5(batch);
    return batch.map((job) => {
      try {
        return { ok: true, reply: this.#handle(job) };
      } catch (error) {
        return { ok: false, error: StoreError.from(error).data };
      }
    });
  }

  #handle(job: CodecJob): CodecCalls[CodecCallName]["reply"] {
    switch (job.call) {
      case "encode":
        return this.#handlers.encode(job.request);
      case "decode":
        return this.#handlers.decode(job.request);
      case "rebuild":
        return this.#handlers.rebuild(job.request);
      case "forget":
        return this.#handlers.forget(job.request);
    }
  }

  #advanceMd5(batch: readonly CodecJob[]): void {
    const jobs: Md5Job[] = [];
    const uploads: Upload[] = [];
    for (const job of batch) {
      const upload = job.call === "encode" ? this.#uploadOf(job.request) : undefined;
      if (job.call !== "encode" || upload === undefined) continue;
      const lane = jobs.length;
      assert(lane < MD5_LANES, "a batch has as many stripes to encode as there are lanes");
      assert(!uploads.includes(upload), "a batch has one stripe of an upload");
      uploads.push(upload);
      this.#lane(lane).set(upload.md5);
      const { offset, length } = job.request.place;
      jobs.push({ state: this.#lanesOffset + lane * MD5_STATE_BYTES, offset, length });
    }
    if (jobs.length === 0) return;
    this.kernels.md5UpdateMany(jobs);
    uploads.forEach((upload, lane) => {
      upload.md5.set(this.#lane(lane));
    });
  }

  #uploadOf({ upload: name, plan }: EncodeRequest): Upload | undefined {
    if (plan === undefined) return this.#uploads.get(name);
    assert(!this.#uploads.has(name), "an upload is planned once");
    const upload = { md5: Uint8Array.from(this.#md5Initial), hashes: new PayloadHashes(plan) };
    this.#uploads.set(name, upload);
    return upload;
  }

  #encode(request: EncodeRequest): EncodeReply {
    const { place, segmentEnds, seal } = request;
    const upload = this.#uploads.get(request.upload);
    if (upload === undefined) {
      // A thread that died took its digests with it.
      throw new StoreError({ code: "internal", message: "the digests of this upload are lost" });
    }
    const segments = upload.hashes.update(this.kernels, place, segmentEnds);
    encodeStripe(this.kernels, seal === undefined ? place : this.#seal(place, seal));
    if (!request.last) return { segments };
    this.#uploads.delete(request.upload);
    return { segments, digests: this.#finish(upload) };
  }

  /** The stripe as it is stored. */
  #seal(place: StripePlace, run: FrameRun): StripePlace {
    const bytes = new Uint8Array(
      this.kernels.memory.buffer,
      place.offset,
      sealedBytes(place.length),
    );
    return { ...place, length: sealFrames(bytes, place.length, run) };
  }

  #finish(upload: Upload): PayloadDigests {
    this.#lane(0).set(upload.md5);
    // A copy of its own: cloning a view of Node's pool between threads would carry the whole pool.
    const md5 = Uint8Array.from(this.kernels.md5Final(this.#lanesOffset));
    return { md5, ...upload.hashes.finish(md5) };
  }

  #lane(index: number): Uint8Array {
    const offset = this.#lanesOffset + index * MD5_STATE_BYTES;
    return new Uint8Array(this.kernels.memory.buffer, offset, MD5_STATE_BYTES);
  }
}
