/**
 * Signing keys: four HMACs from a secret key, a day, a region and a service. Derived once and kept,
 * because a client signs all its requests of a day with one.
 */
import { createHmac } from "node:crypto";
import type { CredentialScope } from "./credential-scope.ts";
import type { Credential } from "./credentials.ts";

export function deriveSigningKey(
  secretKey: string,
  scope: Pick<CredentialScope, "date" | "region" | "service">,
): Buffer {
  const dateKey = hmac(`AWS4${secretKey}`, scope.date);
  const regionKey = hmac(dateKey, scope.region);
  const serviceKey = hmac(regionKey, scope.service);
  return hmac(serviceKey, "aws4_request");
}

export function hmacHex(key: Uint8Array, text: string): string {
  return createHmac("sha256", key).update(text, "utf8").digest("hex");
}

function hmac(key: string | Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}

interface CachedKey {
  readonly secretKey: string;
  readonly signingKey: Buffer;
}

export const SIGNING_KEYS_MAX = 2048;

/**
 * At most SIGNING_KEYS_MAX keys in two generations: when the young one is full it becomes the old
 * one, and what is asked for again moves back. So a hit costs one lookup and the used keys stay.
 */
export class SigningKeyCache {
  readonly #generationMax: number;
  #young = new Map<string, CachedKey>();
  #old = new Map<string, CachedKey>();

  constructor(keysMax: number = SIGNING_KEYS_MAX) {
    this.#generationMax = Math.max(1, Math.floor(keysMax / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(credential: Credential, scope: CredentialScope): Buffer {
    const name = `${credential.accessKey}/${scope.scope}`;
    const known = this.#young.get(name) ?? this.#old.get(name);
    // A changed secret must not be outlived by what was derived from the old one.
    if (known !== undefined && known.secretKey === credential.secretKey) {
      if (!this.#young.has(name)) this.#keep(name, known);
      return known.signingKey;
    }
    const signingKey = deriveSigningKey(credential.secretKey, scope);
    this.#keep(name, { secretKey: credential.secretKey, signingKey });
    return signingKey;
  }

  #keep(name: string, key: CachedKey): void {
    if (this.#young.size >= this.#generationMax && !this.#young.has(name)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#old.delete(name);
    this.#young.set(name, key);
  }
}
