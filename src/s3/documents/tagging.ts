/**
 * Tags of objects and buckets: the XML document, and the query string that `x-amz-tagging` carries
 * and that is stored with an object.
 */
import { percentDecode, percentEncode } from "../percent.ts";
import { S3Error } from "../s3-error.ts";
import { xmlDocument } from "../xml.ts";
import { groupsOf, leaves, parseRoot, requiredGroup, requiredText } from "../xml-fields.ts";
import type { XmlElement } from "../xml-parse.ts";

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** Among the documents of a bucket. */
export const BUCKET_TAGGING_DOCUMENT = "tagging";

export const OBJECT_TAGS_MAX = 10;
export const BUCKET_TAGS_MAX = 50;
/** UTF-16 units, as AWS counts. */
export const TAG_KEY_LENGTH_MAX = 128;
export const TAG_VALUE_LENGTH_MAX = 256;

const ALLOWED = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

export interface TaggingDocument {
  readonly tags: readonly Tag[];
}

export function parseTagging(body: Uint8Array, tagsMax: number): TaggingDocument {
  const root = parseRoot(body, "Tagging");
  leaves(root, [], ["TagSet"]);
  return { tags: parseTags(requiredGroup(root, "TagSet"), tagsMax) };
}

/** The children of an element that holds nothing but tags. */
export function parseTags(set: XmlElement, tagsMax: number): readonly Tag[] {
  leaves(set, [], ["Tag"]);
  const tags = groupsOf(set, "Tag").map((tag) => {
    const fields = leaves(tag, ["Key", "Value"]);
    return { key: requiredText(fields, "Key"), value: requiredText(fields, "Value") };
  });
  return checkTags(tags, tagsMax);
}

/** `x-amz-tagging`: a query string. */
export function parseTaggingHeader(text: string): readonly Tag[] {
  const tags = text
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const at = pair.indexOf("=");
      const key = decodeForm(at < 0 ? pair : pair.slice(0, at));
      const value = at < 0 ? "" : decodeForm(pair.slice(at + 1));
      return { key, value };
    });
  return checkTags(tags, OBJECT_TAGS_MAX);
}

export function formatTaggingHeader(tags: readonly Tag[]): string {
  return tags.map(({ key, value }) => `${percentEncode(key)}=${percentEncode(value)}`).join("&");
}

/** What is stored with an object, as tags in the order of their keys. */
export function storedTags(stored: string | undefined): readonly Tag[] {
  const tags = stored === undefined ? [] : [...parseTaggingHeader(stored)];
  return tags.sort((one, other) => (one.key < other.key ? -1 : 1));
}

export function renderTagging({ tags }: TaggingDocument): string {
  return xmlDocument("Tagging", (xml) => {
    xml.group("TagSet", (set) => {
      for (const { key, value } of tags) {
        set.group("Tag", (tag) => {
          tag.element("Key", key);
          tag.element("Value", value);
        });
      }
    });
  });
}

export function checkTags(tags: readonly Tag[], tagsMax: number): readonly Tag[] {
  if (tags.length > tagsMax) {
    throw invalidTag(`Object tags cannot be greater than ${tagsMax}`);
  }
  const keys = new Set<string>();
  for (const { key, value } of tags) {
    if (key === "" || key.length > TAG_KEY_LENGTH_MAX || !ALLOWED.test(key)) {
      throw invalidTag("The TagKey you have provided is invalid");
    }
    if (value.length > TAG_VALUE_LENGTH_MAX || !ALLOWED.test(value)) {
      throw invalidTag("The TagValue you have provided is invalid");
    }
    if (key.toLowerCase().startsWith("aws:")) {
      throw invalidTag("System tags cannot be added/updated by requester");
    }
    if (keys.has(key)) throw invalidTag("Cannot provide multiple Tags with the same key");
    keys.add(key);
  }
  return tags;
}

function invalidTag(message: string): S3Error {
  return new S3Error("InvalidTag", { message });
}

function decodeForm(text: string): string {
  const decoded = percentDecode(text, "space");
  if (decoded !== undefined) return decoded;
  throw new S3Error("InvalidArgument", {
    message:
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters " +
      "without tag name duplicates.",
    details: [["ArgumentName", "x-amz-tagging"]],
  });
}
