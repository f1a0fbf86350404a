/** GetObject and HeadObject: the same answer, with and without the bytes. */

import { StoreError } from "../../base/store-error.ts";
import type { EventName } from "../../events/event-names.ts";
import type { TouchedObject } from "../../events/happening.ts";
import type { ByteRange } from "../../object/contract/data.ts";
import type { Bucket, ObjectDetails, OpenObject } from "../../object/contract/object-store.ts";
import { announceRead } from "../announce.ts";
import { checksumHeaders } from "../checksum-headers.ts";
import { parseReadConditions } from "../conditions.ts";
import { bucketOf, type ObjectContext } from "../context.ts";
import { formatHttpDate } from "../dates.ts";
import { NOTIFICATION_DOCUMENT } from "../documents/notification.ts";
import { encryptionHeaders, readAccess } from "../encryption-headers.ts";
import { expirationHeader } from "../expiration.ts";
import { responseMetadataHeaders, responseOverrides } from "../metadata-headers.ts";
import { parsePartNumber } from "../part-number.ts";
import { resolveRange } from "../range.ts";
import { beginBytes, type HeaderList, sendBytes } from "../respond.ts";
import { S3Error } from "../s3-error.ts";

/** HeadObject as well. */
export async function getObject(context: ObjectContext): Promise<void> {
  const overrides = responseOverrides(context.query, context.auth.kind === "signed");
  const { bucket, object } = await openRequested(context);
  await sendOpened(context, { bucket, object, overrides });
}

export interface OpenedObject {
  readonly bucket: Bucket;
  readonly object: OpenObject;
  /** Headers that the request asks for. */
  readonly overrides?: HeaderList;
  /** All of it, whatever the request asks for, under this status: the page of an error. */
  readonly status?: number;
}

/** The answer to GET, and to HEAD without the bytes. */
export async function sendOpened(context: ObjectContext, opened: OpenedObject): Promise<void> {
  const { bucket, object } = opened;
  const { details } = object;
  const selection = opened.status === undefined ? select(context, details) : whole(details);
  const headers = objectHeaders(context, { bucket, details, selection });
  if (opened.overrides !== undefined) headers.push(...opened.overrides);
  const status = opened.status ?? selection.status;
  const { range } = selection;
  const { response } = context;
  if (context.request.method === "HEAD") {
    announceAccess(context, "s3:ObjectAccessed:Head", { bucket, details });
    beginBytes(context, status, headers, range.length);
    response.end();
    return;
  }
  announceAccess(context, "s3:ObjectAccessed:Get", { bucket, details });
  if (object.inline !== undefined) {
    const content = object.inline.subarray(range.offset, range.offset + range.length);
    sendBytes(context, status, headers, content);
    return;
  }
  beginBytes(context, status, headers, range.length);
  await object.read(range, response);
  if (!response.aborted) response.end();
}

export function announceAccess(
  context: ObjectContext,
  name: EventName,
  { bucket, details }: { readonly bucket: Bucket; readonly details: ObjectDetails },
): void {
  const { documents } = bucket;
  // The way that is gone a hundred thousand times a second.
  if (documents[NOTIFICATION_DOCUMENT] === undefined && !context.events.hasListeners) return;
  const object = touched(details, bucket);
  announceRead(context, { names: [name], bucket, key: context.key, object });
}

/** What an event tells of a version that was read. */
export function touched(details: ObjectDetails, bucket: Bucket): TouchedObject {
  const { bytes, etag, headers, versionId } = details;
  const shown = bucket.versioning === "unversioned" ? undefined : versionId;
  return { bytes, etag, headers, versionId: shown };
}

export async function openRequested(
  context: ObjectContext,
): Promise<{ bucket: Bucket; object: OpenObject }> {
  const conditions = parseReadConditions(context.headers);
  const access = readAccess(context);
  const versionId = requestedVersion(context);
  const bucket = await bucketOf(context);
  let object: OpenObject;
  try {
    object = await context.store.openObject({
      bucket,
      key: context.key,
      ...(versionId === undefined ? {} : { versionId }),
      conditions,
      ...access,
    });
  } catch (error) {
    // Whether a condition holds is not told of an object that may not be read.
    await context.access.confirmStoredOwner();
    throw error;
  }
  context.access.confirmOwner(object.details.headers);
  return { bucket, object };
}

