/**
 * Which stripes a range of a payload touches, and where its bytes lie in each once it is loaded. For
 * sealed data that is where its frames have been opened: only those that the range touches are read
 * and opened. Pure.
 */
import type { SealedFrames } from "../../actors/codec-messages.ts";
import { assert } from "../../base/assert.ts";
import {
  FRAME_BYTES,
  FRAME_PLAIN_BYTES,
  sealedBytes,
  TAG_BYTES,
} from "../../codec/sealed-frames.ts";
import { type StripeSlice, stripesOfRange } from "../../codec/stripe.ts";
import type { ByteRange, DataKey, ShardedData } from "../contract/data.ts";
import { corrupt } from "../records/record-bytes.ts";

export interface PlannedStripe {
  readonly slice: StripeSlice;
  /** The wanted bytes in the loaded stripe's buffer. */
  readonly view: { readonly start: number; readonly length: number };
  readonly open?: SealedFrames;
}

/** Throws StoreError `corrupt` when sealed data has another length than its payload makes. */
export function planRead(
  data: ShardedData,
  range: ByteRange,
  dataKey: DataKey | undefined,
): Generator<PlannedStripe> {
  if (dataKey === undefined) return planPlain(data, range);
  checkSealedLength(data.bytes, dataKey);
  return planSealed(data, range, dataKey);
}

function* planPlain(data: ShardedData, range: ByteRange): Generator<PlannedStripe> {
  for (const slice of stripesOfRange(data, data.bytes, range)) yield { slice, view: slice };
}

function* planSealed(
  data: ShardedData,
  range: ByteRange,
  { key }: DataKey,
): Generator<PlannedStripe> {
  const end = range.offset + range.length;
  const stored = framesOfRange(range, data.bytes);
  for (const slice of stripesOfRange(data, data.bytes, stored)) {
    const position = slice.stripeIndex * data.stripeDataBytes + slice.start;
    assert(position % FRAME_BYTES === 0, "stripes are whole frames");
    const firstFrame = position / FRAME_BYTES;
    const plainStart = firstFrame * FRAME_PLAIN_BYTES;
    const plainEnd = plainStart + slice.length - Math.ceil(slice.length / FRAME_BYTES) * TAG_BYTES;
    const from = Math.max(range.offset, plainStart);
    const to = Math.min(end, plainEnd);
    const final = position + slice.length === data.bytes;
    const { start, length } = slice;
    yield {
      slice,
      view: { start: start + from - plainStart, length: to - from },
      open: { key, firstFrame, final, start, length },
    };
  }
}

/** Sealed bytes of the frames that hold a range of the payload, at least one byte. */
export function framesOfRange(range: ByteRange, storedBytes: number): ByteRange {
  const first = Math.floor(range.offset / FRAME_PLAIN_BYTES);
  const last = Math.floor((range.offset + range.length - 1) / FRAME_PLAIN_BYTES);
  const offset = first * FRAME_BYTES;
  return { offset, length: Math.min((last + 1) * FRAME_BYTES, storedBytes) - offset };
}

export function checkSealedLength(storedBytes: number, { plainBytes }: DataKey): void {
  if (storedBytes !== sealedBytes(plainBytes)) throw corrupt("encrypted data: its length");
}
