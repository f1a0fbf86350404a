/**
 * Memory for bytes that live about as long as the request they are made for, cut from larger pieces:
 * each allocation outside of the JavaScript heap costs more than filling a small one, and the
 * collector comes more often for it. A piece is freed when nothing refers to any of its cuts, so
 * what is to be kept for long needs memory of its own.
 */

const PIECE_BYTES = 256 * 1024;
/** Larger cuts get memory of their own, so that pieces are used up well. */
const CUT_BYTES_MAX = PIECE_BYTES / 8;

let piece = Buffer.alloc(0);
let used = 0;

/** Not zeroed. */
export function takeShortLived(bytes: number): Buffer {
  if (bytes > CUT_BYTES_MAX) return Buffer.allocUnsafeSlow(bytes);
  if (used + bytes > piece.length) {
    piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
    used = 0;
  }
  const start = used;
  used += bytes;
  return piece.subarray(start, used);
}

/** A copy in such memory. */
export function copyShortLived(bytes: Uint8Array): Buffer {
  const copy = takeShortLived(bytes.length);
  copy.set(bytes);
  return copy;
}
