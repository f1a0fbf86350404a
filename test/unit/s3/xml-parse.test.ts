import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { test } from "tap";
import { S3Error } from "../../../src/s3/s3-error.ts";
import { escapeXml } from "../../../src/s3/xml.ts";
import {
  parseXml,
  readXmlList,
  XML_BYTES_MAX,
  XML_DEPTH_MAX,
  XML_TAGS_MAX,
  type XmlElement,
} from "../../../src/s3/xml-parse.ts";
import { XML_PIECE_LENGTH_MAX, XML_REFERENCES_MAX } from "../../../src/s3/xml-text.ts";
import { refusal } from "./refusal.ts";

function bytes(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

function parse(text: string): XmlElement {
  return parseXml(bytes(text));
}

test("parseXml: elements, text, references, CDATA, comments and prefixes", async (t) => {
  const text = `\ufeff<?xml version="1.0" encoding="UTF-8"?><!-- c --><s3:A xmlns:s3="u">
    <s3:B at="1">a&amp;&lt;&gt;&quot;&apos;&#65;&#x1F600;&#x1;<![CDATA[<&amp;>]]> </s3:B><C/></s3:A>`;
  const root = parse(text);
  t.equal(root.name, "A");
  t.equal(root.text.trim(), "");
  t.strictSame(root.children, [
    { name: "B", children: [], text: `a&<>"'A😀\u0001<&amp;> ` },
    { name: "C", children: [], text: "" },
  ]);
});

for (const [title, text, meant] of [
  ["text on both sides of markup", "<A>a<!-- - -->b<![CDATA[c]]>d<B>x</B>e</A>", "abcde"],
  [
    "every line end as a line feed",
    "<A>a\r\nb\rc<![CDATA[d\r\ne\r]]>\n</A>",
    "a\nb\nc" + "d\ne\n\n",
  ],
  ["a carriage return that was escaped", "<A>a&#13;&#xD;\nb</A>", "a\r\r\nb"],
  ["brackets", "<A>]] ]>>]&#93;>]]&gt;<![CDATA[]]]]><![CDATA[>]]></A>", "]] ]>>]]>]]>]]>"],
  [
    "text of one to four bytes",
    "<A>aé日😀\u{10ffff}\ufffd\ufeff</A>",
    "aé日😀\u{10ffff}\ufffd\ufeff",
  ],
  ["references of all sizes", "<A>&#0;&#x80;&#xffff;&#1114111;</A>", "\0\u0080\uffff\u{10ffff}"],
  ["attributes", `<A b='"' c:d = "&lt;'>]]>é" \r\n\te="">x</A \n>`, "x"],
  ["surroundings", " \t\r\n<!---->\n<A>x</A>\n<!-- <B> -->\r\n", "x"],
  [
    "the longest text",
    `<A>${"x".repeat(XML_PIECE_LENGTH_MAX)}</A>`,
    "x".repeat(XML_PIECE_LENGTH_MAX),
  ],
  [
    "the longest text that has to be resolved",
    `<A>${">".repeat(XML_PIECE_LENGTH_MAX)}</A>`,
    ">".repeat(XML_PIECE_LENGTH_MAX),
  ],
  [
    "the longest CDATA section",
    `<A><![CDATA[${"&".repeat(XML_PIECE_LENGTH_MAX - 3)}]]></A>`,
    "&".repeat(XML_PIECE_LENGTH_MAX - 3),
  ],
] as const) {
  test(`parseXml: reads ${title}`, async (t) => {
    t.equal(parse(text).text, meant);
  });
}

test("parseXml: reads an element at the greatest depth, and names that share a place", async (t) => {
  let element = parse(`${"<A>".repeat(XML_DEPTH_MAX)}x${"</A>".repeat(XML_DEPTH_MAX)}`);
  for (let depth = 1; depth < XML_DEPTH_MAX; depth++) element = element.children[0] ?? element;
  t.equal(element.text, "x");
  const names = ["Aba", "Aca", "A.-9_a", "_", "constructor", "__proto__", "Aba"];
  const { children } = parse(`<R>${names.map((name) => `<${name}/>`).join("")}</R>`);
  t.strictSame(
    children.map(({ name }) => name),
    names,
  );
});

const HALF_PIECE = "&lt;".repeat(XML_PIECE_LENGTH_MAX / 8);

for (const [title, text] of [
  ["nothing", ""],
  ["spaces only", " \n"],
  ["text only", "hello"],
  ["an open element", "<A>"],
  ["an open element with text", "<A>x"],
  ["an open element with a reference", "<A>&lt;"],
  ["an open tag", "<A"],
  ["a closing tag only", "</A>"],
  ["an open closing tag", "<A></A"],
  ["crossed elements", "<A><B></A></B>"],
  ["a longer name at the end", "<A></Ab>"],
  ["a shorter name at the end", "<Ab></A>"],
  ["another prefix at the end", "<p:A></q:A>"],
  ["another case at the end", "<A></a>"],
  ["an attribute at the end", '<A></A a="">'],
  ["two roots", "<A/><B/>"],
  ["text after the root", "<A></A>x"],
  ["text after an empty root", "<A/>x"],
  ["text before the root", "x<A/>"],
  ["CDATA after the root", "<A/><![CDATA[]]>"],
  ["space before the declaration", ' <?xml version="1.0"?><A/>'],
  ["a second declaration", '<?xml version="1.0"?><?xml version="1.0"?><A/>'],
  ["a processing instruction", "<?php x?><A/>"],
  ["a processing instruction inside", "<A><?php x?></A>"],
  ["a document type", "<!DOCTYPE A><A/>"],
  ["a document type inside", "<A><!DOCTYPE A></A>"],
  ["an entity declaration", '<!DOCTYPE A [<!ENTITY x "y">]><A>&x;</A>'],
  ["an external entity", '<!DOCTYPE A [<!ENTITY x SYSTEM "file:///etc/passwd">]><A>&x;</A>'],
  ["an entity of nobody", "<A>&x;</A>"],
  ["an HTML entity", "<A>&nbsp;</A>"],
  ["an entity that begins like another", "<A>&xxxxamp;</A>"],
  ["a bare ampersand", "<A>a & b</A>"],
  ["an empty reference", "<A>&;</A>"],
  ["an empty number", "<A>&#;</A>"],
  ["an empty hexadecimal number", "<A>&#x;</A>"],
  ["a letter in a number", "<A>&#1a;</A>"],
  ["a sign in a number", "<A>&#-1;</A>"],
  ["a reference without end", "<A>&amp</A>"],
  ["a reference around a tag", "<A>&a<B/>;</A>"],
  ["a reference to half a character", "<A>&#xD800;</A>"],
  ["a reference beyond Unicode", "<A>&#x110000;</A>"],
  ["a control character", "<A>\u0001</A>"],
  ["a control character in CDATA", "<A><![CDATA[\u0001]]></A>"],
  ["a zero", "<A>\u0000</A>"],
  ["what Unicode calls no character", "<A>\uffff</A>"],
  ["an end of CDATA without a beginning", "<A>]]></A>"],
  ["a repeated attribute", '<A a="1" a="2"/>'],
  ["an attribute without a value", "<A a/>"],
  ["an attribute without quotes", "<A a=1/>"],
  ["an attribute with an open value", '<A a="1/>'],
  ["attributes without a space", '<A a="1"b="2"/>'],
  ["a tag in an attribute", '<A a="<"/>'],
  ["an unknown entity in an attribute", '<A a="&x;"/>'],
  ["a reference that leaves its attribute", '<A a="&lt" b=";"/>'],
  ["a space before the name", "< A/>"],
  ["a space within the end", "<A/ >"],
  ["a name that begins with a digit", "<1A/>"],
  ["a name without an end", "<p:/>"],
  ["a name with two prefixes", "<p:q:A/>"],
  ["an open comment", "<A><!-- x</A>"],
  ["a comment with two hyphens", "<A><!-- -- --></A>"],
  ["a comment with three at its end", "<A><!-- ---></A>"],
  ["open CDATA", "<A><![CDATA[x</A>"],
  ["too deep", `${"<A>".repeat(XML_DEPTH_MAX + 1)}${"</A>".repeat(XML_DEPTH_MAX + 1)}`],
  ["too long a tag", `<A ${" ".repeat(XML_PIECE_LENGTH_MAX)}></A>`],
  ["too long an attribute", `<A a="${">".repeat(XML_PIECE_LENGTH_MAX + 1)}"/>`],
  ["too long a comment", `<A><!--${" ".repeat(XML_PIECE_LENGTH_MAX)}--></A>`],
  ["too long a CDATA section", `<A><![CDATA[${"x".repeat(XML_PIECE_LENGTH_MAX + 1)}]]></A>`],
  ["too long a text", `<A>${"x".repeat(XML_PIECE_LENGTH_MAX + 1)}</A>`],
  ["too long a text to resolve", `<A>${">".repeat(XML_PIECE_LENGTH_MAX + 1)}</A>`],
  [
    "too long a text with a reference at its end",
    `<A>${"x".repeat(XML_PIECE_LENGTH_MAX - 1)}&lt;</A>`,
  ],
  ["too many elements", `<A>${"<B/>".repeat(XML_TAGS_MAX - 1)}</A>`],
  ["too many attributes", `<A>${"<B a='' b='' c=''/>".repeat(XML_TAGS_MAX / 4)}</A>`],
] as const) {
  test(`parseXml: refuses ${title}`, async (t) => {
    t.equal(refusal(() => parse(text)).code, "MalformedXML");
  });
}

test("parseXml: as many tags and references as may be, and not one more", async (t) => {
  t.equal(parse(`<A>${"<B/>".repeat(XML_TAGS_MAX - 2)}</A>`).children.length, XML_TAGS_MAX - 2);
  const pieces = XML_REFERENCES_MAX / (XML_PIECE_LENGTH_MAX / 8);
  const document = (more: string) => `<A>${`<B>${HALF_PIECE}</B>`.repeat(pieces)}${more}</A>`;
  t.equal(parse(document("")).children.length, pieces);
  t.equal(refusal(() => parse(document("&lt;"))).code, "MalformedXML");
});

test("parseXml: refuses what is too large or no UTF-8", async (t) => {
  const padded = (length: number) => Buffer.alloc(length, "<A/>".padEnd(XML_BYTES_MAX + 1));
  t.equal(parseXml(padded(XML_BYTES_MAX)).name, "A");
  t.equal(refusal(() => parseXml(padded(XML_BYTES_MAX + 1))).code, "MalformedXML");
  for (const text of ["\xff", "\xc0\x80", "\xed\xa0\x80", "\xe6\x97"]) {
    const body = Buffer.from(`<A>${text}</A>`, "latin1");
    t.equal(refusal(() => parseXml(body)).code, "MalformedXML");
  }
});

test("parseXml: reads a body that is a part of a larger buffer", async (t) => {
  const whole = bytes("<X/><A>x</A><X/>");
  t.equal(parseXml(new Uint8Array(whole.buffer, whole.byteOffset + 4, 8)).text, "x");
});

/** Keeps two pieces from becoming one line end, or the end of a CDATA section. */
const BETWEEN = "<!---->";

/** A document as it may be written, and what it means. */
interface Written {
  readonly xml: string;
  readonly element: XmlElement;
}

// The oracle does not know what XML says of these, or does not read them as references.
const character = fc
  .string({ unit: "binary", minLength: 1, maxLength: 1 })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out
  .filter((text) => !/[\u0000-\u001f\ufffe\uffff]|\p{Surrogate}/u.test(text));
const text = fc
  .array(
    fc.oneof(
      character.map((value) => ({ xml: escapeXml(value), value })),
      character.map((value) => ({ xml: `&#${value.codePointAt(0)};`, value })),
      character.map((value) => ({ xml: `&#x${value.codePointAt(0)?.toString(16)};`, value })),
      fc.constantFrom("\n", "\t", " ", "abc", "]").map((value) => ({ xml: value, value })),
      fc.constantFrom("\r", "\r\n").map((xml) => ({ xml, value: "\n" })),
      fc.constantFrom("", "x", "<&amp;>", "é").map((value) => ({
        xml: `<![CDATA[${value}]]>`,
        value,
      })),
      fc.constantFrom("", " x ", "<b>").map((value) => ({ xml: `<!--${value}-->`, value: "" })),
    ),
    { maxLength: 6 },
  )
  .map((pieces) => ({
    xml: pieces.map(({ xml }) => xml).join(BETWEEN),
    value: pieces.map(({ value }) => value).join(""),
  }));
const name = fc.constantFrom("A", "Key", "ETag", "x-1.y_", "ChecksumCRC64NVME");
const prefix = fc.constantFrom("", "", "s3:", "ns0:");
const attributes = fc.constantFrom("", "", ' a="1"', " xmlns:s3='u' b = \"&quot;>\"", "\n");

function element(depth: number): fc.Arbitrary<Written> {
  const child = depth === 0 ? fc.constant([]) : fc.array(element(depth - 1), { maxLength: 3 });
  return fc
    .tuple(name, prefix, attributes, child, text, text)
    .map(([local, before, around, children, first, last]): Written => {
      const tag = before + local;
      const inner = [first, ...children, last].map(({ xml }) => xml).join(BETWEEN);
      return {
        xml: inner === BETWEEN ? `<${tag}${around}/>` : `<${tag}${around}>${inner}</${tag} >`,
        element: {
          name: local,
          children: children.map((written) => written.element),
          text: first.value + last.value,
        },
      };
    });
}

const oracle = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  textNodeName: "#text",
  cdataPropName: "#cdata",
});

