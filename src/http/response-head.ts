/**
 * Status lines and header lines, checked: a header that could break out of its line is refused
 * before a byte is sent, and headers that belong to the server cannot be set by a handler.
 */
import { StoreError } from "../base/store-error.ts";
import type { ResponseHeaders } from "./request.ts";

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  206: "Partial Content",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  499: "Client Closed Request",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  507: "Insufficient Storage",
};

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Set by the server from what the handler declares; two of them would be a request-splitting hole. */
const RESERVED: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "transfer-encoding",
]);

/** "200 OK". An unknown status has a number only, which HTTP allows. */
export function statusText(status: number): string {
  return `${status} ${REASONS[status] ?? ""}`;
}

/** RFC 9110 §6.4.1: these answers never have a body. */
export function isBodyless(status: number): boolean {
  return status === 204 || status === 304;
}

/** Names remembered as allowed: handlers use a few dozen, and each request would ask anew. */
const NAMES_KNOWN_MAX = 256;
const namesKnown = new Set<string>();

/** Throws when a header must not be sent. */
export function checkHeader(name: string, value: string): void {
  if (!namesKnown.has(name)) checkName(name);
  if (CONTROL.test(value)) throw refusal(name, "its value holds a control character");
}

function checkName(name: string): void {
  if (!TOKEN.test(name)) throw refusal(name, "its name is no token");
  if (RESERVED.has(name.toLowerCase())) throw refusal(name, "the server sets it");
  if (namesKnown.size < NAMES_KNOWN_MAX) namesKnown.add(name);
}

function refusal(name: string, why: string): StoreError {
  const message = `response header ${JSON.stringify(name)} refused: ${why}`;
  return new StoreError({ code: "internal", message });
}

/** The status and all header lines as one string without the final line end. */
export function serializeHead(status: number, headers: ResponseHeaders): string {
  let head = statusText(status);
  let values = "";
  for (const [name, value] of headers) {
    if (!namesKnown.has(name)) checkName(name);
    values += value;
    head += `\r\n${name}: ${value}`;
  }
  // One look at all values together; only a refusal has to say which it was.
  if (CONTROL.test(values)) for (const [name, value] of headers) checkHeader(name, value);
  return head;
}
