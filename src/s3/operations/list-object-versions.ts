/** ListObjectVersions: versions and delete markers in key order, newest first. */
import type { ObjectVersion } from "../../object/contract/object-store.ts";
import { bucketOwnerOf } from "../access-lists.ts";
import { type BucketContext, bucketOf } from "../context.ts";
import { formatIsoDate } from "../dates.ts";
import { type Owner, ownerOf, writeOwner } from "../owner.ts";
import { type NameEncoder, parseDelimiter, parseEncodingType, parsePageSize } from "../paging.ts";
import { sendXml } from "../respond.ts";
import { invalidArgument } from "../s3-error.ts";
import { type XmlWriter, xmlDocument } from "../xml.ts";

export async function listObjectVersions(context: BucketContext): Promise<void> {
  const { query } = context;
  const prefix = query.get("prefix") ?? "";
  const keyMarker = query.get("key-marker") ?? "";
  const versionIdMarker = query.get("version-id-marker") ?? "";
  if (versionIdMarker !== "" && keyMarker === "") {
    const message = "A version-id marker cannot be specified without a key marker.";
    throw invalidArgument(message, "version-id-marker", versionIdMarker);
  }
  const delimiter = parseDelimiter(query);
  const { type, encode } = parseEncodingType(query);
  const limit = parsePageSize(query, "max-keys");
  const bucket = await bucketOf(context);
  const page = await context.store.listVersions({
    bucket,
    prefix,
    delimiter,
    keyMarker: keyMarker === "" ? undefined : keyMarker,
    versionIdMarker: versionIdMarker === "" ? undefined : versionIdMarker,
    limit,
  });
  const owner = ownerOf(bucketOwnerOf(bucket), context);
  const body = xmlDocument("ListVersionsResult", (xml) => {
    xml.element("Name", context.bucketName);
    xml.element("Prefix", encode(prefix));
    xml.element("KeyMarker", encode(keyMarker));
    xml.element("VersionIdMarker", versionIdMarker);
    if (page.nextKeyMarker !== undefined) xml.element("NextKeyMarker", encode(page.nextKeyMarker));
    xml.optional("NextVersionIdMarker", page.nextVersionIdMarker);
    xml.element("MaxKeys", limit);
    if (delimiter !== undefined) xml.element("Delimiter", encode(delimiter));
    xml.optional("EncodingType", type);
    xml.element("IsTruncated", page.truncated);
    for (const version of page.versions) writeVersion(xml, version, { encode, owner });
    for (const common of page.commonPrefixes) {
      xml.group("CommonPrefixes", (group) => group.element("Prefix", encode(common)));
    }
  });
  sendXml(context, body);
}

interface VersionStyle {
  readonly encode: NameEncoder;
  readonly owner: Owner;
}

function writeVersion(xml: XmlWriter, version: ObjectVersion, { encode, owner }: VersionStyle) {
  xml.group(version.deleteMarker ? "DeleteMarker" : "Version", (entry) => {
    entry.element("Key", encode(version.key));
    entry.element("VersionId", version.versionId);
    entry.element("IsLatest", version.isLatest);
    entry.element("LastModified", formatIsoDate(version.mtimeMs));
    if (!version.deleteMarker) {
      entry.quoted("ETag", version.etag);
      entry.element("Size", version.bytes);
      entry.element("StorageClass", version.storageClass);
    }
    writeOwner(entry, owner);
  });
}
