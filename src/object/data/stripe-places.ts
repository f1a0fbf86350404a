/** Where the blocks of a stripe lie in the arena, as drives are told. */
import { blockOffset, type StripeGeometry, trailerOffset } from "../../codec/stripe.ts";
import type { BlockPlace } from "../../store/drive.ts";

/** The place of a slot's block and trailer in a stripe buffer that begins at `bufferOffset`. */
export function blockPlace(
  bufferOffset: number,
  geometry: StripeGeometry,
  slot: number,
): BlockPlace {
  return {
    blockOffset: bufferOffset + blockOffset(geometry, slot),
    blockBytes: geometry.blockBytes,
    trailerOffset: bufferOffset + trailerOffset(geometry, slot),
  };
}
