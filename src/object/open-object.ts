/** GET and HEAD: one strict read of the record, then the conditions; the bytes follow on demand. */
import { StoreError } from "../base/store-error.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { shownChecksum } from "./commit-version.ts";
import { checkReadConditions } from "./conditions.ts";
import { checksumText } from "./data-descriptor.ts";
import type { ObjectCore } from "./object-core.ts";
import { findVersion, latestVersion } from "./object-record.ts";
import { readRange } from "./object-source.ts";
import type {
  ObjectDetails,
  ObjectPart,
  ObjectVersion,
  OpenObject,
  ReadObjectInput,
} from "./object-store.ts";
import { objectKey } from "./register-keys.ts";
import { type StoredVersion, shardsOf, type VersionSummary } from "./stored-version.ts";
import { parseVersionId } from "./version-id.ts";

export interface FoundVersion {
  readonly bucket: BucketEntry;
  readonly version: StoredVersion;
  readonly isLatest: boolean;
}

export async function openObject(core: ObjectCore, input: ReadObjectInput): Promise<OpenObject> {
  const { version, isLatest } = await readVersion(core, input);
  const { content } = version.meta();
  return {
    details: detailsOf(version, input.key, isLatest),
    inline: content?.kind === "inline" ? content.content : undefined,
    read: (range, sink) => readRange(core.reader, version, range, sink),
  };
}

/** The version that a request means, its conditions checked. */
export function readVersion(core: ObjectCore, input: ReadObjectInput): Promise<FoundVersion> {
  return core.buckets.under(input.bucket, (bucket) => readUnder(core, input, bucket));
}

async function readUnder(
  core: ObjectCore,
  input: ReadObjectInput,
  bucket: BucketEntry,
): Promise<FoundVersion> {
  const registerKey = objectKey(bucket, input.key);
  const wanted =
    input.versionId === undefined ? undefined : { id: parseVersionId(input.versionId) };
  const body = await core.registers.read(registerKey, actingUnder(bucket));
  const found = wanted === undefined ? requireLatest(body) : requireVersion(body, wanted.id);
  const { version } = found;
  const refusal = checkReadConditions(input.conditions, version);
  if (refusal !== undefined) throw new StoreError(refusal);
  if (version.sharded) {
    for (const data of shardsOf(version.meta().content)) core.owners.remember(data, registerKey);
  }
  return { bucket, ...found };
}

interface Found {
  readonly version: StoredVersion;
  readonly isLatest: boolean;
}

function requireLatest(body: Uint8Array | undefined): Found {
  const version = body === undefined ? undefined : latestVersion(body);
  if (version === undefined) throw new StoreError({ code: "no-such-key" });
  if (version.deleteMarker) {
    throw new StoreError({ code: "no-such-key", deleteMarker: markerInfo(version) });
  }
  return { version, isLatest: true };
}

function requireVersion(body: Uint8Array | undefined, id: Buffer | undefined): Found {
  const found = body === undefined ? undefined : findVersion(body, id);
  if (found === undefined) throw new StoreError({ code: "no-such-version" });
  if (found.version.deleteMarker) {
    const deleteMarker = markerInfo(found.version);
    throw new StoreError({ code: "method-not-allowed", deleteMarker });
  }
  return found;
}

function markerInfo(version: VersionSummary): { versionId: string; mtimeMs: number } {
  return { versionId: version.versionId, mtimeMs: version.mtimeMs };
}

/** A version as listings show it. */
export function shownVersion(
  version: VersionSummary,
  key: string,
  isLatest: boolean,
): ObjectVersion {
  return {
    key,
    versionId: version.versionId,
    isLatest,
    deleteMarker: version.deleteMarker,
    mtimeMs: version.mtimeMs,
    bytes: version.contentBytes,
    etag: version.etag,
    storageClass: version.storageClass,
  };
}

function detailsOf(version: StoredVersion, key: string, isLatest: boolean): ObjectDetails {
  const { headers, checksum } = version.meta();
  const parts = version.partCount === 0 ? NO_PARTS : partsOf(version);
  // Grown, not copied: this is on the way of every GET.
  const details = Object.assign(shownVersion(version, key, isLatest), { headers, parts });
  if (checksum === undefined) return details;
  return { ...details, checksum: shownChecksum(checksum, version.partCount) };
}

const NO_PARTS: readonly ObjectPart[] = [];

function partsOf(version: StoredVersion): ObjectPart[] {
  const { content } = version.meta();
  if (content?.kind !== "parts") return [];
  return content.parts.map(({ number, bytes, etag, checksum }) => ({
    number,
    bytes,
    etag: Buffer.from(etag).toString("hex"),
    ...(checksum === undefined ? {} : { checksum: checksumText(checksum, 0) }),
  }));
}
