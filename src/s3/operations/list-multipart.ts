/** ListParts and ListMultipartUploads. */
import { StoreError } from "../../base/store-error.ts";
import type { Bucket, Upload } from "../../object/contract/object-store.ts";
import { bucketOwnerOf, objectAclOf, ownershipOf } from "../access-lists.ts";
import { type BucketContext, bucketOf, type ObjectContext } from "../context.ts";
import { formatIsoDate } from "../dates.ts";
import { ownerOf, writeOwner } from "../owner.ts";
import { parseDelimiter, parseEncodingType, parsePageSize } from "../paging.ts";
import { sendXml } from "../respond.ts";
import { invalidArgument } from "../s3-error.ts";
import { xmlDocument } from "../xml.ts";

export async function listParts(context: ObjectContext): Promise<void> {
  const { query, key, store } = context;
  const { type, encode } = parseEncodingType(query);
  const limit = parsePageSize(query, "max-parts");
  const after = parseMarker(query.get("part-number-marker"));
  const bucket = await bucketOf(context);
  const uploadId = query.get("uploadId") ?? "";
  const page = await store.listParts({ bucket, key, uploadId, after, limit });
  const { upload } = page;
  const owner = ownerOf(objectAclOf(upload.headers ?? {}, bucket).owner, context);
  const body = xmlDocument("ListPartsResult", (xml) => {
    xml.element("Bucket", context.bucketName);
    xml.element("Key", encode(key));
    xml.element("UploadId", uploadId);
    writeOwner(xml, owner, "Initiator");
    writeOwner(xml, owner);
    xml.element("StorageClass", upload.storageClass);
    xml.element("PartNumberMarker", after);
    if (page.nextPartNumber !== undefined) {
      xml.element("NextPartNumberMarker", page.nextPartNumber);
    }
    xml.element("MaxParts", limit);
    xml.optional("EncodingType", type);
    xml.element("IsTruncated", page.truncated);
    if (upload.checksum !== undefined) {
      xml.element("ChecksumAlgorithm", upload.checksum.algorithm.toUpperCase());
      xml.element("ChecksumType", upload.checksum.type);
    }
    for (const part of page.parts) {
      xml.group("Part", (entry) => {
        entry.element("PartNumber", part.number);
        entry.element("LastModified", formatIsoDate(part.mtimeMs));
        entry.quoted("ETag", part.etag);
        entry.element("Size", part.bytes);
        if (part.checksum !== undefined && upload.checksum !== undefined) {
          entry.element(`Checksum${upload.checksum.algorithm.toUpperCase()}`, part.checksum);
        }
      });
    }
  });
  sendXml(context, body);
}

function parseMarker(text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw invalidArgument(
    "Argument part-number-marker must be an integer",
    "part-number-marker",
    text,
  );
}

export async function listMultipartUploads(context: BucketContext): Promise<void> {
  const { query } = context;
  const prefix = query.get("prefix") ?? "";
  const keyMarker = query.get("key-marker") ?? "";
  const uploadIdMarker = keyMarker === "" ? "" : (query.get("upload-id-marker") ?? "");
  const delimiter = parseDelimiter(query);
  const { type, encode } = parseEncodingType(query);
  const limit = parsePageSize(query, "max-uploads");
  const bucket = await bucketOf(context);
  const page = await context.store.listUploads({
    bucket,
    prefix,
    delimiter,
    keyMarker: keyMarker === "" ? undefined : keyMarker,
    uploadIdMarker: uploadIdMarker === "" ? undefined : uploadIdMarker,
    limit,
  });
  const owners = await ownersOf(context, bucket, page.uploads);
  const body = xmlDocument("ListMultipartUploadsResult", (xml) => {
    xml.element("Bucket", context.bucketName);
    xml.element("KeyMarker", encode(keyMarker));
    xml.element("UploadIdMarker", uploadIdMarker);
    if (page.nextKeyMarker !== undefined) xml.element("NextKeyMarker", encode(page.nextKeyMarker));
    xml.optional("NextUploadIdMarker", page.nextUploadIdMarker);
    xml.element("Prefix", encode(prefix));
    if (delimiter !== undefined) xml.element("Delimiter", encode(delimiter));
    xml.optional("EncodingType", type);
    xml.element("MaxUploads", limit);
    xml.element("IsTruncated", page.truncated);
    for (const [index, upload] of page.uploads.entries()) {
      const owner = ownerOf(owners[index] ?? bucketOwnerOf(bucket), context);
      xml.group("Upload", (entry) => {
        entry.element("Key", encode(upload.key));
        entry.element("UploadId", upload.uploadId);
        writeOwner(entry, owner, "Initiator");
        writeOwner(entry, owner);
        entry.element("StorageClass", upload.storageClass);
        entry.element("Initiated", formatIsoDate(upload.initiatedMs));
        if (upload.checksum !== undefined) {
          entry.element("ChecksumAlgorithm", upload.checksum.algorithm.toUpperCase());
          entry.element("ChecksumType", upload.checksum.type);
        }
      });
    }
    for (const common of page.commonPrefixes) {
      xml.group("CommonPrefixes", (group) => group.element("Prefix", encode(common)));
    }
  });
  sendXml(context, body);
}

/** Uploads looked at at once. */
const PARALLEL_MAX = 32;

/** Who began each upload; undefined for one that has ended meanwhile, and where all is the bucket's. */
async function ownersOf(
  { store }: BucketContext,
  bucket: Bucket,
  uploads: readonly Upload[],
): Promise<ReadonlyArray<string | undefined>> {
  if (ownershipOf(bucket) === "BucketOwnerEnforced") return [];
  const owners: Array<string | undefined> = [];
  for (let first = 0; first < uploads.length; first += PARALLEL_MAX) {
    const batch = uploads.slice(first, first + PARALLEL_MAX).map(async ({ key, uploadId }) => {
      try {
        const { headers = {} } = await store.upload({ bucket, key, uploadId });
        return objectAclOf(headers, bucket).owner;
      } catch (error) {
        if (error instanceof StoreError && error.code === "no-such-upload") return undefined;
        throw error;
      }
    });
    owners.push(...(await Promise.all(batch)));
  }
  return owners;
}
