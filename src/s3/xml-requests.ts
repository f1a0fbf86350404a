/**
 * The request documents of S3, each from its bytes to plain data. Strict as AWS's schema: unknown,
 * repeated or missing elements are MalformedXML, because an element that is passed over may be the
 * one that would have held a client back.
 */

import { setImmediate } from "node:timers/promises";
import { CHECKSUM_ALGORITHMS, type Checksum, type ChecksumAlgorithm } from "../base/payload.ts";
import type { CompletePart } from "../object/contract/object-store.ts";
import { checksumElement, decodeChecksum } from "./checksum-headers.ts";
import { parseConditionSize, parseConditionTime, unquoteTag } from "./conditions.ts";
import { BUCKET_TAGS_MAX, parseTags, type Tag } from "./documents/tagging.ts";
import { parseObjectKey } from "./object-key.ts";
import { S3Error } from "./s3-error.ts";
import { leaves, optionalGroup, parseBoolean, parseRoot } from "./xml-fields.ts";
import { malformedXml, readXmlList, type XmlElement } from "./xml-parse.ts";

export interface CreateBucketDocument {
  readonly locationConstraint: string | undefined;
  readonly tags: readonly Tag[];
}

export function parseCreateBucket(body: Uint8Array): CreateBucketDocument {
  const root = parseRoot(body, "CreateBucketConfiguration");
  for (const { name } of root.children) {
    if (name === "Location" || name === "Bucket") throw notImplemented(name);
  }
  const fields = leaves(root, ["LocationConstraint"], ["Tags"]);
  const location = fields.get("LocationConstraint")?.trim();
  const tags = optionalGroup(root, "Tags");
  return {
    locationConstraint: location === "" ? undefined : location,
    tags: tags === undefined ? [] : parseTags(tags, BUCKET_TAGS_MAX),
  };
}

export interface VersioningDocument {
  readonly status: "enabled" | "suspended";
}

export function parseVersioning(body: Uint8Array): VersioningDocument {
  const root = parseRoot(body, "VersioningConfiguration");
  if (root.children.some(({ name }) => name === "ExcludedPrefixes")) {
    throw notImplemented("ExcludedPrefixes");
  }
  const fields = leaves(root, ["Status", "MfaDelete", "MFADelete", "ExcludeFolders"]);
  const mfa = fields.get("MfaDelete") ?? fields.get("MFADelete") ?? "Disabled";
  if (mfa !== "Disabled") throw notImplemented("MfaDelete");
  if ((fields.get("ExcludeFolders") ?? "false") !== "false") throw notImplemented("ExcludeFolders");
  switch (fields.get("Status")) {
    case "Enabled":
      return { status: "enabled" };
    case "Suspended":
      return { status: "suspended" };
    default:
      throw new S3Error("IllegalVersioningConfigurationException");
  }
}

export const DELETE_ENTRIES_MAX = 1000;

export interface DeleteEntry {
  readonly key: string;
  readonly versionId?: string;
  /** Without quotes; "*" matches any. */
  readonly etag?: string;
  readonly lastModifiedMs?: number;
  readonly bytes?: number;
}

export interface DeleteDocument {
  readonly entries: readonly DeleteEntry[];
  readonly quiet: boolean;
}

export function parseDeleteObjects(body: Uint8Array): DeleteDocument {
  const root = parseRoot(body, "Delete");
  const objects = root.children.filter(({ name }) => name === "Object");
  if (objects.length === 0 || objects.length > DELETE_ENTRIES_MAX) throw malformedXml();
  const fields = leaves(root, ["Quiet"], ["Object"]);
  return { entries: objects.map(parseDeleteEntry), quiet: parseBoolean(fields.get("Quiet")) };
}

