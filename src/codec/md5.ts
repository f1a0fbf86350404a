/**
 * MD5 (RFC 1321) with its running state in plain bytes, so that a hash may hop between threads.
 * MD5 names content (ETag, Content-MD5); it protects nothing. This is the slow, obvious twin of the
 * kernels; they share the state's layout:
 *
 *   0  a, b, c, d   4 × u32 LE
 *   16 length       u64 LE, bytes hashed so far
 *   24 reserved     8 zero bytes
 *   32 tail         64 bytes; the first (length mod 64) are input that waits for a whole block
 */
import { asBuffer } from "../base/bytes.ts";

export const MD5_DIGEST_BYTES = 16;
export const MD5_BLOCK_BYTES = 64;
/** Bytes of one running state; it must start at a multiple of 16. */
export const MD5_STATE_BYTES = 96;
export const MD5_LENGTH_OFFSET = 16;
export const MD5_TAIL_OFFSET = 32;

const INITIAL = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476] as const;
const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21] as const;

/** floor(2^32 × |sin(step + 1)|): exact in double precision, as in the RFC. */
export const MD5_CONSTANTS: Uint32Array = Uint32Array.from({ length: 64 }, (_, step) =>
  Math.floor(2 ** 32 * Math.abs(Math.sin(step + 1))),
);

export function md5Init(state: Uint8Array): void {
  const buffer = asBuffer(state);
  buffer.fill(0, 0, MD5_STATE_BYTES);
  INITIAL.forEach((word, index) => {
    buffer.writeUInt32LE(word, index * 4);
  });
}

export function md5Update(state: Uint8Array, input: Uint8Array): void {
  const buffer = asBuffer(state);
  const length = buffer.readBigUInt64LE(MD5_LENGTH_OFFSET);
  let filled = Number(length % BigInt(MD5_BLOCK_BYTES));
  buffer.writeBigUInt64LE(length + BigInt(input.length), MD5_LENGTH_OFFSET);
  for (const byte of input) {
    buffer[MD5_TAIL_OFFSET + filled] = byte;
    filled++;
    if (filled === MD5_BLOCK_BYTES) {
      compress(buffer);
      filled = 0;
    }
  }
}

/** The digest of what was hashed so far. The state is spent afterwards. */
export function md5Final(state: Uint8Array): Buffer {
  const buffer = asBuffer(state);
  md5Update(state, md5Padding(buffer.readBigUInt64LE(MD5_LENGTH_OFFSET)));
  return Buffer.from(buffer.subarray(0, MD5_DIGEST_BYTES));
}

/** What follows a message of `length` bytes: 0x80, zeros, and its length in bits. */
export function md5Padding(length: bigint): Buffer {
  const filled = Number(length % BigInt(MD5_BLOCK_BYTES));
  const padding = Buffer.alloc((filled < 56 ? 64 : 128) - filled);
  padding[0] = 0x80;
  padding.writeBigUInt64LE(BigInt.asUintN(64, length * 8n), padding.length - 8);
  return padding;
}

function compress(state: Buffer): void {
  let [a, b, c, d] = [0, 4, 8, 12].map((offset) => state.readInt32LE(offset)) as Registers;
  for (let step = 0; step < 64; step++) {
    const [mixed, word] = mixStep(step, b, c, d);
    const message = state.readInt32LE(MD5_TAIL_OFFSET + word * 4);
    const sum = (a + mixed + (MD5_CONSTANTS[step] ?? 0) + message) | 0;
    const shift = SHIFTS[(step >> 4) * 4 + (step & 3)] ?? 0;
    const rotated = (sum << shift) | (sum >>> (32 - shift));
    [a, b, c, d] = [d, (b + rotated) | 0, b, c];
  }
  [a, b, c, d].forEach((word, index) => {
    state.writeInt32LE((state.readInt32LE(index * 4) + word) | 0, index * 4);
  });
}

// `map` forgets that four offsets give four words.
type Registers = [number, number, number, number];

/** The round's function of b, c, d and which message word the step takes. */
function mixStep(step: number, b: number, c: number, d: number): [mixed: number, word: number] {
  if (step < 16) return [(b & c) | (~b & d), step];
  if (step < 32) return [(b & d) | (c & ~d), (5 * step + 1) & 15];
  if (step < 48) return [b ^ c ^ d, (3 * step + 5) & 15];
  return [c ^ (b | ~d), (7 * step) & 15];
}
