/**
 * Percent-encoding as S3 reads and writes it: strict on input (a broken escape or bytes that are
 * not UTF-8 are refused, never guessed), RFC 3986 unreserved characters bare on output.
 */

const UNRESERVED = /^[A-Za-z0-9\-._~]*$/;
const PLAIN = /^[^%+]*$/;
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;

export type PlusSign = "literal" | "space";

/** The text meant by `encoded`, or undefined when it is not valid percent-encoded UTF-8. */
export function percentDecode(encoded: string, plus: PlusSign): string | undefined {
  if (PLAIN.test(encoded)) return isWellFormedText(encoded) ? encoded : undefined;
  const spaced = plus === "space" ? encoded.replaceAll("+", " ") : encoded;
  if (!isWellFormedText(spaced)) return undefined;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return undefined;
  }
}

/** The front decodes what came raw as UTF-8; U+FFFD marks bytes that were none. */
function isWellFormedText(text: string): boolean {
  return !text.includes("\ufffd");
}

/** The bytes meant by `encoded`, valid UTF-8 or not; undefined for a broken escape. */
export function percentDecodeBytes(encoded: string, plus: PlusSign): Buffer | undefined {
  if (BROKEN_ESCAPE.test(encoded)) return undefined;
  const spaced = plus === "space" ? encoded.replaceAll("+", " ") : encoded;
  const source = Buffer.from(spaced, "utf8");
  if (!spaced.includes("%")) return source;
  let length = 0;
  for (let index = 0; index < source.length; index++) {
    let byte = source[index] ?? 0;
    if (byte === PERCENT) {
      byte = hexValue(source[index + 1]) * 16 + hexValue(source[index + 2]);
      index += 2;
    }
    source[length++] = byte;
  }
  return source.subarray(0, length);
}

const PERCENT = 0x25;

function hexValue(byte: number | undefined): number {
  if (byte === undefined) return 0;
  return byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57;
}

/** Encodes every byte but the unreserved ones (and "/" when it is to be kept). */
export function percentEncodeBytes(bytes: Uint8Array, keepSlash: boolean): string {
  let encoded = "";
  for (const byte of bytes) {
    encoded += keepSlash && byte === SLASH ? "/" : (ENCODED_BYTES[byte] ?? "");
  }
  return encoded;
}

const SLASH = 0x2f;
const ENCODED_BYTES: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (UNRESERVED.test(character)) return character;
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
});

export function percentEncode(text: string, keepSlash = false): string {
  if (UNRESERVED.test(text)) return text;
  return percentEncodeBytes(Buffer.from(text, "utf8"), keepSlash);
}
