/**
 * Decoder of aws-chunked bodies, between the HTTP body and the sink of the payload.
 *
 *     <size in hex>[;chunk-signature=<64 hex>] CR LF <data> CR LF … 0[;…] CR LF [trailer] CR LF
 *
 * Data is handed on as views of what came in, never copied and never held back for a signature: the
 * sink learns at the end of each chunk how to check it, and must not make anything visible before
 * every check has passed. Input may be cut anywhere; the result is the same. Whatever is wrong ends
 * in exactly one `fail`, and nothing more is passed on.
 */

import { KIB, MIB } from "../../base/bytes.ts";
import type { PayloadSink } from "../../base/payload.ts";
import { StoreError } from "../../base/store-error.ts";
import { S3_ERRORS, type S3ErrorCode } from "../s3-error-codes.ts";
import type { SignatureChain } from "./chunk-signatures.ts";
import { type TrailerExpectations, TrailerReader, type TrailerResult } from "./chunk-trailer.ts";

/** A chunk header or a trailer line. */
export const CHUNK_LINE_LENGTH_MAX = 4 * KIB;
export const TRAILER_LINES_MAX = 16;
/** A signed chunk is checked as a whole, so it has a size that can be waited for. */
export const SIGNED_CHUNK_BYTES_MAX = 16 * MIB;
/** Each signature costs the front a hash: AWS allows only the last chunk to be smaller. */
export const SIGNED_CHUNK_BYTES_MIN = 8 * KIB;
/** The Go client ends an unsigned trailer with one line end more. */
const SPARE_BYTES_MAX = 2;

export interface ChunkedDecoderOptions {
  /** x-amz-decoded-content-length. */
  readonly decodedLength: number;
  /** Undefined for unsigned chunks. */
  readonly signatures: SignatureChain | undefined;
  /** Undefined when nothing but an empty line may follow the final chunk. */
  readonly trailer: TrailerExpectations | undefined;
}

type State = "size-line" | "data" | "data-end" | "trailer" | "spare" | "over";

