/** PutObject: headers become a domain input, the store does the rest, the result becomes headers. */
import { announce } from "../announce.ts";
import { createPayloadSource } from "../auth/payload-source.ts";
import { checksumHeaders } from "../checksum-headers.ts";
import { parseWriteConditions } from "../conditions.ts";
import { bucketOf, type ObjectContext } from "../context.ts";
import { encryptionHeaders, writeEncryption } from "../encryption-headers.ts";
import { expirationHeader } from "../expiration.ts";
import { parseObjectHeaders } from "../object-write.ts";
import { type HeaderList, sendEmpty } from "../respond.ts";
import { S3Error } from "../s3-error.ts";
import { parseSourceFacts } from "../source-headers.ts";

export async function putObject(context: ObjectContext): Promise<void> {
  const { request, auth, key, store } = context;
  requireLength(context);
  const conditions = parseWriteConditions(context.headers);
  const source = createPayloadSource(request, auth);
  const bucket = await bucketOf(context);
  const { headers, storageClass } = parseObjectHeaders(context, bucket);
  const result = await store.putObject({
    bucket,
    key,
    source,
    headers,
    storageClass,
    conditions,
    checksumAlgorithm: undefined,
    encryption: writeEncryption(context, bucket),
    facts: parseSourceFacts(context),
  });
  const told = announce(context, {
    names: ["s3:ObjectCreated:Put"],
    bucket,
    key,
    object: { ...result, headers },
  });
  if (told !== undefined) await told;
  const answer: HeaderList = [["ETag", `"${result.etag}"`]];
  if (result.versionId !== undefined) answer.push(["x-amz-version-id", result.versionId]);
  if (result.checksum !== undefined) answer.push(...checksumHeaders(result.checksum));
  answer.push(...encryptionHeaders(result.encryption, context));
  const { mtimeMs, bytes } = result;
  answer.push(...expirationHeader(bucket, { key, mtimeMs, bytes, headers }));
  sendEmpty(context, 200, answer);
}

/** A body has a declared length, or is chunked by HTTP itself. */
export function requireLength(context: ObjectContext): void {
  const { request } = context;
  if (request.contentLength === undefined && !request.chunked) {
    throw new S3Error("MissingContentLength");
  }
}
