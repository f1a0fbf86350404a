/**
 * What the object layer needs of its registers: linearizable read and compare-and-set per key, and
 * strict ranges over the rows derived from them. Types only; `register-client.ts` fills it from the
 * register engine and the drives.
 */
import type { RegisterChange, UpdateOutcome } from "../../cluster/register/register-contract.ts";
import type { RangeQuery, RangeRow } from "../store/drive.ts";

export interface RowPage {
  readonly rows: readonly RangeRow[];
  /** Nothing follows the last row. */
  readonly exhausted: boolean;
  /** Where to go on (relative, inclusive) when not exhausted. */
  readonly resume: Uint8Array | undefined;
}

/** Heads of one type: objects, uploads, parts or buckets. */
export type RowQuery = Omit<RangeQuery, "table">;

export interface Registers {
  /** The chosen body; undefined when there is no record. Rejects with StoreError. */
  read(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Rejects with StoreError; `unknown-outcome` when the write may have happened. */
  update<Answer>(
    key: Uint8Array,
    change: (body: Uint8Array | undefined) => RegisterChange<Answer>,
  ): Promise<UpdateOutcome<Answer>>;
  /** Listing rows in key order; each is that of the value chosen at some time of the call. */
  rows(query: RowQuery): Promise<RowPage>;
  /** Drops a tombstone everywhere. False when there is none, or when it has to wait. */
  purge(key: Uint8Array): Promise<boolean>;
}
