/** What clients do with buckets: listing, switching versioning, deleting and making again. */
import type { ListObjectsPage, ObjectStore } from "../../../src/object/contract/object-store.ts";
import { type Attempt, KEYS } from "./attempt.ts";
import type { Contents } from "./contents.ts";
import { type Histories, nameOf } from "./histories.ts";
import { codeOf, verdictOf } from "./outcomes.ts";
import type { StackCluster } from "./stack-cluster.ts";

type State = "unversioned" | "enabled" | "suspended";

/** A change of versioning; without an answer it may happen at any time. */
interface Toggle {
  readonly state: State;
  readonly callMs: number;
  returnMs: number;
}

const LIMIT_MAX = 3;
const VERSIONS_MAX = 1000;

export class BucketActions {
  readonly #cluster: StackCluster;
  readonly #histories: Histories;
  readonly #contents: Contents;
  readonly #toggles: Toggle[] = [{ state: "unversioned", callMs: -1, returnMs: -1 }];

  constructor(cluster: StackCluster, histories: Histories, contents: Contents) {
    this.#cluster = cluster;
    this.#histories = histories;
    this.#contents = contents;
  }

  perform(attempt: Attempt): Promise<void> {
    const dice = this.#cluster.world.next();
    if (dice < 0.35) return this.#toggle(attempt);
    if (dice < 0.6) return this.#listVersions(attempt);
    return dice < 0.8 ? this.#remove(attempt) : this.#create(attempt);
  }

  /** Page by page; each shows every key between two markers as it was at some time of the call. */
  async list(attempt: Attempt, bucket: string): Promise<void> {
    const { world } = this.#cluster;
    const limit = world.between(1, LIMIT_MAX);
    const prefix = world.chance(0.3) ? "a" : "";
    let after: string | undefined;
    const label = `client ${attempt.client} list ${bucket} ${prefix} by ${limit}`;
    for (let pages = 0; pages < KEYS.length + 1 && attempt.heard; pages++) {
      const callMs = world.nowMs;
      try {
        const found = await attempt.store.bucket(bucket);
        const page = await attempt.store.listObjects({
          bucket: found,
          prefix,
          delimiter: undefined,
          after,
          limit,
        });
        world.note(`${label} after ${after ?? ""} → ${describe(page)}`);
        if (!attempt.heard) return;
        this.#notePage(attempt, { bucket, prefix, after, callMs, page });
        if (!page.truncated) return;
        after = page.next;
      } catch (error) {
        world.note(`${label} → ${String(error)}`);
        if (codeOf(error) === undefined) throw error;
        return;
      }
    }
  }

