/**
 * Base58 with Bitcoin's alphabet: a number of base 58, most significant digit first, and a "1" for
 * each leading zero byte. One text for each sequence of bytes. Slow for more than some dozens of them.
 */
const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BASE = 58n;
const ZERO = "1";

export function base58Encode(bytes: Uint8Array): string {
  const zeros = countWhile(bytes, (byte) => byte === 0);
  const rest = Buffer.from(bytes.subarray(zeros)).toString("hex");
  let digits = "";
  for (let left = BigInt(`0x0${rest}`); left > 0n; left /= BASE) {
    digits = ALPHABET.charAt(Number(left % BASE)) + digits;
  }
  return ZERO.repeat(zeros) + digits;
}

/** Undefined when a character is not of the alphabet. */
export function base58Decode(text: string): Buffer | undefined {
  let number = 0n;
  for (const character of text) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) return undefined;
    number = number * BASE + BigInt(digit);
  }
  const hex = number === 0n ? "" : number.toString(16);
  const zeros = countWhile(text, (character) => character === ZERO);
  return Buffer.concat([Buffer.alloc(zeros), Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex")]);
}

function countWhile<T>(items: Iterable<T>, matches: (item: T) => boolean): number {
  let count = 0;
  for (const item of items) {
    if (!matches(item)) break;
    count += 1;
  }
  return count;
}
