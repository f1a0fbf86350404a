/**
 * What codec workers do with a stripe in the shared memory: encode it, verify and decode it, rebuild
 * lost slots. All of it works in place in the stripe buffer (stripe.ts) and is synchronous.
 */
import { assert } from "../base/assert.ts";
import type { DataId } from "../base/ids.ts";
import { encodeTrailers, type PlacedStripe, verifyTrailer } from "./block-trailer.ts";
import { parityMatrix, recoveryMatrix } from "./erasure-matrix.ts";
import type { Kernels } from "./kernels.ts";
import { blockOffset, type StripeGeometry, stripeGeometry } from "./stripe.ts";

/** Which stripe lies where. */
export interface StripePlace {
  /** Offset of the stripe buffer in the shared memory, a multiple of 64. */
  readonly offset: number;
  /** Payload bytes of this stripe, at least one. */
  readonly length: number;
  readonly k: number;
  readonly m: number;
  readonly dataId: DataId;
  readonly stripeIndex: number;
}

export interface LoadedStripe extends StripePlace {
  /** Slots whose block and trailer were read into their places. */
  readonly present: readonly number[];
  /** Slots that are to be good afterwards. */
  readonly wanted: readonly number[];
}

export type DecodeResult =
  | {
      /** Every wanted slot's block is at its place and good. */
      readonly ok: true;
      /** Present slots whose block failed its trailer. */
      readonly corrupt: readonly number[];
      /** Wanted slots that were made from the others. */
      readonly rebuilt: readonly number[];
    }
  | {
      /** Fewer than k good blocks: nothing was changed. */
      readonly ok: false;
      readonly corrupt: readonly number[];
      readonly good: readonly number[];
    };

/**
 * Completes a stripe whose payload bytes lie at the start of its buffer: pads with zeros, computes
 * the parity blocks and the trailers of all slots.
 */
export function encodeStripe(kernels: Kernels, place: StripePlace): StripeGeometry {
  const stripe = placeStripe(place);
  const { geometry, offset } = stripe;
  new Uint8Array(
    kernels.memory.buffer,
    offset + geometry.dataBytes,
    geometry.parityOffset - geometry.dataBytes,
  ).fill(0);
  kernels.multiplyBlocks(parityMatrix(place.k, place.m), {
    sources: blockOffsets(stripe, slotRange(0, place.k)),
    targets: blockOffsets(stripe, slotRange(place.k, place.m)),
    length: geometry.blockBytes,
  });
  encodeTrailers(kernels, stripe, slotRange(0, place.k + place.m));
  return geometry;
}

/**
 * Verifies every present block, then makes the wanted ones that are missing or corrupt. Their
 * trailers are left alone: reading an object needs the data only.
 */
export function decodeStripe(kernels: Kernels, loaded: LoadedStripe): DecodeResult {
  const stripe = placeStripe(loaded);
  const good = loaded.present.filter((slot) => verifyTrailer(kernels, stripe, slot));
  const corrupt = loaded.present.filter((slot) => !good.includes(slot));
  const rebuilt = loaded.wanted.filter((slot) => !good.includes(slot));
  if (rebuilt.length > 0) {
    if (good.length < loaded.k) return { ok: false, corrupt, good };
    recover(kernels, stripe, { sources: good.slice(0, loaded.k), wanted: rebuilt });
  }
  return { ok: true, corrupt, rebuilt };
}

/** As `decodeStripe`, for healing: the wanted slots that were made get their trailers, too. */
export function rebuildStripe(kernels: Kernels, loaded: LoadedStripe): DecodeResult {
  const result = decodeStripe(kernels, loaded);
  if (result.ok) {
    encodeTrailers(kernels, placeStripe(loaded), result.rebuilt);
  }
  return result;
}

function placeStripe(place: StripePlace): PlacedStripe {
  const { offset, length, dataId, stripeIndex } = place;
  assert(length >= 1, "a stripe has at least one byte");
  return { offset, dataId, stripeIndex, geometry: stripeGeometry(length, place.k, place.m) };
}

function recover(
  kernels: Kernels,
  stripe: PlacedStripe,
  slots: { readonly sources: readonly number[]; readonly wanted: readonly number[] },
): void {
  kernels.multiplyBlocks(recoveryMatrix(stripe.geometry, slots.sources, slots.wanted), {
    sources: blockOffsets(stripe, slots.sources),
    targets: blockOffsets(stripe, slots.wanted),
    length: stripe.geometry.blockBytes,
  });
}

function blockOffsets(stripe: PlacedStripe, slots: readonly number[]): number[] {
  return slots.map((slot) => stripe.offset + blockOffset(stripe.geometry, slot));
}

function slotRange(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
