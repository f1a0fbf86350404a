/**
 * Character data of XML, from its bytes to the text that is meant: UTF-8, references and line ends.
 *
 * XML names which characters may stand where; all others are refused. References may name any
 * character, control characters included, because keys may hold them and there is no other way.
 */
import { KIB } from "../base/bytes.ts";
import { S3Error } from "./s3-error.ts";

/** Bytes of one tag, comment or CDATA section, or of the text between two. */
export const XML_PIECE_LENGTH_MAX = 16 * KIB;
/**
 * References, and all else that is not one byte for one character; 1,000 keys of 1,024 bytes, every
 * byte escaped, have 1,024,000.
 */
export const XML_REFERENCES_MAX = 1024 * KIB;
/** Between "&" and ";". */
const REFERENCE_LENGTH_MAX = "#x10FFFF".length;

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const NUMBER_SIGN = 0x23;
const AMPERSAND = 0x26;
const SINGLE_QUOTE = 0x27;
const SEMICOLON = 0x3b;
const LESS = 0x3c;
const GREATER = 0x3e;
const BRACKET = 0x5d;
const LETTER_X = 0x78;
const NOT_ASCII = 0x80;

/** A byte that stands for itself. */
export const TEXT_PLAIN = 0;
const TEXT_SPECIAL = 1;
/** A byte that text cannot hold. Behind the end of the document all bytes count as zero. */
const TEXT_END = 2;
/** What a byte is within text. */
export const TEXT_KINDS: Readonly<Uint8Array> = new Uint8Array(256)
  .fill(TEXT_END, 0, SPACE)
  .fill(TEXT_PLAIN, TAB, LINE_FEED + 1)
  .fill(TEXT_SPECIAL, CARRIAGE_RETURN, CARRIAGE_RETURN + 1)
  .fill(TEXT_SPECIAL, AMPERSAND, AMPERSAND + 1)
  .fill(TEXT_END, LESS, LESS + 1)
  .fill(TEXT_SPECIAL, GREATER, GREATER + 1)
  .fill(TEXT_SPECIAL, NOT_ASCII);

export type XmlTextPlace = "text" | "cdata" | "attribute";

/** Reads the texts of one document, whose bytes are known to be UTF-8. */
export class XmlText {
  readonly #bytes: Buffer;
  /** For UTF-16, which never has more units than UTF-8 or references have bytes. */
  readonly #scratch = Buffer.allocUnsafe(2 * XML_PIECE_LENGTH_MAX);
  #at = 0;
  #specials = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Behind the last byte that was resolved. */
  get end(): number {
    return this.#at;
  }

  /**
   * What these bytes mean; of text, those up to the next "<", which must come. Throws MalformedXML
   * when they must not stand in that place or are too many.
   */
  resolve(start: number, end: number, place: XmlTextPlace): string {
    const bytes = this.#bytes;
    const scratch = this.#scratch;
    const limit = Math.min(end, start + XML_PIECE_LENGTH_MAX);
    let length = 0;
    let at = start;
    while (at < limit) {
      let code = bytes[at] ?? 0;
      if (TEXT_KINDS[code] === TEXT_PLAIN) {
        at++;
      } else {
        if (code === LESS && place === "text") break;
        this.#at = at;
        code = this.#readSpecial(place);
        at = this.#at;
      }
      length = putCharacter(scratch, length, code);
    }
    this.#at = at;
    const ended = place === "text" ? bytes[at] === LESS : at === end;
    if (!ended || at > limit) throw refused();
    return scratch.toString("utf16le", 0, length);
  }

  #readSpecial(place: XmlTextPlace): number {
    const byte = this.#bytes[this.#at] ?? 0;
    this.#specials++;
    if (this.#specials > XML_REFERENCES_MAX) throw refused();
    if (byte >= NOT_ASCII) return this.#readUtf8(byte);
    if (byte === AMPERSAND && place !== "cdata") return this.#readReference();
    this.#at++;
    if (byte === CARRIAGE_RETURN) {
      if (this.#bytes[this.#at] === LINE_FEED) this.#at++;
      return LINE_FEED;
    }
    if (TEXT_KINDS[byte] === TEXT_END && (byte !== LESS || place !== "cdata")) throw refused();
    if (byte === GREATER && place === "text" && this.#isSectionEnd()) throw refused();
    return byte;
  }

  /** Whether what was read last is the end of a CDATA section. */
  #isSectionEnd(): boolean {
    return this.#bytes[this.#at - 2] === BRACKET && this.#bytes[this.#at - 3] === BRACKET;
  }

  #readUtf8(lead: number): number {
    const following = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    const end = this.#at + 1 + following;
    let code = lead & (0x3f >> following);
    for (this.#at++; this.#at < end; this.#at++) {
      code = (code << 6) | ((this.#bytes[this.#at] ?? 0) & 0x3f);
    }
    if (code === 0xfffe || code === 0xffff) throw refused();
    return code;
  }

  #readReference(): number {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    let at = start;
    let name = 0;
    for (let byte = bytes[at] ?? 0; byte !== SEMICOLON; byte = bytes[at] ?? 0) {
      if (at - start === REFERENCE_LENGTH_MAX) throw refused();
      name = (name << 8) | byte;
      at++;
    }
    this.#at = at + 1;
    const code =
      bytes[start] === NUMBER_SIGN
        ? numberedCharacter(bytes, start + 1, at)
        : namedCharacter(name, at - start);
    if (code === undefined) throw refused();
    return code;
  }
}

/** Writes a character as UTF-16; returns where the next one goes. */
function putCharacter(target: Buffer, at: number, code: number): number {
  const unit = code > 0xffff ? 0xd7c0 + (code >> 10) : code;
  target[at] = unit & 0xff;
  target[at + 1] = unit >> 8;
  if (code <= 0xffff) return at + 2;
  target[at + 2] = code & 0xff;
  target[at + 3] = 0xdc | ((code >> 8) & 0x03);
  return at + 4;
}

/** `name` is made of the last four letters of the name. */
function namedCharacter(name: number, length: number): number | undefined {
  if (length > 4) return undefined;
  switch (name) {
    case 0x61_6d_70: // amp
      return AMPERSAND;
    case 0x6c_74: // lt
      return LESS;
    case 0x67_74: // gt
      return GREATER;
    case 0x71_75_6f_74: // quot
      return DOUBLE_QUOTE;
    case 0x61_70_6f_73: // apos
      return SINGLE_QUOTE;
    default:
      return undefined;
  }
}

/** What a byte is worth as a digit; 16 when it is none. */
const DIGITS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? 16 : digit;
});

/** The digits of a numeric reference as a character, if they are one. */
function numberedCharacter(bytes: Buffer, start: number, end: number): number | undefined {
  const base = bytes[start] === LETTER_X ? 16 : 10;
  const first = base === 16 ? start + 1 : start;
  let code = 0;
  for (let at = first; at < end; at++) {
    const digit = DIGITS[bytes[at] ?? 0] ?? base;
    if (digit >= base) return undefined;
    code = code * base + digit;
  }
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  return first === end || surrogate || code > 0x10ffff ? undefined : code;
}

function refused(): S3Error {
  return new S3Error("MalformedXML");
}
