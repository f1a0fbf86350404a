/** Signature Version 2 against AWS's published examples, and against what it does not cover. */
import { createHmac } from "node:crypto";
import { test } from "tap";
import { SUBRESOURCES } from "../../../../src/s3/detect.ts";
import { refusal } from "../refusal.ts";
import { authenticator, EXAMPLE, EXAMPLE_TIME_MS, request } from "./signed-requests.ts";

const DOMAINS = { domains: ["s3.amazonaws.com"] };
const HOST = "johnsmith.s3.amazonaws.com";
const at = (date: string) => authenticator({ versionTwo: DOMAINS, nowMs: Date.parse(date) });

/** "Signing and Authenticating REST Requests", S3 developer guide, 2006-03-01. */
for (const [title, line, headers, signature] of [
  [
    "Object GET",
    "GET /photos/puppy.jpg",
    { Host: HOST, Date: "Tue, 27 Mar 2007 19:36:42 +0000" },
    "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
  ],
  [
    "Object PUT",
    "PUT /photos/puppy.jpg",
    {
      Host: HOST,
      Date: "Tue, 27 Mar 2007 21:15:45 +0000",
      "Content-Type": "image/jpeg",
      "Content-Length": "94328",
    },
    "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
  ],
  [
    "List",
    "GET /?prefix=photos&max-keys=50&marker=puppy",
    { Host: HOST, Date: "Tue, 27 Mar 2007 19:42:41 +0000", "User-Agent": "Mozilla/5.0" },
    "htDYFYduRNen8P9ZfE/s9SuKy0U=",
  ],
  [
    "Fetch",
    "GET /?acl",
    { Host: HOST, Date: "Tue, 27 Mar 2007 19:44:46 +0000" },
    "c2WLPFtWHVgbEmeEG93a4cG37dM=",
  ],
  [
    "Upload",
    "PUT /static.johnsmith.net/db-backup.dat.gz",
    {
      Host: "s3.amazonaws.com",
      Date: "Tue, 27 Mar 2007 21:06:08 +0000",
      "x-amz-acl": "public-read",
      "content-type": "application/x-download",
      "Content-MD5": "4gJE4saaMU4BqNR0kLY+lw==",
      "X-Amz-Meta-ReviewedBy": ["joe@johnsmith.net", "jane@johnsmith.net"],
      "X-Amz-Meta-FileChecksum": "0x02661779",
      "X-Amz-Meta-ChecksumAlgorithm": "crc32",
    },
    "ilyl83RwaSoYIEdixDQcA4OnAnc=",
  ],
  [
    "List all my buckets",
    "GET /",
    { Host: "s3.amazonaws.com", Date: "Wed, 28 Mar 2007 01:29:59 +0000" },
    "qGdzdERIC03wnaRNKh6OqZehG9s=",
  ],
  [
    "Unicode keys",
    "GET /dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
    { Host: "s3.amazonaws.com", Date: "Wed, 28 Mar 2007 01:49:49 +0000" },
    "DNEZGsoieTZ92F3bUfSPQcbGmlM=",
  ],
] as const) {
  test(`Authenticator: AWS's example ${title} is signed`, async (t) => {
    const authorization = `AWS ${EXAMPLE.accessKey}:${signature}`;
    const signed = request(line, { ...headers, Authorization: authorization });
    t.match(at(headers.Date).authenticate(signed), {
      kind: "signed",
      via: "header",
      signatureVersion: 2,
      identity: "example",
      payload: { kind: "unsigned" },
    });
    const other = request(line.replace(/^\w+/, "DELETE"), {
      ...headers,
      Authorization: authorization,
    });
    t.match(
      refusal(() => at(headers.Date).authenticate(other)),
      { code: "SignatureDoesNotMatch" },
    );
  });
}

const EXPIRES_MS = 1_175_139_620_000;
const PRESIGNED = `GET /photos/puppy.jpg?AWSAccessKeyId=${EXAMPLE.accessKey}&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620`;

test("Authenticator: AWS's example of a presigned URL is signed until it expires", async (t) => {
  const presigned = request(PRESIGNED, { Host: HOST });
  const before = authenticator({ versionTwo: DOMAINS, nowMs: EXPIRES_MS });
  t.match(before.authenticate(presigned), { kind: "signed", via: "query", signatureVersion: 2 });
  const after = authenticator({ versionTwo: DOMAINS, nowMs: EXPIRES_MS + 1 });
  t.match(
    refusal(() => after.authenticate(presigned)),
    { code: "AccessDenied" },
  );
});

test("Authenticator: who holds such a URL cannot make another operation of it", async (t) => {
  const valid = authenticator({ versionTwo: DOMAINS, nowMs: EXPIRES_MS });
  const additions = [
    ...SUBRESOURCES,
    "versionId=x",
    "partNumber=1",
    "uploadId=u",
    "response-content-type=text%2Fhtml",
    "x-amz-acl=public-read",
    "X-Amz-Tagging=a%3Db",
    "x-amz-security-token=t",
  ];
  for (const addition of additions) {
    const changed = request(`${PRESIGNED}&${addition}`, { Host: HOST });
    t.match(
      refusal(() => valid.authenticate(changed)),
      { code: addition.startsWith("x-amz-security") ? /./ : "SignatureDoesNotMatch" },
      addition,
    );
  }
  for (const name of ["x-amz-copy-source", "x-minio-force-delete", "x-minio-extract"]) {
    const changed = request(PRESIGNED, { Host: HOST, [name]: "true" });
    const code = name.startsWith("x-minio") ? "AccessDenied" : "SignatureDoesNotMatch";
    t.match(
      refusal(() => valid.authenticate(changed)),
      { code },
      name,
    );
  }
  const moved = request(PRESIGNED, { Host: "other.s3.amazonaws.com" });
  t.match(
    refusal(() => valid.authenticate(moved)),
    { code: "SignatureDoesNotMatch" },
  );
});

