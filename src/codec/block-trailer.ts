/**
 * The 32 bytes that follow every block: a checksum that holds only for this block, of this stripe,
 * of this slot, of this data, and of this length. A block that rotted, was torn, is stale or belongs
 * elsewhere fails it alike. The layout is docs/FORMATS.md, "Stripes".
 */
import { equalBytes } from "../base/bytes.ts";
import type { DataId } from "../base/ids.ts";
import type { Kernels } from "./kernels.ts";
import { blockOffset, type StripeGeometry, TRAILER_BYTES, trailerOffset } from "./stripe.ts";
import { XXH3_DIGEST_BYTES } from "./xxh3.ts";

/** A stripe in the shared memory and what it is a stripe of. */
export interface PlacedStripe {
  /** Offset of the stripe buffer. */
  readonly offset: number;
  readonly geometry: StripeGeometry;
  readonly dataId: DataId;
  readonly stripeIndex: number;
}

/** Offsets in the work area: what the checksum covers, then the checksum. */
const DATA_ID_OFFSET = XXH3_DIGEST_BYTES;
const SLOT_OFFSET = 32;
const FIELDS_OFFSET = 36;
const COVERED_BYTES = 52;
const CHECKSUM_OFFSET = 64;

/** Writes the trailers of `slots` from the blocks at their places. */
export function encodeTrailers(
  kernels: Kernels,
  stripe: PlacedStripe,
  slots: readonly number[],
): void {
  // With one data block all blocks are equal: one digest serves every slot.
  const mirrored = stripe.geometry.k === 1;
  slots.forEach((slot, index) => {
    if (index === 0 || !mirrored) digestBlock(kernels, stripe, slot);
    trailerAt(kernels, stripe, slot).set(trailerOfDigest(kernels, stripe, slot));
  });
}

/** True when the trailer at its place is the one that the block at its place must have. */
export function verifyTrailer(kernels: Kernels, stripe: PlacedStripe, slot: number): boolean {
  digestBlock(kernels, stripe, slot);
  return equalBytes(trailerAt(kernels, stripe, slot), trailerOfDigest(kernels, stripe, slot));
}

function trailerAt(kernels: Kernels, stripe: PlacedStripe, slot: number): Buffer {
  const offset = stripe.offset + trailerOffset(stripe.geometry, slot);
  return Buffer.from(kernels.memory.buffer, offset, TRAILER_BYTES);
}

/** Leaves the block's digest at the start of the work area. */
function digestBlock(kernels: Kernels, stripe: PlacedStripe, slot: number): void {
  const { geometry } = stripe;
  const block = stripe.offset + blockOffset(geometry, slot);
  kernels.xxh3(block, geometry.blockBytes, kernels.workOffset);
}

/** The trailer of a block whose digest lies at the start of the work area. */
function trailerOfDigest(kernels: Kernels, stripe: PlacedStripe, slot: number): Buffer {
  const { geometry } = stripe;
  const at = kernels.workOffset;
  const work = Buffer.from(kernels.memory.buffer, at, CHECKSUM_OFFSET + XXH3_DIGEST_BYTES);
  work.write(stripe.dataId, DATA_ID_OFFSET, "hex");
  work.writeUInt32LE(slot, SLOT_OFFSET);
  work.writeUInt32LE(stripe.stripeIndex, FIELDS_OFFSET);
  work.writeUInt32LE(geometry.blockBytes, FIELDS_OFFSET + 4);
  work.writeUInt32LE(geometry.dataBytes, FIELDS_OFFSET + 8);
  work.writeUInt32LE(0, FIELDS_OFFSET + 12);
  kernels.xxh3(at, COVERED_BYTES, at + CHECKSUM_OFFSET);
  const trailer = Buffer.alloc(TRAILER_BYTES);
  work.copy(trailer, 0, CHECKSUM_OFFSET);
  work.copy(trailer, XXH3_DIGEST_BYTES, FIELDS_OFFSET, COVERED_BYTES);
  return trailer;
}
