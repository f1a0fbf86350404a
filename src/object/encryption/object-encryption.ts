/**
 * Makes and opens the keys of encrypted objects:
 *
 *   key of the service ──► data key ─┐
 *                 customer's key ────┴─► sealing key ──► object key ──► keys of data, checksums, ETags
 *
 * The sealing key is bound to mode, bucket, key and a salt of its own; a data key also to the context
 * that the service was told. So an object key opens only where it was sealed, and it can be sealed
 * anew, under another key or for another client, while the bytes stay as they are.
 *
 * A customer's key is never stored: a salted check tells whether a key is the right one, compared in
 * constant time.
 */
import { createCipheriv, createDecipheriv, timingSafeEqual } from "node:crypto";
import { utf8 } from "../../base/bytes.ts";
import { hmacSha256 } from "../../base/hmac-sha256.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import type { EncryptionAccess, EncryptionRequest } from "../contract/object-store.ts";
import {
  CHECK_BYTES,
  type EncryptionMode,
  SALT_BYTES,
  type ServiceKey,
  type StoredEncryption,
} from "../records/encryption-descriptor.ts";
import { corrupt } from "../records/record-bytes.ts";
import type { KeyContext, KeyService } from "./key-service.ts";
import { OBJECT_KEY_BYTES, ObjectKeys } from "./object-keys.ts";
import { nameOfSealed, OpenedKeys } from "./opened-keys.ts";

const ALGORITHM = "aes-256-gcm";
const TAG_BYTES = 16;
/** Each sealing key seals once: it has a salt of its own. */
const NONCE = Buffer.alloc(12);

/** What an object key is bound to. */
export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

export interface EncryptedObject {
  readonly stored: StoredEncryption;
  readonly keys: ObjectKeys;
}

/** Where a sealing key comes from. */
interface KeySource {
  readonly mode: EncryptionMode;
  readonly key: Uint8Array;
  readonly service: ServiceKey | undefined;
}

export class ObjectEncryption {
  readonly #random: Random;
  readonly #service: KeyService | undefined;
  readonly #opened = new OpenedKeys();

  /** Without a service there are only keys of customers. */
  constructor(random: Random, service: KeyService | undefined) {
    this.#random = random;
    this.#service = service;
  }

