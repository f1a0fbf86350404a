/**
 * Reading XML from clients: a bounded, strict parse into a plain tree.
 *
 * Document types, entities of one's own and everything else that makes XML dangerous are refused;
 * size, depth and number of elements are limited before any work is done. Prefixes of namespaces are
 * dropped, because clients write S3's documents with, without and under any prefix. Attributes carry
 * nothing that S3 needs here and are left out.
 */
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { KIB, MIB } from "../base/bytes.ts";
import { decodeUtf8 } from "./percent.ts";
import { S3Error } from "./s3-error.ts";

export interface XmlElement {
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** The character data right inside, joined; references resolved. */
  readonly text: string;
}

/**
 * These bound the time of a parse, which runs on the front thread, to that of the largest honest
 * document: 10,000 parts of four elements, or 1,000 keys of 1,024 bytes, all of them escaped.
 */
export const XML_BYTES_MAX = 4 * MIB;
export const XML_TAGS_MAX = 100_000;
export const XML_REFERENCES_MAX = 100_000;
export const XML_DEPTH_MAX = 8;
/** One tag, or the text between two. */
export const XML_PIECE_LENGTH_MAX = 16 * KIB;

const TEXT = "#text";
const CDATA = "#cdata";

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  textNodeName: TEXT,
  cdataPropName: CDATA,
  maxNestedTags: XML_DEPTH_MAX,
  jPath: false,
});

/** Only the 400 MalformedXML, whatever is wrong: AWS says no more either. */
export function malformedXml(cause?: unknown): S3Error {
  return new S3Error("MalformedXML", { cause });
}

/** The root element. Throws MalformedXML for everything that is not one well-formed document. */
export function parseXml(body: Uint8Array): XmlElement {
  if (body.length > XML_BYTES_MAX) throw malformedXml();
  const text = decodeUtf8(body);
  if (text === undefined || isForbidden(text)) throw malformedXml();
  const document = readNodes(parseNodes(text));
  const [root, ...others] = document.children;
  if (root === undefined || others.length > 0) throw malformedXml();
  return root;
}

// A declaration other than a comment or CDATA is a document type or a part of one.
const DECLARATION = /<!(?!--|\[CDATA\[)/;

function isForbidden(text: string): boolean {
  return (
    DECLARATION.test(text) ||
    !hasShortPieces(text) ||
    count(text, "<") > XML_TAGS_MAX ||
    count(text, "&") > XML_REFERENCES_MAX
  );
}

function count(text: string, character: "<" | "&"): number {
  let found = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) found += 1;
  return found;
}

function hasShortPieces(text: string): boolean {
  let start = 0;
  while (start < text.length) {
    const inTag = text[start] === "<";
    const next = text.indexOf(inTag ? ">" : "<", start);
    const end = next < 0 ? text.length : next;
    if (end - start > XML_PIECE_LENGTH_MAX) return false;
    start = inTag ? end + 1 : end;
  }
  return true;
}

function parseNodes(text: string): unknown {
  try {
    // The parser repairs what it can; the validator is what makes it strict.
    const verdict = XMLValidator.validate(text);
    // One thing it lets pass: text behind a root without content.
    if (verdict !== true || !text.trimEnd().endsWith(">")) throw malformedXml(verdict);
    return parser.parse(text);
  } catch (error) {
    throw error instanceof S3Error ? error : malformedXml(error);
  }
}

type Content = Omit<XmlElement, "name">;

/** The parser's ordered form: an array of objects with one property, the name of the node. */
function readNodes(nodes: unknown): Content {
  if (!Array.isArray(nodes)) throw malformedXml();
  const children: XmlElement[] = [];
  let text = "";
  for (const node of nodes) {
    for (const [name, value] of Object.entries(node)) {
      if (name === TEXT) text += resolveReferences(String(value));
      else if (name === CDATA) text += readCdata(value);
      else children.push({ name, ...readNodes(value) });
    }
  }
  return { children, text };
}

function readCdata(value: unknown): string {
  if (!Array.isArray(value)) throw malformedXml();
  return value.map((node: Record<string, unknown>) => String(node[TEXT] ?? "")).join("");
}

const PREDEFINED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function resolveReferences(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&([^;&]*);?/g, (reference: string, name: string) => {
    const character = reference.endsWith(";") ? resolveReference(name) : undefined;
    if (character === undefined) throw malformedXml();
    return character;
  });
}

/** Keys may hold any character, so control characters are let in as references. */
function resolveReference(name: string): string | undefined {
  if (Object.hasOwn(PREDEFINED, name)) return PREDEFINED[name];
  const number = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name);
  if (number === null) return undefined;
  const code = number[1] === undefined ? Number(number[2]) : Number.parseInt(number[1], 16);
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  return code > 0x10ffff || surrogate ? undefined : String.fromCodePoint(code);
}
