/** What clients do with objects: one method for each operation of the store. */
import { NULL_VERSION, type ObjectStore } from "../../../src/object/contract/object-store.ts";
import { BufferSink, bytesSource } from "../../support/object/memory-data.ts";
import type { Operation } from "../register/linearizability.ts";
import { type Attempt, BUCKETS, KEYS } from "./attempt.ts";
import { BucketActions } from "./bucket-actions.ts";
import { type Content, type Contents, INLINE_SIZES } from "./contents.ts";
import type { Histories, Place } from "./histories.ts";
import { codeOf, verdictOf } from "./outcomes.ts";
import type { StackCluster } from "./stack-cluster.ts";
import { UploadActions } from "./upload-actions.ts";

export const NO_CONDITIONS = {};

export class Actions {
  readonly #cluster: StackCluster;
  readonly #histories: Histories;
  readonly #contents: Contents;
  readonly #buckets: BucketActions;
  readonly #uploads: UploadActions;
  /** What each client saw last of a key. */
  readonly #seen = new Map<string, Content | undefined>();

  constructor(cluster: StackCluster, histories: Histories, contents: Contents) {
    this.#cluster = cluster;
    this.#histories = histories;
    this.#contents = contents;
    this.#buckets = new BucketActions(cluster, histories, contents);
    this.#uploads = new UploadActions(cluster, histories, contents);
  }

  perform(attempt: Attempt): Promise<void> {
    const { world } = this.#cluster;
    const place = { bucket: world.pick(BUCKETS), key: world.pick(KEYS) };
    const dice = world.next();
    if (dice < 0.24) return this.#put(attempt, place, "put");
    if (dice < 0.3) return this.#put(attempt, place, "if-none-match");
    if (dice < 0.37) return this.#put(attempt, place, "if-match");
    if (dice < 0.57) return this.read(attempt, place);
    if (dice < 0.68) return this.#delete(attempt, place);
    if (dice < 0.78) return this.#buckets.list(attempt, place.bucket);
    if (dice < 0.84) return this.#copy(attempt, place);
    if (dice < 0.91 && this.#mayShard) return this.#uploads.upload(attempt, place);
    return this.#buckets.perform(attempt);
  }

  get #mayShard(): boolean {
    return this.#cluster.options.pressure.onlyInline !== true;
  }

  /** Reads an object, or a range of it, and recognises what it gets. */
  async read(attempt: Attempt, place: Place): Promise<void> {
    const { world } = this.#cluster;
    const callMs = world.nowMs;
    const label = `client ${attempt.client} get ${place.bucket}/${place.key}`;
    world.note(label);
    try {
      const bucket = await attempt.store.bucket(place.bucket);
      const opened = await attempt.store.openObject({ bucket, key: place.key, conditions: {} });
      const { bytes, etag } = opened.details;
      const content = this.#contents.byEtag(etag);
      if (content === undefined || content.bytes.length !== bytes) {
        this.#histories.violate(`${label}: nobody wrote ${bytes} bytes with ETag ${etag}`);
        return;
      }
      const offset = world.chance(0.3) && bytes > 0 ? world.below(bytes) : 0;
      const length = world.chance(0.3) ? world.below(bytes - offset + 1) : bytes - offset;
      const sink = new BufferSink();
      await opened.read({ offset, length }, sink);
      if (!sink.bytes.equals(content.bytes.subarray(offset, offset + length))) {
        this.#histories.violate(`${label}: bytes ${offset}+${length} are not those of ${etag}`);
      }
      world.note(`${label} → ${content.value}`);
      if (!attempt.heard) return;
      this.#histories.found(place, attempt.client, callMs, content.value);
      this.#remember(attempt, place, content);
    } catch (error) {
      this.#notRead(error, { attempt, place, callMs, label });
    }
  }

  /** At the end everything can be read. */
  async readWhole(attempt: Attempt, place: Place, isRepeated = false): Promise<void> {
    const { bucket, key } = place;
    try {
      const found = await attempt.store.bucket(bucket);
      const opened = await attempt.store.openObject({ bucket: found, key, conditions: {} });
      const content = this.#contents.byEtag(opened.details.etag);
      const sink = new BufferSink();
      await opened.read({ offset: 0, length: opened.details.bytes }, sink);
      if (content === undefined || !sink.bytes.equals(content.bytes)) {
        this.#histories.violate(`${bucket}/${key} is not what anybody wrote`);
        return;
      }
      this.#histories.found(place, attempt.client, attempt.callMs, content.value);
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      // The node knew the bucket of before: whoever asks is told to ask again.
      if (code === "stale-bucket" && !isRepeated) return this.readWhole(attempt, place, true);
      const absent = code === "no-such-key" || (code === "no-such-bucket" && bucket === "passing");
      if (absent) this.#histories.found(place, attempt.client, attempt.callMs, undefined);
      else this.#histories.violate(`${bucket}/${key} cannot be read: ${code}`);
    }
  }

  checkTold(...args: Parameters<BucketActions["checkTold"]>): void {
    this.#buckets.checkTold(...args);
  }

