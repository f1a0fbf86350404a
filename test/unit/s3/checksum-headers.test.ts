import { createHash } from "node:crypto";
import { test } from "tap";
import { HttpHeaders } from "../../../src/http/headers.ts";
import {
  checksumHeaders,
  checksumXml,
  decodeBase64,
  parseBodyChecksum,
  parseChecksumAlgorithm,
  parseChecksumSelection,
  parseExpectedChecksum,
} from "../../../src/s3/checksum-headers.ts";
import { xmlDocument } from "../../../src/s3/xml.ts";
import { refusal } from "./refusal.ts";

function headers(...flat: string[]) {
  return new HttpHeaders(flat);
}

const SHA256 = createHash("sha256").update("x").digest("base64");

test("parseBodyChecksum: a header, a trailer, or nothing", async (t) => {
  t.strictSame(parseBodyChecksum(headers("x-amz-checksum-mode", "ENABLED")), {
    checksum: undefined,
    trailing: undefined,
  });
  t.strictSame(
    parseBodyChecksum(
      headers("x-amz-checksum-crc32", "AAAAAQ==", "x-amz-sdk-checksum-algorithm", "CRC32"),
    ),
    { checksum: { algorithm: "crc32", value: Buffer.from([0, 0, 0, 1]) }, trailing: undefined },
  );
  t.strictSame(
    parseBodyChecksum(
      headers("x-amz-trailer", "x-amz-checksum-SHA256", "x-amz-sdk-checksum-algorithm", "sha256"),
    ),
    { checksum: undefined, trailing: "sha256" },
  );
});

for (const [title, flat] of [
  ["two checksums", ["x-amz-checksum-crc32", "AAAAAQ==", "x-amz-checksum-sha256", SHA256]],
  ["one checksum twice", ["x-amz-checksum-crc32", "AAAAAQ==", "x-amz-checksum-crc32", "AAAAAQ=="]],
  [
    "a header and a trailer",
    ["x-amz-checksum-crc32", "AAAAAQ==", "x-amz-trailer", "x-amz-checksum-crc32"],
  ],
  ["an unknown algorithm", ["x-amz-checksum-crc16", "AAAAAQ=="]],
  ["an algorithm from the prototype", ["x-amz-checksum-constructor", "AAAAAQ=="]],
  ["an unknown trailer", ["x-amz-trailer", "x-amz-meta-a"]],
  ["two trailers", ["x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-sha1"]],
  ["an empty trailer", ["x-amz-trailer", ""]],
  ["an announcement without a checksum", ["x-amz-sdk-checksum-algorithm", "CRC32"]],
  [
    "an announcement of another checksum",
    ["x-amz-sdk-checksum-algorithm", "CRC32C", "x-amz-checksum-crc32", "AAAAAQ=="],
  ],
  ["an unknown announcement", ["x-amz-sdk-checksum-algorithm", "MD5"]],
] as const) {
  test(`parseBodyChecksum: refuses ${title}`, async (t) => {
    t.match(
      refusal(() => parseBodyChecksum(headers(...flat))),
      { code: "InvalidRequest" },
    );
  });
}

for (const [title, text] of [
  ["too few bytes", "AAAA"],
  ["too many bytes", "AAAAAAA="],
  ["no base64", "AA*AAA=="],
  ["base64 with stray bits", "AAAAAR=="],
  ["url base64", "__-_Aw=="],
  ["nothing", ""],
] as const) {
  test(`parseBodyChecksum: ${title} is a wrong digest`, async (t) => {
    t.match(
      refusal(() => parseBodyChecksum(headers("x-amz-checksum-crc32", text))),
      { code: "BadDigest" },
    );
  });
}

test("parseChecksumSelection: which types each algorithm has", async (t) => {
  const select = (algorithm?: string, type?: string) =>
    parseChecksumSelection(
      headers(
        ...(algorithm === undefined ? [] : ["x-amz-checksum-algorithm", algorithm]),
        ...(type === undefined ? [] : ["x-amz-checksum-type", type]),
      ),
    );
  t.equal(select(), undefined);
  t.strictSame(select("CRC32"), { algorithm: "crc32", type: "COMPOSITE" });
  t.strictSame(select("crc32c", "FULL_OBJECT"), { algorithm: "crc32c", type: "FULL_OBJECT" });
  t.strictSame(select("CRC64NVME"), { algorithm: "crc64nvme", type: "FULL_OBJECT" });
  t.strictSame(select("SHA256"), { algorithm: "sha256", type: "COMPOSITE" });
  t.strictSame(select("XXHASH128"), { algorithm: "xxhash128", type: "COMPOSITE" });
  t.strictSame(select("MD5"), { algorithm: "md5", type: "COMPOSITE" });
  for (const [algorithm, type] of [
    ["SHA1", "FULL_OBJECT"],
    ["SHA256", "FULL_OBJECT"],
    ["CRC64NVME", "COMPOSITE"],
    ["CRC32", "WHOLE"],
    ["XXHASH3", "FULL_OBJECT"],
    ["MD4", undefined],
    ["", undefined],
    [undefined, "COMPOSITE"],
  ] as const) {
    t.match(
      refusal(() => select(algorithm, type)),
      { code: "InvalidRequest" },
      `${algorithm} ${type}`,
    );
  }
});

test("parseExpectedChecksum: a plain value or one of N parts", async (t) => {
  t.strictSame(parseExpectedChecksum(headers()), {});
  t.strictSame(
    parseExpectedChecksum(
      headers("x-amz-checksum-sha256", `${SHA256}-3`, "x-amz-checksum-type", "COMPOSITE"),
    ),
    { checksum: { algorithm: "sha256", text: `${SHA256}-3` }, checksumType: "COMPOSITE" },
  );
  for (const text of ["", "x", `${SHA256}-`, `${SHA256}-x`, `${SHA256}-123456`, `-${SHA256}`]) {
    t.match(
      refusal(() => parseExpectedChecksum(headers("x-amz-checksum-sha256", text))),
      { code: "BadDigest" },
      text,
    );
  }
});

test("checksum answers: header and elements", async (t) => {
  const checksum = { algorithm: "crc64nvme", type: "FULL_OBJECT", text: "AAAAAAAAAAA=" } as const;
  t.strictSame(checksumHeaders(checksum), [
    ["x-amz-checksum-crc64nvme", "AAAAAAAAAAA="],
    ["x-amz-checksum-type", "FULL_OBJECT"],
  ]);
  t.match(
    xmlDocument("R", (xml) => checksumXml(xml, checksum)),
    "<ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType>",
  );
  t.equal(parseChecksumAlgorithm(undefined), undefined);
  t.equal(decodeBase64("AAAA", 3)?.length, 3);
});
