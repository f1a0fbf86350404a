/**
 * The keys of one encrypted object, all derived from its object key: one for the bytes of each data
 * item, one for checksums, one for ETags. Each derivation is HMAC-SHA-256 over a label and what the
 * key is bound to, so no two uses share a key.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { asBuffer, utf8 } from "../../base/bytes.ts";
import { hmacSha256 } from "../../base/hmac-sha256.ts";
import type { Random } from "../../base/random.ts";
import { ETAG_BYTES, type StoredChecksum } from "../records/data-descriptor.ts";
import type { EncryptionMode } from "../records/encryption-descriptor.ts";
import { corrupt } from "../records/record-bytes.ts";

export const OBJECT_KEY_BYTES = 32;
/** Makes the keys of two uploads of the same part differ. */
export const PART_SALT_BYTES = 16;

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = NONCE_BYTES + TAG_BYTES;
/** What a key is for: no two uses share one. */
const LABELS = {
  data: utf8("ringfort/1/data/"),
  etag: utf8("ringfort/1/etag/"),
  checksum: utf8("ringfort/1/checksum/"),
  parts: utf8("ringfort/1/parts/"),
};
const PART_LINE_BYTES = 4 + 8 + PART_SALT_BYTES;

/** Which part of an object something belongs to; undefined: to the whole. */
export interface PartPlace {
  readonly number: number;
  readonly salt?: Uint8Array | undefined;
}

export class ObjectKeys {
  readonly mode: EncryptionMode;
  readonly #key: Uint8Array;

  constructor(mode: EncryptionMode, key: Uint8Array) {
    this.mode = mode;
    this.#key = key;
  }

  /** For the object's own data, or that of a part; a key of its own for each. */
  dataKey(part: PartPlace | undefined): Uint8Array {
    // Memory of its own: it travels to another thread.
    return Uint8Array.from(this.#derive("data", placeOf(part)));
  }

  /**
   * SSE-S3 shows the MD5, as AWS does. Elsewhere the MD5 would tell those who may list what is inside:
   * the ETag is another 16 bytes that depend on the same bytes and on the key.
   */
  etag(md5: Uint8Array): Uint8Array {
    if (this.mode === "managed") return md5;
    return this.#derive("etag", asBuffer(md5)).subarray(0, ETAG_BYTES);
  }

  /** Checksums tell about the bytes, and of short ones everything: they are sealed. */
  sealChecksum(
    checksum: StoredChecksum,
    part: PartPlace | undefined,
    random: Random,
  ): StoredChecksum {
    const nonce = random.bytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#derive("checksum", placeOf(part)), nonce);
    cipher.setAAD(kindOf(checksum));
    const ciphertext = Buffer.concat([cipher.update(checksum.value), cipher.final()]);
    return { ...checksum, value: Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]) };
  }

  /** Throws StoreError `corrupt`. */
  openChecksum(checksum: StoredChecksum, part: PartPlace | undefined): StoredChecksum {
    const sealed = asBuffer(checksum.value);
    if (sealed.length < HEAD_BYTES) throw corrupt("sealed checksum");
    const key = this.#derive("checksum", placeOf(part));
    const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES))
      .setAAD(kindOf(checksum))
      .setAuthTag(sealed.subarray(NONCE_BYTES, HEAD_BYTES));
    try {
      const value = Buffer.concat([decipher.update(sealed.subarray(HEAD_BYTES)), decipher.final()]);
      return { ...checksum, value };
    } catch {
      throw corrupt("sealed checksum");
    }
  }

  /**
   * Binds the parts of an object: none can be left out, moved or replaced by another of the same
   * upload. What is inside each its frames bind.
   */
  partsCheck(parts: readonly (PartPlace & { readonly bytes: number })[]): Buffer {
    const lines = Buffer.allocUnsafe(parts.length * PART_LINE_BYTES);
    let at = 0;
    for (const { number, bytes, salt } of parts) {
      at = lines.writeUInt32BE(number, at);
      at = lines.writeBigUInt64BE(BigInt(bytes), at);
      lines.fill(0, at, at + PART_SALT_BYTES);
      if (salt !== undefined) lines.set(salt, at);
      at += PART_SALT_BYTES;
    }
    return this.#derive("parts", lines);
  }

  /** The key itself, to be sealed anew. */
  reveal(): Uint8Array {
    return this.#key;
  }

  #derive(label: keyof typeof LABELS, bound: Uint8Array): Buffer {
    return hmacSha256(this.#key, LABELS[label], bound);
  }
}

/** A stored checksum in the clear; undefined where it is sealed and the keys are not at hand. */
export function readableChecksum(
  stored: StoredChecksum | undefined,
  part: PartPlace | undefined,
  { encryption, keys }: { encryption?: unknown; keys: ObjectKeys | undefined },
): StoredChecksum | undefined {
  if (stored === undefined || encryption === undefined) return stored;
  return keys?.openChecksum(stored, part);
}

/** Part 0 is the whole. */
function placeOf(part: PartPlace | undefined): Buffer {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(part?.number ?? 0);
  return Buffer.concat([number, part?.salt ?? NO_SALT]);
}

const NO_SALT = new Uint8Array(0);

function kindOf({ algorithm, type }: StoredChecksum): Buffer {
  return Buffer.from(`${algorithm}/${type}`);
}
