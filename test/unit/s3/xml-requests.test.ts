import fc from "fast-check";
import { test } from "tap";
import { escapeXml } from "../../../src/s3/xml.ts";
import {
  DELETE_ENTRIES_MAX,
  PARTS_MAX,
  parseCompleteUpload,
  parseCreateBucket,
  parseDeleteObjects,
  parseVersioning,
} from "../../../src/s3/xml-requests.ts";
import { refusal } from "./refusal.ts";

const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

function bytes(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

test("parseCreateBucket: with and without a location", async (t) => {
  const read = (inner: string) =>
    parseCreateBucket(
      bytes(`<CreateBucketConfiguration ${NAMESPACE}>${inner}</CreateBucketConfiguration>`),
    );
  t.equal(read("").locationConstraint, undefined);
  t.equal(read("<LocationConstraint/>").locationConstraint, undefined);
  t.equal(
    read("<LocationConstraint>eu-west-1</LocationConstraint>").locationConstraint,
    "eu-west-1",
  );
  const location = "<LocationConstraint>a</LocationConstraint>";
  t.equal(refusal(() => read(location + location)).code, "MalformedXML");
  t.equal(refusal(() => read("<Other/>")).code, "MalformedXML");
  t.equal(refusal(() => read("text")).code, "MalformedXML");
  t.equal(refusal(() => read("<Bucket/>")).code, "NotImplemented");
  t.equal(refusal(() => parseCreateBucket(bytes("<Delete/>"))).code, "MalformedXML");
});

test("parseCreateBucket: tags as in a document of their own", async (t) => {
  const read = (inner: string) =>
    parseCreateBucket(
      bytes(`<CreateBucketConfiguration><Tags>${inner}</Tags></CreateBucketConfiguration>`),
    ).tags;
  const tag = "<Tag><Key>k</Key><Value>v</Value></Tag>";
  t.strictSame(read(""), []);
  t.strictSame(read(tag), [{ key: "k", value: "v" }]);
  t.equal(refusal(() => read(tag + tag)).code, "InvalidTag");
  t.equal(refusal(() => read("<Tag><Key>k</Key></Tag>")).code, "MalformedXML");
  t.equal(refusal(() => read("<Other/>")).code, "MalformedXML");
});

test("parseVersioning: a status is needed, MFA is not there", async (t) => {
  const read = (inner: string) =>
    parseVersioning(bytes(`<VersioningConfiguration>${inner}</VersioningConfiguration>`));
  t.equal(read("<Status>Enabled</Status>").status, "enabled");
  t.equal(read("<Status>Suspended</Status><MfaDelete>Disabled</MfaDelete>").status, "suspended");
  t.equal(read("<Status>Enabled</Status><ExcludeFolders>false</ExcludeFolders>").status, "enabled");
  for (const [inner, code] of [
    ["", "IllegalVersioningConfigurationException"],
    ["<Status>enabled</Status>", "IllegalVersioningConfigurationException"],
    ["<Status/>", "IllegalVersioningConfigurationException"],
    ["<Status>Enabled</Status><Status>Enabled</Status>", "MalformedXML"],
    ["<Status><A/>Enabled</Status>", "MalformedXML"],
    ["<Status>Enabled</Status><Other/>", "MalformedXML"],
    ["<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>", "NotImplemented"],
    ["<Status>Enabled</Status><ExcludeFolders>true</ExcludeFolders>", "NotImplemented"],
    ["<Status>Enabled</Status><ExcludedPrefixes/>", "NotImplemented"],
  ] as const) {
    t.equal(refusal(() => read(inner)).code, code, inner);
  }
});

function deletion(inner: string) {
  return parseDeleteObjects(bytes(`<Delete ${NAMESPACE}>${inner}</Delete>`));
}

test("parseDeleteObjects: keys, versions and conditions", async (t) => {
  t.strictSame(
    deletion(
      `<Quiet>true</Quiet>
       <Object><Key> a b </Key></Object>
       <Object><Key>k</Key><VersionId>v</VersionId><ETag>"e"</ETag><Size>7</Size>
         <LastModifiedTime>Thu, 01 Jan 1970 00:00:01 GMT</LastModifiedTime></Object>
       <Object><VersionId></VersionId><Key>x</Key></Object>`,
    ),
    {
      entries: [
        { key: " a b " },
        { key: "k", versionId: "v", etag: "e", lastModifiedMs: 1000, bytes: 7 },
        { key: "x" },
      ],
      quiet: true,
    },
  );
  t.equal(deletion("<Object><Key>k</Key></Object>").quiet, false);
});

for (const [title, inner, code] of [
  ["no object", "<Quiet>true</Quiet>", "MalformedXML"],
  [
    "too many objects",
    "<Object><Key>k</Key></Object>".repeat(DELETE_ENTRIES_MAX + 1),
    "MalformedXML",
  ],
  ["an object without a key", "<Object><VersionId>v</VersionId></Object>", "MalformedXML"],
  ["an empty key", "<Object><Key></Key></Object>", "MalformedXML"],
  ["two keys", "<Object><Key>a</Key><Key>b</Key></Object>", "MalformedXML"],
  ["an element in a key", "<Object><Key>a<b/></Key></Object>", "MalformedXML"],
  ["an unknown element", "<Object><Key>a</Key><If>x</If></Object>", "MalformedXML"],
  ["an unknown element beside", "<Object><Key>a</Key></Object><If/>", "MalformedXML"],
  ["a strange Quiet", "<Quiet>maybe</Quiet><Object><Key>a</Key></Object>", "MalformedXML"],
  ["an empty ETag", '<Object><Key>a</Key><ETag>""</ETag></Object>', "MalformedXML"],
  ["a negative size", "<Object><Key>a</Key><Size>-1</Size></Object>", "InvalidArgument"],
  [
    "a date that is none",
    "<Object><Key>a</Key><LastModifiedTime>x</LastModifiedTime></Object>",
    "InvalidArgument",
  ],
  ["a long key", `<Object><Key>${"k".repeat(1025)}</Key></Object>`, "KeyTooLongError"],
] as const) {
  test(`parseDeleteObjects: refuses ${title}`, async (t) => {
    t.equal(refusal(() => deletion(inner)).code, code);
  });
}

test("parseDeleteObjects: a key comes back as it was escaped, a full batch is read", async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }), (key) => {
      t.equal(deletion(`<Object><Key>${escapeXml(key)}</Key></Object>`).entries[0]?.key, key);
    }),
  );
  const full = "<Object><Key>k</Key></Object>".repeat(DELETE_ENTRIES_MAX);
  t.equal(deletion(full).entries.length, DELETE_ENTRIES_MAX);
});

