/** ListObjects (V1) and ListObjectsV2: the same page, worded twice. */
import type { ListObjectsPage, ObjectVersion } from "../../object/contract/object-store.ts";
import { bucketOwnerOf } from "../access-lists.ts";
import { asksForMembers } from "../archive/archive-address.ts";
import { type BucketContext, bucketOf } from "../context.ts";
import { formatIsoDate } from "../dates.ts";
import { type ListedMetadata, listedMetadata, writeListedMetadata } from "../listed-metadata.ts";
import { type Owner, ownerOf, writeOwner } from "../owner.ts";
import {
  decodeToken,
  encodeToken,
  type NameEncoder,
  parseDelimiter,
  parseEncodingType,
  parseFlag,
  parsePageSize,
} from "../paging.ts";
import { sendXml } from "../respond.ts";
import { type XmlWriter, xmlDocument } from "../xml.ts";
import { archivePage } from "./archive-members.ts";

export async function listObjectsV1(context: BucketContext): Promise<void> {
  const { query } = context;
  const prefix = query.get("prefix") ?? "";
  const marker = query.get("marker") ?? "";
  const delimiter = parseDelimiter(query);
  const { type, encode } = parseEncodingType(query);
  const limit = parsePageSize(query, "max-keys");
  const after = marker === "" ? undefined : marker;
  const { page, owner } = await readPage(context, { prefix, delimiter, after, limit });
  const body = xmlDocument("ListBucketResult", (xml) => {
    xml.element("Name", context.bucketName);
    xml.element("Prefix", encode(prefix));
    xml.element("Marker", encode(marker));
    // AWS names it only with a delimiter; MinIO always did, and clients page with it.
    if (page.truncated && page.next !== undefined) xml.element("NextMarker", encode(page.next));
    xml.element("MaxKeys", limit);
    if (delimiter !== undefined) xml.element("Delimiter", encode(delimiter));
    xml.optional("EncodingType", type);
    xml.element("IsTruncated", page.truncated);
    writePage(xml, page, { encode, owner, metadata: undefined });
  });
  sendXml(context, body);
}

export async function listObjectsV2(context: BucketContext): Promise<void> {
  const { query } = context;
  const prefix = query.get("prefix") ?? "";
  const startAfter = query.get("start-after");
  const token = query.get("continuation-token");
  const delimiter = parseDelimiter(query);
  const { type, encode } = parseEncodingType(query);
  const limit = parsePageSize(query, "max-keys");
  const shown = parseFlag(query, "fetch-owner");
  // An empty token is none, and comes back.
  const from = token === undefined || token === "" ? startAfter : decodeToken(token);
  const after = from === "" ? undefined : from;
  const { page, owner } = await readPage(context, { prefix, delimiter, after, limit });
  // An extension of MinIO's that its clients list with.
  const wanted = query.get("metadata") === "true" && !asksForMembers(context.headers);
  const metadata = wanted ? await listedMetadata(context, page.objects) : undefined;
  const body = xmlDocument("ListBucketResult", (xml) => {
    xml.element("Name", context.bucketName);
    xml.element("Prefix", encode(prefix));
    if (startAfter !== undefined) xml.element("StartAfter", encode(startAfter));
    xml.optional("ContinuationToken", token);
    if (page.truncated && page.next !== undefined) {
      xml.element("NextContinuationToken", encodeToken(page.next));
    }
    xml.element("KeyCount", page.objects.length + page.commonPrefixes.length);
    xml.element("MaxKeys", limit);
    if (delimiter !== undefined) xml.element("Delimiter", encode(delimiter));
    xml.optional("EncodingType", type);
    xml.element("IsTruncated", page.truncated);
    writePage(xml, page, { encode, owner: shown ? owner : undefined, metadata });
  });
  sendXml(context, body);
}

interface PageRequest {
  readonly prefix: string;
  readonly delimiter: string | undefined;
  readonly after: string | undefined;
  readonly limit: number;
}

/** A page, and who owns what is on it: the owner of the bucket. */
async function readPage(
  context: BucketContext,
  input: PageRequest,
): Promise<{ readonly page: ListObjectsPage; readonly owner: Owner }> {
  const bucket = await bucketOf(context);
  const owner = ownerOf(bucketOwnerOf(bucket), context);
  if (input.limit === 0) {
    const page = { objects: [], commonPrefixes: [], truncated: false, next: undefined };
    return { page, owner };
  }
  const inside = await archivePage(context, bucket, input);
  return { page: inside ?? (await context.store.listObjects({ bucket, ...input })), owner };
}

interface PageStyle {
  readonly encode: NameEncoder;
  /** Undefined: not asked for. */
  readonly owner: Owner | undefined;
  /** By key; undefined: not asked for. */
  readonly metadata: ReadonlyMap<string, ListedMetadata> | undefined;
}

function writePage(xml: XmlWriter, page: ListObjectsPage, style: PageStyle): void {
  for (const object of page.objects) writeObject(xml, object, style);
  for (const prefix of page.commonPrefixes) {
    xml.group("CommonPrefixes", (group) => group.element("Prefix", style.encode(prefix)));
  }
}

function writeObject(xml: XmlWriter, object: ObjectVersion, style: PageStyle): void {
  xml.group("Contents", (entry) => {
    entry.element("Key", style.encode(object.key));
    entry.element("LastModified", formatIsoDate(object.mtimeMs));
    entry.quoted("ETag", object.etag);
    entry.element("Size", object.bytes);
    if (style.owner !== undefined) writeOwner(entry, style.owner);
    entry.element("StorageClass", object.storageClass);
    const metadata = style.metadata?.get(object.key);
    if (metadata !== undefined) writeListedMetadata(entry, metadata);
  });
}
