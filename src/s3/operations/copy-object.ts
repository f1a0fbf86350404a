/** CopyObject and UploadPartCopy: a source named by a header instead of a body. */
import { StoreError } from "../../base/store-error.ts";
import type { CopyObjectInput, StoredHeaders } from "../../object/contract/object-store.ts";
import { announceStored } from "../announce.ts";
import { checksumXml, parseChecksumAlgorithm } from "../checksum-headers.ts";
import { parseCopyConditions, parseWriteConditions } from "../conditions.ts";
import { bucketOf, type ObjectContext } from "../context.ts";
import { type CopySource, parseCopySource } from "../copy-source.ts";
import { formatIsoDate } from "../dates.ts";
import {
  copySourceAccess,
  encryptionHeaders,
  partAccess,
  requestedEncryption,
  writeEncryption,
} from "../encryption-headers.ts";
import {
  describingHeaders,
  parseStorageClass,
  parseStoredHeaders,
  tagsOnly,
} from "../metadata-headers.ts";
import { parseTags, withAccess } from "../object-write.ts";
import { parsePartNumber } from "../part-number.ts";
import { parseCopyRange } from "../range.ts";
import { sendXml } from "../respond.ts";
import { invalidArgument, S3Error } from "../s3-error.ts";
import { parseSourceFacts } from "../source-headers.ts";
import { xmlDocument } from "../xml.ts";

export async function copyObject(context: ObjectContext): Promise<void> {
  const { store, key } = context;
  const from = parseCopySource(context.headers.get("x-amz-copy-source") ?? "");
  const metadata = parseMetadataDirective(context);
  refuseIdleSelfCopy(context, from, metadata);
  const tags = parseTaggingDirective(context);
  const storageClass = parseStorageClass(context.headers.get("x-amz-storage-class"));
  const bucket = await bucketOf(context);
  const described = (source: StoredHeaders) => metadata ?? describingHeaders(source);
  const tagged = (source: StoredHeaders) => tags ?? tagsOnly(source);
  // Asked once before bytes move, because in the store only its own errors may be thrown.
  withAccess({}, context, bucket);
  const result = await refusingStale(
    store.copyObject({
      source: await sourceOf(context, from),
      target: { bucket, key, conditions: parseWriteConditions(context.headers) },
      headers: (source) => withAccess({ ...described(source), ...tagged(source) }, context, bucket),
      storageClass,
      checksumAlgorithm: parseChecksumAlgorithm(context.headers.get("x-amz-checksum-algorithm")),
      encryption: writeEncryption(context, bucket),
      facts: parseSourceFacts(context),
    }),
  );
  await announceStored(context, {
    names: ["s3:ObjectCreated:Copy"],
    bucket,
    key,
    versionId: result.versionId,
  });
  const headers = encryptionHeaders(result.encryption, context);
  if (result.sourceVersionId !== undefined) {
    headers.push(["x-amz-copy-source-version-id", result.sourceVersionId]);
  }
  if (result.versionId !== undefined) headers.push(["x-amz-version-id", result.versionId]);
  const body = xmlDocument("CopyObjectResult", (xml) => {
    xml.element("LastModified", formatIsoDate(result.mtimeMs));
    xml.quoted("ETag", result.etag);
    if (result.checksum !== undefined) checksumXml(xml, result.checksum);
  });
  sendXml(context, body, headers);
}

export async function uploadPartCopy(context: ObjectContext): Promise<void> {
  const { query, store, key } = context;
  const from = parseCopySource(context.headers.get("x-amz-copy-source") ?? "");
  const partNumber = parsePartNumber(query) ?? 0;
  const bucket = await bucketOf(context);
  const part = await refusingStale(
    store.copyPart({
      bucket,
      key,
      uploadId: query.get("uploadId") ?? "",
      partNumber,
      ...partAccess(context),
      source: await sourceOf(context, from),
      range: parseCopyRange(context.headers.get("x-amz-copy-source-range")),
    }),
  );
  const headers = encryptionHeaders(part.encryption, context);
  if (part.sourceVersionId !== undefined) {
    headers.push(["x-amz-copy-source-version-id", part.sourceVersionId]);
  }
  const body = xmlDocument("CopyPartResult", (xml) => {
    xml.element("LastModified", formatIsoDate(part.mtimeMs));
    xml.quoted("ETag", part.etag);
  });
  sendXml(context, body, headers);
}

async function sourceOf(
  context: ObjectContext,
  from: CopySource,
): Promise<CopyObjectInput["source"]> {
  return {
    bucket: await context.store.bucket(from.bucket),
    key: from.key,
    ...(from.versionId === undefined ? {} : { versionId: from.versionId }),
    conditions: parseCopyConditions(context.headers),
    ...copySourceAccess(context),
  };
}

/** A copy whose source fails a condition is refused; 304 is an answer of reads only. */
async function refusingStale<Result>(copy: Promise<Result>): Promise<Result> {
  try {
    return await copy;
  } catch (error) {
    if (error instanceof StoreError && error.code === "not-modified") {
      throw new S3Error("PreconditionFailed", { cause: error });
    }
    throw error;
  }
}

/** The new headers for REPLACE, undefined for COPY. */
function parseMetadataDirective(context: ObjectContext): StoredHeaders | undefined {
  const replaced = isReplaced(context, "x-amz-metadata-directive", "metadata");
  return replaced ? parseStoredHeaders(context.headers).headers : undefined;
}

/** The new tags for REPLACE, undefined for COPY. */
function parseTaggingDirective(context: ObjectContext): StoredHeaders | undefined {
  const replaced = isReplaced(context, "x-amz-tagging-directive", "tagging");
  return replaced ? parseTags(context.headers) : undefined;
}

function isReplaced({ headers }: ObjectContext, name: string, what: string): boolean {
  const directive = headers.get(name) ?? "COPY";
  if (directive === "REPLACE") return true;
  if (directive === "COPY") return false;
  throw invalidArgument(`Unknown ${what} directive.`, name, directive);
}

/** A copy of an object onto itself must change something. */
function refuseIdleSelfCopy(
  context: ObjectContext,
  from: CopySource,
  metadata: StoredHeaders | undefined,
): void {
  const same = from.bucket === context.bucketName && from.key === context.key;
  if (!same || metadata !== undefined || from.versionId !== undefined) return;
  if (context.headers.has("x-amz-storage-class")) return;
  if (context.headers.has("x-amz-website-redirect-location")) return;
  if (requestedEncryption(context) !== undefined) return;
  throw new S3Error("InvalidRequest", {
    message:
      "This copy request is illegal because it is trying to copy an object to itself without " +
      "changing the object's metadata, storage class, website redirect location or encryption " +
      "attributes.",
  });
}
