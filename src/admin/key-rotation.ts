/**
 * Seals the keys of a bucket's SSE-KMS objects under another named key, version by version, in the
 * background: bytes, times and ETags stay. One at a time on a node, in its memory: a restart forgets
 * it, and starting it again passes over what is done.
 */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { StoreError } from "../base/store-error.ts";
import type {
  Bucket,
  ObjectEncryptionFacts,
  ObjectStore,
  ObjectVersion,
} from "../object/contract/object-store.ts";
import { AdminError } from "./admin-error.ts";

export interface RotationRequest {
  readonly bucket: string;
  readonly prefix: string;
  /** The key to seal under. */
  readonly keyId: string;
  /** Undefined: whatever other key it is. */
  readonly from: string | undefined;
}

export interface RotationStatus extends RotationRequest {
  readonly state: "running" | "done" | "stopped" | "failed";
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  /** Versions looked at. */
  readonly versions: number;
  readonly rotated: number;
  /** Could not be; why the first of them could not. */
  readonly failed: number;
  readonly firstError: string | undefined;
}

export interface KeyRotationModules {
  readonly store: Pick<ObjectStore, "bucket" | "listVersions" | "openObject" | "updateEncryption">;
  readonly clock: Clock;
  readonly log: Logger;
}

const PAGE_VERSIONS = 1000;
/** Versions being sealed at once. */
const AT_ONCE = 8;
/** A version that is written meanwhile is read again. */
const ATTEMPTS_MAX = 3;

type Progress = { -readonly [Name in keyof RotationStatus]: RotationStatus[Name] };

export class KeyRotation {
  readonly #modules: KeyRotationModules;
  #progress: Progress | undefined;

  constructor(modules: KeyRotationModules) {
    this.#modules = modules;
  }

  /** The one under way, or the last one; undefined when there was none since the start. */
  get status(): RotationStatus | undefined {
    return this.#progress && { ...this.#progress };
  }

  /** Throws AdminError while another one is under way. Rejects when there is no such bucket. */
  async start(request: RotationRequest): Promise<RotationStatus> {
    const { store, clock, log } = this.#modules;
    const bucket = await store.bucket(request.bucket);
    if (this.#progress?.state === "running") {
      throw new AdminError(409, "XMinioAdminInvalidArgument", "a rotation is under way already");
    }
    const counts = { versions: 0, rotated: 0, failed: 0 };
    const times = { startedMs: clock.nowMs(), endedMs: undefined, firstError: undefined };
    const progress: Progress = { ...request, ...counts, ...times, state: "running" };
    this.#progress = progress;
    log.info("rotation of keys began", { ...request });
    void this.#run(bucket, progress);
    return { ...progress };
  }

  /** What is being sealed at this moment still is. */
  stop(): void {
    if (this.#progress?.state === "running") this.#progress.state = "stopped";
  }

  async #run(bucket: Bucket, progress: Progress): Promise<void> {
    const { clock, log } = this.#modules;
    try {
      await this.#walk(bucket, progress);
      if (progress.state === "running") progress.state = "done";
    } catch (error) {
      progress.state = "failed";
      progress.firstError ??= textOf(error);
    }
    progress.endedMs = clock.nowMs();
    const { state, versions, rotated, failed, keyId } = progress;
    log.info("rotation of keys ended", {
      ...{ bucket: bucket.name, keyId, state, versions, rotated, failed },
    });
  }

  async #walk(bucket: Bucket, progress: Progress): Promise<void> {
    let keyMarker: string | undefined;
    let versionIdMarker: string | undefined;
    for (;;) {
      const page = await this.#modules.store.listVersions({
        bucket,
        prefix: progress.prefix,
        delimiter: undefined,
        keyMarker,
        versionIdMarker,
        limit: PAGE_VERSIONS,
      });
      const sealable = page.versions.filter(({ deleteMarker }) => !deleteMarker);
      for (let first = 0; first < sealable.length; first += AT_ONCE) {
        if (progress.state !== "running") return;
        const batch = sealable.slice(first, first + AT_ONCE);
        await Promise.all(batch.map((version) => this.#tend(bucket, version, progress)));
      }
      if (!page.truncated) return;
      keyMarker = page.nextKeyMarker;
      versionIdMarker = page.nextVersionIdMarker;
    }
  }

  async #tend(bucket: Bucket, version: ObjectVersion, progress: Progress): Promise<void> {
    progress.versions += 1;
    try {
      if (await this.#reseal(bucket, version, progress)) progress.rotated += 1;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // Deleted meanwhile: nothing is left to seal.
      if (GONE.has(error.code)) return;
      progress.failed += 1;
      progress.firstError ??= `${version.key}: ${textOf(error)}`;
    }
  }

  /** False when there was nothing to do. */
  async #reseal(
    bucket: Bucket,
    { key, versionId }: ObjectVersion,
    { keyId, from }: Progress,
  ): Promise<boolean> {
    const { store } = this.#modules;
    const place = { bucket, key, versionId };
    for (let attempt = 1; ; attempt++) {
      const found = await store.openObject({ ...place, conditions: {}, headersOnly: true });
      const { encryption } = found.details;
      if (encryption === undefined || !isMeant(encryption, { keyId, from })) return false;
      const { context } = encryption;
      const sealed = { mode: "kms", keyId, ...(context === undefined ? {} : { context }) } as const;
      try {
        await store.updateEncryption({ ...place, encryption: sealed });
        return true;
      } catch (error) {
        const changed = error instanceof StoreError && error.code === "conditional-conflict";
        if (!changed || attempt >= ATTEMPTS_MAX) throw error;
      }
    }
  }
}

function isMeant(
  encryption: ObjectEncryptionFacts,
  { keyId, from }: Pick<RotationRequest, "keyId" | "from">,
): boolean {
  if (encryption.mode !== "kms" || encryption.keyId === keyId) return false;
  return from === undefined || encryption.keyId === from;
}

const GONE: ReadonlySet<string> = new Set(["no-such-key", "no-such-version", "method-not-allowed"]);

function textOf(error: unknown): string {
  return error instanceof StoreError ? error.code : "internal error";
}
