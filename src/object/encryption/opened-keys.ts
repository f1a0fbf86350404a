/**
 * Object keys that were opened a moment ago, for objects that are read again and again: opening one
 * takes three ciphers and HMACs, as long as all else about a small GET on the front.
 *
 * What is kept here is worth no more than what the key service keeps, and lives no longer: an entry
 * counts only while the service says the same generation of its named key, and only for a record that
 * is the same to the byte, in the same place. Customers' keys open nothing that is kept. Keys that leave
 * are overwritten.
 */
import { asBuffer } from "../../base/bytes.ts";
import type { ServiceKey, StoredEncryption } from "../records/encryption-descriptor.ts";

export const OPENED_KEYS_MAX = 4096;

interface Opened {
  readonly generation: number;
  readonly key: Uint8Array;
}

export class OpenedKeys {
  readonly #max: number;
  /** The oldest first. */
  readonly #opened = new Map<string, Opened>();

  constructor(max = OPENED_KEYS_MAX) {
    this.#max = max;
  }

  get size(): number {
    return this.#opened.size;
  }

  /** A copy of the key. */
  get(name: string, generation: number): Uint8Array | undefined {
    const opened = this.#opened.get(name);
    if (opened === undefined) return undefined;
    if (opened.generation === generation) return Uint8Array.from(opened.key);
    this.#drop(name, opened);
    return undefined;
  }

  add(name: string, opened: Opened): void {
    const before = this.#opened.get(name);
    if (before !== undefined) this.#drop(name, before);
    for (const [oldest, { key }] of this.#opened) {
      if (this.#opened.size < this.#max) break;
      this.#drop(oldest, { key });
    }
    this.#opened.set(name, { ...opened, key: Uint8Array.from(opened.key) });
  }

  #drop(name: string, { key }: Pick<Opened, "key">): void {
    key.fill(0);
    this.#opened.delete(name);
  }
}

/** Different for all that opening depends on: two records of one name are the same. */
export function nameOfSealed(
  { mode, salt, check, sealedKey }: StoredEncryption,
  { keyId, sealedDataKey, context }: ServiceKey,
  place: { readonly bucket: string; readonly key: string },
): string {
  const bytes = [salt, check, sealedKey, sealedDataKey].map(lengthAndBytes).join("");
  // No bucket has a slash in its name, and nothing follows the key.
  return `${bytes}${mode}/${keyId.length}/${keyId}${context.length}/${context}${place.bucket}/${place.key}`;
}

function lengthAndBytes(bytes: Uint8Array): string {
  return `${bytes.length}/${asBuffer(bytes).toString("latin1")}`;
}
