/**
 * The key that seals all secrets, kept as one record: made once, sealed under the root password of
 * that time. When the password has changed, the earlier one opens it and it is sealed anew.
 */
import type { Random } from "../../base/random.ts";
import type { RecordStore } from "../../base/record-store.ts";
import { IamError } from "./iam-error.ts";
import { decodeRecord, encodeRecord, textField } from "./record-fields.ts";
import {
  AesSealer,
  SALT_BYTES,
  SEAL_KEY_BYTES,
  type Sealer,
  sealerFromPassword,
} from "./sealer.ts";

export const SEALING_RECORD = "iam/sealing";

export interface SealingModules {
  readonly records: RecordStore;
  readonly random: Random;
}

export interface Passwords {
  readonly current: string;
  /** The one before, for the start after a change. */
  readonly previous: string | undefined;
}

/** Undefined while nothing was ever sealed. Throws IamError "sealed" when no password opens it. */
export async function openSealingKey(
  passwords: Passwords,
  modules: SealingModules,
): Promise<Sealer | undefined> {
  const value = await modules.records.get(SEALING_RECORD);
  if (value === undefined) return undefined;
  const key = await openWith(passwords.current, value, modules.random);
  if (key !== undefined) return new AesSealer(key, modules.random);
  const { previous } = passwords;
  const old = previous === undefined ? undefined : await openWith(previous, value, modules.random);
  if (old === undefined) {
    throw new IamError(
      "sealed",
      "the identities were sealed under another root password: start once with that one as the " +
        "previous root password",
    );
  }
  const resealed = await sealKey(old, passwords.current, modules.random);
  await modules.records.update(SEALING_RECORD, () => ({ kind: "write", value: resealed }));
  return new AesSealer(old, modules.random);
}

/** Makes the key, unless another process has just done so. */
export async function createSealingKey(
  passwords: Passwords,
  modules: SealingModules,
): Promise<Sealer> {
  const { records, random } = modules;
  const made = await sealKey(random.bytes(SEAL_KEY_BYTES), passwords.current, random);
  await records.update(SEALING_RECORD, (value) =>
    value === undefined ? { kind: "write", value: made } : { kind: "keep" },
  );
  const sealer = await openSealingKey(passwords, modules);
  if (sealer === undefined) throw new IamError("corrupt", "the sealing key has vanished");
  return sealer;
}

async function sealKey(key: Uint8Array, password: string, random: Random): Promise<Uint8Array> {
  const salt = random.bytes(SALT_BYTES);
  const sealed = (await sealerFromPassword(password, salt, random)).seal(key, SEALING_RECORD);
  return encodeRecord({
    salt: salt.toString("base64"),
    key: Buffer.from(sealed).toString("base64"),
  });
}

async function openWith(
  password: string,
  value: Uint8Array,
  random: Random,
): Promise<Uint8Array | undefined> {
  const fields = decodeRecord(value, SEALING_RECORD);
  const salt = Buffer.from(textField(fields, "salt"), "base64");
  const sealer = await sealerFromPassword(password, salt, random);
  try {
    return sealer.open(Buffer.from(textField(fields, "key"), "base64"), SEALING_RECORD);
  } catch (error) {
    if (error instanceof IamError && error.code === "sealed") return undefined;
    throw error;
  }
}
