import fc from "fast-check";
import { test } from "tap";
import { PATH_LENGTH_MAX, parseAddress } from "../../../src/s3/address.ts";
import { isBucketName, isCreatableBucketName } from "../../../src/s3/bucket-name.ts";
import { KEY_BYTES_MAX } from "../../../src/s3/object-key.ts";
import { percentDecode, percentDecodeBytes, percentEncode } from "../../../src/s3/percent.ts";
import { S3Error } from "../../../src/s3/s3-error.ts";

const DOMAINS = ["s3.example.com", "other.test"];

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return error instanceof S3Error ? error.code : `not an S3Error: ${String(error)}`;
  }
  return "no error";
}

test("parseAddress: path style", async (t) => {
  t.strictSame(parseAddress("h", "/", []), { kind: "service" });
  t.strictSame(parseAddress("h", "//", []), { kind: "service" });
  t.strictSame(parseAddress("h", "/buck", []), { kind: "bucket", bucket: "buck" });
  t.strictSame(parseAddress("h", "/buck/", []), { kind: "bucket", bucket: "buck" });
  const keys = ["a", "a/b/", "/lead", "..", "a//b", "a/../b", "a+b", "ü%", "a b", "\u0000", "a\\b"];
  for (const key of keys) {
    t.strictSame(parseAddress("h", `/buck/${percentEncode(key, true)}`, []), {
      kind: "object",
      bucket: "buck",
      key,
    });
  }
  t.match(parseAddress("h", "/buck/a+b", []), { key: "a+b" });
  t.match(parseAddress("h", "/buck/a%2Fb", []), { key: "a/b" });
});

test("parseAddress: host style, port and case of the host do not matter", async (t) => {
  for (const host of ["buck.s3.example.com", "BUCK.S3.Example.com:9000", "buck.other.test"]) {
    t.strictSame(parseAddress(host, "/buck/k", DOMAINS), {
      kind: "object",
      bucket: "buck",
      key: "buck/k",
    });
    t.strictSame(parseAddress(host, "/", DOMAINS), { kind: "bucket", bucket: "buck" });
  }
  t.match(parseAddress("a.b.s3.example.com", "/k", DOMAINS), { bucket: "a.b" });
  t.match(parseAddress("buck.s3.example.com", "//k", DOMAINS), { key: "/k" });
});

test("parseAddress: the domain itself and foreign hosts mean path style", async (t) => {
  const hosts = ["s3.example.com", "xs3.example.com", "10.0.0.1:9000", "[::1]:9000", "", undefined];
  for (const host of hosts) {
    t.strictSame(parseAddress(host, "/buck", DOMAINS), { kind: "bucket", bucket: "buck" });
  }
});

for (const [rawPath, code] of [
  ["/buck/%", "InvalidURI"],
  ["/buck/%f", "InvalidURI"],
  ["/buck/%zz", "InvalidURI"],
  ["/buck/%ff", "InvalidURI"],
  ["/buck/%c3%28", "InvalidURI"],
  ["/buck/%ed%a0%80", "InvalidURI"],
  ["/buck/raw\ufffd", "InvalidURI"],
  ["buck/key", "InvalidURI"],
  ["", "InvalidURI"],
  ["*", "InvalidURI"],
  [`/buck/${"%61".repeat(PATH_LENGTH_MAX / 3)}`, "InvalidURI"],
  [`/buck/${"k".repeat(KEY_BYTES_MAX + 1)}`, "KeyTooLongError"],
  [`/buck/${percentEncode("ü".repeat(513))}`, "KeyTooLongError"],
  ["///", "InvalidBucketName"],
  ["/B/key", "InvalidBucketName"],
  ["/../etc", "InvalidBucketName"],
  ["/minio/admin", "InvalidBucketName"],
  ["/.minio.sys/x", "InvalidBucketName"],
  ["/buck%2Fkey", "no error"],
  [`/buck/${"k".repeat(KEY_BYTES_MAX)}`, "no error"],
  [`/buck/${percentEncode("ü".repeat(512))}`, "no error"],
] as const) {
  test(`parseAddress: ${rawPath.slice(0, 40)} is ${code}`, async (t) => {
    t.equal(
      codeOf(() => parseAddress("h", rawPath, [])),
      code,
    );
  });
}

test("isBucketName: AWS's rules", async (t) => {
  for (const name of ["abc", "a-b", "a.b", "1-2", "a--b", "a".repeat(63), "1.2.3", "1.2.3.4.5"]) {
    t.ok(isBucketName(name), name);
  }
  for (const name of [
    "",
    "ab",
    "a".repeat(64),
    "Abc",
    "a_b",
    "-ab",
    "ab-",
    ".ab",
    "ab.",
    "a..b",
    "a.-b",
    "a-.b",
    "192.168.5.4",
    "ab c",
    "abü",
    "abc\n",
    "minio",
    "__proto__",
  ]) {
    t.notOk(isBucketName(name), name);
  }
  for (const name of ["xn--abc", "sthree-abc", "abc-s3alias", "abc--ol-s3", "abc--x-s3"]) {
    t.ok(isBucketName(name), name);
    t.notOk(isCreatableBucketName(name), name);
  }
});

test("percent: encoding is undone by decoding, and bytes need not be text", async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      t.equal(percentDecode(percentEncode(text), "literal"), text);
      t.equal(percentDecode(percentEncode(text), "space"), text);
      t.match(percentEncode(text, true), /^(?:[A-Za-z0-9\-._~/]|%[0-9A-F]{2})*$/);
    }),
  );
  t.strictSame(percentDecodeBytes("%fF+%00a", "space"), Buffer.from([0xff, 0x20, 0, 0x61]));
  t.equal(percentDecodeBytes("%f", "literal"), undefined);
  t.equal(percentDecodeBytes("a%", "literal"), undefined);
});

test("parseAddress: throws nothing but S3Error, whatever comes", async (t) => {
  const part = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("/", "%", "%2F", "..", "%ff"),
  );
  fc.assert(
    fc.property(fc.array(part), fc.string(), (parts, host) => {
      t.notMatch(
        codeOf(() => parseAddress(host, `/${parts.join("")}`, DOMAINS)),
        /^not an/,
      );
    }),
  );
});
