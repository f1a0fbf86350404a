/**
 * Writing S3's XML: one escaping function and a small writer over a string.
 *
 * Elements are always balanced, because a group is a callback. Every character that a parser would
 * refuse, fold or lose leaves as a numeric reference, as AWS does it (a key may hold any of them).
 */

export const S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";
const XSI_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance";
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

export type XmlValue = string | number | boolean;

// U+FFFE and U+FFFF are not XML characters; C0 and C1 controls are refused or folded by parsers.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const UNSAFE = /[&<>"'\u0000-\u001f\u007f-\u009f\u2028\ufffe\uffff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const UNSAFE_ALL = /[&<>"'\u0000-\u001f\u007f-\u009f\u2028\ufffe\uffff]/g;
const NAMED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Text as element content or attribute value. */
export function escapeXml(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(
    UNSAFE_ALL,
    (character) => NAMED[character] ?? `&#x${character.charCodeAt(0).toString(16)};`,
  );
}

/**
 * Builds one document: `xmlDocument("Result", (xml) => { xml.element("Name", "x"); })`.
 * An empty namespace means none.
 */
export function xmlDocument(
  root: string,
  build: (xml: XmlWriter) => void,
  namespace: string = S3_NAMESPACE,
): string {
  const writer = new XmlWriter();
  build(writer);
  const attribute = namespace === "" ? "" : ` xmlns="${namespace}"`;
  return `${DECLARATION}<${root}${attribute}>${writer.toString()}</${root}>`;
}

/** The content of one element. Element names come from code, never from a request. */
export class XmlWriter {
  #text = "";

  /** `<name>value</name>`, the value escaped. */
  element(name: string, value: XmlValue): void {
    const text = typeof value === "string" ? escapeXml(value) : String(value);
    this.#text += `<${name}>${text}</${name}>`;
  }

  /** An element whose value stands in quotes, as ETags do; spares them the escaping. */
  quoted(name: string, value: string): void {
    this.#text += `<${name}>&quot;${escapeXml(value)}&quot;</${name}>`;
  }

  /** Escaped text right inside the current element. */
  text(value: XmlValue): void {
    this.#text += typeof value === "string" ? escapeXml(value) : String(value);
  }

  /** An element that is left out without a value. */
  optional(name: string, value: XmlValue | undefined): void {
    if (value !== undefined) this.element(name, value);
  }

  group(name: string, build: (xml: this) => void): void {
    this.#text += `<${name}>`;
    build(this);
    this.#text += `</${name}>`;
  }

  /** A group with an `xsi:type`, which ACL grantees need. */
  typedGroup(name: string, type: string, build: (xml: this) => void): void {
    this.#text += `<${name} xmlns:xsi="${XSI_NAMESPACE}" xsi:type="${escapeXml(type)}">`;
    build(this);
    this.#text += `</${name}>`;
  }

  toString(): string {
    return this.#text;
  }
}
