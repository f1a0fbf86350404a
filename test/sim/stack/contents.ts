/**
 * The contents that clients write: each has a number, from which its bytes follow, and is recognised
 * by its ETag. So whatever a read returns is exactly one content that was written, or a violation.
 */
import { createHash } from "node:crypto";

export interface Content {
  readonly value: number;
  readonly bytes: Buffer;
  readonly etag: string;
  /** What a copy of it is: the ETag of an upload is not that of its bytes. */
  readonly copied: number;
}

/** How many bytes: inline, a part of a stripe, one stripe, several. */
const SIZES = [0, 40, 190, 201, 512, 700, 1300, 2100] as const;

/** So many of those that are picked first stay inline. */
export const INLINE_SIZES = 2;

export class Contents {
  readonly #byEtag = new Map<string, Content>();
  readonly #byValue = new Map<number, Content>();
  readonly #uploads = new Set<number>();
  #last = 0;

  /** A new content; `pick` chooses its size. */
  make(pick: (bound: number) => number): Content {
    const value = ++this.#last;
    // No two are empty: an ETag names one content.
    const size = value === 1 ? 0 : (SIZES[1 + pick(SIZES.length - 1)] ?? 40);
    const bytes = bytesOf(value, size + (size === 0 ? 0 : value % 7));
    return this.#remember({ value, bytes, etag: md5(bytes), copied: value });
  }

  /** The same bytes as the completion of an upload of these parts. */
  asUpload(parts: readonly Buffer[]): Content {
    const bytes = Buffer.concat(parts);
    const digests = parts.map((part) => createHash("md5").update(part).digest());
    const etag = `${md5(Buffer.concat(digests))}-${parts.length}`;
    const value = ++this.#last;
    const copied = ++this.#last;
    this.#uploads.add(value).add(copied);
    this.#remember({ value: copied, bytes, etag: md5(bytes), copied });
    return this.#remember({ value, bytes, etag, copied });
  }

  /** It was put together by an upload, or is the copy of one that was. */
  isOfUpload(value: number): boolean {
    return this.#uploads.has(value);
  }

  byValue(value: number): Content | undefined {
    return this.#byValue.get(value);
  }

  byEtag(etag: string): Content | undefined {
    return this.#byEtag.get(etag);
  }

  #remember(content: Content): Content {
    this.#byEtag.set(content.etag, content);
    this.#byValue.set(content.value, content);
    return content;
  }
}

export function bytesOf(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = Math.imul(value, 0x9e3779b1) | 1;
  for (let at = 0; at < size; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}

function md5(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}
