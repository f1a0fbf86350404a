/**
 * Verifies and rebuilds a loaded stripe, then opens what of it is sealed, in place. In one job, so that
 * a read goes to a codec thread once.
 *
 * A frame that opens is the one that was sealed: its tag says more than the checksum of its block,
 * which takes half as long again to compute. So sealed blocks are verified only when a frame of theirs
 * does not open, to find out which block is to blame.
 */
import type { Kernels } from "../codec/kernels.ts";
import { openFrames, tryOpenFrames } from "../codec/sealed-frames.ts";
import { type DecodeResult, decodeStripe } from "../codec/stripe-codec.ts";
import type { DecodeRequest } from "./codec-messages.ts";

/** Throws StoreError `corrupt` when good blocks hold frames that do not open. */
export function decodeAndOpen(kernels: Kernels, request: DecodeRequest): DecodeResult {
  const { open, present, wanted } = request;
  if (open === undefined) return decodeStripe(kernels, request);
  const start = request.offset + open.start;
  const sealed = new Uint8Array(kernels.memory.buffer, start, open.length);
  const complete = wanted.every((slot) => present.includes(slot));
  if (complete && tryOpenFrames(sealed, open)) return ALL_GOOD;
  const result = decodeStripe(kernels, request);
  if (result.ok) openFrames(sealed, open);
  return result;
}

const ALL_GOOD: DecodeResult = { ok: true, corrupt: [], rebuilt: [] };
