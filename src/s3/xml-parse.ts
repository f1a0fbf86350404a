/**
 * Reading XML from clients: a bounded, strict, single-pass parse of bytes into a plain tree.
 *
 * It reads what S3's documents need: an XML declaration, elements, text, the five named and the
 * numeric references, CDATA and comments. Document types, processing instructions, entities of one's
 * own and everything that is not well-formed are refused. Names are ASCII, as all of S3's are, and
 * their prefixes are dropped, because clients write the documents with, without and under any prefix.
 * Attributes carry nothing that S3 needs here: they are checked and left out.
 *
 * It runs on the front thread (docs/decisions/0004-own-xml-parser.md), so its time is linear in the
 * length of the document, whatever the document is.
 */
import { isUtf8 } from "node:buffer";
import { MIB } from "../base/bytes.ts";
import { S3Error } from "./s3-error.ts";
import { TEXT_KINDS, TEXT_PLAIN, XML_PIECE_LENGTH_MAX, XmlText } from "./xml-text.ts";

export interface XmlElement {
  /** Without prefix. */
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** The character data right inside, joined; references resolved. */
  readonly text: string;
}

/** 1,000 keys of 1,024 bytes, each byte written as a reference of six, and what is around them. */
export const XML_BYTES_MAX = 8 * MIB;
/** Tags, attributes, comments and CDATA sections; 10,000 parts of three elements have 80,002. */
export const XML_TAGS_MAX = 100_000;
export const XML_DEPTH_MAX = 8;

/** Only the 400 MalformedXML, whatever is wrong: AWS says no more either. */
export function malformedXml(cause?: unknown): S3Error {
  return new S3Error("MalformedXML", { cause });
}

/** The root element. Throws MalformedXML for everything that is not one well-formed document. */
export function parseXml(body: Uint8Array): XmlElement {
  return openXml(body).readDocument();
}

/**
 * The children of a root of this name, which holds nothing else, read one by one: whoever asks for
 * them can do something else in between. Throws MalformedXML as soon as it is met.
 */
export function readXmlList(body: Uint8Array, rootName: string): Generator<XmlElement, void> {
  return openXml(body).readList(rootName);
}

function openXml(body: Uint8Array): XmlReader {
  if (body.length > XML_BYTES_MAX || !isUtf8(body)) throw malformedXml();
  return new XmlReader(body);
}

const SLASH = 0x2f;
const COLON = 0x3a;
const LESS = 0x3c;
const BYTE_ORDER_MARK = "\u00ef\u00bb\u00bf";

/** What a byte is outside of text. */
const NAME_START = 1;
const NAME_INNER = 2;
const WHITE = 3;
const MARKUP_KINDS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (/[A-Za-z_]/.test(character)) return NAME_START;
  if (/[0-9.-]/.test(character)) return NAME_INNER;
  return /[ \t\r\n]/.test(character) ? WHITE : 0;
});

const NAMES_KEPT = 64;
const NO_CHILDREN: readonly XmlElement[] = [];

/** Stands somewhere in the bytes; each method reads or skips what its name says, and stands behind. */
class XmlReader {
  readonly #bytes: Buffer;
  readonly #text: XmlText;
  readonly #names: string[] = new Array(NAMES_KEPT).fill("");
  #at = 0;
  #tags = 0;
  /** The tag that was opened last. */
  #name = "";
  #nameEnd = 0;

  constructor(body: Uint8Array) {
    this.#bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    this.#text = new XmlText(this.#bytes);
  }

  readDocument(): XmlElement {
    this.#readBeginning();
    const root = this.#readElement(1);
    this.#readEnd();
    return root;
  }

  *readList(rootName: string): Generator<XmlElement, void> {
    this.#readBeginning();
    const start = this.#at;
    const empty = this.#openTag();
    const nameEnd = this.#nameEnd;
    if (this.#name !== rootName) throw malformedXml();
    if (!empty) {
      for (let piece = this.#readPiece(1); piece !== undefined; piece = this.#readPiece(1)) {
        if (typeof piece !== "string") yield piece;
        else if (piece.trim() !== "") throw malformedXml();
      }
      this.#skipClosingTag(start + 1, nameEnd);
    }
    this.#readEnd();
  }

  #readBeginning(): void {
    this.#skip(BYTE_ORDER_MARK);
    if (this.#skip("<?xml")) {
      this.#skipAttributes();
      this.#expect("?>");
    }
    this.#skipSurroundings();
  }

  #readEnd(): void {
    this.#skipSurroundings();
    if (this.#at !== this.#bytes.length) throw malformedXml();
  }

