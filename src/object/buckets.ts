/**
 * Buckets: one register each, and the cache that every operation asks.
 *
 * Within this process the cache is always current, because every change of a bucket goes through
 * here and closes the bucket's gate: commits under a bucket pass the gate and see the bucket as it is
 * then. So a write is either finished before a delete looks whether the bucket is empty, or it
 * starts after and finds the bucket gone: none is lost.
 *
 * Deleting: active → deleting → (empty? then a tombstone, else active again). The state in between
 * is durable, so an attempt cut off by a crash is finished by whoever comes next.
 */
import type { RegisterChange } from "../../cluster/register/register-contract.ts";
import { KIB } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { newBucketId } from "../base/ids.ts";
import type { Random } from "../base/random.ts";
import { StoreError, type StoreErrorData } from "../base/store-error.ts";
import { type BucketRecord, decodeBucketRecord, encodeBucketRecord } from "./bucket-record.ts";
import { KeyedGate } from "./keyed-gate.ts";
import { readObjectRow } from "./list-row.ts";
import type { Bucket, BucketSettings } from "./object-store.ts";
import { BUCKET_TAG, bucketKey, headsOf, OBJECT_TAG } from "./register-keys.ts";
import type { Registers } from "./registers.ts";
import { scanAll, scanRows } from "./row-scan.ts";

/** A bucket with what the layer needs beside what others see. */
export interface BucketEntry extends Bucket {
  readonly shards: number;
  readonly epoch: number;
}

export interface BucketsOptions {
  readonly bucketShards: number;
  readonly bucketsCachedMax: number;
}

export interface BucketsModules {
  readonly registers: Registers;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends every upload of a bucket that is being deleted. */
  abortUploads(bucket: BucketEntry): Promise<void>;
}

/** All settings documents of a bucket with their names; the record is one value. */
export const BUCKET_DOCUMENTS_BYTES_MAX = 512 * KIB;

/** Undefined: there is no such bucket. */
type BucketChange = (record: BucketRecord) => BucketRecord | undefined;

const NO_RESULT = new Uint8Array(0);
const NO_SUCH_BUCKET: StoreErrorData = { code: "no-such-bucket" };

export class Buckets {
  readonly #options: BucketsOptions;
  readonly #modules: BucketsModules;
  /** Commits pass; what they must not overlap with closes. */
  readonly #gate = new KeyedGate();
  /** Changes of one bucket follow each other. */
  readonly #changing = new KeyedGate();
  readonly #cache = new Map<string, BucketEntry>();
  /** Counts beginnings and ends of changes to any bucket. */
  #changes = 0;

  constructor(options: BucketsOptions, modules: BucketsModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Rejects with no-such-bucket. */
  async find(name: string): Promise<BucketEntry> {
    return this.#cache.get(name) ?? (await this.#loadSettled(name));
  }

  /** The bucket the caller means, as it is now; no-such-bucket when it was deleted meanwhile. */
  async current(bucket: Pick<Bucket, "name" | "id">): Promise<BucketEntry> {
    const cached = this.#cache.get(bucket.name);
    if (cached?.id === bucket.id) return cached;
    return sameBucket(await this.#loadSettled(bucket.name), bucket);
  }

  /** Runs a commit under the bucket: its state does not change meanwhile. */
  async commit<T>(
    bucket: Pick<Bucket, "name" | "id">,
    run: (entry: BucketEntry) => Promise<T>,
  ): Promise<T> {
    await this.current(bucket);
    return this.#gate.pass(bucket.name, async () => {
      const entry = this.#cache.get(bucket.name) ?? (await this.#load(bucket.name));
      return run(sameBucket(entry, bucket));
    });
  }

