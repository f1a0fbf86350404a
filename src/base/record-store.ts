/**
 * Where small system records are kept (identities, keys, event queues): bytes under text keys, each
 * read and changed atomically. Types only; a node puts its registers behind it.
 */

export type RecordChange =
  | { readonly kind: "write"; readonly value: Uint8Array }
  | { readonly kind: "remove" }
  | { readonly kind: "keep" };

export interface RecordStore {
  /** Undefined when there is no such record. */
  get(key: string): Promise<Uint8Array | undefined>;
  /**
   * Compare-and-set: `change` gets the record as it is and says what becomes of it. It is pure and
   * may be called more than once; what it throws is the outcome, and nothing has changed then.
   */
  update(key: string, change: (value: Uint8Array | undefined) => RecordChange): Promise<void>;
  /** The keys of all records that begin with `prefix`, in the order of their bytes. */
  list(prefix: string): Promise<readonly string[]>;
}