const LF = 0x0a;
const SIZE_LINE = /^([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?\r$/;

export class ChunkedDecoder {
  readonly #sink: PayloadSink;
  readonly #options: ChunkedDecoderOptions;
  readonly #trailer: TrailerReader;
  #state: State = "size-line";
  /** The part of a line that came so far. */
  #line = "";
  /** Bytes of data that are still missing: of this chunk, and of all. */
  #chunkRest = 0;
  #totalRest: number;
  #chunkBytes: number | undefined;
  #chunkCount = 0;
  #chunkSignature: string | undefined;
  #trailerLines = 0;
  #spareBytes = 0;
  #result: Extract<TrailerResult, { kind: "complete" }> | undefined;

  constructor(sink: PayloadSink, options: ChunkedDecoderOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#totalRest = options.decodedLength;
    this.#trailer = new TrailerReader(options.trailer ?? { checksum: undefined, signed: false });
  }

  /** Takes a piece of the encoded body; false asks for a pause, as in PayloadSink. */
  write(piece: Uint8Array): boolean {
    let flowing = true;
    let offset = 0;
    while (offset < piece.length && this.#state !== "over") {
      if (this.#state === "data") {
        const end = Math.min(piece.length, offset + this.#chunkRest);
        flowing = this.#passOn(piece.subarray(offset, end)) && flowing;
        offset = end;
      } else if (this.#state === "spare") {
        this.#readSpare(piece.subarray(offset));
        offset = piece.length;
      } else {
        offset = this.#readLinePart(piece, offset);
      }
    }
    return flowing;
  }

  /** The encoded body is complete. */
  end(): void {
    if (this.#state === "over") return;
    if (this.#result === undefined) {
      // Cut off in the trailer, or before the chunks were whole.
      if (this.#state === "trailer" && this.#options.trailer !== undefined) {
        this.#reject("MalformedTrailerError");
      } else this.#rejectFraming();
      return;
    }
    this.#state = "over";
    const { checksum } = this.#result;
    this.#sink.end(checksum === undefined ? {} : { checksum });
  }

  fail(error: StoreError): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#sink.fail(error);
  }

  #passOn(data: Uint8Array): boolean {
    this.#chunkRest -= data.length;
    this.#totalRest -= data.length;
    const flowing = this.#sink.write(data);
    if (this.#chunkRest === 0) {
      this.#state = "data-end";
      const { signatures } = this.#options;
      if (signatures !== undefined && this.#chunkSignature !== undefined) {
        this.#sink.endSegment(signatures.next(this.#chunkSignature));
      }
    }
    return flowing;
  }

  /** Collects a line up to LF and reads it; returns the offset behind what was taken. */
  #readLinePart(piece: Uint8Array, offset: number): number {
    const found = piece.indexOf(LF, offset);
    const end = found < 0 ? piece.length : found;
    if (this.#line.length + end - offset > CHUNK_LINE_LENGTH_MAX) {
      this.#rejectFraming();
      return piece.length;
    }
    this.#line += latin1(piece, offset, end);
    if (found < 0) return end;
    const line = this.#line;
    this.#line = "";
    this.#readLine(line);
    return found + 1;
  }

  #readLine(line: string): void {
    if (this.#state === "size-line") this.#readSizeLine(line);
    else if (this.#state === "trailer") this.#readTrailerLine(line);
    else if (line === "\r") this.#state = "size-line";
    else this.#rejectFraming();
  }

  #readSizeLine(line: string): void {
    const match = SIZE_LINE.exec(line);
    const signature = match?.[2];
    const { signatures } = this.#options;
    if (match === null || (signature === undefined) !== (signatures === undefined)) {
      this.#rejectFraming();
      return;
    }
    const bytes = Number.parseInt(match[1] ?? "", 16);
    if (!this.#acceptSize(bytes)) return;
    if (bytes > 0) {
      this.#chunkRest = bytes;
      this.#chunkSignature = signature;
      this.#state = "data";
      return;
    }
    if (this.#totalRest > 0) {
      this.#reject("IncompleteBody");
      return;
    }
    const error = signature === undefined ? undefined : signatures?.checkFinal(signature);
    if (error === undefined) this.#state = "trailer";
    else this.fail(error);
  }

  #acceptSize(bytes: number): boolean {
    this.#chunkCount += 1;
    if (this.#options.signatures !== undefined && bytes > 0) {
      if (bytes > SIGNED_CHUNK_BYTES_MAX) {
        const text = `A signed chunk may have at most ${SIGNED_CHUNK_BYTES_MAX} bytes`;
        this.#reject("InvalidChunkSizeError", text);
        return false;
      }
      if (this.#chunkBytes !== undefined && this.#chunkBytes < SIGNED_CHUNK_BYTES_MIN) {
        this.#reject("InvalidChunkSizeError");
        return false;
      }
    }
    this.#chunkBytes = bytes;
    if (bytes <= this.#totalRest) return true;
    this.#reject("IncompleteBody");
    return false;
  }

  #readTrailerLine(line: string): void {
    this.#trailerLines += 1;
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    const result: TrailerResult =
      this.#trailerLines > TRAILER_LINES_MAX ? { kind: "malformed" } : this.#trailer.readLine(text);
    switch (result.kind) {
      case "more":
        return;
      case "malformed":
        this.#reject("MalformedTrailerError");
        return;
      case "invalid-checksum":
        this.#reject("InvalidRequest", `Value for ${result.name} trailing header is invalid.`);
        return;
      case "complete":
        this.#finish(result);
    }
  }

  #finish(result: Extract<TrailerResult, { kind: "complete" }>): void {
    const { signatures } = this.#options;
    const { signature, lines } = result;
    const error = signature === undefined ? undefined : signatures?.checkTrailer(lines, signature);
    if (error !== undefined) {
      this.fail(error);
      return;
    }
    this.#result = result;
    this.#state = "spare";
  }

  #readSpare(rest: Uint8Array): void {
    this.#spareBytes += rest.length;
    const lineEnds = rest.every((byte) => byte === LF || byte === 0x0d);
    if (!lineEnds || this.#spareBytes > SPARE_BYTES_MAX) this.#rejectFraming();
  }

  #rejectFraming(): void {
    this.#reject("IncompleteBody", "The request body terminated unexpectedly");
  }

  #reject(s3Code: S3ErrorCode, text?: string): void {
    const message = text ?? S3_ERRORS[s3Code][1];
    this.fail(new StoreError({ code: "payload-rejected", s3Code, message }));
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}
