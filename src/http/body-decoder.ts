/**
 * Where the body of a request ends, for the server on node:net: after a declared length, or after its
 * last chunk (RFC 9112 §7.1). Bytes come in pieces cut anywhere; data goes out as views of them.
 *
 * Strict like `head-parser.ts`. Extensions of chunks and trailers are read over, up to a limit.
 */

export interface BodyDecoder {
  /** True when the body was whole; what follows is another request. */
  readonly done: boolean;
  /**
   * Reads on from `offset` and gives data to `take`. Returns how far it came, which is the end of the
   * bytes unless the body ended before; `BROKEN_BODY` when they are no such body.
   */
  decode(bytes: Buffer, offset: number, take: (data: Buffer) => void): number;
}

export const BROKEN_BODY = -1;

export class LengthDecoder implements BodyDecoder {
  #left: number;

  constructor(length: number) {
    this.#left = length;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  decode(bytes: Buffer, offset: number, take: (data: Buffer) => void): number {
    const end = Math.min(bytes.length, offset + this.#left);
    this.#left -= end - offset;
    take(offset === 0 && end === bytes.length ? bytes : bytes.subarray(offset, end));
    return end;
  }
}

/** Hexadecimal digits of a chunk's size: as many as a number holds exactly. */
const SIZE_DIGITS_MAX = 13;
/** Extensions and trailers of one body together. */
export const CHUNK_OVERHEAD_BYTES_MAX: number = 16 * 1024;

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const SEMICOLON = 0x3b;
const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;
const DELETE = 0x7f;

/**
 * size → (extension) → sizeEnd → data → dataReturn → dataEnd → size …, and after a size of 0
 * trailer → (trailerLine → trailerEnd → trailer …) → lastEnd → done.
 */
type State =
  | "size"
  | "extension"
  | "sizeEnd"
  | "data"
  | "dataReturn"
  | "dataEnd"
  | "trailer"
  | "trailerLine"
  | "trailerEnd"
  | "lastEnd"
  | "done"
  | "broken";

export class ChunkedDecoder implements BodyDecoder {
  #state: State = "size";
  #digits = 0;
  /** The size so far, then what is left of the chunk. */
  #size = 0;
  #overhead = 0;
  /** In a trailer's line: whether its colon came. */
  #colon = false;

  get done(): boolean {
    return this.#state === "done";
  }

  decode(bytes: Buffer, offset: number, take: (data: Buffer) => void): number {
    let at = offset;
    while (at < bytes.length && this.#state !== "done") {
      if (this.#state === "data") {
        const end = Math.min(bytes.length, at + this.#size);
        this.#size -= end - at;
        if (this.#size === 0) this.#state = "dataReturn";
        take(bytes.subarray(at, end));
        at = end;
        continue;
      }
      this.#state = this.#next(bytes[at] ?? 0);
      if (this.#state === "broken") return BROKEN_BODY;
      at++;
    }
    return at;
  }

  #next(byte: number): State {
    switch (this.#state) {
      case "size":
        return this.#readSize(byte);
      case "extension":
        return this.#readOver(byte, "sizeEnd");
      case "sizeEnd":
        if (byte !== LINE_FEED) return "broken";
        return this.#size > 0 ? "data" : "trailer";
      case "dataReturn":
        return byte === CARRIAGE_RETURN ? "dataEnd" : "broken";
      case "dataEnd":
        this.#digits = 0;
        return byte === LINE_FEED ? "size" : "broken";
      case "trailer":
      case "trailerLine":
        return this.#readTrailer(byte);
      case "trailerEnd":
        return byte === LINE_FEED ? "trailer" : "broken";
      case "lastEnd":
        return byte === LINE_FEED ? "done" : "broken";
      default:
        return "broken";
    }
  }

  #readSize(byte: number): State {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#digits++;
      this.#size = this.#size * 16 + digit;
      return this.#digits <= SIZE_DIGITS_MAX ? "size" : "broken";
    }
    if (this.#digits === 0) return "broken";
    if (byte === CARRIAGE_RETURN) return "sizeEnd";
    return byte === SEMICOLON ? "extension" : "broken";
  }

  /** A line that is of no interest: anything but control characters, up to its end. */
  #readOver(byte: number, end: State): State {
    if (byte === CARRIAGE_RETURN) return end;
    if ((byte < SPACE && byte !== TAB) || byte === DELETE) return "broken";
    this.#overhead++;
    return this.#overhead <= CHUNK_OVERHEAD_BYTES_MAX ? this.#state : "broken";
  }

  #readTrailer(byte: number): State {
    if (this.#state === "trailer") {
      if (byte === CARRIAGE_RETURN) return "lastEnd";
      // No folded lines, and no line without a name.
      if (byte === SPACE || byte === TAB || byte === COLON) return "broken";
      this.#state = "trailerLine";
      this.#colon = false;
    }
    if (byte === COLON) this.#colon = true;
    if (byte === CARRIAGE_RETURN && !this.#colon) return "broken";
    return this.#readOver(byte, "trailerEnd");
  }
}

/** -1 when it is none. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
