/**
 * Buckets: one register each, and the cache that every operation asks.
 *
 * Within this process every change of a bucket goes through here and closes the bucket's gate:
 * commits under a bucket pass the gate and see the bucket as it is then. So a write is either
 * finished before a delete looks whether the bucket is empty, or it starts after and finds the bucket
 * gone: none is lost.
 *
 * Between nodes the epoch does the same. Each change raises it, and is fenced before it is answered
 * or used: then replicas refuse whatever acts under an older one (`stale-bucket`), the node reads the
 * bucket again and repeats the commit. So a cache may be old, and nothing is done by what it says.
 *
 * An attempt to delete that a crash has cut off is finished by whoever comes next.
 */
import type { RegisterChange } from "../../../cluster/register/register-contract.ts";
import { asBuffer } from "../../base/bytes.ts";
import { sleep } from "../../base/clock.ts";
import { newBucketId } from "../../base/ids.ts";
import { StoreError, type StoreErrorData } from "../../base/store-error.ts";
import { KeyedGate } from "../contract/keyed-gate.ts";
import type { Bucket, BucketSettings } from "../contract/object-store.ts";
import { BUCKET_TAG, bucketKey } from "../contract/register-keys.ts";
import {
  type BucketRecord,
  decodeBucketRecord,
  encodeBucketRecord,
} from "../records/bucket-record.ts";
import { scanAll, scanRows } from "../registers/row-scan.ts";
import { BucketDeletion, type BucketDeletionModules } from "./bucket-deletion.ts";
import {
  type BucketChange,
  type BucketEntry,
  NO_SUCH_BUCKET,
  recordChange,
  resultOf,
  toEntry,
  withSettings,
} from "./bucket-entry.ts";
import { QUOTA_DOCUMENT } from "./bucket-quota.ts";

export interface BucketsOptions {
  readonly bucketShards: number;
  readonly bucketsCachedMax: number;
  /** Other nodes change buckets too. */
  readonly bucketsShared: boolean;
}

export type BucketsModules = BucketDeletionModules;

/** Nobody can have acted on a bucket under an older one. */
const FIRST_EPOCH = 1;
/** Shared buckets: how long what a bucket's own settings say may be old on another node. */
const CACHED_MS = 2_000;
/** How long another node's deletion may stand still before it is taken over. */
const DELETION_MS = 2_000;
const LOOK_MS = 100;
/** How often a commit is repeated because another node changes the bucket again and again. */
const STALE_ATTEMPTS_MAX = 5;

interface CachedBucket {
  readonly entry: BucketEntry;
  readonly readMs: number;
}

export class Buckets {
  readonly #options: BucketsOptions;
  readonly #modules: BucketsModules;
  /** Commits pass; what they must not overlap with closes. */
  readonly #gate = new KeyedGate();
  /** Changes of one bucket follow each other. */
  readonly #changing = new KeyedGate();
  readonly #cache = new Map<string, CachedBucket>();
  readonly #deletion: BucketDeletion;
  /** Counts beginnings and ends of changes to any bucket. */
  #changes = 0;

