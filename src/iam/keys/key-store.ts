/**
 * The built-in key management service: named keys that seal data keys. One key may come from the
 * settings; others are made at run time and kept as records, sealed under a root key, so every node
 * knows them. A key is never changed and never leaves this file in the clear.
 */
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { RecordStore } from "../../base/record-store.ts";
import { StoreError } from "../../base/store-error.ts";
import { IamError } from "../store/iam-error.ts";
import { decodeRecord, encodeRecord, textField, timeField } from "../store/record-fields.ts";
import type { Sealer } from "../store/sealer.ts";
import { DATA_KEY_BYTES, type KeyContext, openDataKey, sealDataKey } from "./data-key.ts";
import { createRootKey, openRootKey, type RootKeySecrets } from "./root-key.ts";

const KEY_PREFIX = "kms/key/";
const NAMED_KEY_BYTES = 32;
export const KMS_KEY_NAME_LENGTH_MAX = 80;
/** All of them are kept in memory once they were used. */
export const KMS_KEYS_MAX = 10_000;
const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
/** Behind SSE-S3 when the settings name no key; made when it is first needed. */
const MANAGED_KEY_ID = "ringfort-sse-s3";

export interface KeyStoreOptions {
  /** `MINIO_KMS_SECRET_KEY`: the default key. */
  readonly configured: { readonly name: string; readonly key: Uint8Array } | undefined;
  readonly rootPassword: string;
  readonly previousRootPassword: string | undefined;
}

export interface KeyStoreModules {
  readonly records: RecordStore;
  readonly clock: Clock;
  readonly random: Random;
}

export interface KeyInfo {
  readonly name: string;
  /** 0 for the key of the settings. */
  readonly createdMs: number;
  readonly createdBy: string;
}

export class KeyStore {
  readonly defaultKeyId: string | undefined;
  readonly managedKeyId: string;
  readonly #configured: KeyStoreOptions["configured"];
  readonly #secrets: RootKeySecrets;
  readonly #modules: KeyStoreModules;
  readonly #keys = new Map<string, Uint8Array>();
  #root: Sealer | undefined;

  constructor(options: KeyStoreOptions, modules: KeyStoreModules) {
    const { configured, rootPassword, previousRootPassword } = options;
    this.#configured = configured;
    this.#modules = modules;
    this.#secrets = {
      configured: configured?.key,
      current: rootPassword,
      previous: previousRootPassword,
    };
    this.defaultKeyId = configured?.name;
    this.managedKeyId = configured?.name ?? MANAGED_KEY_ID;
  }

  /** Finds out whether the keys can be opened: throws IamError "sealed", with the way out. */
  async start(): Promise<void> {
    this.#root = await openRootKey(this.#secrets, this.#modules);
  }

  async generateDataKey(keyId: string, context: KeyContext) {
    const { random } = this.#modules;
    const key = (await this.#find(keyId)) ?? (await this.#makeManaged(keyId));
    if (key === undefined) throw new StoreError({ code: "encryption", problem: "no-such-key" });
    const plain = random.bytes(DATA_KEY_BYTES);
    return { keyId, plain, sealed: sealDataKey(key, plain, context, random) };
  }

  async openDataKey(keyId: string, sealed: Uint8Array, context: KeyContext): Promise<Uint8Array> {
    const key = await this.#find(keyId);
    if (key === undefined) throw new StoreError({ code: "encryption", problem: "no-such-key" });
    try {
      return openDataKey(key, sealed, context);
    } catch (error) {
      throw new StoreError({ code: "corrupt", what: "data key" }, { cause: error });
    }
  }

  /** Keys neither change nor go: what they opened may be kept as long as they are kept here. */
  generationOf(keyId: string): number | undefined {
    return keyId === this.#configured?.name || this.#keys.has(keyId) ? 0 : undefined;
  }

  /** Throws IamError when the name is taken or not one. */
  async create(name: string, createdBy: string): Promise<void> {
    if (!KEY_NAME.test(name) || name.length > KMS_KEY_NAME_LENGTH_MAX) {
      const rule = `1 to ${KMS_KEY_NAME_LENGTH_MAX} letters, digits, "_", "." and "-"`;
      throw new IamError("invalid-name", `the name of a key has ${rule}`);
    }
    const { records, random, clock } = this.#modules;
    if ((await records.list(KEY_PREFIX)).length >= KMS_KEYS_MAX) {
      throw new IamError("too-many", `there are ${KMS_KEYS_MAX} keys already`);
    }
    const root = await this.#requireRoot();
    const recordKey = KEY_PREFIX + name;
    const sealed = root.seal(random.bytes(NAMED_KEY_BYTES), recordKey);
    const value = encodeRecord({
      name,
      key: Buffer.from(sealed).toString("base64"),
      createdMs: clock.nowMs(),
      createdBy,
    });
    await records.update(recordKey, (existing) => {
      if (existing !== undefined || name === this.#configured?.name) {
        throw new IamError("kms-key-exists", "there is a key of this name");
      }
      return { kind: "write", value };
    });
  }

  async list(): Promise<readonly KeyInfo[]> {
    const { records } = this.#modules;
    const found: KeyInfo[] = [];
    if (this.#configured !== undefined) {
      found.push({ name: this.#configured.name, createdMs: 0, createdBy: "settings" });
    }
    for (const recordKey of await records.list(KEY_PREFIX)) {
      const value = await records.get(recordKey);
      if (value === undefined) continue;
      const fields = decodeRecord(value, recordKey);
      found.push({
        name: textField(fields, "name"),
        createdMs: timeField(fields, "createdMs"),
        createdBy: textField(fields, "createdBy"),
      });
    }
    return found.sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** Seals and opens something with the key; throws IamError when there is none. */
  async check(keyId: string): Promise<void> {
    if ((await this.#find(keyId)) === undefined) {
      throw new IamError("no-such-kms-key", "there is no key of this name");
    }
    const context = { check: keyId };
    const { sealed } = await this.generateDataKey(keyId, context);
    await this.openDataKey(keyId, sealed, context);
  }

  /** Keys do not change: what was found once is kept. */
  async #find(keyId: string): Promise<Uint8Array | undefined> {
    if (keyId === this.#configured?.name) return this.#configured.key;
    const known = this.#keys.get(keyId);
    if (known !== undefined) return known;
    // Anybody may ask for anything: only a name can be part of a record's key.
    if (!KEY_NAME.test(keyId) || keyId.length > KMS_KEY_NAME_LENGTH_MAX) return undefined;
    const recordKey = KEY_PREFIX + keyId;
    const value = await this.#modules.records.get(recordKey);
    if (value === undefined) return undefined;
    const sealed = Buffer.from(textField(decodeRecord(value, recordKey), "key"), "base64");
    const key = (await this.#requireRoot()).open(sealed, recordKey);
    this.#keys.set(keyId, key);
    return key;
  }

  /** The key behind SSE-S3 needs nobody to make it. */
  async #makeManaged(keyId: string): Promise<Uint8Array | undefined> {
    if (keyId !== this.managedKeyId) return undefined;
    try {
      await this.create(keyId, "ringfort");
    } catch (error) {
      if (!(error instanceof IamError) || error.code !== "kms-key-exists") throw error;
    }
    return this.#find(keyId);
  }

  async #requireRoot(): Promise<Sealer> {
    if (this.#root !== undefined) return this.#root;
    try {
      this.#root =
        (await openRootKey(this.#secrets, this.#modules)) ??
        (await createRootKey(this.#secrets, this.#modules));
      return this.#root;
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError(
        { code: "encryption", problem: "service-unavailable" },
        { cause: error },
      );
    }
  }
}
