/**
 * What the object layer needs of its registers: linearizable read and compare-and-set per key, and
 * strict ranges over the rows derived from them. Types only; `register-client.ts` fills it from the
 * register engine and the drives.
 */
import type { PreparedKey } from "../../../cluster/register/base.ts";
import type {
  ChangeFunction,
  ReadOptions,
  UpdateOptions,
  UpdateOutcome,
} from "../../../cluster/register/register-contract.ts";
import type { RangeQuery, RangeRow } from "../../store/drive.ts";
import type { BucketPlace } from "./register-keys.ts";

export interface RowPage {
  readonly rows: readonly RangeRow[];
  /** Nothing follows the last row. */
  readonly exhausted: boolean;
  /** Where to go on (relative, inclusive) when not exhausted. */
  readonly resume: Uint8Array | undefined;
}

export interface CensusPage extends RowPage {
  /** Every replica of these rows has answered. */
  readonly complete: boolean;
}

/** Heads of one type: objects, uploads, parts or buckets. */
export type RowQuery = Omit<RangeQuery, "table" | "perHead"> & ReadOptions;

export type ChangeOptions = Pick<UpdateOptions, "bucketEpoch" | "prepared">;

/**
 * Whoever acts under a bucket says under which epoch of its settings (ReadOptions), and is rejected
 * with `stale-bucket` when another node has changed them since: see Buckets.under.
 */
export interface Registers {
  /** The chosen body; undefined when there is no record. Rejects with StoreError. */
  read(key: Uint8Array, options?: ReadOptions): Promise<Uint8Array | undefined>;
  /** Rejects with StoreError; `unknown-outcome` when the write may have happened. */
  update<Answer>(
    key: Uint8Array,
    change: ChangeFunction<Answer>,
    options?: ChangeOptions,
  ): Promise<UpdateOutcome<Answer>>;
  /** Begins an update that comes soon, where it has to ask replicas before it can write. */
  prepareAhead(key: Uint8Array, options?: ReadOptions): PreparedKey | undefined;
  /** Listing rows in key order; each is that of the value chosen at some time of the call. */
  rows(query: RowQuery): Promise<RowPage>;
  /**
   * The same from all replicas that answer, after what they do not agree on was settled: when all
   * did, nothing else that was proposed before can come to light any more. Without a delimiter.
   */
  census(query: RowQuery): Promise<CensusPage>;
  /** Drops a tombstone everywhere. False when there is none, or when it has to wait. */
  purge(key: Uint8Array): Promise<boolean>;
  /**
   * When it resolves, nothing that acts under an older epoch of the bucket's settings begins or ends
   * with success any more, on whatever node. Where one process has the registers for itself there is
   * nothing to do: its gates keep changes and commits apart.
   */
  fenceBucket(bucket: BucketPlace, epoch: number): Promise<void>;
}
