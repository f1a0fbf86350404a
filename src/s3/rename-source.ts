/**
 * `x-amz-rename-source`: a key of the same bucket, percent-encoded, as it is or behind the bucket's
 * name as in `x-amz-copy-source`. A key that begins with the bucket's own name needs the latter.
 */
import { type ObjectKey, parseObjectKey } from "./object-key.ts";
import { percentDecode } from "./percent.ts";
import { invalidArgument } from "./s3-error.ts";

export const RENAME_SOURCE_HEADER = "x-amz-rename-source";

/** Throws InvalidArgument. */
export function parseRenameSource(header: string, bucket: string): ObjectKey {
  const path = percentDecode(header, "literal");
  if (path === undefined) throw invalid("Rename source must be percent-encoded UTF-8", header);
  const inBucket = `${bucket}/`;
  const named = path.startsWith("/") ? path.slice(1) : path;
  const key = named.startsWith(inBucket) ? named.slice(inBucket.length) : path;
  if (key.startsWith("/")) throw invalid("An object is renamed within its bucket", header);
  if (key === "") throw invalid("Rename source must name a key", header);
  return parseObjectKey(key);
}

function invalid(message: string, header: string) {
  return invalidArgument(message, RENAME_SOURCE_HEADER, header);
}
