import fc from "fast-check";
import { test } from "tap";
import { parseCopySource } from "../../../src/s3/copy-source.ts";
import { percentEncode } from "../../../src/s3/percent.ts";
import { S3Error } from "../../../src/s3/s3-error.ts";
import { refusal } from "./refusal.ts";

for (const [header, expected] of [
  ["buck/key", { bucket: "buck", key: "key" }],
  ["/buck/a/b", { bucket: "buck", key: "a/b" }],
  ["buck%2Fa%2Fb", { bucket: "buck", key: "a/b" }],
  ["/buck//a", { bucket: "buck", key: "/a" }],
  ["buck/a+b%20c", { bucket: "buck", key: "a+b c" }],
  ["buck/a?b", { bucket: "buck", key: "a?b" }],
  ["buck/a%3FversionId=x", { bucket: "buck", key: "a?versionId=x" }],
  ["buck/k?versionId=v1", { bucket: "buck", key: "k", versionId: "v1" }],
  ["buck/k?versionId=null", { bucket: "buck", key: "k", versionId: "null" }],
] as const) {
  test(`parseCopySource: ${header}`, async (t) => {
    t.strictSame(parseCopySource(header), expected);
  });
}

for (const [header, code] of [
  ["", "InvalidArgument"],
  ["/", "InvalidArgument"],
  ["buck", "InvalidArgument"],
  ["buck/", "InvalidArgument"],
  ["//key", "InvalidArgument"],
  ["buck/%zz", "InvalidArgument"],
  ["buck/%ff", "InvalidArgument"],
  ["buck/k?versionId=", "InvalidArgument"],
  ["B/key", "InvalidBucketName"],
  ["arn:aws:s3:us-east-1:1:accesspoint/x/object/k", "InvalidBucketName"],
  [`buck/${"k".repeat(1025)}`, "KeyTooLongError"],
] as const) {
  test(`parseCopySource: ${header.slice(0, 30)} is ${code}`, async (t) => {
    t.equal(refusal(() => parseCopySource(header)).code, code);
  });
}

test("parseCopySource: an encoded key comes back as it was", async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 50 }), (key) => {
      t.equal(parseCopySource(`buck/${percentEncode(key)}`).key, key);
    }),
  );
});

test("parseCopySource: throws nothing but S3Error", async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (header) => {
      try {
        parseCopySource(header);
      } catch (error) {
        t.type(error, S3Error);
      }
    }),
  );
});
