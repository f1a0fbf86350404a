/**
 * The canonical form of a request, the text that a Signature V4 covers, by the rules of S3: the path
 * is not normalised and encoded once, parameters are sorted after encoding, header values are
 * trimmed and their runs of white space folded.
 *
 * What clients send is nearly always canonical already, so each part is first tested for that.
 */
import { percentDecodeBytes, percentEncodeBytes } from "../percent.ts";
import { S3Error } from "../s3-error.ts";
import type { RequestHeaders, SignedRequest } from "./signed-request.ts";

export interface CanonicalParts {
  readonly signedHeaders: readonly string[];
  /** The same, joined by ";", as the client sent it. */
  readonly signedHeadersText: string;
  readonly canonicalQuery: string;
  readonly payloadHash: string;
}

export function canonicalRequest(request: SignedRequest, parts: CanonicalParts): string {
  const path = canonicalPath(request.rawPath);
  const headers = canonicalHeaders(request.headers, parts.signedHeaders);
  return `${request.method}\n${path}\n${parts.canonicalQuery}\n${headers}\n${parts.signedHeadersText}\n${parts.payloadHash}`;
}

// Unreserved characters bare, everything else as an upper-case escape, and no needless escape: the
// excluded ones are "-", ".", digits, letters, "_", "~" (and "/" in a path).
const CANONICAL_PATH =
  /^(?:[A-Za-z0-9\-._~/]|%(?!2[D-F]|3\d|[46][1-9A-F]|[57][0-9A]|5F|7E)[0-9A-F]{2})*$/;
const CANONICAL_TEXT =
  /^(?:[A-Za-z0-9\-._~]|%(?!2[DE]|3\d|[46][1-9A-F]|[57][0-9A]|5F|7E)[0-9A-F]{2})*$/;

export function canonicalPath(rawPath: string): string {
  if (CANONICAL_PATH.test(rawPath)) return rawPath === "" ? "/" : rawPath;
  const bytes = percentDecodeBytes(rawPath, "literal");
  if (bytes === undefined) throw new S3Error("InvalidURI");
  return percentEncodeBytes(bytes, true);
}

const PLAIN_PAIR = /^[A-Za-z0-9\-._~]+=[A-Za-z0-9\-._~]*$/;

/** Every parameter but `without`, encoded, sorted by name and then by value. */
export function canonicalQuery(rawQuery: string, without?: string): string {
  if (rawQuery === "") return "";
  if (without === undefined && PLAIN_PAIR.test(rawQuery)) return rawQuery;
  const pairs: Array<{ readonly name: string; readonly value: string }> = [];
  for (const field of rawQuery.split("&")) {
    if (field === "") continue;
    const equals = field.indexOf("=");
    const name = canonicalText(equals < 0 ? field : field.slice(0, equals));
    if (name === without) continue;
    pairs.push({ name, value: canonicalText(equals < 0 ? "" : field.slice(equals + 1)) });
  }
  pairs.sort((left, right) => order(left.name, right.name) || order(left.value, right.value));
  return pairs.map(({ name, value }) => `${name}=${value}`).join("&");
}

/** Encoded text is ASCII, so that the order of its units is the order of its bytes. */
function order(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function canonicalText(raw: string): string {
  if (CANONICAL_TEXT.test(raw)) return raw;
  const bytes = percentDecodeBytes(raw, "space");
  if (bytes === undefined) throw new S3Error("InvalidURI");
  return percentEncodeBytes(bytes, false);
}

/** One `name:value\n` for each; a header that a proxy is known to swallow gets its only value. */
function canonicalHeaders(headers: RequestHeaders, signedHeaders: readonly string[]): string {
  let text = "";
  for (const name of signedHeaders) {
    const value = headers.get(name) ?? (name === "expect" ? "100-continue" : "");
    text += `${name}:${foldSpaces(value)}\n`;
  }
  return text;
}

const FOLDABLE = /^\s|\s$|\s\s|[^\S ]/;

function foldSpaces(value: string): string {
  return FOLDABLE.test(value) ? value.trim().replace(/\s+/g, " ") : value;
}
