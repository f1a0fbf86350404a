/**
 * GetObject, HeadObject and listings inside a zip archive, for requests with `x-minio-extract: true`.
 * Everything is authorised on the archive: who may read it may read what is in it.
 */
import type { Bucket, ListObjectsPage } from "../../object/contract/object-store.ts";
import { asksForMembers, splitArchivePath } from "../archive/archive-address.ts";
import { checkReadable, findMember, sendMember } from "../archive/zip-archive.ts";
import { listArchive, type ZipListing } from "../archive/zip-listing.ts";
import type { BucketContext, ObjectContext } from "../context.ts";
import { formatHttpDate } from "../dates.ts";
import { encryptionHeaders, readAccess } from "../encryption-headers.ts";
import { responseMetadataHeaders, responseOverrides } from "../metadata-headers.ts";
import { resolveRange } from "../range.ts";
import { beginBytes, type HeaderList } from "../respond.ts";
import { S3Error } from "../s3-error.ts";
import { announceAccess, getObject, openRequested } from "./get-object.ts";

/** HeadObject as well. */
export function getObjectOrMember(context: ObjectContext): Promise<void> {
  const { member } = context;
  return member === undefined ? getObject(context) : getMember(context, member);
}

/**
 * Conditions and the version are the archive's. There is no ETag: the archive's would be taken for
 * the MD5 of the member.
 */
async function getMember(context: ObjectContext, name: string): Promise<void> {
  const overrides = responseOverrides(context.query, context.auth.kind === "signed");
  const { bucket, object } = await openRequested(context);
  const member = await findMember(object, name);
  if (member === undefined) throw new S3Error("NoSuchKey");
  checkReadable(member);
  const { details } = object;
  const asked = resolveRange(context.headers.get("range"), member.bytes);
  const range = asked ?? { offset: 0, length: member.bytes };
  const headers: HeaderList = [
    ["Accept-Ranges", "bytes"],
    ["Last-Modified", formatHttpDate(details.mtimeMs)],
    ...responseMetadataHeaders({}, context.query),
    ...encryptionHeaders(details.encryption, context),
    ...overrides,
  ];
  if (bucket.versioning !== "unversioned") headers.push(["x-amz-version-id", details.versionId]);
  if (asked !== undefined) {
    const last = range.offset + range.length - 1;
    headers.push(["Content-Range", `bytes ${range.offset}-${last}/${member.bytes}`]);
  }
  const { response, request } = context;
  const head = request.method === "HEAD";
  announceAccess(context, head ? "s3:ObjectAccessed:Head" : "s3:ObjectAccessed:Get", {
    bucket,
    details,
  });
  beginBytes(context, asked === undefined ? 200 : 206, headers, range.length);
  if (!head) await sendMember(object, member, range, response);
  if (!response.aborted) response.end();
}

/** Undefined: the listing asks for keys, not for what is in an archive. */
export async function archivePage(
  context: BucketContext,
  bucket: Bucket,
  listing: ZipListing,
): Promise<ListObjectsPage | undefined> {
  if (!asksForMembers(context.headers)) return undefined;
  const path = splitArchivePath(listing.prefix);
  if (path === undefined) return undefined;
  const { archive } = path;
  const { bucketName, access, store } = context;
  // Names in an archive are what is in it.
  await access.require("s3:GetObject", { bucket: bucketName, key: archive });
  const encryption = readAccess(context);
  const object = await store.openObject({ bucket, key: archive, conditions: {}, ...encryption });
  return listArchive(object, archive, listing);
}
