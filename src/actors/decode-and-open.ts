/**
 * Verifies and rebuilds a loaded stripe, then opens what of it is sealed, in place. In one job, so that
 * a read goes to a codec thread once.
 */
import type { Kernels } from "../codec/kernels.ts";
import { openFrames } from "../codec/sealed-frames.ts";
import { type DecodeResult, decodeStripe } from "../codec/stripe-codec.ts";
import type { DecodeRequest } from "./codec-messages.ts";

/** Throws StoreError `corrupt` when good blocks hold frames that do not open. */
export function decodeAndOpen(kernels: Kernels, request: DecodeRequest): DecodeResult {
  const result = decodeStripe(kernels, request);
  const { open } = request;
  if (result.ok && open !== undefined) {
    const start = request.offset + open.start;
    openFrames(new Uint8Array(kernels.memory.buffer, start, open.length), open);
  }
  return result;
}
