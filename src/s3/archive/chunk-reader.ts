/** Exact numbers of bytes, or whatever is at hand, from a stream of chunks. */
import { StoreError } from "../../base/store-error.ts";

const NOTHING = Buffer.alloc(0);

export class ChunkReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = NOTHING;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Up to `bytesMax` bytes, at least one; undefined at the end. */
  async take(bytesMax: number): Promise<Buffer | undefined> {
    if (!(await this.#fill())) return undefined;
    const taken = this.#held.subarray(0, bytesMax);
    this.#held = this.#held.subarray(taken.length);
    return taken;
  }

  /** Exactly so many; undefined when nothing is left. Rejects when the stream ends in between. */
  async read(bytes: number): Promise<Buffer | undefined> {
    const pieces: Buffer[] = [];
    let missing = bytes;
    while (missing > 0) {
      const piece = await this.take(missing);
      if (piece === undefined) {
        if (pieces.length === 0) return undefined;
        throw new StoreError({ code: "incomplete-body" });
      }
      pieces.push(piece);
      missing -= piece.length;
    }
    const [only] = pieces;
    return pieces.length === 1 ? only : Buffer.concat(pieces, bytes);
  }

  /** Passes over so many. */
  async skip(bytes: number): Promise<void> {
    for (let left = bytes; left > 0; ) {
      const piece = await this.take(left);
      if (piece === undefined) throw new StoreError({ code: "incomplete-body" });
      left -= piece.length;
    }
  }

  /** No more is wanted: whoever makes the chunks may stop. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** To the end, whatever comes. */
  async drain(): Promise<void> {
    while ((await this.take(Number.MAX_SAFE_INTEGER)) !== undefined);
  }

  /** The beginning, at most so many, without taking it. */
  async peek(bytes: number): Promise<Buffer> {
    while (this.#held.length < bytes) {
      const { done, value } = await this.#chunks.next();
      if (done === true) break;
      this.#held = Buffer.concat([this.#held, value]);
    }
    return this.#held.subarray(0, bytes);
  }

  /** What is left, as chunks. */
  async *rest(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const chunk = await this.take(Number.MAX_SAFE_INTEGER);
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  async #fill(): Promise<boolean> {
    while (this.#held.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return false;
      this.#held = value;
    }
    return true;
  }
}
