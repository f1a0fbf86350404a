/**
 * Another key for an encrypted object whose bytes stay as they are: its object key is sealed anew.
 * That is what a copy of an object onto itself is when nothing but its key, its headers or their
 * owner changes, as clients rotate the keys of SSE-C, and what UpdateObjectEncryption asks for.
 */
import type { RegisterChange } from "../../../cluster/register/register-contract.ts";
import { StoreError, type StoreErrorData } from "../../base/store-error.ts";
import type {
  CopyObjectInput,
  CopyObjectResult,
  UpdateEncryptionInput,
} from "../contract/object-store.ts";
import { objectKey } from "../contract/register-keys.ts";
import { readableChecksum } from "../encryption/object-keys.ts";
import {
  type EncryptionMode,
  type StoredEncryption,
  shownEncryption,
} from "../records/encryption-descriptor.ts";
import { decodeObjectRecord, encodeObjectRecord, hasId } from "../records/object-record.ts";
import { resealVersion, type StoredVersion } from "../records/stored-version.ts";
import { replaceVersion } from "../records/version-changes.ts";
import { decodeWriteResult, encodeWriteResult } from "../records/write-result.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { shownChecksum } from "./commit-version.ts";
import { checkWriteConditions } from "./conditions.ts";
import type { ObjectCore } from "./object-core.ts";
import { type FoundVersion, readVersion } from "./open-object.ts";

/**
 * The copy would replace its own source with the same bytes: only the null version replaces itself.
 * Its ETag must stay what the new mode makes of it.
 */
export function isRotation(found: FoundVersion, input: CopyObjectInput): boolean {
  const { version, bucket, isLatest } = found;
  const { encryption, checksum } = version.meta();
  if (encryption === undefined || input.encryption === undefined) return false;
  // It brings a time or an ETag of its own: another object.
  if (input.facts !== undefined) return false;
  const { source, target, storageClass, checksumAlgorithm } = input;
  return (
    isLatest &&
    version.isNull &&
    bucket.versioning !== "enabled" &&
    bucket.id === target.bucket.id &&
    source.key === target.key &&
    version.partCount === 0 &&
    showsMd5(encryption.mode) === showsMd5(input.encryption.mode) &&
    (storageClass === undefined || storageClass === version.storageClass) &&
    (checksumAlgorithm === undefined || checksumAlgorithm === checksum?.algorithm)
  );
}

function showsMd5(mode: EncryptionMode): boolean {
  return mode === "managed";
}

export async function rotateKey(
  core: ObjectCore,
  found: FoundVersion,
  input: CopyObjectInput,
): Promise<CopyObjectResult> {
  const { version, keys } = found;
  const { encryption: request } = input;
  if (keys === undefined || request === undefined) throw new StoreError(STALE);
  const { key, conditions } = input.target;
  const { stored } = await core.encryption.reseal(keys, request, {
    bucket: found.bucket.name,
    key,
  });
  const result = await core.buckets.commit(input.target.bucket, async (entry) => {
    // Versioning was switched on meanwhile: the version would be another one.
    if (entry.versioning === "enabled") throw new StoreError(STALE);
    const outcome = await core.registers.update<StoreErrorData>(
      objectKey(entry, key),
      (body) => {
        const latest = decodeObjectRecord(body).versions[0];
        const refusal = checkWriteConditions(conditions, latest);
        if (refusal !== undefined) return { kind: "refuse", answer: refusal };
        const headers = input.headers(version.meta().headers);
        const mtimeMs = Math.max(core.clock.nowMs(), version.mtimeMs);
        return exchange(body, version, { headers, encryption: stored, mtimeMs });
      },
      actingUnder(entry),
    );
    if (outcome.kind !== "written") throw new StoreError(outcome.answer);
    return decodeWriteResult(outcome.result);
  });
  const { checksum: sealed } = version.meta();
  const checksum = readableChecksum(sealed, undefined, { encryption: stored, keys });
  const versioned = found.bucket.versioning !== "unversioned";
  return {
    etag: version.etag,
    versionId: versioned ? version.versionId : undefined,
    sourceVersionId: versioned ? version.versionId : undefined,
    bytes: version.contentBytes,
    mtimeMs: result?.mtimeMs ?? version.mtimeMs,
    ...(checksum === undefined ? {} : { checksum: shownChecksum(checksum, 0) }),
    ...shownEncryption(stored),
  };
}

/** UpdateObjectEncryption: any version, in its place; time and ETag stay. */
export async function updateEncryption(
  core: ObjectCore,
  input: UpdateEncryptionInput,
): Promise<{ versionId: string | undefined }> {
  const { key, encryption: request } = input;
  const found = await readVersion(core, { ...input, conditions: {} });
  const { version, keys, bucket } = found;
  if (keys === undefined) throw new StoreError({ code: "encryption", problem: "not-encrypted" });
  const { stored } = await core.encryption.reseal(keys, request, { bucket: bucket.name, key });
  // The object key is the same, and so is what it says of the parts.
  const { partsCheck } = version.meta().encryption ?? {};
  const encryption = partsCheck === undefined ? stored : { ...stored, partsCheck };
  await core.buckets.commit(input.bucket, async (entry: BucketEntry) => {
    const outcome = await core.registers.update<StoreErrorData>(
      objectKey(entry, key),
      (body) => exchange(body, version, { encryption, mtimeMs: version.mtimeMs }),
      actingUnder(entry),
    );
    if (outcome.kind !== "written") throw new StoreError(outcome.answer);
  });
  return { versionId: bucket.versioning === "unversioned" ? undefined : version.versionId };
}

/** The version was replaced or changed since it was read. */
const STALE: StoreErrorData = { code: "conditional-conflict" };

/** The record with the version changed, provided that it is still the one that was read. */
function exchange(
  body: Uint8Array | undefined,
  version: StoredVersion,
  change: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly encryption: StoredEncryption;
    readonly mtimeMs: number;
  },
): RegisterChange<StoreErrorData> {
  const record = decodeObjectRecord(body);
  const id = version.isNull ? undefined : version.id;
  const present = record.versions.find((candidate) => hasId(candidate, id));
  if (present === undefined || !present.bytes.equals(version.bytes)) {
    return { kind: "refuse", answer: STALE };
  }
  const { mtimeMs, ...meta } = change;
  const changed = resealVersion(present, meta, mtimeMs);
  return {
    kind: "write",
    body: encodeObjectRecord(replaceVersion(record, changed), body),
    result: encodeWriteResult(changed),
  };
}
