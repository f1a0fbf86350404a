/**
 * The head of an HTTP/1.1 request from its bytes (RFC 9112), for the server on node:net.
 *
 * Strict where leniency lets two readers of one stream see different requests: lines end with CR LF,
 * names are tokens up to the colon, no folded lines, no control characters, one Host. Where the
 * body ends is judged by `parseRequestHead`, for all servers alike.
 */
import type { RawHead } from "./request-head.ts";

/** What ends a head. */
export const HEAD_END: Buffer = Buffer.from("\r\n\r\n");

const LINE_END = "\r\n";
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Control characters except tabs and whole line ends. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const BROKEN = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;
const BARE_LINE_FEED = /[^\r]\n/;
const NOT_ASCII = /[\x80-\xff]/;
const VERSION = /^HTTP\/\d\.\d$/;
const SPACE = 0x20;
const TAB = 0x09;
const LINE_FEED = 0x0a;

/** Names by their spelling, so that each is checked and put into lower case once. */
const NAMES_KNOWN_MAX = 512;
const NAME_LENGTH_KNOWN_MAX = 64;
const namesKnown = new Map<string, string>();

/**
 * The head in parts, or the status that refuses it. `end` is where `HEAD_END` begins. Its strings
 * share no memory with each other: what keeps one of them keeps no head.
 */
export function parseHead(bytes: Buffer, start: number, end: number): RawHead | number {
  const text = bytes.toString("latin1", start, end);
  if (BROKEN.test(text)) return 400;
  const lineEnd = text.indexOf(LINE_END);
  const line = lineEnd < 0 ? text : text.slice(0, lineEnd);
  const [methodEnd, targetEnd] = [line.indexOf(" "), line.lastIndexOf(" ")];
  const method = line.slice(0, Math.max(methodEnd, 0));
  const version = line.slice(targetEnd + 1);
  if (!TOKEN.test(method) || targetEnd === methodEnd || !VERSION.test(version)) return 400;
  if (version !== "HTTP/1.1") return 505;
  const [from, to] = [start + methodEnd + 1, start + targetEnd];
  const mark = bytes.subarray(from, to).indexOf(0x3f);
  const path = decode(bytes, from, mark < 0 ? to : from + mark);
  const query = mark < 0 ? "" : decode(bytes, from + mark + 1, to);
  if (/[\t ]/.test(path) || /[\t ]/.test(query)) return 400;
  const headers = lineEnd < 0 ? undefined : parseLines(bytes, start, { text, at: lineEnd + 2 });
  return headers === undefined ? 400 : { method: copyOf(method), path, query, headers };
}

/** Whether a beginning can be told to be no head before it is whole, by what came after `from`. */
export function isHopeless(bytes: Buffer, from: number): boolean {
  return (
    bytes[0] === LINE_FEED || BARE_LINE_FEED.test(bytes.toString("latin1", Math.max(0, from - 1)))
  );
}

interface Lines {
  readonly text: string;
  readonly at: number;
}

/** Undefined where a line is no header, or where there is not exactly one Host. */
function parseLines(bytes: Buffer, start: number, { text, at }: Lines): string[] | undefined {
  const headers: string[] = [];
  let hosts = 0;
  for (let lineAt = at; lineAt <= text.length; ) {
    const lineEnd = text.indexOf(LINE_END, lineAt);
    const stop = lineEnd < 0 ? text.length : lineEnd;
    const colon = text.indexOf(":", lineAt);
    if (colon < 0 || colon > stop) return undefined;
    const name = lowerName(text.slice(lineAt, colon));
    if (name === undefined) return undefined;
    if (name === "host") hosts++;
    const from = skipBlanks(text, colon + 1, stop);
    const to = skipBlanksBack(text, from, stop);
    headers.push(name, decode(bytes, start + from, start + to));
    lineAt = stop + LINE_END.length;
  }
  return hosts === 1 ? headers : undefined;
}

function skipBlanks(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && isBlank(text.charCodeAt(at))) at++;
  return at;
}

function skipBlanksBack(text: string, from: number, to: number): number {
  let at = to;
  while (at > from && isBlank(text.charCodeAt(at - 1))) at--;
  return at;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Undefined when it is no token. */
function lowerName(name: string): string | undefined {
  const known = namesKnown.get(name);
  if (known !== undefined) return known;
  if (!TOKEN.test(name)) return undefined;
  const lower = copyOf(name.toLowerCase());
  if (name.length <= NAME_LENGTH_KNOWN_MAX && namesKnown.size < NAMES_KNOWN_MAX) {
    namesKnown.set(copyOf(name), lower);
  }
  return lower;
}

/** UTF-8, with U+FFFD where it is none. */
function decode(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString("latin1", from, to);
  return NOT_ASCII.test(text) ? bytes.toString("utf8", from, to) : text;
}

/** V8 lets a part of a string keep the whole. */
function copyOf(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
