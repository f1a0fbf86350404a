/** GetObjectAttributes: chosen facts about an object, with its parts paged. */
import type { ObjectDetails } from "../../object/contract/object-store.ts";
import { announceRead } from "../announce.ts";
import { checksumXml } from "../checksum-headers.ts";
import { bucketOf, type ObjectContext } from "../context.ts";
import { formatHttpDate } from "../dates.ts";
import { readAccess } from "../encryption-headers.ts";
import { PAGE_SIZE_MAX } from "../paging.ts";
import { type HeaderList, sendXml } from "../respond.ts";
import { invalidArgument, S3Error } from "../s3-error.ts";
import { type XmlWriter, xmlDocument } from "../xml.ts";
import { requestedVersion, touched } from "./get-object.ts";

const ATTRIBUTES = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"] as const;
type Attribute = (typeof ATTRIBUTES)[number];

export async function getObjectAttributes(context: ObjectContext): Promise<void> {
  const { key, store } = context;
  const wanted = parseAttributes(context.headers.all("x-amz-object-attributes"));
  const paging = {
    after: parseCount(context, "x-amz-part-number-marker", 0),
    limit: Math.min(parseCount(context, "x-amz-max-parts", PAGE_SIZE_MAX), PAGE_SIZE_MAX),
  };
  const versionId = requestedVersion(context);
  const bucket = await bucketOf(context);
  const { details } = await store.openObject({
    bucket,
    key,
    ...(versionId === undefined ? {} : { versionId }),
    conditions: {},
    ...readAccess(context),
  });
  announceRead(context, {
    names: ["s3:ObjectAccessed:Attributes"],
    bucket,
    key,
    object: touched(details, bucket),
  });
  const headers: HeaderList = [["Last-Modified", formatHttpDate(details.mtimeMs)]];
  if (bucket.versioning !== "unversioned") headers.push(["x-amz-version-id", details.versionId]);
  const body = xmlDocument("GetObjectAttributesResponse", (xml) => {
    if (wanted.has("ETag")) xml.element("ETag", details.etag);
    if (wanted.has("Checksum") && details.checksum !== undefined) {
      const { checksum } = details;
      xml.group("Checksum", (group) => checksumXml(group, checksum));
    }
    if (wanted.has("ObjectParts") && details.parts.length > 0) writeParts(xml, details, paging);
    if (wanted.has("StorageClass")) xml.element("StorageClass", details.storageClass);
    if (wanted.has("ObjectSize")) xml.element("ObjectSize", details.bytes);
  });
  sendXml(context, body, headers);
}

function parseAttributes(values: readonly string[]): ReadonlySet<Attribute> {
  const names = values.flatMap((value) => value.split(",")).map((name) => name.trim());
  const wanted = new Set<Attribute>();
  for (const name of names) {
    const attribute = ATTRIBUTES.find((known) => known === name);
    if (attribute === undefined) {
      const message = "Invalid attribute name specified.";
      throw invalidArgument(message, "x-amz-object-attributes", name);
    }
    wanted.add(attribute);
  }
  if (wanted.size === 0) {
    throw new S3Error("InvalidRequest", {
      message: "The x-amz-object-attributes header specifying the attributes is missing.",
    });
  }
  return wanted;
}

function parseCount(context: ObjectContext, name: string, absent: number): number {
  const text = context.headers.get(name);
  if (text === undefined || text === "") return absent;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw invalidArgument(`Argument ${name} must be an integer`, name, text);
}

function writeParts(
  xml: XmlWriter,
  details: ObjectDetails,
  paging: { readonly after: number; readonly limit: number },
): void {
  const rest = details.parts.filter((part) => part.number > paging.after);
  const page = rest.slice(0, paging.limit);
  xml.group("ObjectParts", (group) => {
    group.element("PartsCount", details.parts.length);
    group.element("PartNumberMarker", paging.after);
    group.element("NextPartNumberMarker", page.at(-1)?.number ?? 0);
    group.element("MaxParts", paging.limit);
    group.element("IsTruncated", rest.length > page.length);
    // AWS leaves out parts without checksums; clients of others expect all of them.
    for (const part of page) {
      group.group("Part", (entry) => {
        entry.element("PartNumber", part.number);
        entry.element("Size", part.bytes);
        if (part.checksum === undefined || details.checksum === undefined) return;
        entry.element(`Checksum${details.checksum.algorithm.toUpperCase()}`, part.checksum);
      });
    }
  });
}
