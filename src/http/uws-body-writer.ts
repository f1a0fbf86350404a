/**
 * How the body of an answer goes out through uWebSockets.js: of known length, or chunked. A writer
 * has at most one chunk under way; `write` and `retry` tell whether the chunk's memory is free.
 */

/** What the writers use of the library's response. */
export interface UwsWritable {
  write(chunk: Uint8Array): boolean;
  end(): unknown;
  tryEnd(chunk: Uint8Array, totalSize: number): [ok: boolean, done: boolean];
  getWriteOffset(): number;
}

export interface BodyWriter {
  /** Body bytes given to `write` so far. */
  readonly written: number;
  /** True when the library has ended the answer by itself. */
  readonly done: boolean;
  write(chunk: Uint8Array): boolean;
  /** Goes on with the chunk under way. */
  retry(): boolean;
  /** A value that grows when the client takes bytes, as far as the library tells. */
  progress(): number;
  end(): void;
}

/** The library ends the answer with the last byte and sends from our memory, without a copy. */
export class KnownLengthWriter implements BodyWriter {
  readonly #res: UwsWritable;
  readonly #total: number;
  #written = 0;
  #done = false;
  #chunk: Uint8Array = new Uint8Array(0);
  #chunkStart = 0;

  constructor(res: UwsWritable, total: number) {
    this.#res = res;
    this.#total = total;
  }

  get written(): number {
    return this.#written;
  }

  get done(): boolean {
    return this.#done;
  }

  write(chunk: Uint8Array): boolean {
    this.#chunk = chunk;
    this.#chunkStart = this.#written;
    this.#written += chunk.byteLength;
    return this.#attempt(chunk);
  }

  retry(): boolean {
    const rest = this.#chunk.subarray(this.#res.getWriteOffset() - this.#chunkStart);
    // An empty `tryEnd` would end the answer early.
    return rest.byteLength === 0 || this.#attempt(rest);
  }

  progress(): number {
    return this.#res.getWriteOffset();
  }

  end(): void {
    if (!this.#done) this.#res.end();
  }

  #attempt(bytes: Uint8Array): boolean {
    const [ok, done] = this.#res.tryEnd(bytes, this.#total);
    this.#done = done;
    return ok || done;
  }
}

/**
 * The library copies what the socket does not take. Small pieces bound that copy, because "writable"
 * tells that there is some room, not that the copy is gone.
 */
const PIECE_BYTES = 16 * 1024;

export class ChunkedWriter implements BodyWriter {
  readonly done = false;
  readonly #res: UwsWritable;
  #written = 0;
  #chunk: Uint8Array = new Uint8Array(0);
  #next = 0;
  #retries = 0;

  constructor(res: UwsWritable) {
    this.#res = res;
  }

  get written(): number {
    return this.#written;
  }

  write(chunk: Uint8Array): boolean {
    this.#chunk = chunk;
    this.#next = 0;
    this.#written += chunk.byteLength;
    return this.#writePieces();
  }

  retry(): boolean {
    this.#retries++;
    return this.#writePieces();
  }

  progress(): number {
    return this.#retries;
  }

  end(): void {
    this.#res.end();
  }

  #writePieces(): boolean {
    let room = true;
    while (room && this.#next < this.#chunk.byteLength) {
      const piece = this.#chunk.subarray(this.#next, this.#next + PIECE_BYTES);
      room = this.#res.write(piece);
      this.#next += piece.byteLength;
    }
    return room;
  }
}