/** The tree of fast-xml-parser, which resolves no number beyond its own bounds: done here instead. */
function oracleTree(xml: string): readonly XmlElement[] {
  const resolve = (value: string) =>
    value.replace(/&(?:#x([^;]+)|#([^;]+)|(\w+));/g, (_all, hex, decimal, named) =>
      named === undefined
        ? String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16))
        : (new Map(Object.entries({ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" })).get(
            named,
          ) ?? ""),
    );
  const read = (nodes: ReadonlyArray<Record<string, unknown>>): Omit<XmlElement, "name"> => {
    const children: XmlElement[] = [];
    let content = "";
    for (const [key, value] of nodes.flatMap((node) => Object.entries(node))) {
      if (key === "#text") content += resolve(String(value));
      else if (key === "#cdata")
        content += (value as Array<Record<string, string>>)[0]?.["#text"] ?? "";
      else children.push({ name: key, ...read(value as Array<Record<string, unknown>>) });
    }
    return { children, text: content };
  };
  return read(oracle.parse(xml)).children;
}

test("parseXml: makes the tree that was written, and that another parser makes", async (t) => {
  fc.assert(
    fc.property(element(3), fc.boolean(), (written, declared) => {
      const xml = declared ? `<?xml version="1.0"?>\n${written.xml}\n` : written.xml;
      const tree = parse(xml);
      deepStrictEqual(tree, written.element);
      deepStrictEqual(XMLValidator.validate(xml), true);
      deepStrictEqual(oracleTree(xml), [tree]);
    }),
    { numRuns: 300 },
  );
  t.pass();
});

/** Undefined when it was refused. Throws for any other outcome than MalformedXML. */
function unlessRefused<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof S3Error && error.code === "MalformedXML") return undefined;
    throw error;
  }
}

