/**
 * What an upload keeps on the heap of a chunk that found no room in the arena, in buffers that are
 * used again: V8 collects its whole heap for every 64 MiB allocated beside it, however little of the
 * heap is in use, and the front stands still meanwhile.
 */
import { assert } from "../../base/assert.ts";
import { KIB } from "../../base/bytes.ts";

/** What the front reads from a socket at a time. */
export const OVERFLOW_BUFFER_BYTES = 512 * KIB;
/** Buffers kept for the next upload that needs one; more are left to the garbage collector. */
export const OVERFLOW_BUFFERS_KEPT_MAX = 64;

/** Shared by the uploads of a node. */
export class OverflowBuffers {
  readonly #kept: Buffer[] = [];

  get keptCount(): number {
    return this.#kept.length;
  }

  take(): Buffer {
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(OVERFLOW_BUFFER_BYTES);
  }

  give(buffer: Buffer): void {
    if (this.#kept.length < OVERFLOW_BUFFERS_KEPT_MAX) this.#kept.push(buffer);
  }
}

interface Piece {
  readonly buffer: Buffer;
  start: number;
  end: number;
}

/** Bytes in the order they came. */
export class ChunkOverflow {
  readonly #buffers: OverflowBuffers;
  readonly #pieces: Piece[] = [];
  #bytes = 0;

  constructor(buffers: OverflowBuffers) {
    this.#buffers = buffers;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Copies the chunk. */
  push(chunk: Uint8Array): void {
    let taken = 0;
    while (taken < chunk.length) {
      const piece = this.#pieceWithRoom();
      const count = Math.min(chunk.length - taken, piece.buffer.length - piece.end);
      piece.buffer.set(chunk.subarray(taken, taken + count), piece.end);
      piece.end += count;
      taken += count;
    }
    this.#bytes += chunk.length;
  }

  /** The first bytes that lie together, valid until the next `drop`; undefined when there are none. */
  first(): Uint8Array | undefined {
    const [piece] = this.#pieces;
    return piece?.buffer.subarray(piece.start, piece.end);
  }

  /** Takes bytes away that `first` gave. */
  drop(count: number): void {
    const [piece] = this.#pieces;
    assert(
      piece !== undefined && count <= piece.end - piece.start,
      "only what is there is dropped",
    );
    piece.start += count;
    this.#bytes -= count;
    if (piece.start < piece.end) return;
    this.#pieces.shift();
    this.#buffers.give(piece.buffer);
  }

  clear(): void {
    for (const { buffer } of this.#pieces) this.#buffers.give(buffer);
    this.#pieces.length = 0;
    this.#bytes = 0;
  }

  #pieceWithRoom(): Piece {
    const last = this.#pieces.at(-1);
    if (last !== undefined && last.end < last.buffer.length) return last;
    const piece = { buffer: this.#buffers.take(), start: 0, end: 0 };
    this.#pieces.push(piece);
    return piece;
  }
}
