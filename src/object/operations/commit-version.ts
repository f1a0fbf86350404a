/**
 * The commit of a new version: the one moment at which an object comes into being. Before it the
 * data is durable and nobody knows of it; a crash there leaves pending rows for the sweeper.
 */
import type { PreparedKey } from "../../../cluster/register/base.ts";
import type { RegisterChange } from "../../../cluster/register/register-contract.ts";
import { StoreError, type StoreErrorData } from "../../base/store-error.ts";
import type { ReadConditions } from "../contract/conditions.ts";
import type { Data, WrittenData } from "../contract/data.ts";
import type { Bucket, PutObjectResult } from "../contract/object-store.ts";
import { checksumText, type StoredChecksum } from "../records/data-descriptor.ts";
import { shownEncryption } from "../records/encryption-descriptor.ts";
import { decodeObjectRecord, encodeObjectRecord } from "../records/object-record.ts";
import { corrupt } from "../records/record-bytes.ts";
import type { VersionDraft } from "../records/stored-version.ts";
import { addVersion, type ChangeContext } from "../records/version-changes.ts";
import { newTimeId } from "../records/version-id.ts";
import { decodeWriteResult, encodeWriteResult, type WriteResult } from "../records/write-result.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { isTooLate, type Moment } from "./commit-limit.ts";
import { checkWriteConditions } from "./conditions.ts";
import { isCertainlyNotCommitted } from "./not-committed.ts";
import type { ObjectCore } from "./object-core.ts";
import { withDefaultRetention } from "./object-lock.ts";
import type { QuotaCharge, QuotaHold } from "./quota-account.ts";

export interface VersionCommit {
  readonly bucket: Bucket;
  readonly registerKey: Uint8Array;
  readonly draft: VersionDraft;
  readonly conditions: ReadConditions;
  /** Begun for this commit while its data was still being finished. */
  readonly prepared?: PreparedKey | undefined;
  /** From before its shards were durable; undefined when it has none. */
  readonly since: Moment | undefined;
  /** What the draft's content was written for this commit: deleted when it does not happen. */
  readonly written: Data;
  /** As the client sees it; the draft's is sealed when the object is encrypted. */
  readonly checksum: StoredChecksum | undefined;
  /** Room for it in the bucket's quota, where it has one. */
  readonly admitted: QuotaHold | undefined;
}

export async function commitVersion(
  core: ObjectCore,
  commit: VersionCommit,
): Promise<PutObjectResult> {
  let newId: Buffer | undefined;
  // Randomness is dear: an id is made only where one is needed, and once for all attempts.
  const mintId = () => {
    newId ??= newTimeId(core.clock, core.random);
    return newId;
  };
  const attempt = (charge: QuotaCharge) =>
    core.buckets.commit(commit.bucket, async (entry) => {
      const outcome = await core.registers.update<StoreErrorData>(
        commit.registerKey,
        (body) => {
          charge.begin(entry);
          const late = isTooLate(core.clock, commit.since, core.options.commitWithinMs);
          if (late) return { kind: "refuse", answer: { code: "deadline" } };
          const context = changeContext(core, entry);
          return versionChange(commit, body, { mintId, context, entry, charge });
        },
        { ...actingUnder(entry), prepared: commit.prepared },
      );
      if (outcome.kind !== "written") throw new StoreError(outcome.answer);
      charge.written();
      return putResult(commit, entry, decodeWriteResult(outcome.result));
    });
  return commitData(core, commit.written, () =>
    core.quotas.charging(commit.bucket, commit.admitted, attempt),
  );
}

/** Runs the commit that refers to fresh data, and deletes the data when it certainly did not. */
export async function commitData<T>(
  core: ObjectCore,
  data: Data,
  commit: () => Promise<T>,
): Promise<T> {
  if (data.kind === "inline") return commit();
  core.committing.add(data.dataId);
  try {
    const result = await commit();
    core.pending.adopted(data);
    return result;
  } catch (error) {
    if (isCertainlyNotCommitted(error)) core.writer.discard(data);
    throw error;
  } finally {
    core.committing.delete(data.dataId);
  }
}

export function changeContext(core: ObjectCore, entry: BucketEntry): ChangeContext {
  const nowMs = core.clock.nowMs();
  return {
    versioning: entry.versioning,
    bucketEpoch: entry.epoch,
    nowMs,
    dueMs: nowMs + core.options.trashGraceMs,
  };
}

interface ChangeTools {
  readonly mintId: () => Buffer;
  readonly context: ChangeContext;
  readonly entry: BucketEntry;
  readonly charge: QuotaCharge;
}

function versionChange(
  commit: VersionCommit,
  body: Uint8Array | undefined,
  { mintId, context, entry, charge }: ChangeTools,
): RegisterChange<StoreErrorData> {
  const record = decodeObjectRecord(body);
  const refusal = checkWriteConditions(commit.conditions, record.versions[0]);
  if (refusal !== undefined) return { kind: "refuse", answer: refusal };
  const headers = withDefaultRetention(commit.draft.headers, entry, context.nowMs);
  const change = addVersion(record, { ...commit.draft, headers }, mintId, context);
  if (change === undefined) return { kind: "refuse", answer: { code: "too-many-versions" } };
  if (!charge.covers(entry, record, change.record)) {
    return { kind: "refuse", answer: { code: "quota-exceeded" } };
  }
  return {
    kind: "write",
    body: encodeObjectRecord(change.record, body),
    result: encodeWriteResult(change.version),
  };
}

function putResult(
  { draft, checksum }: VersionCommit,
  entry: BucketEntry,
  result: WriteResult | undefined,
): PutObjectResult {
  if (result === undefined) throw corrupt("write result: nothing written");
  return {
    etag: Buffer.from(draft.etag).toString("hex"),
    // While versioning is suspended a write makes no version that could be named.
    versionId: entry.versioning === "enabled" ? result.versionId : undefined,
    bytes: draft.bytes,
    mtimeMs: result.mtimeMs,
    ...(checksum === undefined ? {} : { checksum: shownChecksum(checksum, 0) }),
    ...shownEncryption(draft.encryption),
  };
}

export function shownChecksum(checksum: StoredChecksum, parts: number) {
  const { algorithm, type } = checksum;
  return { algorithm, type, text: checksumText(checksum, parts) };
}

/** The checksum of written data, when one was asked for. */
export function writtenChecksum(
  written: WrittenData,
  algorithm: StoredChecksum["algorithm"] | undefined,
): StoredChecksum | undefined {
  if (algorithm === undefined) return undefined;
  const value = written.digests.checksums[algorithm];
  return value === undefined ? undefined : { algorithm, type: "FULL_OBJECT", value };
}
