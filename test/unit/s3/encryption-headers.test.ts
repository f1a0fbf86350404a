import { createHash } from "node:crypto";
import { test } from "tap";
import { HttpHeaders } from "../../../src/http/headers.ts";
import type { Bucket } from "../../../src/object/contract/object-store.ts";
import { encodeDocument } from "../../../src/s3/documents/document.ts";
import {
  type BucketEncryption,
  ENCRYPTION_DOCUMENT,
} from "../../../src/s3/documents/encryption.ts";
import {
  copySourceAccess,
  ENCRYPTION_CONTEXT_BYTES_MAX,
  type EncryptionContext,
  encryptionHeaders,
  keyName,
  readAccess,
  requestedEncryption,
  writeEncryption,
} from "../../../src/s3/encryption-headers.ts";
import { S3Error } from "../../../src/s3/s3-error.ts";

const KEY = Buffer.alloc(32, 3);
const MD5 = createHash("md5").update(KEY).digest("base64");
const SSE = "x-amz-server-side-encryption";
const CUSTOMER = {
  [`${SSE}-customer-algorithm`]: "AES256",
  [`${SSE}-customer-key`]: KEY.toString("base64"),
  [`${SSE}-customer-key-md5`]: MD5,
};

interface Connection {
  readonly secure?: boolean;
  readonly from?: string;
  readonly customerKeys?: "tls" | "local" | "any";
}

function context(
  headers: Readonly<Record<string, string>>,
  { secure = true, from = "10.0.0.9", customerKeys = "local" }: Connection = {},
): EncryptionContext {
  const facts = {
    headers: new HttpHeaders(Object.entries(headers).flat()),
    request: { secure, remoteAddress: from },
    options: { customerKeys, automaticEncryption: undefined },
  };
  // What else a request has is not looked at.
  return facts as unknown as EncryptionContext;
}

function bucketWith(encryption: BucketEncryption | undefined): Bucket {
  const documents =
    encryption === undefined ? {} : { [ENCRYPTION_DOCUMENT]: encodeDocument(encryption) };
  return { name: "b", documents, versioning: "unversioned" } as unknown as Bucket;
}