function completion(inner: string) {
  const text = `<CompleteMultipartUpload ${NAMESPACE}>${inner}</CompleteMultipartUpload>`;
  return parseCompleteUpload(bytes(text));
}

test("parseCompleteUpload: numbers, tags and checksums in the order given", async (t) => {
  t.strictSame(
    await completion(
      `<Part><ETag>&quot;b&quot;</ETag><PartNumber>2</PartNumber></Part>
       <Part><PartNumber>1</PartNumber><ETag>a</ETag><ChecksumCRC32>AAAAAQ==</ChecksumCRC32></Part>`,
    ),
    [
      { number: 2, etag: "b" },
      { number: 1, etag: "a", checksum: { algorithm: "crc32", value: Buffer.from([0, 0, 0, 1]) } },
    ],
  );
  const full = "<Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>".repeat(PARTS_MAX);
  t.equal((await completion(full)).length, PARTS_MAX);
  await t.rejects(completion(`${full}<Part/>`), { code: "MalformedXML" });
});

test("parseCompleteUpload: others get their turn while many parts are read", async (t) => {
  let turns = 0;
  let reading = true;
  const countTurn = () => {
    turns++;
    if (reading) setImmediate(countTurn);
  };
  setImmediate(countTurn);
  await completion("<Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>".repeat(2000));
  reading = false;
  t.ok(turns >= 7, `${turns} turns`);
});

for (const [title, inner, code] of [
  ["no part", "", "MalformedXML"],
  ["a part without a number", "<Part><ETag>a</ETag></Part>", "MalformedXML"],
  ["a part without a tag", "<Part><PartNumber>1</PartNumber></Part>", "MalformedXML"],
  ["an empty tag", "<Part><PartNumber>1</PartNumber><ETag/></Part>", "MalformedXML"],
  ["a number in words", "<Part><PartNumber>one</PartNumber><ETag>a</ETag></Part>", "MalformedXML"],
  ["a negative number", "<Part><PartNumber>-1</PartNumber><ETag>a</ETag></Part>", "MalformedXML"],
  ["part zero", "<Part><PartNumber>0</PartNumber><ETag>a</ETag></Part>", "InvalidArgument"],
  ["part 10001", "<Part><PartNumber>10001</PartNumber><ETag>a</ETag></Part>", "InvalidArgument"],
  [
    "a checksum that is none",
    "<Part><PartNumber>1</PartNumber><ETag>a</ETag><ChecksumSHA1>AAAA</ChecksumSHA1></Part>",
    "InvalidRequest",
  ],
  [
    "two checksums",
    "<Part><PartNumber>1</PartNumber><ETag>a</ETag><ChecksumCRC32>AAAAAQ==</ChecksumCRC32><ChecksumCRC32C>AAAAAQ==</ChecksumCRC32C></Part>",
    "InvalidRequest",
  ],
  [
    "an unknown checksum",
    "<Part><PartNumber>1</PartNumber><ETag>a</ETag><ChecksumMD4>AAAA</ChecksumMD4></Part>",
    "MalformedXML",
  ],
  [
    "two numbers",
    "<Part><PartNumber>1</PartNumber><PartNumber>1</PartNumber><ETag>a</ETag></Part>",
    "MalformedXML",
  ],
  [
    "two tags",
    "<Part><PartNumber>1</PartNumber><ETag>a</ETag><ETag>a</ETag></Part>",
    "MalformedXML",
  ],
  [
    "the same checksum twice",
    "<Part><PartNumber>1</PartNumber><ETag>a</ETag><ChecksumCRC32>AAAAAQ==</ChecksumCRC32><ChecksumCRC32>AAAAAQ==</ChecksumCRC32></Part>",
    "MalformedXML",
  ],
  ["a tag of elements", "<Part><PartNumber>1</PartNumber><ETag><A/></ETag></Part>", "MalformedXML"],
  [
    "text around the parts",
    "x<Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>",
    "MalformedXML",
  ],
  ["something else", "<Other/>", "MalformedXML"],
  ["text between", "<Part><PartNumber>1</PartNumber>x<ETag>a</ETag></Part>", "MalformedXML"],
] as const) {
  test(`parseCompleteUpload: refuses ${title}`, async (t) => {
    await t.rejects(completion(inner), { code });
  });
}
