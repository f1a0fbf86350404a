/** GET and HEAD: one strict read of the record, then the conditions; the bytes follow on demand. */
import { timingSafeEqual } from "node:crypto";
import { StoreError } from "../../base/store-error.ts";
import type {
  ObjectDetails,
  ObjectPart,
  ObjectVersion,
  OpenObject,
  ReadObjectInput,
} from "../contract/object-store.ts";
import { objectKey } from "../contract/register-keys.ts";
import { openContent } from "../data/sealed-content.ts";
import { type ObjectKeys, readableChecksum } from "../encryption/object-keys.ts";
import { checksumText } from "../records/data-descriptor.ts";
import { shownEncryption } from "../records/encryption-descriptor.ts";
import { findVersion, latestVersion } from "../records/object-record.ts";
import { type StoredVersion, shardsOf, type VersionSummary } from "../records/stored-version.ts";
import { parseVersionId } from "../records/version-id.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { shownChecksum } from "./commit-version.ts";
import { checkReadConditions } from "./conditions.ts";
import type { ObjectCore } from "./object-core.ts";
import { type ReadableVersion, readRange } from "./object-source.ts";

export interface FoundVersion extends ReadableVersion {
  readonly bucket: BucketEntry;
  readonly isLatest: boolean;
}

export async function openObject(core: ObjectCore, input: ReadObjectInput): Promise<OpenObject> {
  const found = await readVersion(core, input);
  return {
    details: detailsOf(found, input.key),
    inline: inlineOf(found),
    read: (range, sink) => readRange(core.reader, found, range, sink),
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
  // Before the conditions: who has not got the key learns nothing of what is stored.
  const opening = keysOf(core, version, input, bucket);
  const keys = opening === undefined ? undefined : await opening;
  if (keys !== undefined) checkParts(version, keys);
  const refusal = checkReadConditions(input.conditions, version);
  if (refusal !== undefined) throw new StoreError(refusal);
  if (version.sharded) {
    for (const data of shardsOf(version.meta().content)) core.owners.remember(data, registerKey);
  }
  return { bucket, keys, ...found };
}

function keysOf(
  core: ObjectCore,
  version: StoredVersion,
  input: ReadObjectInput,
  bucket: BucketEntry,
): Promise<ObjectKeys | undefined> | undefined {
  const { encryption } = version.meta();
  if (input.headersOnly || (encryption === undefined && input.customerKey === undefined)) {
    return undefined;
  }
  return core.encryption.openAny(encryption, { bucket: bucket.name, key: input.key }, input);
}

/** Throws StoreError `corrupt` when the parts are not those that were completed. */
function checkParts(version: StoredVersion, keys: ObjectKeys): void {
  const { content, encryption } = version.meta();
  if (content?.kind !== "parts") return;
  const { partsCheck } = encryption ?? {};
  if (partsCheck !== undefined && timingSafeEqual(partsCheck, keys.partsCheck(content.parts)))
    return;
  throw new StoreError({ code: "corrupt", what: "encrypted object: its parts" });
}

/** Small content in the clear. */
function inlineOf({ version, keys }: FoundVersion): Uint8Array | undefined {
  const { content, encryption } = version.meta();
  if (content?.kind !== "inline") return undefined;
  if (encryption === undefined) return content.content;
  if (keys === undefined) return undefined;
  const plainBytes = version.contentBytes;
  const dataKey = { key: keys.dataKey(undefined), plainBytes };
  return openContent(content.content, { offset: 0, length: plainBytes }, dataKey);
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

function detailsOf({ version, keys, isLatest }: FoundVersion, key: string): ObjectDetails {
  const { headers, checksum: stored, encryption } = version.meta();
  const parts = version.partCount === 0 ? NO_PARTS : partsOf(version, keys);
  // Grown, not copied: this is on the way of every GET.
  const details = Object.assign(shownVersion(version, key, isLatest), { headers, parts });
  if (encryption !== undefined) Object.assign(details, shownEncryption(encryption));
  const checksum = readableChecksum(stored, undefined, { encryption, keys });
  if (checksum === undefined) return details;
  return { ...details, checksum: shownChecksum(checksum, version.partCount) };
}

const NO_PARTS: readonly ObjectPart[] = [];

function partsOf(version: StoredVersion, keys: ObjectKeys | undefined): ObjectPart[] {
  const { content, encryption } = version.meta();
  if (content?.kind !== "parts") return [];
  return content.parts.map((part) => {
    const { number, bytes, etag } = part;
    const checksum = readableChecksum(part.checksum, part, { encryption, keys });
    return {
      number,
      bytes,
      etag: Buffer.from(etag).toString("hex"),
      ...(checksum === undefined ? {} : { checksum: checksumText(checksum, 0) }),
    };
  });
}