  /** What a put may have been told of its version, by the changes of versioning around it. */
  checkVersion(bucket: string, callMs: number, versionId: string | undefined): void {
    if (bucket !== "history") return;
    const possible = new Set<State>();
    for (const toggle of this.#toggles) {
      const superseded = this.#toggles.some(
        (later) => later !== toggle && toggle.returnMs <= later.callMs && later.returnMs <= callMs,
      );
      if (!superseded) possible.add(toggle.state);
    }
    // Only while versioning is enabled a write makes a version that can be named.
    const named = versionId !== undefined;
    if (named ? possible.has("enabled") : possible.size > 1 || !possible.has("enabled")) return;
    const states = [...possible].join(" or ");
    this.#histories.violate(`a put into a bucket that was ${states} got version ${versionId}`);
  }

  #notePage(attempt: Attempt, shown: ShownPage): void {
    const { bucket, prefix, after, callMs, page } = shown;
    const found = new Map(page.objects.map(({ key, etag }) => [key, etag]));
    const order = page.objects.map(({ key }) => key);
    if (order.some((key, at) => at > 0 && key <= (order[at - 1] ?? ""))) {
      this.#histories.violate(`a listing of ${bucket} is out of order: ${order.join(" ")}`);
    }
    for (const key of KEYS) {
      const covered =
        key.startsWith(prefix) &&
        (after === undefined || key > after) &&
        (!page.truncated || key <= (page.next ?? ""));
      if (!covered) continue;
      const etag = found.get(key);
      const content = etag === undefined ? undefined : this.#contents.byEtag(etag);
      if (etag !== undefined && content === undefined) {
        this.#histories.violate(`a listing shows ${bucket}/${key} as ${etag}, which nobody wrote`);
        continue;
      }
      this.#histories.found({ bucket, key }, attempt.client, callMs, content?.value);
    }
  }

  async #listVersions(attempt: Attempt): Promise<void> {
    const { world } = this.#cluster;
    const before = new Map(
      KEYS.map((key) => {
        const place = { bucket: "history", key };
        return [key, [...(this.#histories.versions.get(nameOf(place)) ?? [])]];
      }),
    );
    const label = `client ${attempt.client} list versions`;
    const callMs = world.nowMs;
    try {
      const versions = await versionsOf(attempt.store, "history");
      world.note(`${label} → ${versions.length}`);
      if (!attempt.heard) return;
      for (const key of KEYS) {
        const place = { bucket: "history", key };
        const own = versions.filter((version) => version.key === key);
        const latest = own.find(({ isLatest }) => isLatest);
        const content = this.#contents.byEtag(latest?.etag ?? "");
        const value = latest?.deleteMarker === false ? content?.value : undefined;
        this.#histories.found(place, attempt.client, callMs, value);
        this.checkTold(key, before.get(key) ?? [], own);
      }
    } catch (error) {
      world.note(`${label} → ${String(error)}`);
      if (codeOf(error) === undefined) throw error;
    }
  }

  /** Every version that somebody was told of is there, with its content. */
  checkTold(
    key: string,
    told: readonly { versionId: string; value: number }[],
    shown: readonly { versionId: string; etag: string }[],
  ): void {
    for (const { versionId, value } of told) {
      const version = shown.find((candidate) => candidate.versionId === versionId);
      if (version === undefined) {
        this.#histories.violate(`version ${versionId} of ${key} is gone`);
      } else if (this.#contents.byEtag(version.etag)?.value !== value) {
        this.#histories.violate(`version ${versionId} of ${key} is not what was written`);
      }
    }
  }

  async #toggle(attempt: Attempt): Promise<void> {
    const { world } = this.#cluster;
    const state = world.chance(0.6) ? "enabled" : "suspended";
    const toggle: Toggle = { state, callMs: world.nowMs, returnMs: Number.POSITIVE_INFINITY };
    this.#toggles.push(toggle);
    const label = `client ${attempt.client} versioning ${state}`;
    world.note(label);
    try {
      await attempt.store.changeBucket("history", () => ({ versioning: state }));
      world.note(`${label} → ok`);
      if (attempt.heard) toggle.returnMs = world.nowMs;
    } catch (error) {
      world.note(`${label} → ${String(error)}`);
      if (verdictOf(error) === "bug") throw error;
    }
  }

  /** A bucket that could be deleted had no objects. */
  async #remove(attempt: Attempt): Promise<void> {
    const { world } = this.#cluster;
    const callMs = world.nowMs;
    const label = `client ${attempt.client} delete bucket`;
    world.note(label);
    try {
      await attempt.store.deleteBucket("passing");
      world.note(`${label} → ok`);
      if (!attempt.heard) return;
      for (const key of KEYS) {
        this.#histories.found({ bucket: "passing", key }, attempt.client, callMs, undefined);
      }
    } catch (error) {
      world.note(`${label} → ${String(error)}`);
      if (verdictOf(error) === "bug") throw error;
    }
  }

  async #create({ store, client }: Attempt): Promise<void> {
    const { world } = this.#cluster;
    const label = `client ${client} create bucket`;
    world.note(label);
    try {
      await store.createBucket("passing");
      world.note(`${label} → ok`);
    } catch (error) {
      world.note(`${label} → ${String(error)}`);
      if (verdictOf(error) === "bug") throw error;
    }
  }
}

interface ShownPage {
  readonly bucket: string;
  readonly prefix: string;
  readonly after: string | undefined;
  readonly callMs: number;
  readonly page: ListObjectsPage;
}

export async function versionsOf(store: ObjectStore, name: string) {
  const bucket = await store.bucket(name);
  const { versions, truncated } = await store.listVersions({
    bucket,
    prefix: "",
    delimiter: undefined,
    keyMarker: undefined,
    versionIdMarker: undefined,
    limit: VERSIONS_MAX,
  });
  if (truncated) throw new Error("there are more versions than one page holds");
  return versions;
}

function describe({ objects, truncated, next }: ListObjectsPage): string {
  const keys = objects.map(({ key }) => key).join(" ");
  return truncated ? `${keys} … ${next}` : keys;
}
