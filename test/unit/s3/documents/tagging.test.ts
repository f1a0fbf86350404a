import fc from "fast-check";
import { test } from "tap";
import {
  checkTags,
  formatTaggingHeader,
  OBJECT_TAGS_MAX,
  parseTagging,
  parseTaggingHeader,
  renderTagging,
  storedTags,
  TAG_KEY_LENGTH_MAX,
  TAG_VALUE_LENGTH_MAX,
  type Tag,
} from "../../../../src/s3/documents/tagging.ts";
import { refusal } from "../refusal.ts";

const character = fc.constantFrom(..."abcXYZ019 _.:/=+-@äß漢");
const tagSet = fc.uniqueArray(
  fc.record({
    key: fc.string({ unit: character, minLength: 1, maxLength: 20 }),
    value: fc.string({ unit: character, maxLength: 20 }),
  }),
  { selector: ({ key }) => key, maxLength: OBJECT_TAGS_MAX },
);

test("tagging: what is rendered is parsed back, as a document and as a header", async () => {
  fc.assert(
    fc.property(tagSet, (tags) => {
      if (tags.some(({ key }) => key.toLowerCase().startsWith("aws:"))) return;
      const document = parseTagging(Buffer.from(renderTagging({ tags })), OBJECT_TAGS_MAX);
      const header = parseTaggingHeader(formatTaggingHeader(tags));
      const shown = JSON.stringify(tags);
      if (JSON.stringify(document.tags) !== shown) throw new Error("document");
      if (JSON.stringify(header) !== shown) throw new Error("header");
    }),
  );
});

test("checkTags: S3's limits to the letter", async (t) => {
  const tags = (count: number): Tag[] =>
    Array.from({ length: count }, (_, index) => ({ key: `k${index}`, value: "" }));
  t.equal(checkTags(tags(10), 10).length, 10);
  const bad: ReadonlyArray<readonly [string, readonly Tag[]]> = [
    ["too many", tags(11)],
    ["key too long", [{ key: "k".repeat(TAG_KEY_LENGTH_MAX + 1), value: "" }]],
    ["value too long", [{ key: "k", value: "v".repeat(TAG_VALUE_LENGTH_MAX + 1) }]],
    ["no key", [{ key: "", value: "v" }]],
    ["a key twice", [...tags(1), ...tags(1)]],
    ["the system's", [{ key: "AWS:x", value: "v" }]],
    ["a character", [{ key: "a?b", value: "v" }]],
  ];
  for (const [name, list] of bad) {
    t.equal(refusal(() => checkTags(list, 10)).code, "InvalidTag", name);
  }
  const largest = {
    key: "k".repeat(TAG_KEY_LENGTH_MAX),
    value: "v".repeat(TAG_VALUE_LENGTH_MAX),
  };
  t.strictSame(checkTags([largest], 10), [largest]);
});

test("parseTagging: refuses what is no TagSet", async (t) => {
  for (const text of [
    "<Tagging/>",
    "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
    "<Tagging><TagSet/><TagSet/></Tagging>",
    "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value><X/></Tag></TagSet></Tagging>",
    "<Other><TagSet/></Other>",
  ]) {
    t.equal(refusal(() => parseTagging(Buffer.from(text), 10)).code, "MalformedXML", text);
  }
});

test("storedTags: in the order of their keys", async (t) => {
  t.strictSame(storedTags("b=2&a=1"), [
    { key: "a", value: "1" },
    { key: "b", value: "2" },
  ]);
  t.strictSame(storedTags(undefined), []);
  t.equal(refusal(() => parseTaggingHeader("a=%ZZ")).code, "InvalidArgument");
});
