/** Small content that lives sealed in a record: sealed and opened on the heap, in the calling thread. */
import { assert } from "../../base/assert.ts";
import {
  FRAME_BYTES,
  FRAME_PLAIN_BYTES,
  openFrames,
  sealedBytes,
  sealFrames,
} from "../../codec/sealed-frames.ts";
import type { ByteRange, DataKey } from "../contract/data.ts";
import { checkSealedLength, framesOfRange } from "./read-plan.ts";

export function sealContent(plain: Uint8Array, key: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(sealedBytes(plain.length));
  sealed.set(plain);
  sealFrames(sealed, plain.length, { key, firstFrame: 0, final: true });
  return sealed;
}

/** The bytes of a range. Throws StoreError `corrupt`. */
export function openContent(sealed: Uint8Array, range: ByteRange, dataKey: DataKey): Uint8Array {
  checkSealedLength(sealed.length, dataKey);
  assert(range.offset + range.length <= dataKey.plainBytes, "a range lies in its data");
  // Nothing is still said by somebody: its frame has to open.
  const wanted = dataKey.plainBytes === 0 ? { offset: 0, length: 1 } : range;
  if (wanted.length === 0) return new Uint8Array(0);
  const stored = framesOfRange(wanted, sealed.length);
  const frames = Uint8Array.from(sealed.subarray(stored.offset, stored.offset + stored.length));
  const firstFrame = stored.offset / FRAME_BYTES;
  const final = stored.offset + stored.length === sealed.length;
  openFrames(frames, { key: dataKey.key, firstFrame, final });
  const start = range.offset - firstFrame * FRAME_PLAIN_BYTES;
  return frames.subarray(start, start + range.length);
}
