/** Where queues are kept: small records under text keys. Types only; a node puts its registers behind it. */

export type RecordChange =
  | { readonly kind: "write"; readonly value: Uint8Array }
  | { readonly kind: "remove" }
  | { readonly kind: "keep" };

export interface RecordStore {
  get(key: string): Promise<Uint8Array | undefined>;
  /** Compare-and-set; `change` is pure and may be called more than once. */
  update(key: string, change: (value: Uint8Array | undefined) => RecordChange): Promise<void>;
  /** The keys that begin with `prefix`, in the order of their bytes. */
  list(prefix: string): Promise<readonly string[]>;
}
