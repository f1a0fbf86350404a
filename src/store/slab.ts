/**
 * Memory for the rows of a commit, cut from larger pieces: thousands of small allocations outside of
 * the JavaScript heap cost more in garbage collection than everything else a commit does. A piece is
 * freed when nothing refers to any of its cuts.
 */

const PIECE_BYTES = 256 * 1024;
/** Larger cuts get memory of their own, so that pieces are used up well. */
const CUT_BYTES_MAX = PIECE_BYTES / 8;

export class Slab {
  #piece: Buffer = Buffer.alloc(0);
  #used = 0;

  /** Not zeroed. */
  take(bytes: number): Buffer {
    if (bytes > CUT_BYTES_MAX) return Buffer.allocUnsafeSlow(bytes);
    if (this.#used + bytes > this.#piece.length) {
      this.#piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += bytes;
    return this.#piece.subarray(start, start + bytes);
  }
}
