/**
 * Keeps secrets unreadable at rest: AES-256-GCM, bound to the record they belong to, so that a sealed
 * secret moved into another record does not open.
 *
 *   version (1) · nonce (12) · tag (16) · ciphertext
 *
 * The key that seals is random and itself sealed: under a key derived from the root password (scrypt)
 * or by a key management service. Changing the password re-seals that one key.
 */
import { createCipheriv, createDecipheriv, scrypt } from "node:crypto";
import { asBuffer } from "../../base/bytes.ts";
import type { Random } from "../../base/random.ts";
import { IamError } from "./iam-error.ts";

export interface Sealer {
  /** `context` names what the secret belongs to; the same is needed to open it. */
  seal(plain: Uint8Array, context: string): Uint8Array;
  /** Throws IamError "sealed" for a wrong key, "corrupt" for what was never sealed. */
  open(sealed: Uint8Array, context: string): Uint8Array;
}

const ALGORITHM = "aes-256-gcm";
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;
export const SEAL_KEY_BYTES = 32;

export class AesSealer implements Sealer {
  readonly #key: Uint8Array;
  readonly #random: Random;

  constructor(key: Uint8Array, random: Random) {
    this.#key = key;
    this.#random = random;
  }

  seal(plain: Uint8Array, context: string): Uint8Array {
    const nonce = this.#random.bytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce).setAAD(Buffer.from(context));
    const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), ciphertext]);
  }

  open(sealed: Uint8Array, context: string): Uint8Array {
    const bytes = asBuffer(sealed);
    if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION) {
      throw new IamError("corrupt", "a sealed secret is damaged");
    }
    const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonce)
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(1 + NONCE_BYTES, HEAD_BYTES));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES)), decipher.final()]);
    } catch {
      throw new IamError("sealed", "a secret does not open with this key");
    }
  }
}

/** 16 MiB of memory and some tens of milliseconds, off the front thread. */
const SCRYPT = { N: 16_384, r: 8, p: 1 };
export const SALT_BYTES = 16;

/** A sealer whose key comes from a password that people choose. */
export function sealerFromPassword(
  password: string,
  salt: Uint8Array,
  random: Random,
): Promise<AesSealer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, SEAL_KEY_BYTES, SCRYPT, (error, key) => {
      if (error === null) resolve(new AesSealer(key, random));
      else reject(error);
    });
  });
}
