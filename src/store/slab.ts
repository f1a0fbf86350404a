/**
 * Memory for the rows of a commit, cut from larger pieces that are used again: thousands of small
 * allocations outside of the JavaScript heap, and pieces that come and go, cost more in garbage
 * collection than everything else a commit does.
 */

const PIECE_BYTES = 256 * 1024;
/** Larger cuts get memory of their own, so that pieces are used up well. */
const CUT_BYTES_MAX = PIECE_BYTES / 8;
/** More than that is given back at `reset`. */
const PIECES_KEPT_MAX = 8;

export class Slab {
  readonly #pieces: Buffer[] = [];
  #next = 0;
  #piece: Buffer = Buffer.alloc(0);
  #used = 0;

  /** Not zeroed. */
  take(bytes: number): Buffer {
    if (bytes > CUT_BYTES_MAX) return Buffer.allocUnsafeSlow(bytes);
    if (this.#used + bytes > this.#piece.length) {
      this.#piece = this.#pieces[this.#next] ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
      this.#pieces[this.#next] = this.#piece;
      this.#next += 1;
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += bytes;
    return this.#piece.subarray(start, start + bytes);
  }

  /** Nothing that was taken is used any more. */
  reset(): void {
    this.#pieces.splice(PIECES_KEPT_MAX);
    this.#next = 0;
    this.#piece = Buffer.alloc(0);
    this.#used = 0;
  }
}