  create(name: string, settings: BucketSettings = {}): Promise<BucketEntry> {
    return this.#alone(name, async () => {
      await this.#finishDeleting(name);
      const blank: BucketRecord = {
        id: newBucketId(this.#modules.random),
        state: "active",
        createdMs: this.#modules.clock.nowMs(),
        versioning: "unversioned",
        shards: this.#options.bucketShards,
        epoch: 1,
        documents: {},
      };
      const record = withSettings(blank, settings);
      await this.#update(name, (body) =>
        body === undefined
          ? { kind: "write", body: encodeBucketRecord(record, body), result: NO_RESULT }
          : { kind: "refuse", answer: { code: "bucket-exists" } },
      );
      return this.#remember(name, record);
    });
  }

  remove(name: string): Promise<void> {
    return this.#alone(name, async () => {
      const record = await this.#change(name, (current) => ({
        ...current,
        state: "deleting",
        epoch: current.epoch + 1,
      }));
      if (!(await this.#removeIfEmpty(name, record))) {
        throw new StoreError({ code: "bucket-not-empty" });
      }
    });
  }

  /** Rejects with what `change` throws, and with no-such-bucket. */
  change(name: string, change: (bucket: Bucket) => BucketSettings): Promise<void> {
    return this.#changeActive(name, (record) =>
      withSettings(record, change(toEntry(name, record))),
    );
  }

  async list(input: {
    prefix: string;
    after: string | undefined;
    limit: number;
  }): Promise<{ buckets: readonly BucketEntry[]; truncated: boolean }> {
    const buckets: BucketEntry[] = [];
    if (input.limit <= 0) return { buckets, truncated: false };
    const rows = scanRows(this.#modules.registers, {
      ...scanAll([Buffer.of(BUCKET_TAG)], true),
      prefix: Buffer.from(input.prefix),
      from: Buffer.from(input.after ?? ""),
      fromExclusive: input.after !== undefined,
      pageRows: input.limit + 1,
    });
    for await (const row of rows) {
      const bucket = await this.#findIfThere(Buffer.from(row.key).toString("utf8"));
      if (bucket === undefined) continue;
      if (buckets.length === input.limit) return { buckets, truncated: true };
      buckets.push(bucket);
    }
    return { buckets, truncated: false };
  }

  /** Takes up an attempt to delete that a crash has left behind. */
  recover(name: string): Promise<void> {
    return this.#alone(name, () => this.#finishDeleting(name));
  }

  /** Without other changes of the bucket, and without commits under it. */
  #alone<T>(name: string, run: () => Promise<T>): Promise<T> {
    return this.#changing.close(name, () => this.#gate.close(name, run));
  }

  async #findIfThere(name: string): Promise<BucketEntry | undefined> {
    try {
      return await this.find(name);
    } catch (error) {
      if (error instanceof StoreError && error.code === "no-such-bucket") return undefined;
      throw error;
    }
  }

  #changeActive(name: string, change: BucketChange): Promise<void> {
    return this.#alone(name, async () => {
      // Left in "deleting" by a crash: whoever looks the bucket up finishes the attempt.
      const changed = await this.#change(name, (record) =>
        record.state === "deleting" ? undefined : change(record),
      );
      this.#remember(name, changed);
    });
  }

  async #change(name: string, change: BucketChange): Promise<BucketRecord> {
    await this.#update(name, (body) => recordChange(body, change));
    return this.#record(name);
  }

  /** The gate is closed. When the outcome is unknown the cache holds nothing of the bucket. */
  async #update(
    name: string,
    change: (body: Uint8Array | undefined) => RegisterChange<StoreErrorData>,
  ): Promise<void> {
    this.#cache.delete(name);
    this.#changes += 1;
    try {
      const outcome = await this.#modules.registers.update(bucketKey(name), change);
      if (outcome.kind !== "written") throw new StoreError(outcome.answer);
    } finally {
      this.#changes += 1;
    }
  }

  async #record(name: string): Promise<BucketRecord> {
    const body = await this.#modules.registers.read(bucketKey(name));
    if (body === undefined) throw new StoreError(NO_SUCH_BUCKET);
    return decodeBucketRecord(body);
  }

  /** Waits for, or takes up, an attempt to delete the bucket. Not inside the gate. */
  async #loadSettled(name: string): Promise<BucketEntry> {
    const record = await this.#record(name);
    if (record.state === "deleting") await this.recover(name);
    return this.#load(name);
  }

  async #load(name: string): Promise<BucketEntry> {
    const changes = this.#changes;
    const record = await this.#record(name);
    if (record.state === "deleting") throw new StoreError(NO_SUCH_BUCKET);
    // What was read while something changed may be old: it must not get into the cache.
    return changes === this.#changes ? this.#remember(name, record) : toEntry(name, record);
  }

  async #finishDeleting(name: string): Promise<void> {
    const body = await this.#modules.registers.read(bucketKey(name));
    if (body === undefined) return;
    const record = decodeBucketRecord(body);
    if (record.state === "deleting") await this.#removeIfEmpty(name, record);
  }

  /** True when the bucket is gone, false when it is active again. The gate is closed. */
  async #removeIfEmpty(name: string, record: BucketRecord): Promise<boolean> {
    const entry = toEntry(name, record);
    if (await this.#hasObjects(entry)) {
      const active = await this.#change(name, (current) => ({
        ...current,
        state: "active",
        epoch: current.epoch + 1,
      }));
      this.#remember(name, active);
      return false;
    }
    await this.#modules.abortUploads(entry);
    await this.#update(name, () => ({ kind: "write", body: undefined, result: NO_RESULT }));
    return true;
  }

  async #hasObjects(bucket: BucketEntry): Promise<boolean> {
    for await (const row of scanRows(
      this.#modules.registers,
      scanAll(headsOf(OBJECT_TAG, bucket), false),
    )) {
      if (row.value !== undefined && readObjectRow(row.value).versions.length > 0) return true;
    }
    return false;
  }

  #remember(name: string, record: BucketRecord): BucketEntry {
    const entry = toEntry(name, record);
    if (this.#cache.size >= this.#options.bucketsCachedMax) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest);
        break;
      }
    }
    this.#cache.set(name, entry);
    return entry;
  }
}

