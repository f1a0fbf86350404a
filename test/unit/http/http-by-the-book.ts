/**
 * The slow twin of the reader of requests: takes a whole stream of bytes at once and reads it with
 * regular expressions made after the grammar of RFC 9112, one rule after the other.
 */

export interface BookRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly (readonly [string, string])[];
  /** One character per byte. */
  readonly body: string;
}

export interface Reading {
  readonly requests: readonly BookRequest[];
  /** What comes after them: nothing, the beginning of a request or body, or what is refused. */
  readonly end: "nothing" | "part" | "refused";
}

// The grammar is about control characters, so most of these name them.
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const TARGET = "\\/[^\\x00-\\x20\\x7f]*";
/** A tab is none of these. */
const NO_CONTROL = "[^\\x00-\\x08\\x0a-\\x1f\\x7f]";
const HEAD: RegExp = new RegExp(
  `^(?:\\r\\n)*(${TOKEN}) (${TARGET}) HTTP\\/1\\.1\\r\\n((?:[^\\r\\n]*\\r\\n)*?)\\r\\n`,
);
const FIELD: RegExp = new RegExp(`^(${TOKEN}):[ \\t]*(${NO_CONTROL}*?)[ \\t]*$`);
const LENGTH = /^\d{1,15}$/;
const CHUNK: RegExp = new RegExp(`^([0-9A-Fa-f]{1,13})(?:;${NO_CONTROL}*)?\\r\\n`);
const TRAILER = `(?![ \\t:])(?:(?!:)${NO_CONTROL})+:${NO_CONTROL}*\\r\\n`;
const TRAILERS: RegExp = new RegExp(`^(?:${TRAILER})*\\r\\n`);

/** `stream` has one character per byte. */
export function readByTheBook(stream: string): Reading {
  const requests: BookRequest[] = [];
  let rest = stream;
  for (;;) {
    if (/^(?:\r\n)*$/.test(rest)) return { requests, end: "nothing" };
    const next = readRequest(rest);
    if (next === undefined) return { requests, end: "refused" };
    if (next === "part") return { requests, end: "part" };
    requests.push(next.request);
    rest = next.rest;
    if (asksToClose(next.request)) return { requests, end: "nothing" };
  }
}

type Read = { readonly request: BookRequest; readonly rest: string };

function readRequest(stream: string): Read | "part" | undefined {
  const headEnd = stream
    .replace(/^(?:\r\n)*/, (empty) => "\0".repeat(empty.length))
    .indexOf("\r\n\r\n");
  if (headEnd < 0) return /(?<!\r)\n/.test(stream) ? undefined : "part";
  const match = HEAD.exec(stream);
  if (match === null || match[0].length !== headEnd + 4) return undefined;
  const [head, method = "", target = "", lines = ""] = match;
  const headers: [string, string][] = [];
  for (const line of lines.split("\r\n").slice(0, -1)) {
    const field = FIELD.exec(line);
    if (field === null) return undefined;
    headers.push([(field[1] ?? "").toLowerCase(), text(field[2] ?? "")]);
  }
  const all = (name: string) =>
    headers.filter(([other]) => other === name).map(([, value]) => value);
  if (all("host").length !== 1) return undefined;
  const [path = "", ...queries] = target.split("?");
  if (text(target).includes("\ufffd")) return undefined;
  const body = readBody(stream.slice(head.length), all("content-length"), all("transfer-encoding"));
  if (body === undefined || body === "part") return body;
  const query = text(queries.join("?"));
  const request = { method, path: text(path), query, headers, body: body.body };
  return { request, rest: body.rest };
}

function readBody(
  stream: string,
  lengths: readonly string[],
  codings: readonly string[],
): { body: string; rest: string } | "part" | undefined {
  if (codings.length > 0) {
    if (codings.length > 1 || lengths.length > 0) return undefined;
    return codings[0]?.toLowerCase() === "chunked" ? readChunks(stream) : undefined;
  }
  if (lengths.length > 1) return undefined;
  const [length = "0"] = lengths;
  if (!LENGTH.test(length)) return undefined;
  if (stream.length < Number(length)) return "part";
  return { body: stream.slice(0, Number(length)), rest: stream.slice(Number(length)) };
}

function readChunks(stream: string): { body: string; rest: string } | "part" | undefined {
  let [body, rest] = ["", stream];
  for (;;) {
    const chunk = CHUNK.exec(rest);
    if (chunk === null) return canBecome(rest, CHUNK, "0\r\n") ? "part" : undefined;
    const size = Number.parseInt(chunk[1] ?? "", 16);
    rest = rest.slice(chunk[0].length);
    if (size === 0) break;
    body += rest.slice(0, size);
    const after = rest.slice(size, size + 2);
    if (!"\r\n".startsWith(after)) return undefined;
    if (after !== "\r\n") return "part";
    rest = rest.slice(size + 2);
  }
  const trailers = TRAILERS.exec(rest);
  if (trailers !== null) return { body, rest: rest.slice(trailers[0].length) };
  return canBecome(rest, TRAILERS, "a:\r\n\r\n") ? "part" : undefined;
}

/** Whether some ending makes it match: tried with all ends of one that could follow. */
function canBecome(start: string, whole: RegExp, ending: string): boolean {
  for (let from = 0; from <= ending.length; from++) {
    if (whole.test(start + ending.slice(from))) return true;
  }
  return false;
}

function asksToClose({ headers }: BookRequest): boolean {
  const values = headers.filter(([name]) => name === "connection").map(([, value]) => value);
  return values.some((value) => value.split(",").some((word) => /^[ \t]*close[ \t]*$/i.test(word)));
}

function text(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString("utf8");
}
