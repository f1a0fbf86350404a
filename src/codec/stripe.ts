/**
 * The arithmetic of erasure-coded data: how a payload is cut into stripes, a stripe into blocks, and
 * where each block lies in its shard's file and in a stripe buffer. Pure numbers; the format is
 * docs/FORMATS.md, section "Stripes".
 *
 *   stripe buffer   | data 0 | … | data k-1 | parity k | … | parity n-1 | trailer 0 … n-1 |
 *   shard file      | header | block ‖ trailer of stripe 0 | block ‖ trailer of stripe 1 | … |
 */
import { assert } from "../base/assert.ts";
import { assertShape } from "./erasure-matrix.ts";
import { SHARD_HEADER_BYTES } from "./shard-header.ts";

/** Blocks are a multiple of this long, so that every block of a buffer starts a cache line. */
export const BLOCK_ALIGNMENT = 64;
export const TRAILER_BYTES = 32;

/** How a payload was, or is to be, encoded. */
export interface StripeCode {
  readonly k: number;
  readonly m: number;
  /** Payload bytes in every stripe but the last. */
  readonly stripeDataBytes: number;
}

/** Sizes and places of one stripe with `dataBytes` payload bytes. */
export interface StripeGeometry {
  readonly k: number;
  readonly m: number;
  readonly dataBytes: number;
  /** Bytes of each block, data and parity alike. */
  readonly blockBytes: number;
  /** Offsets from the start of the stripe buffer. */
  readonly parityOffset: number;
  readonly trailersOffset: number;
  /** Bytes of the whole stripe buffer, a multiple of 64. */
  readonly bufferBytes: number;
}

export function stripeGeometry(dataBytes: number, k: number, m: number): StripeGeometry {
  assertShape(k, m);
  assert(Number.isSafeInteger(dataBytes) && dataBytes >= 0, "a stripe has whole bytes");
  const blockBytes = alignUp(Math.ceil(dataBytes / k));
  const trailersOffset = (k + m) * blockBytes;
  return {
    k,
    m,
    dataBytes,
    blockBytes,
    parityOffset: k * blockBytes,
    trailersOffset,
    bufferBytes: alignUp(trailersOffset + (k + m) * TRAILER_BYTES),
  };
}

/** Offset of a slot's block in the stripe buffer. */
export function blockOffset(geometry: StripeGeometry, slot: number): number {
  return slot * geometry.blockBytes;
}

/** Offset of a slot's trailer in the stripe buffer. */
export function trailerOffset(geometry: StripeGeometry, slot: number): number {
  return geometry.trailersOffset + slot * TRAILER_BYTES;
}

/** Stripes of a payload; none when it is empty. */
export function stripeCount(code: StripeCode, payloadBytes: number): number {
  return Math.ceil(payloadBytes / code.stripeDataBytes);
}

/** Payload bytes of stripe `stripeIndex`. */
export function stripeLength(code: StripeCode, payloadBytes: number, stripeIndex: number): number {
  assert(
    stripeIndex >= 0 && stripeIndex < stripeCount(code, payloadBytes),
    "a stripe lies in its payload",
  );
  return Math.min(code.stripeDataBytes, payloadBytes - stripeIndex * code.stripeDataBytes);
}

/** Offset in every shard file of the block of stripe `stripeIndex`; its trailer follows it. */
export function stripeFileOffset(code: StripeCode, stripeIndex: number): number {
  const { blockBytes } = stripeGeometry(code.stripeDataBytes, code.k, code.m);
  return SHARD_HEADER_BYTES + stripeIndex * (blockBytes + TRAILER_BYTES);
}

/** Length of each shard file of a payload. */
export function shardFileBytes(code: StripeCode, payloadBytes: number): number {
  const stripes = stripeCount(code, payloadBytes);
  if (stripes === 0) return SHARD_HEADER_BYTES;
  const last = stripeLength(code, payloadBytes, stripes - 1);
  const { blockBytes } = stripeGeometry(last, code.k, code.m);
  return stripeFileOffset(code, stripes - 1) + blockBytes + TRAILER_BYTES;
}

/** The bytes of a range that lie in one stripe. */
export interface StripeSlice {
  readonly stripeIndex: number;
  /** First byte wanted, from the start of the stripe's data. */
  readonly start: number;
  /** Bytes wanted, at least one. */
  readonly length: number;
  readonly geometry: StripeGeometry;
  /** The data slots that hold them: `firstSlot` to `lastSlot`, both included. */
  readonly firstSlot: number;
  readonly lastSlot: number;
  /** Offset of the stripe's block in each shard file. */
  readonly fileOffset: number;
}

/** The stripes that payload bytes [offset, offset + length) touch, in order. */
export function* stripesOfRange(
  code: StripeCode,
  payloadBytes: number,
  range: { readonly offset: number; readonly length: number },
): Generator<StripeSlice> {
  const end = range.offset + range.length;
  assert(
    range.offset >= 0 && range.length >= 0 && end <= payloadBytes,
    "a range lies in the payload",
  );
  for (let position = range.offset; position < end; ) {
    const stripeIndex = Math.floor(position / code.stripeDataBytes);
    const dataBytes = stripeLength(code, payloadBytes, stripeIndex);
    const geometry = stripeGeometry(dataBytes, code.k, code.m);
    const start = position - stripeIndex * code.stripeDataBytes;
    const length = Math.min(dataBytes - start, end - position);
    yield {
      stripeIndex,
      start,
      length,
      geometry,
      firstSlot: Math.floor(start / geometry.blockBytes),
      lastSlot: Math.floor((start + length - 1) / geometry.blockBytes),
      fileOffset: stripeFileOffset(code, stripeIndex),
    };
    position += length;
  }
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / BLOCK_ALIGNMENT) * BLOCK_ALIGNMENT;
}
