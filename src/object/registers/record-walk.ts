/**
 * Walks all records that refer to data on drives, in bounded steps: bucket by bucket in the order of
 * their ids, objects first, in each the keys of all its shards together. Strict as a listing is: a
 * record that is there during the whole walk is passed.
 */
import type { Clock } from "../../base/clock.ts";
import { type BucketId, ID_BYTES } from "../../base/ids.ts";
import type { Bucket } from "../contract/object-store.ts";
import { type BucketPlace, headsOf, OBJECT_TAG, PART_TAG } from "../contract/register-keys.ts";
import type { Registers } from "../contract/registers.ts";
import { type ObjectRow, readObjectRow, readPartRow } from "../records/list-row.ts";

/** Where a walk stands: tag, bucket id, next key inside (without its head); or the end. */
export type WalkPosition = Uint8Array | "end";

export const WALK_START: WalkPosition = new Uint8Array(0);

export interface WalkStep {
  /** Keys of records with sharded data. */
  readonly keys: readonly Buffer[];
  readonly next: WalkPosition;
  /** Rows passed. */
  readonly rows: number;
}

export interface WalkModules {
  readonly registers: Registers;
  readonly buckets: {
    list(input: {
      prefix: string;
      after: string | undefined;
      limit: number;
    }): Promise<{ buckets: readonly (Bucket & { readonly shards: number })[] }>;
  };
  readonly clock: Clock;
}

const TAGS = [OBJECT_TAG, PART_TAG];
const PLACE_BYTES = 1 + ID_BYTES;
/** What a bucket made since then holds is new, and of no interest to a walk. */
const BUCKETS_MS = 60_000;
const NOTHING = new Uint8Array(0);

export class RecordWalk {
  readonly #modules: WalkModules;
  #buckets: readonly BucketPlace[] = [];
  #loadedMs = Number.NEGATIVE_INFINITY;

  constructor(modules: WalkModules) {
    this.#modules = modules;
  }

  /** One page of rows from `position` on. */
  async step(position: Uint8Array, rowsMax: number): Promise<WalkStep> {
    if (position.length === 0) this.#loadedMs = Number.NEGATIVE_INFINITY;
    await this.#load();
    const place = this.#placeAt(position);
    if (place === undefined) return { keys: [], next: "end", rows: 0 };
    const { tag, bucket, from } = place;
    const heads = headsOf(tag, bucket);
    const page = await this.#modules.registers.rows({
      heads,
      from,
      fromExclusive: false,
      prefix: NOTHING,
      visibleOnly: false,
      limit: rowsMax,
      scanMax: rowsMax,
    });
    const keys = page.rows.flatMap(({ key, value, head }) => {
      if (value === undefined || !hasShards(tag, value)) return [];
      return Buffer.concat([heads[head] ?? NOTHING, key]);
    });
    const { resume } = page;
    const next =
      page.exhausted || resume === undefined
        ? this.#after(tag, bucket)
        : encodePosition(tag, bucket.id, resume);
    return { keys, next, rows: page.rows.length };
  }

  /** How many rows a whole walk passes. */
  async count(rowsPerStep: number): Promise<number> {
    let count = 0;
    let position: WalkPosition = WALK_START;
    while (position !== "end") {
      const step: WalkStep = await this.step(position, rowsPerStep);
      count += step.rows;
      position = step.next;
    }
    return count;
  }

  async #load(): Promise<void> {
    const nowMs = this.#modules.clock.monotonicMs();
    if (nowMs - this.#loadedMs < BUCKETS_MS) return;
    const all = { prefix: "", after: undefined, limit: Number.MAX_SAFE_INTEGER - 1 };
    const { buckets } = await this.#modules.buckets.list(all);
    const places = buckets.map(({ id, shards }) => ({ id, shards }));
    this.#buckets = places.sort((left, right) => (left.id < right.id ? -1 : 1));
    this.#loadedMs = nowMs;
  }

  /** The bucket that holds the position, or the first one after it. */
  #placeAt(
    position: Uint8Array,
  ): { tag: number; bucket: BucketPlace; from: Uint8Array } | undefined {
    const [firstTag] = position;
    const id = Buffer.from(position.subarray(1, PLACE_BYTES)).toString("hex");
    for (const tag of TAGS) {
      if (firstTag !== undefined && tag < firstTag) continue;
      const bucket = this.#buckets.find((each) => tag !== firstTag || each.id >= id);
      if (bucket === undefined) continue;
      const inside = tag === firstTag && bucket.id === id;
      return { tag, bucket, from: inside ? position.subarray(PLACE_BYTES) : NOTHING };
    }
    return undefined;
  }

  #after(tag: number, { id }: BucketPlace): WalkPosition {
    const next = this.#buckets.find((each) => each.id > id);
    if (next !== undefined) return encodePosition(tag, next.id, NOTHING);
    const following = TAGS[TAGS.indexOf(tag) + 1];
    return following === undefined ? "end" : Buffer.of(following);
  }
}

function encodePosition(tag: number, id: BucketId, key: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(tag), Buffer.from(id, "hex"), key]);
}

function hasShards(tag: number, row: Uint8Array): boolean {
  if (row.length <= EMPTY_ROW_BYTES) return false;
  if (tag === PART_TAG) return readPartRow(row).part?.data.kind === "shards";
  const { versions, more }: ObjectRow = readObjectRow(row);
  return more || versions.some((version) => version.sharded);
}

/** Flags and ballot. */
const EMPTY_ROW_BYTES = 17;