  /** Spaces and comments. */
  #skipSurroundings(): void {
    this.#skipSpaces();
    while (this.#skip("<!--")) {
      this.#skipComment();
      this.#skipSpaces();
    }
  }

  #readElement(depth: number): XmlElement {
    if (depth > XML_DEPTH_MAX) throw malformedXml();
    const start = this.#at;
    const empty = this.#openTag();
    const name = this.#name;
    const nameEnd = this.#nameEnd;
    if (empty) return { name, children: NO_CHILDREN, text: "" };
    let children: XmlElement[] | undefined;
    let text = "";
    for (let piece = this.#readPiece(depth); piece !== undefined; piece = this.#readPiece(depth)) {
      if (typeof piece === "string") text += piece;
      else if (children === undefined) children = [piece];
      else children.push(piece);
    }
    this.#skipClosingTag(start + 1, nameEnd);
    return { name, children: children ?? NO_CHILDREN, text };
  }

  /** Leaves its name and where that ends; true when the element ends with it. */
  #openTag(): boolean {
    const start = this.#at;
    this.#expect("<");
    const localStart = this.#skipName();
    this.#nameEnd = this.#at;
    this.#name = this.#nameAt(localStart, this.#at);
    this.#skipAttributes();
    const empty = this.#skip("/");
    this.#expect(">");
    this.#countTag(start);
    return empty;
  }

  /** What stands next in an element of this depth: text or a child; undefined at its closing tag. */
  #readPiece(depth: number): string | XmlElement | undefined {
    if (this.#bytes[this.#at] !== LESS) return this.#readText();
    if (this.#bytes[this.#at + 1] === SLASH) return undefined;
    if (this.#skip("<!--")) {
      this.#skipComment();
      return "";
    }
    if (this.#skip("<![CDATA[")) return this.#readCdata();
    return this.#readElement(depth + 1);
  }

  /** The one of the element whose name stands there, prefix and all. */
  #skipClosingTag(nameStart: number, nameEnd: number): void {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start + "</".length;
    for (let index = nameStart; index < nameEnd; index++) {
      if (bytes[at++] !== bytes[index]) throw malformedXml();
    }
    this.#at = at;
    this.#skipSpaces();
    this.#expect(">");
    this.#countTag(start);
  }

  #readText(): string {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    while (TEXT_KINDS[bytes[at] ?? 0] === TEXT_PLAIN) at++;
    if (bytes[at] !== LESS) {
      const text = this.#text.resolve(start, bytes.length, "text");
      this.#at = this.#text.end;
      return text;
    }
    if (at - start > XML_PIECE_LENGTH_MAX) throw malformedXml();
    this.#at = at;
    return bytes.toString("latin1", start, at);
  }

  /** From behind the opening of the section. */
  #readCdata(): string {
    const start = this.#at;
    this.#skipUntil("]]>");
    this.#countTag(start);
    return this.#text.resolve(start, this.#at - "]]>".length, "cdata");
  }

  /** From behind the opening of the comment. */
  #skipComment(): void {
    const start = this.#at;
    this.#skipUntil("--");
    this.#expect(">");
    this.#countTag(start);
  }

  /** No attribute may come twice. */
  #skipAttributes(): void {
    let names: Set<string> | undefined;
    for (;;) {
      const start = this.#at;
      this.#skipSpaces();
      const nameStart = this.#at;
      if (MARKUP_KINDS[this.#bytes[nameStart] ?? 0] !== NAME_START) return;
      if (nameStart === start) throw malformedXml();
      this.#skipName();
      const name = this.#nameAt(nameStart, this.#at);
      names ??= new Set();
      if (names.has(name)) throw malformedXml();
      names.add(name);
      this.#skipSpaces();
      this.#expect("=");
      this.#skipSpaces();
      this.#skipValue();
      this.#countTag(start);
    }
  }

  #skipValue(): void {
    const quote = this.#skip('"') ? '"' : "'";
    if (quote === "'") this.#expect("'");
    let at = this.#at;
    this.#skipUntil(quote);
    const end = this.#at - quote.length;
    while (at < end && TEXT_KINDS[this.#bytes[at] ?? 0] === TEXT_PLAIN) at++;
    if (at < end) this.#text.resolve(at, end, "attribute");
  }

  /** Returns where the name begins behind its prefix. */
  #skipName(): number {
    const start = this.#at;
    this.#skipWord();
    if (this.#bytes[this.#at] !== COLON) return start;
    this.#at++;
    const local = this.#at;
    this.#skipWord();
    return local;
  }

  #skipWord(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    if (MARKUP_KINDS[bytes[at] ?? 0] !== NAME_START) throw malformedXml();
    let kind = NAME_START;
    while (kind === NAME_START || kind === NAME_INNER) kind = MARKUP_KINDS[bytes[++at] ?? 0] ?? 0;
    this.#at = at;
  }

  /** Documents repeat their names: the string is made anew only when others came in between. */
  #nameAt(start: number, end: number): string {
    const bytes = this.#bytes;
    const length = end - start;
    const slot = (31 * length + 7 * (bytes[start] ?? 0) + (bytes[end - 1] ?? 0)) % NAMES_KEPT;
    const known = this.#names[slot] ?? "";
    let same = known.length === length;
    for (let index = 0; same && index < length; index++) {
      same = known.charCodeAt(index) === bytes[start + index];
    }
    if (same) return known;
    const name = bytes.toString("latin1", start, end);
    this.#names[slot] = name;
    return name;
  }

  #skipSpaces(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    while (MARKUP_KINDS[bytes[at] ?? 0] === WHITE) at++;
    this.#at = at;
  }

  #skipUntil(end: string): void {
    const found = this.#bytes.indexOf(end, this.#at, "latin1");
    if (found < 0) throw malformedXml();
    this.#at = found + end.length;
  }

  /** Whether `expected` comes next; otherwise nothing is skipped. */
  #skip(expected: string): boolean {
    for (let index = 0; index < expected.length; index++) {
      if (this.#bytes[this.#at + index] !== expected.charCodeAt(index)) return false;
    }
    this.#at += expected.length;
    return true;
  }

  #expect(expected: string): void {
    if (!this.#skip(expected)) throw malformedXml();
  }

  /** After each tag, attribute, comment and CDATA section. */
  #countTag(start: number): void {
    this.#tags++;
    if (this.#tags > XML_TAGS_MAX || this.#at - start > XML_PIECE_LENGTH_MAX) throw malformedXml();
  }
}
