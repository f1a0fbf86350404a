/**
 * What one may ask of a codec actor: types only. Jobs travel in batches; each gets its own outcome,
 * in order. Bytes stay in the arena: a job that names a stripe lends it until its outcome arrives.
 */
import type { ChecksumAlgorithm } from "../base/payload.ts";
import type { StoreErrorData } from "../base/store-error.ts";
import type { FrameRun } from "../codec/sealed-frames.ts";
import type { DecodeResult, LoadedStripe, StripePlace } from "../codec/stripe-codec.ts";
import type { SharedMemory } from "../codec/wasm.ts";

/** Digests to compute over an upload besides its MD5. */
export interface DigestPlan {
  /** The SHA-256 of the whole payload. */
  readonly sha256: boolean;
  /** The SHA-256 of each segment. */
  readonly segments: boolean;
  readonly checksums: readonly ChecksumAlgorithm[];
}

export interface PayloadDigests {
  readonly md5: Uint8Array;
  readonly sha256?: Uint8Array;
  readonly checksums: Readonly<Partial<Record<ChecksumAlgorithm, Uint8Array>>>;
}

export interface EncodeRequest {
  /** Names the running digests, which live in the actor. */
  readonly upload: number;
  /** With the first stripe of an upload, and only then. */
  readonly plan?: DigestPlan;
  /** Its length is that of the plain bytes, also when they are to be sealed. */
  readonly place: StripePlace;
  /** Seals the stripe after it was digested: what is encoded and stored is longer by the tags. */
  readonly seal?: FrameRun;
  /** Where segments end, in bytes from the start of this stripe's data; 0 to its length. */
  readonly segmentEnds: readonly number[];
  /** The payload ends with this stripe: the digests are wanted and then forgotten. */
  readonly last: boolean;
}

export interface EncodeReply {
  /** One for each segment end. */
  readonly segments: readonly Uint8Array[];
  readonly digests?: PayloadDigests;
}

export interface DecodeRequest extends LoadedStripe {
  /** Opens these sealed frames of the stripe; their plain bytes lie at `start` afterwards. */
  readonly open?: SealedFrames;
}

export interface SealedFrames extends FrameRun {
  /** From the start of the stripe's data. */
  readonly start: number;
  /** Sealed bytes. */
  readonly length: number;
}

export interface CodecCalls {
  /** Digests, parity, padding and trailers of a stripe whose data is in place. */
  readonly encode: { readonly request: EncodeRequest; readonly reply: EncodeReply };
  readonly decode: { readonly request: DecodeRequest; readonly reply: DecodeResult };
  readonly rebuild: { readonly request: LoadedStripe; readonly reply: DecodeResult };
  /** Drops the running digests of an upload that will not end. */
  readonly forget: { readonly request: { readonly upload: number }; readonly reply: undefined };
}

export type CodecCallName = keyof CodecCalls;

export type CodecJob = {
  readonly [Name in CodecCallName]: {
    readonly call: Name;
    readonly request: CodecCalls[Name]["request"];
  };
}[CodecCallName];

/** Errors are data between threads. */
export type CodecOutcome<Reply = CodecCalls[CodecCallName]["reply"]> =
  | { readonly ok: true; readonly reply: Reply }
  | { readonly ok: false; readonly error: StoreErrorData };

/** What a codec worker is started with. */
export interface CodecWorkerData {
  readonly memory: SharedMemory;
  /** Its place in the arena's layout. */
  readonly thread: number;
}