function presign(text: string, line: string, extra = "") {
  const signature = createHmac("sha1", EXAMPLE.secretKey).update(text).digest("base64");
  const mark = line.includes("?") ? "&" : "?";
  return `${line}${mark}AWSAccessKeyId=${EXAMPLE.accessKey}&Expires=2000000000&Signature=${encodeURIComponent(signature)}${extra}`;
}

test("Authenticator: signed parameters count as headers and as sub-resources", async (t) => {
  const text =
    "PUT\n\n\n2000000000\nx-amz-acl:public-read\nx-amz-meta-a:b c\n/b/k?partNumber=1&uploadId=u/v";
  const line = presign(
    text,
    "PUT /b/k?uploadId=u%2Fv&partNumber=1&x-amz-meta-a=b%20c&x-amz-acl=public-read",
  );
  const plain = authenticator({ versionTwo: DOMAINS });
  t.match(plain.authenticate(request(line, { Host: "127.0.0.1:9000" })), { via: "query" });
  const twice = request(line, { Host: "127.0.0.1:9000", "x-amz-acl": "private" });
  t.match(
    refusal(() => plain.authenticate(twice)),
    { code: "AccessDenied" },
    "which one counts?",
  );
  const same = request(line, { Host: "127.0.0.1:9000", "x-amz-acl": "public-read" });
  t.match(plain.authenticate(same), { via: "query" });
});

test("Authenticator: Version 2 is refused where it is off, malformed, late or mixed", async (t) => {
  const on = authenticator({ versionTwo: DOMAINS });
  const off = authenticator();
  const line = presign("GET\n\n\n2000000000\n/b/k", "GET /b/k");
  t.match(
    refusal(() => off.authenticate(request(line, {}))),
    { code: "InvalidRequest" },
  );
  const header = { Date: new Date(EXAMPLE_TIME_MS).toUTCString(), Authorization: "AWS a:b" };
  t.match(
    refusal(() => off.authenticate(request("GET /", header))),
    { code: "InvalidRequest" },
  );
  t.match(
    refusal(() => on.authenticate(request("GET /", header))),
    { code: "InvalidArgument" },
  );
  const unknown = { ...header, Authorization: `AWS nobody:${"A".repeat(27)}=` };
  t.match(
    refusal(() => on.authenticate(request("GET /", unknown))),
    { code: "InvalidAccessKeyId" },
  );
  const late = { ...unknown, Date: new Date(EXAMPLE_TIME_MS - 16 * 60_000).toUTCString() };
  t.match(
    refusal(() => on.authenticate(request("GET /", late))),
    { code: "RequestTimeTooSkewed" },
  );
  const ancient = { ...unknown, Date: "Tue, 07 Jul 1950 21:53:04 GMT" };
  t.match(
    refusal(() => on.authenticate(request("GET /", ancient))),
    { code: "AccessDenied" },
  );
  const undated = { Authorization: unknown.Authorization };
  t.match(
    refusal(() => on.authenticate(request("GET /", undated))),
    { code: "AccessDenied" },
  );
  for (const [changed, code] of [
    [`${line}&X-Amz-Algorithm=AWS4-HMAC-SHA256`, "InvalidRequest"],
    [`${line}&Signature=again`, "AccessDenied"],
    [line.replace("Expires=2000000000", "Expires=soon"), "AccessDenied"],
    [line.replace(/&Expires=\d+/, ""), "AccessDenied"],
    [line.replace(/Signature=[^&]*/, "Signature="), "AccessDenied"],
  ] as const) {
    t.match(
      refusal(() => on.authenticate(request(changed, {}))),
      { code },
      changed,
    );
  }
  const both = { ...header };
  t.match(
    refusal(() => on.authenticate(request(line, both))),
    { code: "InvalidArgument" },
  );
});

test("Authenticator: a bucket's path is signed with or without the slash at its end", async (t) => {
  const plain = authenticator({ versionTwo: DOMAINS });
  for (const path of ["/b", "/b/"]) {
    const line = presign(`GET\n\n\n2000000000\n${path}`, "GET /b?list-type=2");
    t.match(plain.authenticate(request(line, { Host: "127.0.0.1" })), { via: "query" }, path);
  }
  const object = presign("GET\n\n\n2000000000\n/b/k/", "GET /b/k");
  t.match(
    refusal(() => plain.authenticate(request(object, {}))),
    { code: "SignatureDoesNotMatch" },
    "the slash is part of a key",
  );
});

test("Authenticator: temporary credentials need their token, signed", async (t) => {
  const temporary = { ...EXAMPLE, sessionToken: "token" };
  const on = authenticator({ versionTwo: DOMAINS, credentials: [temporary] });
  const without = presign("GET\n\n\n2000000000\n/b/k", "GET /b/k");
  t.match(
    refusal(() => on.authenticate(request(without, {}))),
    { code: "InvalidToken" },
  );
  const text = "GET\n\n\n2000000000\nx-amz-security-token:token\n/b/k";
  const line = presign(text, "GET /b/k?x-amz-security-token=token");
  t.match(on.authenticate(request(line, {})), { kind: "signed" });
});
