import { test } from "tap";
import { formatLogLine, type LogEntry } from "../../../../src/s3/access-log/log-line.ts";
import { logOperation } from "../../../../src/s3/access-log/operation-names.ts";

const ENTRY: LogEntry = {
  bucketOwner: "owner",
  bucket: "photos",
  timeMs: 1_549_411_238_000,
  remoteAddress: "192.0.2.3",
  requester: "arn:aws:iam::123456789012:user/alice",
  requestId: "3E57427F3EXAMPLE",
  operation: "REST.GET.OBJECT",
  key: "a b.jpg",
  requestLine: "GET /photos/a%20b.jpg?x=1 HTTP/1.1",
  status: 200,
  errorCode: undefined,
  bytesSent: 113,
  objectBytes: 113,
  totalMs: 7,
  turnAroundMs: 5,
  referer: undefined,
  userAgent: 'S3Console/0.4 "quoted" [x]',
  versionId: undefined,
  hostId: "host",
  signed: { via: "header", signatureVersion: 4 },
  hostHeader: "s3.example.com",
  aclRequired: false,
};

test("formatLogLine: has AWS's 26 fields", async (t) => {
  t.equal(
    formatLogLine(ENTRY),
    "owner photos [06/Feb/2019:00:00:38 +0000] 192.0.2.3 arn:aws:iam::123456789012:user/alice " +
      '3E57427F3EXAMPLE REST.GET.OBJECT a%20b.jpg "GET /photos/a%20b.jpg?x=1 HTTP/1.1" 200 - 113 ' +
      '113 7 5 "-" "S3Console/0.4 %22quoted%22 [x]" - host SigV4 - AuthHeader s3.example.com - - -\n',
  );
});

test("formatLogLine: nothing that a client sends ends a field or the line", async (t) => {
  const evil = 'x" 200\r\nowner [y] \\ 😀 \ud800';
  const line = formatLogLine({
    ...ENTRY,
    key: evil,
    requestLine: evil,
    referer: evil,
    userAgent: evil,
    versionId: evil,
    hostHeader: evil,
  });
  t.equal(line.split("\n").length, 2);
  const unquoted = line.replace(/"[^"]*"/g, "Q").replace(/\[[^\]]*\]/, "T");
  t.equal(unquoted.trim().split(" ").length, 26);
});

test("formatLogLine: signatures and tokens of presigned URLs are left out", async (t) => {
  const requestLine =
    "GET /b/k?X-Amz-Signature=abc&x-amz-security-token=def&X-Amz-Date=20260101T000000Z HTTP/1.1";
  const line = formatLogLine({ ...ENTRY, requestLine });
  t.notMatch(line, /abc|def/);
  t.match(line, /X-Amz-Date=20260101T000000Z HTTP/);
});

test("logOperation: names operations as AWS does", async (t) => {
  const get = { method: "GET", rawQuery: "" };
  t.equal(logOperation("GetObject", get, true), "REST.GET.OBJECT");
  t.equal(
    logOperation("ListObjectsV2", { ...get, rawQuery: "list-type=2" }, false),
    "REST.GET.BUCKET",
  );
  t.equal(
    logOperation("GetObjectTagging", { ...get, rawQuery: "tagging" }, true),
    "REST.GET.OBJECT_TAGGING",
  );
  t.equal(
    logOperation("GetBucketTagging", { ...get, rawQuery: "tagging=" }, false),
    "REST.GET.TAGGING",
  );
  t.equal(
    logOperation("UploadPart", { method: "PUT", rawQuery: "uploadId=1" }, true),
    "REST.PUT.PART",
  );
  t.equal(logOperation(undefined, { method: "PUT", rawQuery: "acl" }, true), "REST.PUT.ACL");
});
