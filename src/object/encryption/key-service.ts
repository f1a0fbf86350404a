/**
 * What encryption asks of a key management service: data keys, made and opened under named keys that
 * never leave the service. Types only; a node puts its built-in key store, or an external service,
 * behind it.
 */

/** What a data key is for, bound to it: another context does not open it. Names to values. */
export type KeyContext = Readonly<Record<string, string>>;

export interface NewDataKey {
  /** The named key that sealed it. */
  readonly keyId: string;
  /** 32 bytes. */
  readonly plain: Uint8Array;
  readonly sealed: Uint8Array;
}

export interface KeyService {
  /** Used where a request for SSE-KMS names none; undefined when there is none for that. */
  readonly defaultKeyId: string | undefined;
  /** The key behind SSE-S3, which nobody names. */
  readonly managedKeyId: string;
  /** Rejects with StoreError `encryption`: no such key; or with the reason why nobody can tell. */
  generateDataKey(keyId: string, context: KeyContext): Promise<NewDataKey>;
  openDataKey(keyId: string, sealed: Uint8Array, context: KeyContext): Promise<Uint8Array>;
  /**
   * A number that is another one as soon as data keys opened before must not be used any more, because
   * the named key was taken away or disabled. Undefined, or no such method: what was opened is used
   * once and not kept.
   */
  generationOf?(keyId: string): number | undefined;
}
