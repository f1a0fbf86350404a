/**
 * The headers that are stored with an object and given back: a closed list of system headers, and
 * `x-amz-meta-*`. Nothing else a client sends can reach the stored record.
 */
import type { StorageClass } from "../object/contract/data.ts";
import type { StoredHeaders } from "../object/contract/object-store.ts";
import {
  LEGAL_HOLD_HEADER,
  LOCK_MODE_HEADER,
  LOCK_UNTIL_HEADER,
} from "../object/operations/object-lock.ts";
import { formatIsoDate } from "./dates.ts";
import type { QueryParameters } from "./query.ts";
import { invalidArgument, S3Error } from "./s3-error.ts";

export interface MetadataHeaders {
  get(name: string): string | undefined;
  entries(): Iterable<readonly [name: string, value: string]>;
}

export interface ParsedHeaders {
  readonly headers: StoredHeaders;
  readonly storageClass: StorageClass;
}

/** Bytes of the names (without prefix) and values of `x-amz-meta-*`, as AWS counts them. */
export const USER_METADATA_BYTES_MAX = 2 * 1024;
/** Bytes of everything stored with an object. */
export const STORED_HEADERS_BYTES_MAX = 8 * 1024;

const USER_PREFIX = "x-amz-meta-";
const TAGGING = "x-amz-tagging";
const REDIRECT = "x-amz-website-redirect-location";

/** Stored name → the name in answers. */
const SYSTEM_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "Cache-Control",
  "content-disposition": "Content-Disposition",
  "content-encoding": "Content-Encoding",
  "content-language": "Content-Language",
  "content-type": "Content-Type",
  expires: "Expires",
  "x-amz-website-redirect-location": "x-amz-website-redirect-location",
};
const DEFAULT_CONTENT_TYPE = "binary/octet-stream";

export function parseStoredHeaders(request: MetadataHeaders): ParsedHeaders {
  const headers: Record<string, string> = {};
  let userBytes = 0;
  let bytes = 0;
  for (const [name, value] of request.entries()) {
    const kept = storedValue(name, value);
    if (kept === undefined) continue;
    // The front puts U+FFFD where bytes are no UTF-8; what was sent is lost, so nothing is stored.
    if (kept.includes("\ufffd")) throw invalidArgument("Header value is not UTF-8", name, kept);
    const earlier = headers[name];
    headers[name] = earlier === undefined ? kept : `${earlier},${kept}`;
    const size = Buffer.byteLength(kept, "utf8") + name.length;
    bytes += size;
    if (name.startsWith(USER_PREFIX)) userBytes += size - USER_PREFIX.length;
  }
  checkSize(userBytes, USER_METADATA_BYTES_MAX);
  checkSize(bytes, STORED_HEADERS_BYTES_MAX);
  return {
    headers,
    storageClass: parseStorageClass(request.get("x-amz-storage-class")) ?? "STANDARD",
  };
}

/** What of a header is stored; undefined: nothing. */
function storedValue(name: string, value: string): string | undefined {
  if (name.startsWith(USER_PREFIX)) return value;
  if (!Object.hasOwn(SYSTEM_HEADERS, name)) return undefined;
  if (name === REDIRECT && value !== "" && !/^(?:\/|https?:\/\/)/.test(value)) {
    throw new S3Error("InvalidRedirectLocation");
  }
  const kept = name === "content-encoding" ? withoutChunkedCoding(value) : value;
  return kept === "" ? undefined : kept;
}

/** Is stored with an object when it comes with a request to write one. */
export function isStoredHeader(name: string): boolean {
  return name.startsWith(USER_PREFIX) || Object.hasOwn(SYSTEM_HEADERS, name);
}

/** Of stored headers, those that describe the content: what a copy takes over. */
export function describingHeaders(stored: StoredHeaders): StoredHeaders {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(stored)) {
    if (name.startsWith(USER_PREFIX) || Object.hasOwn(SYSTEM_HEADERS, name)) kept[name] = value;
  }
  return kept;
}

export function tagsOnly(stored: StoredHeaders): StoredHeaders {
  const tags = stored[TAGGING];
  return tags === undefined ? {} : { [TAGGING]: tags };
}

/** `aws-chunked` describes the transfer; only what remains describes the object. */
function withoutChunkedCoding(value: string): string {
  if (!/aws-chunked/i.test(value)) return value;
  const codings = value.split(",").map((coding) => coding.trim());
  return codings.filter((coding) => !/^(?:aws-chunked)?$/i.test(coding)).join(", ");
}