  #notRead(error: unknown, { attempt, place, callMs, label }: ReadContext): void {
    this.#cluster.world.note(`${label} → ${String(error)}`);
    const code = codeOf(error);
    if (code === undefined) throw error;
    if (code === "no-such-bucket" && place.bucket !== "passing") {
      this.#histories.violate(`${label}: the bucket was never deleted`);
    }
    // A bucket that is gone was empty.
    if (!attempt.heard || (code !== "no-such-key" && code !== "no-such-bucket")) return;
    this.#histories.found(place, attempt.client, callMs, undefined);
    this.#remember(attempt, place, undefined);
  }

  async #put(
    attempt: Attempt,
    place: Place,
    how: "put" | "if-none-match" | "if-match",
  ): Promise<void> {
    const { world } = this.#cluster;
    const content = this.#contents.make((bound) =>
      world.below(this.#mayShard ? bound : INLINE_SIZES),
    );
    const seen = how === "if-match" ? this.#seen.get(seenName(attempt, place)) : undefined;
    if (how === "if-match" && seen === undefined) return this.read(attempt, place);
    const conditional = how !== "put";
    const operation = this.#histories.begin({
      place,
      kind: conditional ? "cas" : "put",
      client: attempt.client,
      value: content.value,
      expected: seen?.value,
    });
    const conditions =
      how === "if-none-match" ? { ifNoneMatch: ["*"] } : seen ? { ifMatch: [seen.etag] } : {};
    const label = `client ${attempt.client} ${how} ${place.bucket}/${place.key} ${content.value}`;
    await this.#write({ attempt, place, operation, label }, async (store) => {
      const bucket = await store.bucket(place.bucket);
      const result = await store.putObject({
        bucket,
        key: place.key,
        source: bytesSource(content.bytes),
        headers: {},
        storageClass: "STANDARD",
        conditions,
        checksumAlgorithm: undefined,
      });
      if (result.etag !== content.etag) this.#histories.violate(`${label}: ETag ${result.etag}`);
      this.#buckets.checkVersion(place.bucket, operation.callMs, result.versionId);
      return { content, versionId: result.versionId };
    });
  }

  async #delete(attempt: Attempt, place: Place): Promise<void> {
    const { client } = attempt;
    const operation = this.#histories.begin({ place, kind: "delete", client });
    const label = `client ${client} delete ${place.bucket}/${place.key}`;
    await this.#write({ attempt, place, operation, label }, async (store) => {
      const bucket = await store.bucket(place.bucket);
      await store.deleteObject({ bucket, key: place.key, conditions: NO_CONDITIONS });
      return { content: undefined, versionId: undefined };
    });
  }

  /** What is copied shows in the answer; without one it may be anything the source ever was. */
  async #copy(attempt: Attempt, place: Place): Promise<void> {
    const { world } = this.#cluster;
    const source = { bucket: world.pick(BUCKETS), key: world.pick(KEYS) };
    const { client, store } = attempt;
    const callMs = world.nowMs;
    const label = `client ${client} copy ${source.bucket}/${source.key} to ${place.bucket}/${place.key}`;
    world.note(label);
    const open = this.#histories.copying(source, place, client);
    try {
      const from = await store.bucket(source.bucket);
      const to = await store.bucket(place.bucket);
      const result = await store.copyObject({
        source: { bucket: from, key: source.key, conditions: NO_CONDITIONS },
        target: { bucket: to, key: place.key, conditions: NO_CONDITIONS },
        headers: (headers) => headers,
        storageClass: undefined,
        checksumAlgorithm: undefined,
      });
      world.note(`${label} → ${result.etag}`);
      if (!attempt.heard) return;
      const content = this.#contents.byEtag(result.etag);
      if (content === undefined) {
        this.#histories.violate(`${label}: nobody wrote ${result.etag}`);
        return;
      }
      open.done(content.value);
      // Of the copy of an upload nobody can say whether its source was the upload or another copy.
      if (!this.#contents.isOfUpload(content.value)) {
        this.#histories.found(source, client, callMs, content.value);
      }
      this.#remember(attempt, place, content);
    } catch (error) {
      world.note(`${label} → ${String(error)}`);
      const verdict = verdictOf(error);
      if (verdict === "bug") throw error;
      if (verdict !== "unknown" && attempt.heard) open.failed();
    }
  }

  async #write(
    context: WriteContext,
    run: (store: ObjectStore) => Promise<Written>,
  ): Promise<void> {
    const { attempt, place, operation, label } = context;
    const { world } = this.#cluster;
    world.note(label);
    try {
      const { content, versionId } = await run(attempt.store);
      world.note(`${label} → ok ${versionId ?? ""}`);
      if (versionId !== undefined && versionId !== NULL_VERSION && content !== undefined) {
        this.#histories.told(place, { versionId, value: content.value });
      }
      if (!attempt.heard) return;
      operation.status = "ok";
      operation.swapped = true;
      operation.returnMs = world.nowMs;
      this.#remember(attempt, place, content);
    } catch (error) {
      world.note(`${label} → ${String(error)}`);
      const verdict = verdictOf(error);
      if (verdict === "bug") throw error;
      if (!attempt.heard) return;
      if (verdict === "nothing") operation.status = "failed";
      if (verdict !== "condition") return;
      operation.status = "ok";
      operation.returnMs = world.nowMs;
    }
  }

  #remember(attempt: Attempt, place: Place, content: Content | undefined): void {
    this.#seen.set(seenName(attempt, place), content);
  }
}

interface ReadContext {
  readonly attempt: Attempt;
  readonly place: Place;
  readonly callMs: number;
  readonly label: string;
}

export interface WriteContext {
  readonly attempt: Attempt;
  readonly place: Place;
  readonly operation: Operation;
  readonly label: string;
}

interface Written {
  readonly content: Content | undefined;
  readonly versionId: string | undefined;
}

function seenName({ client }: Attempt, { bucket, key }: Place): string {
  return `${client} ${bucket}/${key}`;
}
