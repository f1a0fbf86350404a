import { test } from "tap";
import { StoreError, type StoreErrorData } from "../../../src/base/store-error.ts";
import { renderError, S3Error, toS3Error } from "../../../src/s3/s3-error.ts";
import { isS3ErrorCode, S3_ERRORS } from "../../../src/s3/s3-error-codes.ts";

function answer(data: StoreErrorData): S3Error {
  return toS3Error(new StoreError(data));
}

function header(error: S3Error, name: string): string | undefined {
  return error.headers.find(([candidate]) => candidate === name)?.[1];
}

test("toS3Error: an outcome or a state that cannot be told is 503, never a 4xx", async (t) => {
  const unclear: StoreErrorData[] = [
    { code: "no-quorum", needed: 3, got: 1 },
    { code: "unknown-outcome" },
    { code: "data-unavailable", message: "2 of 4 shards" },
    { code: "drive-faulty", drive: "d1", message: "EIO" },
    { code: "deadline" },
    { code: "shutting-down" },
    { code: "busy" },
  ];
  for (const data of unclear) {
    const error = answer(data);
    t.equal(error.status, 503, data.code);
    t.ok(header(error, "Retry-After"), data.code);
  }
});

test("toS3Error: statuses and codes of what is known", async (t) => {
  const cases: Array<[StoreErrorData, number, string]> = [
    [{ code: "no-such-bucket" }, 404, "NoSuchBucket"],
    [{ code: "no-such-key" }, 404, "NoSuchKey"],
    [{ code: "no-such-version" }, 404, "NoSuchVersion"],
    [{ code: "no-such-upload" }, 404, "NoSuchUpload"],
    [{ code: "bucket-exists" }, 409, "BucketAlreadyOwnedByYou"],
    [{ code: "bucket-not-empty" }, 409, "BucketNotEmpty"],
    [{ code: "conditional-conflict" }, 409, "ConditionalRequestConflict"],
    [{ code: "digest-mismatch", digest: "md5" }, 400, "BadDigest"],
    [{ code: "digest-mismatch", digest: "sha256" }, 400, "XAmzContentSHA256Mismatch"],
    [{ code: "incomplete-body" }, 400, "IncompleteBody"],
    [{ code: "entity-too-large", bytesMax: 5 }, 400, "EntityTooLarge"],
    [{ code: "invalid-part-order" }, 400, "InvalidPartOrder"],
    [{ code: "invalid-part-number" }, 400, "InvalidPart"],
    [{ code: "drive-full" }, 507, "XMinioStorageFull"],
    [{ code: "corrupt", what: "record" }, 500, "InternalError"],
    [{ code: "client-gone" }, 499, "ClientDisconnected"],
  ];
  for (const [data, status, code] of cases) {
    t.match(answer(data), { status, code }, data.code);
  }
  t.match(answer({ code: "digest-mismatch", digest: "checksum", algorithm: "crc32c" }), {
    code: "BadDigest",
    message: "The CRC32C you specified did not match the calculated checksum.",
  });
});

test("toS3Error: a delete marker shows in the headers", async (t) => {
  const deleteMarker = { versionId: "v7", mtimeMs: 0 };
  for (const data of [
    { code: "no-such-key", deleteMarker },
    { code: "method-not-allowed", deleteMarker },
  ] as const) {
    const error = answer(data);
    t.equal(header(error, "x-amz-delete-marker"), "true");
    t.equal(header(error, "x-amz-version-id"), "v7");
    t.equal(header(error, "Last-Modified"), "Thu, 01 Jan 1970 00:00:00 GMT");
  }
  t.equal(header(answer({ code: "no-such-key" }), "x-amz-delete-marker"), "false");
});

test("toS3Error: 304 repeats the validators and 416 the size", async (t) => {
  const same = answer({ code: "not-modified", etag: "abc", mtimeMs: 0, versionId: undefined });
  t.equal(same.status, 304);
  t.equal(header(same, "ETag"), '"abc"');
  t.equal(header(same, "x-amz-version-id"), undefined);
  const range = answer({ code: "range-not-satisfiable", size: 10 });
  t.equal(header(range, "Content-Range"), "bytes */10");
  t.strictSame(range.details, [["ActualObjectSize", 10]]);
});

test("toS3Error: a rejected payload keeps its code only when S3 has it", async (t) => {
  const known = answer({ code: "payload-rejected", s3Code: "MalformedTrailerError", message: "m" });
  t.match(known, { status: 400, code: "MalformedTrailerError", message: "m" });
  const unknown = answer({ code: "payload-rejected", s3Code: "constructor", message: "m" });
  t.match(unknown, { status: 400, code: "InvalidRequest" });
  t.notOk(isS3ErrorCode("toString"));
});

test("toS3Error: what nobody knows is InternalError and its text stays inside", async (t) => {
  for (const foreign of [new Error("secret detail"), "secret detail", undefined]) {
    const error = toS3Error(foreign);
    t.equal(error.code, "InternalError");
    const body = renderError(error, { requestId: "r", hostId: "h", resource: "/" });
    t.notMatch(body, /secret detail/);
  }
  const internal = answer({ code: "internal", message: "secret detail" });
  t.notMatch(renderError(internal, { requestId: "r", hostId: "h", resource: "/" }), /secret/);
});

test("renderError: elements in order, everything escaped", async (t) => {
  const error = new S3Error("NoSuchKey", { details: [["Extra", "<x>"]] });
  t.equal(
    renderError(error, {
      requestId: "R1",
      hostId: "H1",
      resource: "/b/a&b",
      bucket: "b",
      key: "a&\u0001b",
    }),
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>" +
      "<Extra>&lt;x&gt;</Extra><Key>a&amp;&#x1;b</Key><BucketName>b</BucketName>" +
      "<Resource>/b/a&amp;b</Resource><RequestId>R1</RequestId><HostId>H1</HostId></Error>",
  );
});

test("S3_ERRORS: statuses are error statuses and texts are sentences", async (t) => {
  for (const [code, [status, message]] of Object.entries(S3_ERRORS)) {
    t.ok(status >= 300 && status < 600, code);
    t.ok(message.length > 5, code);
  }
});