/** Returns whether it was read. The root's children must be the same one by one. */
function readsOrRefuses(body: Uint8Array): boolean {
  const tree = unlessRefused(() => parseXml(body));
  for (const name of new Set(["A", tree?.name ?? "A"])) {
    const list = unlessRefused(() => [...readXmlList(body, name)]);
    const isList = tree?.name === name && tree.text.trim() === "";
    deepStrictEqual(list, isList ? tree.children : undefined);
  }
  return tree !== undefined;
}

test("parseXml: mutated documents give a tree or MalformedXML, nothing else", async (t) => {
  const outcomes = { read: 0, refused: 0 };
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(...bytes("<>/&;#x![]-?\"'= \r\0")));
  fc.assert(
    fc.property(
      element(2),
      fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.array(byte, { maxLength: 3 })), { minLength: 1 }),
      (written, edits) => {
        let body = bytes(written.xml);
        for (const [place, removed, added] of edits) {
          const at = place % (body.length + 1);
          body = Buffer.concat([
            body.subarray(0, at),
            Buffer.from(added),
            body.subarray(at + removed),
          ]);
        }
        outcomes[readsOrRefuses(body) ? "read" : "refused"]++;
      },
    ),
    { numRuns: 1000 },
  );
  t.ok(outcomes.read > 0 && outcomes.refused > 0);
});