function parseDeleteEntry(object: XmlElement): DeleteEntry {
  const fields = leaves(object, ["Key", "VersionId", "ETag", "LastModifiedTime", "Size"]);
  const key = fields.get("Key");
  const versionId = fields.get("VersionId");
  const etag = fields.get("ETag");
  const time = fields.get("LastModifiedTime");
  const size = fields.get("Size");
  if (key === undefined || key === "") throw malformedXml();
  return {
    key: parseObjectKey(key),
    ...(versionId === undefined || versionId === "" ? {} : { versionId }),
    ...(etag === undefined ? {} : { etag: parseTag(etag) }),
    ...(time === undefined ? {} : { lastModifiedMs: parseConditionTime("LastModifiedTime", time) }),
    ...(size === undefined ? {} : { bytes: parseConditionSize("Size", size) }),
  };
}

function parseTag(text: string): string {
  const tag = unquoteTag(text.trim());
  if (tag === "") throw malformedXml();
  return tag;
}

export const PARTS_MAX = 10_000;

/** Parts read in one turn of the event loop: about a millisecond, a few when nothing is compiled. */
const PARTS_PER_TURN = 250;

/**
 * The parts in the order of the document; whether that is ascending is the object layer's check.
 * Others get their turn in between: ten thousand parts at once would hold the front too long.
 */
export async function parseCompleteUpload(body: Uint8Array): Promise<readonly CompletePart[]> {
  const parts: CompletePart[] = [];
  for (const part of readXmlList(body, "CompleteMultipartUpload")) {
    if (part.name !== "Part" || parts.length === PARTS_MAX) throw malformedXml();
    parts.push(parsePart(part));
    if (parts.length % PARTS_PER_TURN === 0) await setImmediate();
  }
  if (parts.length === 0) throw malformedXml();
  return parts;
}

const CHECKSUM_ELEMENTS: ReadonlyMap<string, ChecksumAlgorithm> = new Map(
  CHECKSUM_ALGORITHMS.map((algorithm) => [checksumElement(algorithm), algorithm]),
);

const PART_ELEMENTS = new Set(["PartNumber", "ETag", ...CHECKSUM_ELEMENTS.keys()]);

function parsePart(part: XmlElement): CompletePart {
  if (part.text.trim() !== "") throw malformedXml();
  for (const child of part.children) {
    const repeated = childOf(part, child.name) !== child;
    if (!PART_ELEMENTS.has(child.name) || repeated || child.children.length > 0) {
      throw malformedXml();
    }
  }
  const numberText = childOf(part, "PartNumber")?.text.trim() ?? "";
  const etag = childOf(part, "ETag")?.text;
  if (!/^\d{1,9}$/.test(numberText) || etag === undefined) throw malformedXml();
  const number = parsePartNumber(numberText);
  const checksum = parsePartChecksum(part);
  return { number, etag: parseTag(etag), ...(checksum === undefined ? {} : { checksum }) };
}

/** The first of this name. */
function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name);
}

function parsePartNumber(numberText: string): number {
  const number = Number(numberText);
  if (number < 1 || number > PARTS_MAX) {
    throw new S3Error("InvalidArgument", {
      message: `PartNumber must be an integer between 1 and ${PARTS_MAX}, inclusive`,
      details: [
        ["ArgumentName", "partNumber"],
        ["ArgumentValue", numberText],
      ],
    });
  }
  return number;
}

function parsePartChecksum(part: XmlElement): Checksum | undefined {
  let found: Checksum | undefined;
  for (const { name, text } of part.children) {
    const algorithm = CHECKSUM_ELEMENTS.get(name);
    if (algorithm === undefined) continue;
    const value = decodeChecksum(algorithm, text.trim());
    if (value === undefined) {
      throw new S3Error("InvalidRequest", { message: `Value for ${name} is invalid.` });
    }
    if (found !== undefined) {
      throw new S3Error("InvalidRequest", { message: "Expecting a single checksum per part." });
    }
    found = { algorithm, value };
  }
  return found;
}

function notImplemented(element: string): S3Error {
  return new S3Error("NotImplemented", {
    message: `The element ${element} implies functionality that is not implemented.`,
    details: [["Element", element]],
  });
}
