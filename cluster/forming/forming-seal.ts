/**
 * How nodes that have nothing in common yet but the root credentials prove that to each other: every
 * forming message carries a MAC over both identities, its direction and its content.
 *
 * The key is derived slowly (scrypt, RFC 7914), because one end of the conversation could otherwise
 * be somebody who only wants to try passwords against a MAC.
 */
import { createHmac, scrypt, timingSafeEqual } from "node:crypto";
import { StoreError } from "../../src/base/store-error.ts";
import type { PeerId } from "../peers/peer-id.ts";

export interface RootCredentials {
  readonly user: string;
  readonly password: string;
}

export type FormingKey = Uint8Array;

export interface SealedFor {
  readonly kind: "offer" | "answer";
  readonly from: PeerId;
  readonly to: PeerId;
}

const VERSION = 1;
const MAC_BYTES = 32;
const HEADER_BYTES = 1 + MAC_BYTES;
const KEY_BYTES = 32;
/** 32 MiB and about 0.1 s for each guess. */
const SCRYPT_COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };

/** `list` is what both must have been given alike: see `listText`. */
export function deriveFormingKey(root: RootCredentials, list: string): Promise<FormingKey> {
  const salt = Buffer.from(`ringfort forming ${VERSION}\0${root.user}\0${list}`, "utf8");
  return new Promise((resolve, reject) => {
    scrypt(Buffer.from(root.password, "utf8"), salt, KEY_BYTES, SCRYPT_COST, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

/** Version u8, MAC, content. */
export function seal(key: FormingKey, content: Uint8Array, between: SealedFor): Uint8Array {
  const mac = macOf(key, content, between);
  return Buffer.concat([Buffer.of(VERSION), mac, content]);
}

/** The content; throws StoreError `invalid-argument` when the MAC is not what it should be. */
export function unseal(key: FormingKey, message: Uint8Array, between: SealedFor): Uint8Array {
  if (message.length < HEADER_BYTES) throw refusal("a message that is too short");
  if (message[0] !== VERSION) throw refusal(`version ${message[0]} of the forming protocol`);
  const content = message.subarray(HEADER_BYTES);
  const mac = message.subarray(1, HEADER_BYTES);
  if (!timingSafeEqual(mac, macOf(key, content, between))) {
    throw refusal("other root credentials, or another list of drives");
  }
  return content;
}

function macOf(key: FormingKey, content: Uint8Array, { kind, from, to }: SealedFor): Buffer {
  const hmac = createHmac("sha256", key);
  return hmac.update(`${kind}\0${from}\0${to}\0`, "utf8").update(content).digest();
}

function refusal(message: string): StoreError {
  return new StoreError({ code: "invalid-argument", message });
}