test("parseXml: fragments of markup in any order give a tree or MalformedXML", async (t) => {
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("<A>", "</A>", "<B/>", "&amp;", "&#", "<![CDATA[", "]]>", "<!--", "-->", "<?"),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      readsOrRefuses(bytes(pieces.join("")));
      readsOrRefuses(bytes(`<A>${pieces.join("")}</A>`));
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test("readXmlList: gives the children before the end was read", async (t) => {
  const list = readXmlList(bytes("<A><B>1</B> <!-- c --><C/>"), "A");
  t.match(list.next(), { done: false, value: { name: "B", text: "1" } });
  t.match(list.next(), { done: false, value: { name: "C" } });
  t.equal(refusal(() => list.next()).code, "MalformedXML");
  t.strictSame([...readXmlList(bytes("<A/>"), "A")], []);
});

test("parseXml: every beginning of a document is refused", async (t) => {
  const whole = bytes(
    '<?xml version="1.0"?><A a="&lt;"><B>é&amp;\r\n</B><![CDATA[x]]><!-- c --></A>',
  );
  for (let length = 0; length < whole.length; length++) {
    t.equal(readsOrRefuses(whole.subarray(0, length)), false, `the first ${length} bytes`);
  }
  t.ok(readsOrRefuses(whole));
});
