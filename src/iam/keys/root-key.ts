/**
 * The key that seals named keys made at run time, kept as one record: made once, sealed under the
 * configured key when there is one, otherwise under the root password. What it is sealed under may
 * change: it is opened with what opened it before and sealed anew; the keys below stay.
 */
import { createHmac } from "node:crypto";
import type { Random } from "../../base/random.ts";
import type { RecordStore } from "../../base/record-store.ts";
import { IamError } from "../store/iam-error.ts";
import { decodeRecord, encodeRecord, textField } from "../store/record-fields.ts";
import {
  AesSealer,
  SALT_BYTES,
  SEAL_KEY_BYTES,
  type Sealer,
  sealerFromPassword,
} from "../store/sealer.ts";
import type { Passwords } from "../store/sealing-key.ts";

export const ROOT_KEY_RECORD = "kms/root";

export interface RootKeySecrets extends Passwords {
  /** The configured key, which seals rather than the password. */
  readonly configured: Uint8Array | undefined;
}

export interface RootKeyModules {
  readonly records: RecordStore;
  readonly random: Random;
}

type Kind = "secret" | "password";

/** Undefined while no key was ever made. Throws IamError "sealed" when nothing at hand opens it. */
export async function openRootKey(
  secrets: RootKeySecrets,
  { records, random }: RootKeyModules,
): Promise<Sealer | undefined> {
  const value = await records.get(ROOT_KEY_RECORD);
  if (value === undefined) return undefined;
  const fields = decodeRecord(value, ROOT_KEY_RECORD);
  const kind = textField(fields, "kind");
  const salt = Buffer.from(textField(fields, "salt"), "base64");
  const sealed = Buffer.from(textField(fields, "key"), "base64");
  for (const candidate of candidatesOf(secrets, kind)) {
    const key = openWith(await candidate.sealer(salt, random), sealed);
    if (key === undefined) continue;
    if (!candidate.current) {
      const resealed = await sealRoot(key, secrets, random);
      await records.update(ROOT_KEY_RECORD, () => ({ kind: "write", value: resealed }));
    }
    return new AesSealer(key, random);
  }
  throw new IamError(
    "sealed",
    kind === "secret"
      ? "the keys of the key store were sealed under another KMS secret key: start with that one"
      : "the keys of the key store were sealed under another root password: start once with that " +
          "one as the previous root password",
  );
}

/** Makes the key, unless another process has just done so. */
export async function createRootKey(
  secrets: RootKeySecrets,
  modules: RootKeyModules,
): Promise<Sealer> {
  const { records, random } = modules;
  const made = await sealRoot(random.bytes(SEAL_KEY_BYTES), secrets, random);
  await records.update(ROOT_KEY_RECORD, (value) =>
    value === undefined ? { kind: "write", value: made } : { kind: "keep" },
  );
  const sealer = await openRootKey(secrets, modules);
  if (sealer === undefined) throw new IamError("corrupt", "the root key has vanished");
  return sealer;
}

interface Candidate {
  /** What seals today. */
  readonly current: boolean;
  readonly sealer: (salt: Uint8Array, random: Random) => Promise<Sealer>;
}

function candidatesOf(secrets: RootKeySecrets, kind: string): readonly Candidate[] {
  const { configured, current, previous } = secrets;
  if (kind === "secret") {
    if (configured === undefined) return [];
    return [{ current: true, sealer: async (salt, random) => sealerOf(configured, salt, random) }];
  }
  const passwords = previous === undefined ? [current] : [current, previous];
  return passwords.map((password) => ({
    current: configured === undefined && password === current,
    sealer: (salt, random) => sealerFromPassword(password, salt, random),
  }));
}

async function sealRoot(
  key: Uint8Array,
  { configured, current }: RootKeySecrets,
  random: Random,
): Promise<Uint8Array> {
  const salt = random.bytes(SALT_BYTES);
  const kind: Kind = configured === undefined ? "password" : "secret";
  const sealer =
    configured === undefined
      ? await sealerFromPassword(current, salt, random)
      : sealerOf(configured, salt, random);
  const sealed = Buffer.from(sealer.seal(key, ROOT_KEY_RECORD)).toString("base64");
  return encodeRecord({ kind, salt: salt.toString("base64"), key: sealed });
}

/** The configured key is random: it needs no slow derivation. */
function sealerOf(configured: Uint8Array, salt: Uint8Array, random: Random): Sealer {
  const key = createHmac("sha256", configured).update("ringfort/1/kms-root/").update(salt).digest();
  return new AesSealer(key, random);
}

function openWith(sealer: Sealer, sealed: Uint8Array): Uint8Array | undefined {
  try {
    return sealer.open(sealed, ROOT_KEY_RECORD);
  } catch (error) {
    if (error instanceof IamError && error.code === "sealed") return undefined;
    throw error;
  }
}
