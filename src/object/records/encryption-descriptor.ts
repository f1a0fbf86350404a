/**
 * What a record says of an object's encryption: everything that is needed to open its key but the key
 * that opens it. See docs/FORMATS.md, "Encryption of objects".
 */
import type { ObjectEncryptionFacts } from "../contract/object-store.ts";
import { asBytes, asChoice, asCount, asList, asText, corrupt } from "./record-bytes.ts";

/** SSE-C, SSE-S3, SSE-KMS. */
export const ENCRYPTION_MODES = ["customer", "managed", "kms"] as const;
export type EncryptionMode = (typeof ENCRYPTION_MODES)[number];

export const SALT_BYTES = 32;
export const CHECK_BYTES = 16;
/** An object key and its tag. */
export const SEALED_KEY_BYTES = 48;
const DESCRIPTOR_VERSION = 1;

/** The data key that the service sealed, and where it has to be taken. */
export interface ServiceKey {
  readonly keyId: string;
  readonly sealedDataKey: Uint8Array;
  /** The client's encryption context: canonical JSON, or "" for none. */
  readonly context: string;
}

export interface StoredEncryption {
  readonly mode: EncryptionMode;
  readonly salt: Uint8Array;
  /** Tells the right key from a wrong one. */
  readonly check: Uint8Array;
  readonly sealedKey: Uint8Array;
  /** Undefined for keys of customers, who keep theirs. */
  readonly service: ServiceKey | undefined;
  /** Of an object completed from parts: binds which they are, in which order. */
  readonly partsCheck?: Uint8Array | undefined;
}

/** What answers show of it. */
export function shownEncryption(stored: StoredEncryption | undefined): {
  encryption?: ObjectEncryptionFacts;
} {
  if (stored === undefined) return {};
  const { mode, service } = stored;
  if (mode !== "kms" || service === undefined) return { encryption: { mode } };
  const { keyId, context } = service;
  return { encryption: { mode, keyId, ...(context === "" ? {} : { context }) } };
}

export function packEncryption(stored: StoredEncryption): unknown {
  const { mode, salt, check, sealedKey, service, partsCheck } = stored;
  const tail =
    service === undefined ? null : [service.keyId, service.sealedDataKey, service.context];
  const fields = [DESCRIPTOR_VERSION, ENCRYPTION_MODES.indexOf(mode), salt, check, sealedKey, tail];
  return partsCheck === undefined ? fields : [...fields, partsCheck];
}

/** Absent and null both say: not encrypted. Throws StoreError `corrupt`. */
export function unpackEncryption(value: unknown): StoredEncryption | undefined {
  if (value === undefined || value === null) return undefined;
  const fields = asList(value, "encryption");
  const version = asCount(fields[0], "encryption version");
  if (version !== DESCRIPTOR_VERSION) throw corrupt(`encryption: unknown version ${version}`);
  const mode = asChoice(fields[1], ENCRYPTION_MODES, "encryption mode");
  const service = fields[5] === null ? undefined : unpackService(fields[5]);
  if ((mode === "customer") !== (service === undefined)) throw corrupt("encryption: whose key");
  return {
    mode,
    salt: asBytes(fields[2], "encryption salt", SALT_BYTES),
    check: asBytes(fields[3], "encryption check", CHECK_BYTES),
    sealedKey: asBytes(fields[4], "sealed object key", SEALED_KEY_BYTES),
    service,
    ...(fields[6] === undefined ? {} : { partsCheck: asBytes(fields[6], "parts check") }),
  };
}

function unpackService(value: unknown): ServiceKey {
  const fields = asList(value, "service key");
  return {
    keyId: asText(fields[0], "key id"),
    sealedDataKey: asBytes(fields[1], "sealed data key"),
    context: asText(fields[2], "encryption context"),
  };
}
