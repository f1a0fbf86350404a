/**
 * What S3's largest request documents cost the front thread, which reads them in one go: our parser
 * against fast-xml-parser, which it replaced, at the same strictness. Milliseconds per document =
 * 1000 / (op/s); the front thread may be held up for about 20. The last group holds documents that
 * were made to be slow, each as large as it may be; "refused" are those that exceed another limit.
 */
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { parseXml, XML_BYTES_MAX, XML_TAGS_MAX, type XmlElement } from "../../src/s3/xml-parse.ts";
import { parseCompleteUpload, parseDeleteObjects } from "../../src/s3/xml-requests.ts";
import type { Bench, BenchCase, BenchGroup, BenchSize } from "../harness.ts";

const PARTS: Readonly<Record<BenchSize, number>> = { tiny: 10, full: 10_000 };
const KEYS: Readonly<Record<BenchSize, number>> = { tiny: 10, full: 1_000 };
const HOSTILE_BYTES: Readonly<Record<BenchSize, number>> = { tiny: 64 * 1024, full: XML_BYTES_MAX };
const PIECE = 16_000;

const other = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
});

/** It repairs what it can: the validator is what makes it strict. */
function parseOther(body: Buffer): unknown {
  const text = body.toString("utf8");
  if (XMLValidator.validate(text) !== true) throw new Error("not valid");
  return other.parse(text);
}

function countElements(element: XmlElement): number {
  return element.children.reduce((count, child) => count + countElements(child), 1);
}

function completion(parts: number): Buffer {
  const items = Array.from({ length: parts }, (_, index) => {
    const digest = (index + 1).toString(16).padStart(32, "0");
    const checksum = Buffer.from(digest, "ascii").toString("base64");
    const etag = `<ETag>&quot;${digest}&quot;</ETag>`;
    return `<Part>${etag}<ChecksumSHA256>${checksum}</ChecksumSHA256><PartNumber>${index + 1}</PartNumber></Part>`;
  });
  const namespace = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
  return Buffer.from(
    `<CompleteMultipartUpload ${namespace}>${items.join("")}</CompleteMultipartUpload>`,
  );
}

function deletion(keys: number, key: (index: number) => string): Buffer {
  const items = Array.from(
    { length: keys },
    (_, index) => `<Object><Key>${key(index)}</Key></Object>`,
  );
  return Buffer.from(`<Delete>${items.join("")}</Delete>`);
}

function documents(name: string, body: Buffer, read: (body: Buffer) => unknown): BenchGroup {
  let count = 0;
  const cases: BenchCase[] = [
    { name: "fast-xml-parser", yardstick: true, work: 1, run: () => parseOther(body) },
    {
      name: "ours, tree",
      work: 1,
      run() {
        count = countElements(parseXml(body));
      },
      check: () => String(count),
    },
    { name: "ours, request", work: 1, run: () => read(body) },
  ];
  return { name, unit: "op/s", cases };
}

/** As many copies as the limits of bytes and tags let in. */
function hostile(name: string, size: BenchSize, unit: string, tags: number): BenchCase {
  const copies = Math.min(HOSTILE_BYTES[size] / Buffer.byteLength(unit), XML_TAGS_MAX / tags - 2);
  const body = Buffer.from(`<A>${unit.repeat(Math.max(1, Math.floor(copies) - 1))}</A>`);
  let outcome = "";
  return {
    name,
    work: 1,
    run() {
      try {
        outcome = parseXml(body).name;
      } catch {
        outcome = "refused";
      }
    },
    check: () => outcome,
  };
}

function hostileGroup(size: BenchSize): BenchGroup {
  const attributes = Array.from({ length: 1500 }, (_, index) => ` a${index}=""`).join("");
  return {
    name: "hostile documents",
    unit: "op/s",
    cases: [
      hostile("empty elements", size, "<B/>", 1),
      hostile("CDATA sections", size, "<![CDATA[x]]>", 1),
      hostile("attributes", size, `<B${attributes}/>`, 1501),
      hostile("long attributes", size, `<B a="${"x".repeat(PIECE)}"/>`, 2),
      hostile("numeric references", size, `${"&#x10FFFF;".repeat(PIECE / 10)}<B/>`, 1),
      hostile("line ends", size, `${"\r".repeat(PIECE)}<B/>`, 1),
      hostile("text", size, `${"x".repeat(PIECE)}<B/>`, 1),
      hostile("text that is not ASCII", size, `${"\u65e5".repeat(PIECE / 3)}<B/>`, 1),
    ],
  };
}

export const bench: Bench = {
  name: "xml",
  prepare(size) {
    const keys = KEYS[size];
    return [
      documents("10,000 parts", completion(PARTS[size]), parseCompleteUpload),
      documents(
        "1,000 short keys",
        deletion(keys, (index) => `some/prefix/object-${index}.bin`),
        parseDeleteObjects,
      ),
      documents(
        "1,000 long keys",
        deletion(keys, () => "k".repeat(1024)),
        parseDeleteObjects,
      ),
      documents(
        "1,000 escaped keys",
        deletion(keys, () => "&quot;".repeat(1024)),
        parseDeleteObjects,
      ),
      hostileGroup(size),
    ];
  },
};
