/**
 * The frames of yamux, as its specification has them
 * (https://github.com/hashicorp/yamux/blob/master/spec.md):
 *
 *   version u8 = 0 · type u8 · flags u16 · stream id u32 · length u32   (big-endian)
 *
 * The body of a data frame is handed on as it comes, so a frame costs no memory however long it says
 * it is.
 */
export const YAMUX_HEADER_BYTES = 12;

export const FRAME_TYPE = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;
export const FLAG = { syn: 1, ack: 2, fin: 4, rst: 8 } as const;

export interface YamuxHeader {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  /** Bytes of data, window, ping number or reason. */
  readonly length: number;
}

export interface YamuxVisitor {
  /** A frame begins. Returns what is wrong with it. */
  header(header: YamuxHeader): string | undefined;
  /** Some of the bytes of the data frame that began last. */
  data(piece: Uint8Array): void;
}

export function encodeYamuxHeader({ type, flags, streamId, length }: YamuxHeader): Buffer {
  const header = Buffer.allocUnsafe(YAMUX_HEADER_BYTES);
  header[0] = 0;
  header[1] = type;
  header.writeUInt16BE(flags, 2);
  header.writeUInt32BE(streamId, 4);
  header.writeUInt32BE(length, 8);
  return header;
}

/** Cuts the bytes of a connection into frames; holds at most a header. */
export class YamuxReader {
  readonly #header = Buffer.alloc(YAMUX_HEADER_BYTES);
  #headerBytes = 0;
  /** Bytes of the present data frame that are still to come. */
  #left = 0;

  /** Returns why the connection is not one of yamux; nothing may be pushed after that. */
  push(piece: Uint8Array, visitor: YamuxVisitor): string | undefined {
    let at = 0;
    while (at < piece.length) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, piece.length - at);
        this.#left -= taken;
        visitor.data(taken === piece.length ? piece : piece.subarray(at, at + taken));
        at += taken;
        continue;
      }
      const taken = Math.min(YAMUX_HEADER_BYTES - this.#headerBytes, piece.length - at);
      this.#header.set(piece.subarray(at, at + taken), this.#headerBytes);
      this.#headerBytes += taken;
      at += taken;
      if (this.#headerBytes < YAMUX_HEADER_BYTES) break;
      const fault = this.#begin(visitor);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #begin(visitor: YamuxVisitor): string | undefined {
    this.#headerBytes = 0;
    const bytes = this.#header;
    if (bytes[0] !== 0) return `yamux of version ${bytes[0]}`;
    const header = {
      type: bytes[1] ?? 0,
      flags: bytes.readUInt16BE(2),
      streamId: bytes.readUInt32BE(4),
      length: bytes.readUInt32BE(8),
    };
    if (header.type === FRAME_TYPE.data) this.#left = header.length;
    return visitor.header(header);
  }
}