function recordChange(
  body: Uint8Array | undefined,
  change: BucketChange,
): RegisterChange<StoreErrorData> {
  try {
    const changed = body === undefined ? undefined : change(decodeBucketRecord(body));
    if (changed === undefined) return { kind: "refuse", answer: NO_SUCH_BUCKET };
    return { kind: "write", body: encodeBucketRecord(changed, body), result: NO_RESULT };
  } catch (error) {
    if (error instanceof StoreError) return { kind: "refuse", answer: error.data };
    throw error;
  }
}

/** Throws StoreError entity-too-large. */
function withSettings(record: BucketRecord, settings: BucketSettings): BucketRecord {
  const versioning = settings.versioning ?? record.versioning;
  const documents: Record<string, string> = {};
  let bytes = 0;
  for (const [name, text] of Object.entries({ ...record.documents, ...settings.documents })) {
    if (text === undefined) continue;
    documents[name] = text;
    bytes += name.length + Buffer.byteLength(text);
  }
  if (bytes > BUCKET_DOCUMENTS_BYTES_MAX) {
    throw new StoreError({ code: "entity-too-large", bytesMax: BUCKET_DOCUMENTS_BYTES_MAX });
  }
  const epoch = record.epoch + (versioning === record.versioning ? 0 : 1);
  return { ...record, versioning, documents, epoch };
}

function sameBucket(entry: BucketEntry, wanted: Pick<Bucket, "id">): BucketEntry {
  if (entry.id !== wanted.id) throw new StoreError(NO_SUCH_BUCKET);
  return entry;
}

function toEntry(name: string, record: BucketRecord): BucketEntry {
  const { id, createdMs, versioning, documents, shards, epoch } = record;
  return { name, id, createdMs, versioning, documents, shards, epoch };
}
