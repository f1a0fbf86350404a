import { test } from "tap";
import { HttpHeaders } from "../../../src/http/headers.ts";
import {
  encodeHeaderValue,
  parseStorageClass,
  parseStoredHeaders,
  responseMetadataHeaders,
  responseOverrides,
  STORED_HEADERS_BYTES_MAX,
  USER_METADATA_BYTES_MAX,
} from "../../../src/s3/metadata-headers.ts";
import { QueryParameters } from "../../../src/s3/query.ts";
import { refusal } from "./refusal.ts";

function stored(...flat: string[]) {
  return parseStoredHeaders(new HttpHeaders(flat));
}

test("parseStoredHeaders: keeps the known headers and user metadata, nothing else", async (t) => {
  t.strictSame(
    stored(
      "content-type",
      "text/plain",
      "cache-control",
      "no-cache",
      "expires",
      "never",
      "x-amz-meta-a",
      "1",
      "x-amz-meta-a",
      "2",
      "x-amz-meta-__proto__",
      "3",
      "x-amz-tagging",
      "k=v",
      "x-amz-website-redirect-location",
      "/x",
      "authorization",
      "secret",
      "x-minio-internal-x",
      "no",
      "x-amz-acl",
      "private",
      "__proto__",
      "no",
      "constructor",
      "no",
      "content-language",
      "",
    ),
    {
      headers: {
        "content-type": "text/plain",
        "cache-control": "no-cache",
        expires: "never",
        "x-amz-meta-a": "1,2",
        "x-amz-meta-__proto__": "3",
        "x-amz-website-redirect-location": "/x",
      },
      storageClass: "STANDARD",
    },
  );
});

test("parseStoredHeaders: aws-chunked is not stored as an encoding", async (t) => {
  for (const [sent, kept] of [
    ["aws-chunked", undefined],
    ["aws-chunked,gzip", "gzip"],
    ["gzip, AWS-Chunked", "gzip"],
    ["gzip,aws-chunked,br", "gzip, br"],
    ["aws-chunked,", undefined],
    ["gzip", "gzip"],
  ] as const) {
    t.equal(stored("content-encoding", sent).headers["content-encoding"], kept, sent);
  }
});

test("parseStoredHeaders: user metadata has a limit in UTF-8 bytes", async (t) => {
  const most = "ü".repeat((USER_METADATA_BYTES_MAX - 2) / 2);
  t.equal(stored("x-amz-meta-ab", most).headers["x-amz-meta-ab"], most);
  t.match(
    refusal(() => stored("x-amz-meta-ab", `${most}x`)),
    {
      code: "MetadataTooLarge",
      details: [
        ["Size", USER_METADATA_BYTES_MAX + 1],
        ["MaxSizeAllowed", USER_METADATA_BYTES_MAX],
      ],
    },
  );
  t.match(
    refusal(() => stored("cache-control", "x".repeat(STORED_HEADERS_BYTES_MAX))),
    { code: "MetadataTooLarge" },
  );
});

test("parseStoredHeaders: what came as something else than UTF-8 is refused", async (t) => {
  t.match(
    refusal(() => stored("x-amz-meta-a", "gr\ufffdn")),
    { code: "InvalidArgument" },
  );
  t.strictSame(stored("user-agent", "gr\ufffdn").headers, {});
});

test("parseStorageClass: two classes, nothing else", async (t) => {
  t.equal(parseStorageClass(undefined), undefined);
  t.equal(stored("x-amz-storage-class", "REDUCED_REDUNDANCY").storageClass, "REDUCED_REDUNDANCY");
  for (const name of ["", "standard", "GLACIER", "STANDARD_IA", "__proto__"]) {
    t.match(
      refusal(() => parseStorageClass(name)),
      { code: "InvalidStorageClass" },
    );
  }
});

test("encodeHeaderValue: what is not printable ASCII becomes encoded words", async (t) => {
  t.equal(encodeHeaderValue("plain text; ~"), "plain text; ~");
  // The example of AWS's user guide.
  t.equal(encodeHeaderValue("ÄMÄZÕÑ S3"), "=?UTF-8?B?w4RNw4Raw5XDkSBTMw==?=");
  t.equal(encodeHeaderValue("a\tb"), "=?UTF-8?B?YQli?=");
  const long = "日本語😀".repeat(20);
  const words = encodeHeaderValue(long).split(" ");
  t.ok(words.length > 1);
  t.ok(words.every((word) => word.length <= 75));
  const decoded = words.map((word) => Buffer.from(word.slice(10, -2), "base64").toString("utf8"));
  t.equal(decoded.join(""), long);
});

test("responseMetadataHeaders: gives back what was stored, with a default type", async (t) => {
  const none = QueryParameters.empty;
  t.strictSame(responseMetadataHeaders({}, none), [["Content-Type", "binary/octet-stream"]]);
  t.strictSame(
    responseMetadataHeaders(
      { "content-type": "a/b", "x-amz-meta-k": "ü", "x-amz-tagging": "a=1&b=2" },
      none,
    ),
    [
      ["Content-Type", "a/b"],
      ["x-amz-meta-k", "=?UTF-8?B?w7w=?="],
      ["x-amz-tagging-count", "2"],
    ],
  );
  const query = QueryParameters.parse("response-content-type=x&response-expires=y");
  t.strictSame(responseMetadataHeaders({ expires: "z" }, query), []);
});

test("responseOverrides: only for signed requests, without line breaks", async (t) => {
  const query = QueryParameters.parse(
    "response-content-type=text%2Fhtml&response-content-disposition=attachment&prefix=a&response-content-type=b&__proto__=c",
  );
  t.strictSame(responseOverrides(query, true), [
    ["Content-Type", "text/html"],
    ["Content-Disposition", "attachment"],
  ]);
  t.match(
    refusal(() => responseOverrides(query, false)),
    { code: "InvalidRequest" },
  );
  t.strictSame(responseOverrides(QueryParameters.parse("prefix=a"), false), []);
  for (const value of ["a%0d%0aSet-Cookie:x", "%00", "a%0ab", "%7f"]) {
    const evil = QueryParameters.parse(`response-content-type=${value}`);
    t.match(
      refusal(() => responseOverrides(evil, true)),
      { code: "InvalidArgument" },
      value,
    );
  }
});
