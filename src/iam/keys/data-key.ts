/**
 * Data keys sealed under a named key, bound to a context. Each is sealed under a key derived for it
 * alone, so that the number of data keys under one named key has no bound worth knowing. The bytes
 * are docs/FORMATS.md, "System record".
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { asBuffer, utf8 } from "../../base/bytes.ts";
import { hmacSha256 } from "../../base/hmac-sha256.ts";
import type { Random } from "../../base/random.ts";
import { IamError } from "../store/iam-error.ts";

export const DATA_KEY_BYTES = 32;
/** Names to values; what a data key is for. */
export type KeyContext = Readonly<Record<string, string>>;

const LABEL = utf8("ringfort/1/data-key/");
const ALGORITHM = "aes-256-gcm";
const VERSION = 1;
const SALT_BYTES = 32;
const TAG_BYTES = 16;
/** The key seals once. */
const NONCE = Buffer.alloc(12);
const SEALED_BYTES = 1 + SALT_BYTES + DATA_KEY_BYTES + TAG_BYTES;

export function sealDataKey(
  namedKey: Uint8Array,
  plain: Uint8Array,
  context: KeyContext,
  random: Random,
): Buffer {
  const salt = random.bytes(SALT_BYTES);
  const cipher = createCipheriv(ALGORITHM, keyFor(namedKey, salt), NONCE).setAAD(textOf(context));
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), salt, ciphertext, cipher.getAuthTag()]);
}

/** Throws IamError "corrupt": damaged, or of another key or context; nobody can tell which. */
export function openDataKey(
  namedKey: Uint8Array,
  sealed: Uint8Array,
  context: KeyContext,
): Uint8Array {
  const bytes = asBuffer(sealed);
  if (bytes.length !== SEALED_BYTES || bytes[0] !== VERSION) throw doesNotOpen();
  const salt = bytes.subarray(1, 1 + SALT_BYTES);
  const ciphertext = bytes.subarray(1 + SALT_BYTES, SEALED_BYTES - TAG_BYTES);
  const decipher = createDecipheriv(ALGORITHM, keyFor(namedKey, salt), NONCE)
    .setAAD(textOf(context))
    .setAuthTag(bytes.subarray(SEALED_BYTES - TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    throw doesNotOpen();
  }
}

function keyFor(namedKey: Uint8Array, salt: Uint8Array): Buffer {
  return hmacSha256(namedKey, LABEL, salt);
}

/** The same for every order of the names. */
function textOf(context: KeyContext): Buffer {
  const entries = Object.entries(context).sort(([left], [right]) => (left < right ? -1 : 1));
  // A list of pairs would do as well; an object is what people know from other services.
  return Buffer.from(
    `{${entries.map((pair) => pair.map((text) => JSON.stringify(text)).join(":")).join(",")}}`,
  );
}

function doesNotOpen(): IamError {
  return new IamError("corrupt", "a data key does not open");
}