  constructor(options: BucketsOptions, modules: BucketsModules) {
    this.#options = options;
    this.#modules = modules;
    this.#deletion = new BucketDeletion(
      {
        update: (name, change) => this.#update(name, change),
        record: (name) => this.#record(name),
        fence: (name, record) => this.#fence(name, record),
        remember: (name, record) => void this.#remember(name, record),
      },
      modules,
    );
  }

  /** Rejects with no-such-bucket. */
  async find(name: string): Promise<BucketEntry> {
    const cached = this.#cache.get(name);
    if (cached !== undefined && !this.#isOld(cached)) return cached.entry;
    return this.#loadSettled(name);
  }

  /** The bucket the caller means, as it is now; no-such-bucket when it was deleted meanwhile. */
  async current(bucket: Pick<Bucket, "name" | "id">): Promise<BucketEntry> {
    const cached = this.#cache.get(bucket.name)?.entry;
    if (cached?.id === bucket.id) return cached;
    return this.#same(await this.#loadSettled(bucket.name), bucket);
  }

  /** The same bucket as the last operation under it found it; without asking anybody. */
  lastKnown(bucket: Bucket): Bucket {
    const cached = this.#cache.get(bucket.name)?.entry;
    return cached?.id === bucket.id ? cached : bucket;
  }

  /** It was deleted, whatever has its name now: ids are never given again. Asks the registers. */
  async isGone({ name, id }: Pick<Bucket, "name" | "id">): Promise<boolean> {
    const body = await this.#modules.registers.read(bucketKey(name));
    return body === undefined || decodeBucketRecord(body).id !== id;
  }

  /** Another node has changed the bucket. */
  forget(name: string): void {
    this.#cache.delete(name);
  }

  /** Reads under the bucket, once more when another node has changed it. */
  async under<T>(
    bucket: Pick<Bucket, "name" | "id">,
    run: (entry: BucketEntry) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const entry = await this.current(bucket);
      try {
        return await run(entry);
      } catch (error) {
        await this.#renew(entry, error, attempt);
      }
    }
  }

  /** Runs a commit under the bucket: its state does not change meanwhile. */
  async commit<T>(
    bucket: Pick<Bucket, "name" | "id">,
    run: (entry: BucketEntry) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      let used = await this.current(bucket);
      try {
        return await this.#gate.pass(bucket.name, async () => {
          const cached = this.#cache.get(bucket.name)?.entry;
          used = this.#same(cached ?? (await this.#load(bucket.name)), bucket);
          return run(used);
        });
      } catch (error) {
        await this.#renew(used, error, attempt);
      }
    }
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
        epoch: FIRST_EPOCH - 1,
        documents: {},
      };
      const record = withSettings(blank, settings);
      await this.#update(name, (body) =>
        body === undefined
          ? { kind: "write", body: encodeBucketRecord(record, body), result: resultOf(record) }
          : { kind: "refuse", answer: { code: "bucket-exists" } },
      );
      return this.#remember(name, record);
    });
  }

  /** The id, when it had a quota: its ledger has to go too. */
  remove(name: string): Promise<string | undefined> {
    return this.#alone(name, async () => {
      let withQuota: string | undefined;
      const outcome = await this.#deletion.delete(name, ({ id, documents }) => {
        withQuota = documents[QUOTA_DOCUMENT] === undefined ? undefined : id;
        return true;
      });
      if (outcome === "not-empty") throw new StoreError({ code: "bucket-not-empty" });
      if (outcome === "gone") throw new StoreError(NO_SUCH_BUCKET);
      return withQuota;
    });
  }

  /** Rejects with what `change` throws, and with no-such-bucket. */
  change(name: string, change: (bucket: BucketEntry) => BucketSettings): Promise<void> {
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
      await this.#change(name, (record) => {
        if (record.state === "deleting") throw this.#undecided(record);
        return change(record);
      });
      const record = await this.#record(name);
      await this.#fence(name, record);
      if (record.state === "active") this.#remember(name, record);
    });
  }

  #change(name: string, change: BucketChange): Promise<number> {
    return this.#update(name, (body) => recordChange(body, change));
  }

  /**
   * Returns the epoch written. The gate is closed. When the outcome is unknown the cache holds
   * nothing of the bucket.
   */
  async #update(
    name: string,
    change: (body: Uint8Array | undefined) => RegisterChange<StoreErrorData>,
  ): Promise<number> {
    this.#cache.delete(name);
    this.#changes += 1;
    try {
      const outcome = await this.#modules.registers.update(bucketKey(name), change);
      if (outcome.kind !== "written") throw new StoreError(outcome.answer);
      return Number(asBuffer(outcome.result).toString("latin1"));
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
    for (let attempt = 1; ; attempt++) {
      const record = await this.#record(name);
      if (record.state === "deleting") {
        await this.#awaitDeletion(name, record.epoch);
        await this.recover(name);
      }
      try {
        return await this.#load(name);
      } catch (error) {
        // Perhaps another node has begun to delete it once more.
        const again = error instanceof StoreError && error.code === "stale-bucket";
        if (!again || attempt >= STALE_ATTEMPTS_MAX) throw error;
      }
    }
  }

  /** Lets another node finish what it has begun. */
  async #awaitDeletion(name: string, epoch: number): Promise<void> {
    if (!this.#options.bucketsShared) return;
    for (let waitedMs = 0; waitedMs < DELETION_MS; waitedMs += LOOK_MS) {
      await sleep(this.#modules.clock, LOOK_MS);
      const record = await this.#record(name);
      if (record.state !== "deleting" || record.epoch !== epoch) return;
    }
  }

  /** In this process nobody meets a deletion but those it has cut off; another node may go on. */
  #undecided({ epoch }: BucketRecord): StoreError {
    if (!this.#options.bucketsShared) return new StoreError(NO_SUCH_BUCKET);
    return new StoreError({ code: "stale-bucket", bucketEpoch: epoch });
  }

  async #load(name: string): Promise<BucketEntry> {
    const changes = this.#changes;
    const record = await this.#record(name);
    if (record.state === "deleting") throw this.#undecided(record);
    await this.#fence(name, record);
    // What was read while something changed may be old: it must not get into the cache.
    return changes === this.#changes ? this.#remember(name, record) : toEntry(name, record);
  }

  /** What an epoch says holds everywhere before this node acts by it, or says that it does. */
  async #fence(name: string, record: BucketRecord): Promise<void> {
    const known = this.#cache.get(name)?.entry;
    if (known?.id === record.id && known.epoch === record.epoch) return;
    if (record.epoch > FIRST_EPOCH) {
      await this.#modules.registers.fenceBucket(record, record.epoch);
    }
  }

  /**
   * After a failure under `used`: resolves when it is worth another attempt, with what the bucket is
   * now in the cache. Rejects with the failure, or with stale-bucket when the whole request has to be
   * made again: the bucket is another one now, or something that decides who may do what has changed.
   */
  async #renew(used: BucketEntry, error: unknown, attempt: number): Promise<void> {
    const stale = error instanceof StoreError && error.data.code === "stale-bucket";
    if (!stale || attempt >= STALE_ATTEMPTS_MAX) throw error;
    if (this.#cache.get(used.name)?.entry === used) this.#cache.delete(used.name);
    const fresh = await this.#loadSettled(used.name);
    const sameRules = rulesOf(fresh) === rulesOf(used);
    if (fresh.id !== used.id || !sameRules) throw error;
    // The change that the replicas know of may not have been written down here yet.
    if (fresh.epoch === used.epoch) await sleep(this.#modules.clock, LOOK_MS);
  }

  async #finishDeleting(name: string): Promise<void> {
    const body = await this.#modules.registers.read(bucketKey(name));
    if (body === undefined || decodeBucketRecord(body).state !== "deleting") return;
    await this.#deletion.delete(name, (record) => record.state === "deleting");
  }

  #remember(name: string, record: BucketRecord): BucketEntry {
    const entry = toEntry(name, record);
    if (this.#cache.size >= this.#options.bucketsCachedMax) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest);
        break;
      }
    }
    this.#cache.set(name, { entry, readMs: this.#modules.clock.monotonicMs() });
    return entry;
  }

  #isOld({ readMs }: CachedBucket): boolean {
    if (!this.#options.bucketsShared) return false;
    return this.#modules.clock.monotonicMs() - readMs > CACHED_MS;
  }

  /** Where other nodes change buckets too, the caller may have been told of an older one. */
  #same(entry: BucketEntry, wanted: Pick<Bucket, "id">): BucketEntry {
    if (entry.id === wanted.id) return entry;
    if (!this.#options.bucketsShared) throw new StoreError(NO_SUCH_BUCKET);
    throw new StoreError({ code: "stale-bucket", bucketEpoch: entry.epoch });
  }
}

/** What decides on requests that have been let in: all but the quota, which every commit asks itself. */
function rulesOf({ documents }: Bucket): string {
  return JSON.stringify({ ...documents, [QUOTA_DOCUMENT]: undefined });
}