/** The stored headers of the version that the request names, whatever its bytes. */
export async function openForHeaders(
  context: ObjectContext,
): Promise<{ readonly bucket: Bucket; readonly details: ObjectDetails }> {
  const versionId = requestedVersion(context);
  const bucket = await bucketOf(context);
  const { details } = await context.store.openObject({
    bucket,
    key: context.key,
    ...(versionId === undefined ? {} : { versionId }),
    conditions: {},
    headersOnly: true,
  });
  return { bucket, details };
}

/** The versionId parameter; an empty one is refused as AWS does. */
export function requestedVersion(context: ObjectContext): string | undefined {
  const versionId = context.query.get("versionId");
  if (versionId === "") {
    throw new S3Error("InvalidArgument", {
      message: "Version id cannot be the empty string",
      details: [
        ["ArgumentName", "versionId"],
        ["ArgumentValue", ""],
      ],
    });
  }
  return versionId;
}

interface Selection {
  readonly range: ByteRange;
  readonly status: 200 | 206;
  /** Set when `partNumber` chose a part: how many there are. */
  readonly partsCount: number | undefined;
  readonly partNumber: number | undefined;
  /** A range was asked for and is answered. */
  readonly partial: boolean;
}

/** What of the object is asked for: all, a range, or one part. */
function select(context: ObjectContext, details: ObjectDetails): Selection {
  const partNumber = parsePartNumber(context.query);
  const rangeText = context.headers.get("range");
  if (partNumber !== undefined) {
    if (rangeText !== undefined) {
      throw new S3Error("InvalidRequest", {
        message: "Cannot specify both Range header and partNumber query parameter",
      });
    }
    return selectPart(details, partNumber);
  }
  const range = resolveRange(rangeText, details.bytes);
  if (range === undefined) return whole(details);
  return { range, status: 206, partsCount: undefined, partNumber: undefined, partial: true };
}

function whole(details: ObjectDetails): Selection {
  const range = { offset: 0, length: details.bytes };
  return { range, status: 200, partsCount: undefined, partNumber: undefined, partial: false };
}

function selectPart(details: ObjectDetails, partNumber: number): Selection {
  if (details.parts.length === 0) {
    if (partNumber !== 1) throw new StoreError({ code: "invalid-part-number" });
    return { ...whole(details), status: 206, partNumber, partial: details.bytes > 0 };
  }
  let offset = 0;
  for (const [index, part] of details.parts.entries()) {
    // Parts are counted 1..N in the object, whatever numbers they were uploaded under.
    if (index + 1 === partNumber) {
      const range = { offset, length: part.bytes };
      const partsCount = details.parts.length;
      return { range, status: 206, partsCount, partNumber, partial: part.bytes > 0 };
    }
    offset += part.bytes;
  }
  throw new StoreError({ code: "invalid-part-number" });
}

function objectHeaders(
  context: ObjectContext,
  { bucket, details, selection }: { bucket: Bucket; details: ObjectDetails; selection: Selection },
): HeaderList {
  const headers: HeaderList = [
    ["Accept-Ranges", "bytes"],
    ["ETag", `"${details.etag}"`],
    ["Last-Modified", formatHttpDate(details.mtimeMs)],
    ...responseMetadataHeaders(details.headers, context.query),
  ];
  // A bucket that never had versioning says nothing of versions.
  if (bucket.versioning !== "unversioned") {
    headers.push(["x-amz-version-id", details.versionId]);
  }
  if (details.storageClass !== "STANDARD") {
    headers.push(["x-amz-storage-class", details.storageClass]);
  }
  headers.push(...encryptionHeaders(details.encryption, context));
  if (selection.partsCount !== undefined) {
    headers.push(["x-amz-mp-parts-count", String(selection.partsCount)]);
  }
  if (details.isLatest) headers.push(...expirationHeader(bucket, details));
  const { range } = selection;
  if (selection.partial) {
    const last = range.offset + range.length - 1;
    headers.push(["Content-Range", `bytes ${range.offset}-${last}/${details.bytes}`]);
  }
  if (context.headers.get("x-amz-checksum-mode")?.toUpperCase() === "ENABLED") {
    headers.push(...selectedChecksum(details, selection));
  }
  return headers;
}

/** A checksum describes a whole: of the object, or of the part that was asked for. */
function selectedChecksum(details: ObjectDetails, selection: Selection): HeaderList {
  if (details.checksum === undefined) return [];
  if (selection.partNumber !== undefined && details.parts.length > 0) {
    const part = details.parts[selection.partNumber - 1];
    if (part?.checksum === undefined) return [];
    return checksumHeaders({ ...details.checksum, text: part.checksum });
  }
  const complete = selection.range.length === details.bytes;
  return complete ? checksumHeaders(details.checksum) : [];
}