/** Of the S3Error that an action throws. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof S3Error) return error.code;
    throw error;
  }
  return "no refusal";
}

test("requestedEncryption: each mode by its headers", async (t) => {
  t.equal(requestedEncryption(context({})), undefined);
  t.same(requestedEncryption(context({ [SSE]: "AES256" })), { mode: "managed" });
  t.same(requestedEncryption(context({ [SSE]: "aws:kms" })), { mode: "kms" });
  const json = Buffer.from('{"b":"2","a":"1"}').toString("base64");
  const kms = {
    [SSE]: "aws:kms",
    [`${SSE}-aws-kms-key-id`]: "arn:aws:kms:photos",
    [`${SSE}-context`]: json,
    [`${SSE}-bucket-key-enabled`]: "true",
  };
  const asked = requestedEncryption(context(kms));
  t.same(asked, { mode: "kms", keyId: "photos", context: '{"a":"1","b":"2"}' });
  t.same(requestedEncryption(context(CUSTOMER)), { mode: "customer", key: KEY });
});

test("requestedEncryption: what contradicts itself is InvalidArgument", async (t) => {
  const id = { [`${SSE}-aws-kms-key-id`]: "photos" };
  const wrong: ReadonlyArray<Readonly<Record<string, string>>> = [
    id,
    { [`${SSE}-context`]: "e30=" },
    { ...id, [SSE]: "AES256" },
    { ...CUSTOMER, [SSE]: "AES256" },
    { ...CUSTOMER, [SSE]: "aws:kms" },
    { ...CUSTOMER, ...id },
    { [SSE]: "aes:kms" },
    { [SSE]: "" },
    { [SSE]: "aws:kms", [`${SSE}-aws-kms-key-id`]: "" },
    { [SSE]: "aws:kms", [`${SSE}-bucket-key-enabled`]: "yes" },
  ];
  for (const headers of wrong) {
    const code = refusal(() => requestedEncryption(context(headers)));
    t.equal(code, "InvalidArgument", JSON.stringify(Object.keys(headers)));
  }
  const dsse = refusal(() => requestedEncryption(context({ [SSE]: "aws:kms:dsse" })));
  t.equal(dsse, "NotImplemented");
});

test("requestedEncryption: a context is base64 of a JSON object of texts, of bounded length", async (t) => {
  const of = (text: string) =>
    context({ [SSE]: "aws:kms", [`${SSE}-context`]: Buffer.from(text).toString("base64") });
  for (const text of ["", "x", "[]", "null", "1", '{"a":1}', '{"a":{}}', '{"a":null}']) {
    t.equal(
      refusal(() => requestedEncryption(of(text))),
      "InvalidArgument",
      text,
    );
  }
  const longest = `{"a":"${"x".repeat(ENCRYPTION_CONTEXT_BYTES_MAX - 8)}"}`;
  t.same(requestedEncryption(of(longest)), { mode: "kms", context: longest });
  t.equal(
    refusal(() => requestedEncryption(of(`${longest} `))),
    "InvalidArgument",
  );
  t.same(requestedEncryption(of("{}")), { mode: "kms", context: "" });
});

test("readAccess: a customer's key is whole and the one that was meant", async (t) => {
  t.same(readAccess(context(CUSTOMER)), { customerKey: KEY });
  t.same(readAccess(context({})), {});
  const without = (name: string) => {
    const left = `${SSE}-customer-${name}`;
    return Object.fromEntries(Object.entries(CUSTOMER).filter(([header]) => header !== left));
  };
  const short = Buffer.alloc(31, 3).toString("base64");
  const wrong: ReadonlyArray<readonly [string, Readonly<Record<string, string>>]> = [
    ["no algorithm", without("algorithm")],
    ["no key", without("key")],
    ["no MD5", without("key-md5")],
    ["short", { ...CUSTOMER, [`${SSE}-customer-key`]: short }],
    ["no base64", { ...CUSTOMER, [`${SSE}-customer-key`]: "?" }],
    ["another MD5", { ...CUSTOMER, [`${SSE}-customer-key-md5`]: "AAAAAAAAAAAAAAAAAAAAAA==" }],
    ["no MD5 at all", { ...CUSTOMER, [`${SSE}-customer-key-md5`]: "x" }],
    ["a method that belongs to writes", { [SSE]: "AES256" }],
    ["a key id that belongs to writes", { [`${SSE}-aws-kms-key-id`]: "photos" }],
  ];
  for (const [what, headers] of wrong) {
    t.equal(
      refusal(() => readAccess(context(headers))),
      "InvalidArgument",
      what,
    );
  }
  const other = { ...CUSTOMER, [`${SSE}-customer-algorithm`]: "AES192" };
  t.equal(
    refusal(() => readAccess(context(other))),
    "InvalidEncryptionAlgorithmError",
  );
});

test("readAccess: no error repeats the key", async (t) => {
  const key = KEY.toString("base64");
  const headers = { ...CUSTOMER, [`${SSE}-customer-key-md5`]: "AAAAAAAAAAAAAAAAAAAAAA==" };
  for (const connection of [{}, { secure: false }]) {
    try {
      readAccess(context(headers, connection));
      t.fail("the MD5 is another");
    } catch (error) {
      t.notOk(JSON.stringify([String(error), { ...(error as object) }]).includes(key));
    }
  }
});

test("readAccess: keys come over TLS, from this machine, or from anywhere, as the settings say", async (t) => {
  const insecure = (from: string, customerKeys: "tls" | "local" | "any") =>
    refusal(() => readAccess(context(CUSTOMER, { secure: false, from, customerKeys })));
  t.equal(insecure("10.0.0.9", "local"), "InvalidRequest");
  t.equal(insecure("10.0.0.9", "tls"), "InvalidRequest");
  t.equal(insecure("10.0.0.9", "any"), "no refusal");
  for (const loopback of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) {
    t.equal(insecure(loopback, "local"), "no refusal", loopback);
    t.equal(insecure(loopback, "tls"), "InvalidRequest", loopback);
  }
  for (const other of ["::ffff:10.0.0.1", "2001:db8::1", "1270.0.0.1", ""]) {
    t.equal(insecure(other, "local"), "InvalidRequest", other);
  }
});

test("copySourceAccess: has headers of its own", async (t) => {
  t.same(copySourceAccess(context(CUSTOMER)), {});
  const source = Object.fromEntries(
    Object.entries(CUSTOMER).map(([name, value]) => [
      name.replace("x-amz-", "x-amz-copy-source-"),
      value,
    ]),
  );
  t.same(copySourceAccess(context(source)), { customerKey: KEY });
  t.same(readAccess(context(source)), {});
});

test("writeEncryption: the request, else the bucket, else the settings", async (t) => {
  const managed = bucketWith({ algorithm: "AES256" });
  const kms = bucketWith({ algorithm: "aws:kms", keyId: "arn:aws:kms:us-east-1:1:key/photos" });
  t.equal(writeEncryption(context({}), bucketWith(undefined)), undefined);
  t.same(writeEncryption(context({}), managed), { mode: "managed" });
  t.same(writeEncryption(context({}), kms), { mode: "kms", keyId: "photos" });
  t.same(writeEncryption(context({ [SSE]: "AES256" }), kms), { mode: "managed" });
  const automatic = context({});
  const options = { ...automatic.options, automaticEncryption: { mode: "kms" } as const };
  t.same(writeEncryption({ ...automatic, options }, bucketWith(undefined)), { mode: "kms" });
  t.same(writeEncryption({ ...automatic, options }, managed), { mode: "managed" });
  const blocking = bucketWith({ algorithm: "AES256", blocked: ["SSE-C"] });
  t.equal(
    refusal(() => writeEncryption(context(CUSTOMER), blocking)),
    "AccessDenied",
  );
  t.same(writeEncryption(context({}), blocking), { mode: "managed" });
});

test("encryptionHeaders: say how an object is encrypted, and no more", async (t) => {
  t.same(encryptionHeaders(undefined, context(CUSTOMER)), []);
  t.same(encryptionHeaders({ mode: "managed" }, context({})), [[SSE, "AES256"]]);
  const facts = { mode: "kms", keyId: "photos", context: '{"a":"1"}' } as const;
  t.same(encryptionHeaders(facts, context({})), [
    [SSE, "aws:kms"],
    [`${SSE}-aws-kms-key-id`, "photos"],
    [`${SSE}-context`, Buffer.from('{"a":"1"}').toString("base64")],
  ]);
  t.same(encryptionHeaders({ mode: "customer" }, context(CUSTOMER)), [
    [`${SSE}-customer-algorithm`, "AES256"],
    [`${SSE}-customer-key-MD5`, MD5],
  ]);
});

test("keyName: of a name, of MinIO's and of AWS's way to write it", async (t) => {
  t.equal(keyName("photos"), "photos");
  t.equal(keyName("arn:aws:kms:photos"), "photos");
  t.equal(keyName("arn:aws:kms:eu-west-1:123456789012:key/photos"), "photos");
});