  /** Fresh keys for a new object. */
  async create(request: EncryptionRequest, place: ObjectPlace): Promise<EncryptedObject> {
    const source = await this.#sourceOf(request, place);
    const keys = new ObjectKeys(source.mode, this.#random.bytes(OBJECT_KEY_BYTES));
    return { stored: this.#seal(keys, source, place), keys };
  }

  /**
   * The keys of a stored object. Rejects with StoreError `encryption` when the customer's key is
   * missing or another one, or when there should be none; with `corrupt` when they do not open.
   */
  async open(
    stored: StoredEncryption,
    place: ObjectPlace,
    access: EncryptionAccess,
  ): Promise<ObjectKeys> {
    const { mode, service } = stored;
    // Asked each time: a key that was taken away opens nothing from now on.
    const generation = service && this.#service?.generationOf?.(service.keyId);
    if (service === undefined || generation === undefined || access.customerKey !== undefined) {
      return new ObjectKeys(mode, await this.#openKey(stored, place, access));
    }
    const name = nameOfSealed(stored, service, place);
    const known = this.#opened.get(name, generation);
    if (known !== undefined) return new ObjectKeys(mode, known);
    const key = await this.#openKey(stored, place, access);
    this.#opened.add(name, { generation, key });
    return new ObjectKeys(mode, key);
  }

  async #openKey(
    stored: StoredEncryption,
    place: ObjectPlace,
    access: EncryptionAccess,
  ): Promise<Uint8Array> {
    const sealingKey = sealingKeyOf(
      await this.#keyOf(stored, place, access),
      stored.mode,
      stored.salt,
      place,
    );
    const known = timingSafeEqual(checkOf(sealingKey), stored.check);
    if (!known) throw stored.mode === "customer" ? refusal("key-wrong") : corrupt("object key");
    return openKey(sealingKey, stored.sealedKey);
  }

  /** As `open`, for what may be unencrypted: there a customer's key does not belong. */
  async openAny(
    stored: StoredEncryption | undefined,
    place: ObjectPlace,
    access: EncryptionAccess,
  ): Promise<ObjectKeys | undefined> {
    if (stored !== undefined) return this.open(stored, place, access);
    if (access.customerKey !== undefined) throw refusal("key-not-applicable");
    return undefined;
  }

  /** The same object key, sealed as `request` says. */
  async reseal(
    keys: ObjectKeys,
    request: EncryptionRequest,
    place: ObjectPlace,
  ): Promise<EncryptedObject> {
    const source = await this.#sourceOf(request, place);
    const resealed = new ObjectKeys(source.mode, keys.reveal());
    return { stored: this.#seal(resealed, source, place), keys: resealed };
  }

  #seal(keys: ObjectKeys, { mode, key, service }: KeySource, place: ObjectPlace): StoredEncryption {
    const salt = this.#random.bytes(SALT_BYTES);
    const sealingKey = sealingKeyOf(key, mode, salt, place);
    const cipher = createCipheriv(ALGORITHM, hmacSha256(sealingKey, SEAL_LABEL), NONCE);
    const ciphertext = Buffer.concat([cipher.update(keys.reveal()), cipher.final()]);
    const sealedKey = Buffer.concat([ciphertext, cipher.getAuthTag()]);
    return { mode, salt, check: checkOf(sealingKey), sealedKey, service };
  }

  async #sourceOf(request: EncryptionRequest, place: ObjectPlace): Promise<KeySource> {
    if (request.mode === "customer") {
      return { mode: "customer", key: request.key, service: undefined };
    }
    const service = this.#require();
    const context = request.mode === "kms" ? (request.context ?? "") : "";
    const wanted = request.mode === "kms" ? (request.keyId ?? service.defaultKeyId) : undefined;
    if (request.mode === "kms" && wanted === undefined) throw refusal("no-default-key");
    const keyId = wanted ?? service.managedKeyId;
    const made = await service.generateDataKey(keyId, contextOf(context, place));
    const sealed = { keyId: made.keyId, sealedDataKey: made.sealed, context };
    return { mode: request.mode, key: made.plain, service: sealed };
  }

  async #keyOf(
    stored: StoredEncryption,
    place: ObjectPlace,
    { customerKey }: EncryptionAccess,
  ): Promise<Uint8Array> {
    const { service } = stored;
    if (service === undefined) {
      if (customerKey === undefined) throw refusal("key-required");
      return customerKey;
    }
    if (customerKey !== undefined) throw refusal("key-not-applicable");
    const context = contextOf(service.context, place);
    return this.#require().openDataKey(service.keyId, service.sealedDataKey, context);
  }

  #require(): KeyService {
    if (this.#service === undefined) throw refusal("no-service");
    return this.#service;
  }
}

function refusal(
  problem: "key-wrong" | "key-required" | "key-not-applicable" | "no-default-key" | "no-service",
) {
  return new StoreError({ code: "encryption", problem });
}

/** What the service binds a data key to: the object, and what the client says besides. */
function contextOf(text: string, { bucket, key }: ObjectPlace): KeyContext {
  const given: unknown = text === "" ? {} : JSON.parse(text);
  // Written by this layer's callers from a checked map of texts.
  return { ...(given as KeyContext), [bucket]: `${bucket}/${key}` };
}

/** No bucket has a slash in its name, so the text means one place. */
function sealingKeyOf(
  key: Uint8Array,
  mode: EncryptionMode,
  salt: Uint8Array,
  { bucket, key: name }: ObjectPlace,
): Buffer {
  return hmacSha256(key, salt, utf8(`ringfort/1/object/${mode}/${bucket}/${name}`));
}

const SEAL_LABEL = utf8("ringfort/1/seal");
const CHECK_LABEL = utf8("ringfort/1/check");

function checkOf(sealingKey: Uint8Array): Buffer {
  return hmacSha256(sealingKey, CHECK_LABEL).subarray(0, CHECK_BYTES);
}

function openKey(sealingKey: Uint8Array, sealedKey: Uint8Array): Uint8Array {
  const decipher = createDecipheriv(ALGORITHM, hmacSha256(sealingKey, SEAL_LABEL), NONCE);
  const end = sealedKey.length - TAG_BYTES;
  decipher.setAuthTag(sealedKey.subarray(end));
  try {
    return Buffer.concat([decipher.update(sealedKey.subarray(0, end)), decipher.final()]);
  } catch {
    throw corrupt("object key");
  }
}
