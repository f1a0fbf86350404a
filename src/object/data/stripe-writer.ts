/**
 * Turns the bytes of one upload into shards: copies them once into stripes of the arena, has each
 * full stripe hashed and encoded by a codec actor, and appends its blocks to all drives at once.
 *
 *   source ──copy──► stripe being filled ──► codec actor ──► n drives ──► arena
 *
 * At most `windowMax` stripes of an upload are under way, fewer when the arena is short. Without a
 * stripe, what is left of the chunk waits in a bounded overflow on the heap and the source pauses.
 * The last stripe is appended only after every expectation was verified. Whatever happens, each
 * stripe goes back to the arena exactly once, when nobody works on its memory any more.
 */
import type { Arena, Stripe, StripeRequest } from "../../actors/arena.ts";
import type { EncodeReply, PayloadDigests } from "../../actors/codec-messages.ts";
import type { CodecUpload } from "../../actors/codec-pool.ts";
import { assert } from "../../base/assert.ts";
import { copyBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/store-error.ts";
import { FRAME_BYTES, sealedBytes, stripePlainBytes } from "../../codec/sealed-frames.ts";
import { stripeGeometry } from "../../codec/stripe.ts";
import type { StripePlace } from "../../codec/stripe-codec.ts";
import type { BlockPlace } from "../../store/drive.ts";
import { ChunkOverflow, type OverflowBuffers } from "./chunk-overflow.ts";
import { blockPlace } from "./stripe-places.ts";
import {
  ShardSet,
  type ShardSetLimits,
  type ShardSetModules,
  type ShardSetOptions,
} from "./stripe-shards.ts";

export type SegmentCheck = (sha256: Uint8Array) => StoreError | undefined;

export interface StripeWriterLimits extends ShardSetLimits {
  /** Stripes of one upload that may be filled, encoded or written at a time. */
  readonly windowMax: number;
  /** Bytes on the heap beyond which a source that was asked to pause may not go on. */
  readonly overflowBytesMax: number;
}

export interface StripeWriterOptions extends Omit<ShardSetOptions, "onLost"> {
  /** Seals the payload. */
  readonly sealKey?: Uint8Array | undefined;
}

export interface StripeWriterModules extends ShardSetModules {
  readonly arena: Arena;
  readonly upload: CodecUpload;
  readonly overflowBuffers: OverflowBuffers;
}

export interface StripeWriterEvents {
  /** What the digests of the whole payload contradict. */
  verify(digests: PayloadDigests): StoreError | undefined;
  /** There is room again after `write` returned false. */
  onResume(): void;
  /** Durable on enough drives; bit s of `missing` is set when slot s is not. */
  onStored(missing: number, digests: PayloadDigests): void;
  /** Called once, instead of `onStored`. The shards are being deleted. */
  onFailed(error: StoreError): void;
}

/** With less than this share of the arena free, an upload keeps two stripes at the most. */
const SCARCE_SHARE = 1 / 4;

export class StripeWriter {
  readonly #shard: StripeWriterOptions;
  /** Payload bytes in every stripe but the last. */
  readonly #stripeBytes: number;
  readonly #limits: StripeWriterLimits;
  readonly #arena: Arena;
  readonly #upload: CodecUpload;
  readonly #events: StripeWriterEvents;
  readonly #shards: ShardSet;
  #state: "open" | "ended" | "failed" | "stored" = "open";
  #current: Stripe | undefined;
  #filled = 0;
  #stripeIndex = 0;
  /** Payload bytes in the stripes before the current one. */
  #submittedBytes = 0;
  /** Payload bytes taken, those in the overflow included. */
  #takenBytes = 0;
  #segmentEnds: number[] = [];
  readonly #segmentChecks: SegmentCheck[] = [];
  readonly #overflow: ChunkOverflow;
  #paused = false;
  /** Stripes from being taken to being settled on the live drives. */
  #inWindow = 0;
  #waitingForStripe: StripeRequest | undefined;

  constructor(
    shard: StripeWriterOptions,
    limits: StripeWriterLimits,
    modules: StripeWriterModules,
    events: StripeWriterEvents,
  ) {
    this.#shard = shard;
    const { stripeDataBytes, sealKey } = shard;
    this.#stripeBytes = sealKey === undefined ? stripeDataBytes : stripePlainBytes(stripeDataBytes);
    this.#limits = limits;
    this.#arena = modules.arena;
    this.#upload = modules.upload;
    this.#overflow = new ChunkOverflow(modules.overflowBuffers);
    this.#events = events;
    const onLost = (error: StoreError) => this.fail(error);
    this.#shards = new ShardSet({ ...shard, onLost }, limits, modules);
  }

  /** Copies the chunk. False: pause until `onResume`. */
  write(chunk: Uint8Array): boolean {
    if (this.#state !== "open") return true;
    this.#takenBytes += chunk.length;
    const taken = this.#overflow.bytes > 0 ? 0 : this.#fill(chunk);
    if (this.#state !== "open") return true;
    if (taken < chunk.length) {
      if (this.#overflow.bytes >= this.#limits.overflowBytesMax) {
        this.fail(new StoreError({ code: "busy" }));
        return true;
      }
      this.#overflow.push(chunk.subarray(taken));
    } else if (this.#inWindow <= this.#limits.windowMax) {
      return true;
    }
    this.#paused = true;
    return false;
  }

  endSegment(check: SegmentCheck): void {
    if (this.#state !== "open") return;
    this.#segmentEnds.push(this.#takenBytes);
    this.#segmentChecks.push(check);
  }

  /** The payload, at least one byte, is complete. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#pump();
  }

  fail(error: StoreError): void {
    if (this.#state === "failed" || this.#state === "stored") return;
    this.#state = "failed";
    this.#waitingForStripe?.cancel();
    this.#overflow.clear();
    if (this.#current !== undefined) this.#arena.release(this.#current);
    this.#current = undefined;
    this.#upload.close();
    this.#shards.abort();
    this.#events.onFailed(error);
  }

  /** Copies as much as stripes can be had for; returns how much. */
  #fill(chunk: Uint8Array): number {
    const stripeBytes = this.#stripeBytes;
    let taken = 0;
    while (taken < chunk.length) {
      // A full stripe waits for the next byte: only then is it known not to be the last.
      if (this.#current !== undefined && this.#filled === stripeBytes) this.#submit(false);
      const stripe = this.#current ?? this.#takeStripe();
      if (stripe === undefined) break;
      const count = Math.min(chunk.length - taken, stripeBytes - this.#filled);
      copyBytes(stripe.bytes.subarray(this.#filled), chunk.subarray(taken, taken + count));
      this.#filled += count;
      taken += count;
    }
    return taken;
  }

  #takeStripe(): Stripe | undefined {
    if (this.#waitingForStripe !== undefined || this.#inWindow >= this.#stripesMax()) {
      return undefined;
    }
    const stripe = this.#arena.tryAcquire("write");
    if (stripe === undefined) this.#waitForStripe();
    else this.#own(stripe);
    return stripe;
  }

  #waitForStripe(): void {
    this.#waitingForStripe = this.#arena.request("write", (stripe) => {
      this.#waitingForStripe = undefined;
      this.#own(stripe);
      this.#pump();
    });
    if (this.#waitingForStripe === undefined) this.fail(new StoreError({ code: "busy" }));
  }

  #own(stripe: Stripe): void {
    this.#current = stripe;
    this.#filled = 0;
    this.#inWindow++;
  }

  /** One more than the window, so that the chunk at hand finds room and need not go to the heap. */
  #stripesMax(): number {
    if (this.#arena.waitingCount > 0) return 1;
    const scarce = this.#arena.freeCount < this.#arena.stripeCount * SCARCE_SHARE;
    return scarce ? Math.min(2, this.#limits.windowMax) : this.#limits.windowMax + 1;
  }

  /** Moves on what waits: the overflow, then the end or the source. */
  #pump(): void {
    for (let first = this.#overflow.first(); first !== undefined; first = this.#overflow.first()) {
      const taken = this.#fill(first);
      // Taking a stripe may have failed the upload, which empties the overflow.
      if (this.#state === "failed") return;
      this.#overflow.drop(taken);
      if (taken < first.length) return;
    }
    if (this.#state === "ended") {
      if (this.#current !== undefined) this.#submit(true);
    } else if (this.#state === "open" && this.#paused && this.#inWindow <= this.#limits.windowMax) {
      this.#paused = false;
      this.#events.onResume();
    }
  }

  #submit(last: boolean): void {
    const stripe = this.#current;
    assert(stripe !== undefined, "there is a stripe to submit");
    const { dataId, placement, sealKey } = this.#shard;
    const { k, m } = placement;
    const stripeIndex = this.#stripeIndex++;
    const length = this.#filled;
    const place: StripePlace = { offset: stripe.offset, length, k, m, dataId, stripeIndex };
    const segmentEnds = this.#cutSegmentEnds(length);
    this.#current = undefined;
    const run = sealKey && { key: sealKey, firstFrame: this.#firstFrame(stripeIndex), final: last };
    const stored = sealKey === undefined ? place : { ...place, length: sealedBytes(length) };
    this.#upload.encode({ place, segmentEnds, last, ...(run && { seal: run }) }).then(
      (reply) => this.#onEncoded(stripe, stored, reply),
      (error) => {
        this.#arena.release(stripe);
        this.fail(StoreError.from(error));
      },
    );
  }

  #firstFrame(stripeIndex: number): number {
    return stripeIndex * (this.#shard.stripeDataBytes / FRAME_BYTES);
  }

  /** Segment ends up to the end of the current stripe, counted from its start. */
  #cutSegmentEnds(length: number): number[] {
    const start = this.#submittedBytes;
    this.#submittedBytes += length;
    const ends: number[] = [];
    for (const end of this.#segmentEnds) {
      if (end > this.#submittedBytes) break;
      ends.push(end - start);
    }
    this.#segmentEnds = this.#segmentEnds.slice(ends.length);
    return ends;
  }

  #onEncoded(stripe: Stripe, place: StripePlace, reply: EncodeReply): void {
    const problem = this.#state === "failed" ? undefined : this.#check(reply);
    if (problem !== undefined) this.fail(problem);
    if (this.#state === "failed") {
      this.#arena.release(stripe);
      return;
    }
    this.#shards.append({
      places: blockPlaces(place),
      onSettled: () => {
        this.#inWindow--;
        if (this.#paused) this.#pump();
      },
      onFree: () => this.#arena.release(stripe),
    });
    const { digests } = reply;
    if (digests === undefined) return;
    this.#shards.finish((missing) => {
      this.#state = "stored";
      this.#events.onStored(missing, digests);
    });
  }

  #check(reply: EncodeReply): StoreError | undefined {
    for (const sha256 of reply.segments) {
      const check = this.#segmentChecks.shift();
      assert(check !== undefined, "each segment end came with its check");
      const problem = check(sha256);
      if (problem !== undefined) return problem;
    }
    return reply.digests === undefined ? undefined : this.#events.verify(reply.digests);
  }
}

function blockPlaces({ offset, length, k, m }: StripePlace): BlockPlace[] {
  const geometry = stripeGeometry(length, k, m);
  return Array.from({ length: k + m }, (_, slot) => blockPlace(offset, geometry, slot));
}
