/**
 * MinIO's `x-minio-force-delete: true`: DeleteBucket takes the contents along, DeleteObject all that
 * lies under the key as under a folder, every version of it. Refused where object lock is in force,
 * which must not be got around this way.
 */

import type { Bucket, ObjectVersion } from "../../object/contract/object-store.ts";
import { LOCK_DOCUMENT } from "../../object/operations/object-lock.ts";
import { type BucketContext, bucketOf, type ObjectContext } from "../context.ts";
import { sendEmpty } from "../respond.ts";
import { S3Error } from "../s3-error.ts";
import { announceRemoval, deleteObject } from "./delete-objects.ts";

const PAGE_VERSIONS = 1000;
/** Deletions under way at once. */
const PARALLEL_MAX = 32;

export function asksForContents({ headers }: BucketContext): boolean {
  return headers.get("x-minio-force-delete")?.toLowerCase() === "true";
}

/** Removes every version of every object. What is written meanwhile may be left. */
export async function deleteContents(context: BucketContext, bucket: Bucket): Promise<void> {
  refuseLocked(bucket, "A bucket with object lock is not deleted together with its contents.");
  await removeAll(context, bucket, { prefix: "", isMeant: () => true });
}

/** DeleteObject, alone or with all that lies below. */
export async function deleteObjectOrBelow(context: ObjectContext): Promise<void> {
  if (!asksForContents(context)) return deleteObject(context);
  if (context.query.has("versionId")) {
    throw new S3Error("InvalidRequest", {
      message: "A forced deletion takes every version and cannot name one.",
    });
  }
  await deleteBelow(context, await bucketOf(context));
  sendEmpty(context, 204);
}

/**
 * Removes every version of the key and of all keys below it (`a` means `a` and `a/b`, not `ab`). Each
 * needs the right to delete it; the first that may not be deleted ends it, what was before is gone.
 */
async function deleteBelow(context: ObjectContext, bucket: Bucket): Promise<void> {
  refuseLocked(bucket, "In a bucket with object lock objects are deleted one by one.");
  const { key, access } = context;
  const action = bucket.versioning === "unversioned" ? "s3:DeleteObject" : "s3:DeleteObjectVersion";
  const authorise = ({ key: found, versionId }: ObjectVersion) =>
    access.require(action, { bucket: bucket.name, key: found, versionId });
  const folder = key.endsWith("/") ? key : `${key}/`;
  // Of the keys that begin so, the key itself comes first.
  const isKey = (found: string) => found === key;
  if (folder !== key) await removeAll(context, bucket, { prefix: key, isMeant: isKey, authorise });
  await removeAll(context, bucket, { prefix: folder, isMeant: () => true, authorise });
}

function refuseLocked(bucket: Bucket, message: string): void {
  if (bucket.documents[LOCK_DOCUMENT] !== undefined) {
    throw new S3Error("MethodNotAllowed", { message });
  }
}

interface Removals {
  readonly prefix: string;
  /** It ends at the first key that is not. */
  isMeant(key: string): boolean;
  authorise?(version: ObjectVersion): Promise<void>;
}

/** Once through, in order; whoever has gone away does not go on deleting. */
async function removeAll(
  context: BucketContext,
  bucket: Bucket,
  { prefix, isMeant, authorise }: Removals,
): Promise<void> {
  let keyMarker: string | undefined;
  let versionIdMarker: string | undefined;
  for (;;) {
    const page = await context.store.listVersions({
      bucket,
      prefix,
      delimiter: undefined,
      keyMarker,
      versionIdMarker,
      limit: PAGE_VERSIONS,
    });
    const end = page.versions.findIndex(({ key }) => !isMeant(key));
    const meant = end < 0 ? page.versions : page.versions.slice(0, end);
    for (const version of meant) await authorise?.(version);
    await removeVersions(context, bucket, meant);
    if (end >= 0 || !page.truncated || context.response.aborted) return;
    keyMarker = page.nextKeyMarker;
    versionIdMarker = page.nextVersionIdMarker;
  }
}

async function removeVersions(
  context: BucketContext,
  bucket: Bucket,
  versions: readonly ObjectVersion[],
): Promise<void> {
  for (let first = 0; first < versions.length; first += PARALLEL_MAX) {
    const batch = versions.slice(first, first + PARALLEL_MAX);
    await Promise.all(
      batch.map(async ({ key, versionId }) => {
        const input = { bucket, key, versionId, conditions: {} };
        const result = await context.store.deleteObject(input);
        await announceRemoval(context, bucket, { key, versionId, result });
      }),
    );
  }
}
