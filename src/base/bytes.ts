/** Bytes in words: comparison, hexadecimal, sizes. */

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const TIB = 1024 * GIB;

/** Unsigned lexicographic order, the order of keys everywhere (UTF-8 bytes, memcmp). */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  return Buffer.compare(left, right);
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && Buffer.compare(left, right) === 0;
}

/** A Buffer over the same memory, for its methods; nothing is copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  // Most callers have one already, and another view takes as long as a short hash.
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("hex");
}

export function toBase64(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("base64");
}

export function utf8(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

/**
 * Copies all of `source` to the start of `target`. `set` copies word by word into shared memory, because
 * other threads may look on, which takes two to three times as long as this.
 */
export function copyBytes(target: Uint8Array, source: Uint8Array): void {
  if (source.length < COPY_BYTES_MIN || source.length > target.length) target.set(source);
  else asBuffer(target).fill(source, 0, source.length);
}

/** Below, calling out costs more than it saves. */
const COPY_BYTES_MIN = 4096;

/**
 * The first byte string that is greater than every string with this prefix, or undefined when there
 * is none (a prefix of 0xFF bytes only). Used to seek past a prefix.
 */
export function afterPrefix(prefix: Uint8Array): Buffer | undefined {
  const end = Buffer.from(prefix);
  for (let index = end.length - 1; index >= 0; index--) {
    const byte = end[index] ?? 0;
    if (byte < 0xff) {
      end[index] = byte + 1;
      return end.subarray(0, index + 1);
    }
  }
  return undefined;
}
