/**
 * What a request says about itself before any handler sees it: where its body ends, and whether it
 * keeps the limits. Ambiguous framing is refused, because two readers
 * of one stream that disagree about it are how requests are smuggled (RFC 9112 §6.3, §11.2).
 */
import { HttpHeaders } from "./headers.ts";
import type { HttpLimits } from "./limits.ts";

/** A head copied out of a library; its bytes are text already, U+FFFD where they were no UTF-8. */
export interface RawHead {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** name, value, name, value … with names in lower case. */
  readonly headers: readonly string[];
}

export interface RequestHead {
  readonly method: string;
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly headers: HttpHeaders;
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
}

const DIGITS = /^\d{1,15}$/;
const NOT_UTF8 = "\ufffd";

/** The head in parts, or the status that refuses it. */
export function parseRequestHead(raw: RawHead, limits: HttpLimits): RequestHead | number {
  const breach = limitBreach(raw, limits);
  if (breach !== undefined) return breach;
  // Paths and queries name things: a name that cannot be told is refused, not replaced.
  if (raw.path.includes(NOT_UTF8) || raw.query.includes(NOT_UTF8)) return 400;
  if (!raw.path.startsWith("/")) return 400;
  const headers = new HttpHeaders(raw.headers);
  const framing = parseFraming(headers);
  if (framing === undefined) return 400;
  const { contentLength, chunked } = framing;
  const { method, path, query } = raw;
  return { method, rawPath: path, rawQuery: query, headers, contentLength, chunked };
}

function limitBreach(raw: RawHead, limits: HttpLimits): number | undefined {
  if (raw.path.length + raw.query.length > limits.urlBytesMax) return 414;
  if (raw.headers.length > limits.headersMax * 2) return 431;
  let bytes = 0;
  for (const text of raw.headers) bytes += text.length;
  return bytes > limits.headerBytesMax ? 431 : undefined;
}

interface Framing {
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
}

/** Undefined when the framing is invalid or ambiguous. */
function parseFraming(headers: HttpHeaders): Framing | undefined {
  const lengths = headers.all("content-length");
  const codings = headers.all("transfer-encoding");
  if (codings.length > 0) {
    const chunked = codings.length === 1 && codings[0]?.toLowerCase() === "chunked";
    return chunked && lengths.length === 0 ? { contentLength: undefined, chunked } : undefined;
  }
  const [first] = lengths;
  if (first === undefined) return { contentLength: undefined, chunked: false };
  if (!DIGITS.test(first) || lengths.length > 1) return undefined;
  return { contentLength: Number(first), chunked: false };
}
