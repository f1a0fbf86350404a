import fc from "fast-check";
import { XMLParser } from "fast-xml-parser";
import { test } from "tap";
import { escapeXml, xmlDocument } from "../../../src/s3/xml.ts";

test("escapeXml: markup and control characters leave as references", async (t) => {
  t.equal(escapeXml(`a&b<c>d"e'f`), "a&amp;b&lt;c&gt;d&quot;e&apos;f");
  t.equal(escapeXml("\u0000\t\n\r\u001f\u007f\u0085"), "&#x0;&#x9;&#xa;&#xd;&#x1f;&#x7f;&#x85;");
  t.equal(escapeXml("grüße/日本/😀"), "grüße/日本/😀");
});

test("escapeXml: a parser reads back the same text", async (t) => {
  const parser = new XMLParser({ trimValues: false, parseTagValue: false });
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
      // References to these are not XML 1.0: what a reader makes of them is its own affair.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out
      const readable = text.replace(/[\u0000-\u001f\ufffe\uffff]/g, "-");
      const parsed = parser.parse(`<a>${escapeXml(readable)}</a>`);
      t.equal(String(parsed.a), readable);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
      t.notMatch(escapeXml(text), /[\u0000-\u001f<>"']/);
    }),
    { numRuns: 200 },
  );
});

test("XmlWriter.quoted: reads as the value in quotes, whatever it holds", async (t) => {
  for (const value of ["d41d8cd98f00b204e9800998ecf8427e-2", 'a"<&>\u0001', ""]) {
    const quoted = xmlDocument("R", (xml) => xml.quoted("ETag", value));
    t.equal(
      quoted,
      xmlDocument("R", (xml) => xml.element("ETag", `"${value}"`)),
    );
  }
});

test("xmlDocument: groups nest and optional elements may be absent", async (t) => {
  const document = xmlDocument("Result", (xml) => {
    xml.element("Flag", true);
    xml.optional("Absent", undefined);
    xml.optional("Empty", "");
    xml.group("Owner", (owner) => {
      owner.element("ID", 7);
      owner.typedGroup("Grantee", "CanonicalUser", (grantee) => grantee.element("ID", "<"));
    });
  });
  t.equal(
    document,
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<Result xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Flag>true</Flag><Empty></Empty>' +
      "<Owner><ID>7</ID>" +
      '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">' +
      "<ID>&lt;</ID></Grantee></Owner></Result>",
  );
  t.equal(
    xmlDocument("R", () => {}, ""),
    '<?xml version="1.0" encoding="UTF-8"?>\n<R></R>',
  );
});
