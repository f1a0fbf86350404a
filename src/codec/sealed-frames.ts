/**
 * Encrypted payloads: a payload is cut into frames, each sealed by itself with AES-256-GCM, so that a
 * range opens only the frames it touches. The layout is docs/FORMATS.md, "Sealed payloads".
 *
 *   | ciphertext 65520 | tag 16 | ciphertext 65520 | tag 16 | … | ciphertext ≤ 65520 | tag 16 |
 *
 * A key seals one payload and nothing else; the nonce is the number of the frame and whether it is
 * the last. So a frame that is changed, moved, left out, repeated or taken from another payload does
 * not open, and neither does a payload that ends early. Frames are 64 KiB with their tags: stripes are
 * whole frames, whatever size of stripes a payload is written in again.
 *
 * Both directions work in place. The plain bytes lie together at the start, where hashes and sockets
 * want them; sealing spreads them from the last frame to the first, opening from the first to the last,
 * so that nothing is overwritten before it was read.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { assert } from "../base/assert.ts";
import { copyBytes } from "../base/bytes.ts";
import { StoreError } from "../base/store-error.ts";
import { giveBack } from "./give-back.ts";

export const TAG_BYTES = 16;
/** A sealed frame; only the last is shorter. */
export const FRAME_BYTES: number = 64 * 1024;
export const FRAME_PLAIN_BYTES: number = FRAME_BYTES - TAG_BYTES;
export const FRAME_KEY_BYTES = 32;

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const NUMBER_AT = 4;

/** Frames of a payload; an empty one has one, so that emptiness is sealed too. */
export function frameCount(plainBytes: number): number {
  return Math.max(1, Math.ceil(plainBytes / FRAME_PLAIN_BYTES));
}

/** Bytes of a payload when it is sealed. */
export function sealedBytes(plainBytes: number): number {
  return plainBytes + frameCount(plainBytes) * TAG_BYTES;
}

/** Plain bytes that fill a stripe when they are sealed. */
export function stripePlainBytes(stripeDataBytes: number): number {
  assert(stripeDataBytes % FRAME_BYTES === 0, "stripes are whole frames");
  return (stripeDataBytes / FRAME_BYTES) * FRAME_PLAIN_BYTES;
}

/** Which frames some bytes are. */
export interface FrameRun {
  readonly key: Uint8Array;
  /** Number in the payload of the first frame here. */
  readonly firstFrame: number;
  /** The last frame here is the payload's last. */
  readonly final: boolean;
}

/** Seals `plainBytes` at the start of `bytes`, which has room for what that becomes: returned. */
export function sealFrames(bytes: Uint8Array, plainBytes: number, run: FrameRun): number {
  const frames = frameCount(plainBytes);
  for (let index = frames - 1; index >= 0; index--) {
    const start = index * FRAME_PLAIN_BYTES;
    const plain = bytes.subarray(start, Math.min(start + FRAME_PLAIN_BYTES, plainBytes));
    const cipher = createCipheriv(ALGORITHM, run.key, nonceOf(run, index, frames));
    const sealed = cipher.update(plain);
    cipher.final();
    const target = index * FRAME_BYTES;
    copyBytes(bytes.subarray(target), sealed);
    bytes.set(cipher.getAuthTag(), target + plain.length);
    giveBack(sealed);
  }
  return sealedBytes(plainBytes);
}

/**
 * Opens the frames that are `sealed`; the plain bytes lie at its start afterwards, and their number
 * is returned. Throws StoreError `corrupt` when a frame is not the one that should be there; what
 * lies in `sealed` then is of no use to anybody.
 */
export function openFrames(sealed: Uint8Array, run: FrameRun): number {
  const frames = Math.ceil(sealed.length / FRAME_BYTES);
  const opened = openWhile(sealed, run);
  if (opened < frames) throw doesNotOpen(run.firstFrame + opened);
  return sealed.length - frames * TAG_BYTES;
}

/** As `openFrames`; but when a frame does not open it is false, and every byte is as it was. */
export function tryOpenFrames(sealed: Uint8Array, run: FrameRun): boolean {
  const frames = Math.ceil(sealed.length / FRAME_BYTES);
  const opened = openWhile(sealed, run);
  if (opened === frames) return true;
  // The same bytes under the same nonces are what lay there; what was not opened was not touched.
  if (opened > 0) sealFrames(sealed, opened * FRAME_PLAIN_BYTES, { ...run, final: false });
  return false;
}

/** Opens frames in order until one does not open; how many did. */
function openWhile(sealed: Uint8Array, run: FrameRun): number {
  const frames = Math.ceil(sealed.length / FRAME_BYTES);
  for (let index = 0; index < frames; index++) {
    const start = index * FRAME_BYTES;
    const frame = sealed.subarray(start, start + FRAME_BYTES);
    const plain = openFrame(frame, run, nonceOf(run, index, frames));
    if (plain === undefined) return index;
    copyBytes(sealed.subarray(index * FRAME_PLAIN_BYTES), plain);
    giveBack(plain);
  }
  return frames;
}

const TAG_OPTIONS = { authTagLength: TAG_BYTES };

function openFrame(
  frame: Uint8Array,
  run: FrameRun,
  nonce: Buffer,
): Buffer<ArrayBuffer> | undefined {
  const plainBytes = frame.length - TAG_BYTES;
  if (plainBytes < 0) return undefined;
  const decipher = createDecipheriv(ALGORITHM, run.key, nonce, TAG_OPTIONS);
  decipher.setAuthTag(frame.subarray(plainBytes));
  const plain = decipher.update(frame.subarray(0, plainBytes));
  try {
    decipher.final();
  } catch {
    giveBack(plain);
    return undefined;
  }
  return plain;
}

const nonceBytes = Buffer.alloc(NONCE_BYTES);

/** Valid until the next call. */
function nonceOf(run: FrameRun, index: number, frames: number): Buffer {
  nonceBytes.writeUInt32BE(run.final && index === frames - 1 ? 1 : 0, 0);
  const number = run.firstFrame + index;
  nonceBytes.writeUInt32BE(Math.floor(number / 2 ** 32), NUMBER_AT);
  nonceBytes.writeUInt32BE(number % 2 ** 32, NUMBER_AT + 4);
  return nonceBytes;
}

function doesNotOpen(frame: number): StoreError {
  return new StoreError({ code: "corrupt", what: `encrypted data: frame ${frame} does not open` });
}
