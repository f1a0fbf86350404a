/**
 * HMAC-SHA-256 of short messages as two one-shot hashes (RFC 2104). `createHmac` makes a native object
 * for each message, which takes longer than hashing it and keeps the garbage collector busy: deriving
 * the keys of a small encrypted object made five of them.
 */
import { createHmac, hash } from "node:crypto";
import { assert } from "./assert.ts";

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
/** Longer messages go the usual way. */
const MESSAGE_BYTES_MAX = 4096;
const inner = Buffer.alloc(BLOCK_BYTES + MESSAGE_BYTES_MAX);
const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);

/** Of the message that the parts make together; `key` is at most one block long. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  assert(key.length <= BLOCK_BYTES, "a key is at most one block");
  let length = BLOCK_BYTES;
  for (const part of parts) length += part.length;
  if (length > inner.length) return longMessage(key, parts);
  for (let index = 0; index < BLOCK_BYTES; index++) {
    const byte = key[index] ?? 0;
    inner[index] = byte ^ INNER_PAD;
    outer[index] = byte ^ OUTER_PAD;
  }
  let end = BLOCK_BYTES;
  for (const part of parts) {
    inner.set(part, end);
    end += part.length;
  }
  // Texts of one byte a character: a buffer that Node makes has memory of its own, outside the heap,
  // which takes longer than hashing and has to be freed by the collector.
  outer.write(hash("sha256", inner.subarray(0, length), "binary"), BLOCK_BYTES, "latin1");
  return Buffer.from(hash("sha256", outer, "binary"), "latin1");
}

function longMessage(key: Uint8Array, parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
