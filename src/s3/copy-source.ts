/** `x-amz-copy-source`: `bucket/key` or `/bucket/key`, percent-encoded, perhaps `?versionId=…`. */
import { type BucketName, parseBucketName } from "./bucket-name.ts";
import { type ObjectKey, parseObjectKey } from "./object-key.ts";
import { percentDecode } from "./percent.ts";
import { invalidArgument } from "./s3-error.ts";

export interface CopySource {
  readonly bucket: BucketName;
  readonly key: ObjectKey;
  readonly versionId?: string;
}

const VERSION_MARK = "?versionId=";

/** A "?" of the key itself comes encoded, so the first mark is the one that counts. */
export function parseCopySource(header: string): CopySource {
  const mark = header.indexOf(VERSION_MARK);
  const path = percentDecode(mark < 0 ? header : header.slice(0, mark), "literal");
  if (path === undefined) throw invalid("Copy source must be percent-encoded UTF-8", header);
  const trimmed = path.startsWith("/") ? path.slice(1) : path;
  const slash = trimmed.indexOf("/");
  if (slash <= 0 || slash === trimmed.length - 1) {
    throw invalid(
      "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
      header,
    );
  }
  const bucket = parseBucketName(trimmed.slice(0, slash));
  const key = parseObjectKey(trimmed.slice(slash + 1));
  if (mark < 0) return { bucket, key };
  const versionId = percentDecode(header.slice(mark + VERSION_MARK.length), "literal");
  if (versionId === undefined || versionId === "") {
    throw invalid("Version id of the copy source is not valid", header);
  }
  return { bucket, key, versionId };
}

function invalid(message: string, header: string) {
  return invalidArgument(message, "x-amz-copy-source", header);
}
