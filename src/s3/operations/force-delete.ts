/**
 * MinIO's extension of DeleteBucket: `x-minio-force-delete: true` takes the contents along. Refused
 * where object lock is in force, which must not be got around by the bucket.
 */

import type { Bucket } from "../../object/contract/object-store.ts";
import { LOCK_DOCUMENT } from "../../object/operations/object-lock.ts";
import type { BucketContext } from "../context.ts";
import { S3Error } from "../s3-error.ts";
import { announceRemoval } from "./delete-objects.ts";

const PAGE_VERSIONS = 1000;
/** Deletions under way at once. */
const PARALLEL_MAX = 32;

export function asksForContents({ headers }: BucketContext): boolean {
  return headers.get("x-minio-force-delete")?.toLowerCase() === "true";
}

/** Removes every version of every object. What is written meanwhile may be left. */
export async function deleteContents(context: BucketContext, bucket: Bucket): Promise<void> {
  if (bucket.documents[LOCK_DOCUMENT] !== undefined) {
    throw new S3Error("MethodNotAllowed", {
      message: "A bucket with object lock is not deleted together with its contents.",
    });
  }
  for (;;) {
    const page = await context.store.listVersions({
      bucket,
      prefix: "",
      delimiter: undefined,
      keyMarker: undefined,
      versionIdMarker: undefined,
      limit: PAGE_VERSIONS,
    });
    if (page.versions.length === 0) return;
    for (let first = 0; first < page.versions.length; first += PARALLEL_MAX) {
      const batch = page.versions.slice(first, first + PARALLEL_MAX);
      await Promise.all(
        batch.map(async ({ key, versionId }) => {
          const input = { bucket, key, versionId, conditions: {} };
          const result = await context.store.deleteObject(input);
          await announceRemoval(context, bucket, { key, versionId, result });
        }),
      );
    }
  }
}
