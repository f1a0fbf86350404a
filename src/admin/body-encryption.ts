/**
 * The encryption of administration bodies that MinIO's clients speak: under the secret key of the
 * credential that signed the request.
 *
 *   salt (32) · id (1) · nonce (8) · fragments of at most 16 KiB, each followed by its tag
 *
 * Fragment i (from 1) is sealed with the nonce `nonce ‖ LE32(i)` and the associated data `flag ‖ T`:
 * flag is 0x80 for the last fragment and 0 before, T is the tag of the empty text under
 * `nonce ‖ LE32(0)`. The id names key derivation and cipher. What is read may come in all three
 * forms; what is written is the one without Argon2, which every client reads.
 */
import { type CipherGCMTypes, createCipheriv, createDecipheriv, pbkdf2 } from "node:crypto";
import { asBuffer } from "../base/bytes.ts";
import type { Random } from "../base/random.ts";

/** Derives 32 bytes from a password with Argon2id (one pass, 64 MiB, four lanes). */
export type Argon2 = (password: string, salt: Uint8Array) => Promise<Uint8Array>;

const SALT_BYTES = 32;
const NONCE_BYTES = 8;
const HEAD_BYTES = SALT_BYTES + 1 + NONCE_BYTES;
const TAG_BYTES = 16;
const FRAGMENT_BYTES = 16 * 1024;
const KEY_BYTES = 32;
const PBKDF2_ROUNDS = 8192;
const LAST_FRAGMENT = 0x80;

/** AES-256-GCM under PBKDF2. */
const WRITTEN_ID = 2;
const CIPHERS: Readonly<Record<number, string>> = {
  0: "aes-256-gcm",
  1: "chacha20-poly1305",
  2: "aes-256-gcm",
};

export async function encryptBody(
  password: string,
  plain: Uint8Array,
  random: Random,
): Promise<Buffer> {
  const salt = random.bytes(SALT_BYTES);
  const nonce = random.bytes(NONCE_BYTES);
  const key = await pbkdf2Key(password, salt);
  const stream = { cipher: "aes-256-gcm", key, nonce };
  const header = tagOfNothing(stream);
  const pieces: Uint8Array[] = [salt, Buffer.of(WRITTEN_ID), nonce];
  const count = Math.max(1, Math.ceil(plain.length / FRAGMENT_BYTES));
  for (let index = 0; index < count; index++) {
    const from = index * FRAGMENT_BYTES;
    const last = index === count - 1;
    const associated = associatedData(header, last);
    pieces.push(
      ...seal(
        stream,
        { index: index + 1, associated },
        plain.subarray(from, from + FRAGMENT_BYTES),
      ),
    );
  }
  return Buffer.concat(pieces);
}

/** Undefined when the password or the bytes are wrong. */
export async function decryptBody(
  password: string,
  sealed: Uint8Array,
  argon2: Argon2,
): Promise<Buffer | undefined> {
  const bytes = asBuffer(sealed);
  const id = bytes[SALT_BYTES];
  const cipher = id === undefined ? undefined : CIPHERS[id];
  if (cipher === undefined || bytes.length < HEAD_BYTES + TAG_BYTES) return undefined;
  const salt = bytes.subarray(0, SALT_BYTES);
  const key = id === WRITTEN_ID ? await pbkdf2Key(password, salt) : await argon2(password, salt);
  const stream = { cipher, key, nonce: bytes.subarray(SALT_BYTES + 1, HEAD_BYTES) };
  const header = tagOfNothing(stream);
  const pieces: Buffer[] = [];
  let at = HEAD_BYTES;
  for (let index = 1; at < bytes.length; index++) {
    const end = Math.min(bytes.length, at + FRAGMENT_BYTES + TAG_BYTES);
    const last = end === bytes.length;
    const associated = associatedData(header, last);
    const piece = open(stream, { index, associated }, bytes.subarray(at, end));
    if (piece === undefined) return undefined;
    pieces.push(piece);
    at = end;
  }
  return Buffer.concat(pieces);
}

interface Stream {
  readonly cipher: string;
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
}

interface Fragment {
  readonly index: number;
  readonly associated: Uint8Array;
}

const NOTHING = new Uint8Array(0);

function tagOfNothing(stream: Stream): Uint8Array {
  const [, tag] = seal(stream, { index: 0, associated: NOTHING }, NOTHING);
  return tag;
}

function associatedData(header: Uint8Array, last: boolean): Buffer {
  return Buffer.concat([Buffer.of(last ? LAST_FRAGMENT : 0), header]);
}

function fragmentNonce(nonce: Uint8Array, index: number): Buffer {
  const whole = Buffer.alloc(NONCE_BYTES + 4);
  whole.set(nonce);
  whole.writeUInt32LE(index, NONCE_BYTES);
  return whole;
}

function seal({ cipher, key, nonce }: Stream, { index, associated }: Fragment, plain: Uint8Array) {
  const sealing = createCipheriv(asGcm(cipher), key, fragmentNonce(nonce, index), {
    authTagLength: TAG_BYTES,
  });
  sealing.setAAD(associated);
  const text = Buffer.concat([sealing.update(plain), sealing.final()]);
  return [text, sealing.getAuthTag()] as const;
}

function open(
  { cipher, key, nonce }: Stream,
  { index, associated }: Fragment,
  sealed: Buffer,
): Buffer | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const split = sealed.length - TAG_BYTES;
  const opening = createDecipheriv(asGcm(cipher), key, fragmentNonce(nonce, index), {
    authTagLength: TAG_BYTES,
  });
  opening.setAAD(associated);
  opening.setAuthTag(sealed.subarray(split));
  try {
    return Buffer.concat([opening.update(sealed.subarray(0, split)), opening.final()]);
  } catch {
    return undefined;
  }
}

/** ChaCha20-Poly1305 takes the same calls; the types give it a name of its own. */
function asGcm(cipher: string): CipherGCMTypes {
  return cipher as CipherGCMTypes;
}

function pbkdf2Key(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, PBKDF2_ROUNDS, KEY_BYTES, "sha256", (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
