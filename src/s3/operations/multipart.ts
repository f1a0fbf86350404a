/** The multipart family, except the copy of a part (`copy-object.ts`). */

import { announceStored } from "../announce.ts";
import { createPayloadSource } from "../auth/payload-source.ts";
import {
  checksumHeaders,
  checksumXml,
  parseChecksumSelection,
  parseExpectedChecksum,
} from "../checksum-headers.ts";
import { parseWriteConditions } from "../conditions.ts";
import { bucketOf, type ObjectContext } from "../context.ts";
import { encryptionHeaders, partAccess, writeEncryption } from "../encryption-headers.ts";
import { requestLocation } from "../location.ts";
import { parseObjectHeaders } from "../object-write.ts";
import { parsePartNumber } from "../part-number.ts";
import { type HeaderList, sendEmpty, sendXml } from "../respond.ts";
import { invalidArgument } from "../s3-error.ts";
import { parseSourceTime } from "../source-headers.ts";
import { readVerifiedBody } from "../verified-body.ts";
import { xmlDocument } from "../xml.ts";
import { XML_BYTES_MAX } from "../xml-parse.ts";
import { parseCompleteUpload } from "../xml-requests.ts";
import { requireLength } from "./put-object.ts";

/** Beyond it the parser of documents refuses anyway. */
const DOCUMENT_BYTES_MAX = XML_BYTES_MAX;

function uploadIdOf(context: ObjectContext): string {
  return context.query.get("uploadId") ?? "";
}

export async function createMultipartUpload(context: ObjectContext): Promise<void> {
  const { key, store } = context;
  const checksum = parseChecksumSelection(context.headers);
  const bucket = await bucketOf(context);
  const { headers, storageClass } = parseObjectHeaders(context, bucket);
  const upload = await store.createUpload({
    bucket,
    key,
    headers,
    storageClass,
    checksum,
    encryption: writeEncryption(context, bucket),
  });
  const answer = encryptionHeaders(upload.encryption, context);
  if (checksum !== undefined) {
    answer.push(["x-amz-checksum-algorithm", checksum.algorithm.toUpperCase()]);
    answer.push(["x-amz-checksum-type", checksum.type]);
  }
  const body = xmlDocument("InitiateMultipartUploadResult", (xml) => {
    xml.element("Bucket", context.bucketName);
    xml.element("Key", key);
    xml.element("UploadId", upload.uploadId);
  });
  sendXml(context, body, answer);
}

export async function uploadPart(context: ObjectContext): Promise<void> {
  const { request, auth, key, query, store } = context;
  requireLength(context);
  const partNumber = parsePartNumber(query) ?? 0;
  const source = createPayloadSource(request, auth);
  const bucket = await bucketOf(context);
  const uploadId = uploadIdOf(context);
  const access = partAccess(context);
  const part = await store.putPart({ bucket, key, uploadId, partNumber, source, ...access });
  const answer: HeaderList = [
    ["ETag", `"${part.etag}"`],
    ...encryptionHeaders(part.encryption, context),
  ];
  const expected = source.expectations.checksum?.algorithm ?? source.trailingChecksum;
  if (expected !== undefined && part.checksum !== undefined) {
    answer.push([`x-amz-checksum-${expected}`, part.checksum]);
  }
  sendEmpty(context, 200, answer);
}

export async function completeMultipartUpload(context: ObjectContext): Promise<void> {
  const { key, store } = context;
  const conditions = parseWriteConditions(context.headers);
  const { checksum, checksumType } = parseExpectedChecksum(context.headers);
  const bytes = parseObjectBytes(context.headers.get("x-amz-mp-object-size"));
  const body = await readVerifiedBody(context, DOCUMENT_BYTES_MAX, {
    digestRequired: false,
    checksumHeaders: "object",
  });
  const parts = await parseCompleteUpload(body);
  const bucket = await bucketOf(context);
  const result = await store.completeUpload({
    bucket,
    key,
    uploadId: uploadIdOf(context),
    parts,
    conditions,
    mtimeMs: parseSourceTime(context),
    ...partAccess(context),
    ...(checksum === undefined ? {} : { checksum }),
    ...(checksumType === undefined ? {} : { checksumType }),
    ...(bytes === undefined ? {} : { bytes }),
  });
  await announceStored(context, {
    names: ["s3:ObjectCreated:CompleteMultipartUpload"],
    bucket,
    key,
    versionId: result.versionId,
  });
  const headers = encryptionHeaders(result.encryption, context);
  if (result.versionId !== undefined) headers.push(["x-amz-version-id", result.versionId]);
  const answer = xmlDocument("CompleteMultipartUploadResult", (xml) => {
    xml.element("Location", requestLocation(context));
    xml.element("Bucket", context.bucketName);
    xml.element("Key", key);
    xml.quoted("ETag", result.etag);
    if (result.checksum !== undefined) checksumXml(xml, result.checksum);
  });
  if (result.checksum !== undefined) headers.push(...checksumHeaders(result.checksum));
  sendXml(context, answer, headers);
}

function parseObjectBytes(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw invalidArgument("The object size is a whole number", "x-amz-mp-object-size", text);
}

export async function abortMultipartUpload(context: ObjectContext): Promise<void> {
  const bucket = await bucketOf(context);
  await context.store.abortUpload({ bucket, key: context.key, uploadId: uploadIdOf(context) });
  sendEmpty(context, 204);
}
