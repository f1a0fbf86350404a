/**
 * What lies in the arena below its stripes: the kernels' tables, shared by all threads, and for each
 * thread that computes its own scratch and the states of the MD5 lanes that it works on.
 *
 *   | tables | front scratch | thread 0: scratch, lanes | thread 1: scratch, lanes | … | stripes …
 *
 * Thread 0 is the front; codec actors and whoever else needs kernels follow.
 */
import { assert } from "../base/assert.ts";
import { KERNEL_SCRATCH_BYTES, KERNEL_TABLES_BYTES } from "../codec/kernel-layout.ts";
import { MD5_STATE_BYTES } from "../codec/md5.ts";
import { stripeGeometry } from "../codec/stripe.ts";

/** MD5 streams that one actor advances together: what fills the widest kernel. */
export const MD5_LANES = 8;
/** Room for bytes of the front that are not in a stripe. */
export const FRONT_SCRATCH_BYTES = 16 * 1024;
const ALIGNMENT = 64;

export interface ThreadPlaces {
  readonly tablesOffset: number;
  readonly scratchOffset: number;
  /** MD5_LANES states, one after the other. */
  readonly lanesOffset: number;
}

/** Only thread 0 uses it, within one synchronous call. */
export const FRONT_SCRATCH_OFFSET: number = alignUp(KERNEL_TABLES_BYTES);
const threadsOffset = FRONT_SCRATCH_OFFSET + FRONT_SCRATCH_BYTES;
const scratchBytes = alignUp(KERNEL_SCRATCH_BYTES);
const threadBytes = scratchBytes + alignUp(MD5_LANES * MD5_STATE_BYTES);

/** Bytes to reserve for `threads` threads. */
export function reservedBytes(threads: number): number {
  return threadsOffset + threads * threadBytes;
}

export function threadPlaces(thread: number): ThreadPlaces {
  const scratchOffset = threadsOffset + thread * threadBytes;
  return { tablesOffset: 0, scratchOffset, lanesOffset: scratchOffset + scratchBytes };
}

/**
 * Bytes of a stripe buffer that holds a stripe of any geometry up to `slotsMax` slots with parity of
 * at most half. Data keeps the geometry that it was written with, so today's alone is not enough.
 */
export function stripeBufferBytes(stripeDataBytes: number, slotsMax: number): number {
  assert(slotsMax >= 1, "there is at least one slot");
  let largest = 0;
  for (let slots = 1; slots <= slotsMax; slots++) {
    const m = Math.floor(slots / 2);
    largest = Math.max(largest, stripeGeometry(stripeDataBytes, slots - m, m).bufferBytes);
  }
  return largest;
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