function checkSize(bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return;
  throw new S3Error("MetadataTooLarge", {
    details: [
      ["Size", bytes],
      ["MaxSizeAllowed", bytesMax],
    ],
  });
}

export function parseStorageClass(text: string | undefined): StorageClass | undefined {
  if (text === undefined || text === "STANDARD" || text === "REDUCED_REDUNDANCY") return text;
  throw new S3Error("InvalidStorageClass", { details: [["StorageClassRequested", text]] });
}

/** Query parameters that replace a header of the answer, for callers who signed the request. */
const OVERRIDES: Readonly<Record<string, string>> = {
  "response-cache-control": "cache-control",
  "response-content-disposition": "content-disposition",
  "response-content-encoding": "content-encoding",
  "response-content-language": "content-language",
  "response-content-type": "content-type",
  "response-expires": "expires",
};

type HeaderPair = readonly [name: string, value: string];

/** The stored headers of an answer, without those that `responseOverrides` replaces. */
export function responseMetadataHeaders(
  stored: StoredHeaders,
  query: QueryParameters,
): HeaderPair[] {
  const replaced = overriddenNames(query);
  const answer: HeaderPair[] = [];
  if (stored["content-type"] === undefined && !replaced.has("content-type")) {
    answer.push(["Content-Type", DEFAULT_CONTENT_TYPE]);
  }
  for (const [name, value] of Object.entries(stored)) {
    if (replaced.has(name)) continue;
    const shown = shownHeader(name, value);
    if (shown !== undefined) answer.push(shown);
  }
  return answer;
}

/** A stored header as answers carry it; undefined: not at all. */
function shownHeader(name: string, value: string): HeaderPair | undefined {
  if (name === TAGGING) return ["x-amz-tagging-count", String(countTags(value))];
  if (name === LOCK_UNTIL_HEADER) return [name, formatIsoDate(Number(value))];
  if (name === LOCK_MODE_HEADER || name === LEGAL_HOLD_HEADER) return [name, value];
  if (name.startsWith(USER_PREFIX)) return [name, encodeHeaderValue(value)];
  const system = SYSTEM_HEADERS[name];
  return system === undefined ? undefined : [system, encodeHeaderValue(value)];
}

const NOTHING_REPLACED: ReadonlySet<string> = new Set();

function overriddenNames(query: QueryParameters): ReadonlySet<string> {
  if (query.entries().length === 0) return NOTHING_REPLACED;
  const names = new Set<string>();
  for (const [name] of query.entries()) {
    const header = Object.hasOwn(OVERRIDES, name) ? OVERRIDES[name] : undefined;
    if (header !== undefined) names.add(header);
  }
  return names;
}

function countTags(tagging: string): number {
  return tagging.split("&").filter((tag) => tag !== "").length;
}

/** The `response-*` parameters as headers. Anonymous callers may not choose what others see. */
export function responseOverrides(query: QueryParameters, signed: boolean): HeaderPair[] {
  if (query.entries().length === 0) return [];
  const answer = new Map<string, string>();
  for (const [name, value] of query.entries()) {
    const header = Object.hasOwn(OVERRIDES, name) ? OVERRIDES[name] : undefined;
    if (header === undefined || answer.has(header)) continue;
    if (!signed) {
      throw new S3Error("InvalidRequest", {
        message: "Request specific response headers cannot be used for anonymous GET requests.",
      });
    }
    // A line break here would let the link's author write headers of his own.
    if (CONTROL_CHARACTER.test(value)) {
      throw invalidArgument("Header value cannot be represented.", name, value);
    }
    answer.set(header, encodeHeaderValue(value));
  }
  return [...answer].map(([header, value]) => [SYSTEM_HEADERS[header] ?? header, value] as const);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
/** An encoded word has at most 75 characters (RFC 2047 §2): 45 bytes are 60 in base64. */
const ENCODED_WORD_BYTES_MAX = 45;

/** A value as AWS returns it: ASCII as it is, everything else in RFC 2047's encoded words. */
export function encodeHeaderValue(value: string): string {
  if (PRINTABLE_ASCII.test(value)) return value;
  const words: string[] = [];
  let word = "";
  for (const character of value) {
    if (Buffer.byteLength(word + character, "utf8") > ENCODED_WORD_BYTES_MAX) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  words.push(word);
  return words
    .map((text) => `=?UTF-8?B?${Buffer.from(text, "utf8").toString("base64")}?=`)
    .join(" ");
}
