import fc from "fast-check";
import { test } from "tap";
import { parseAddress } from "../../../src/s3/address.ts";
import { detectOperation } from "../../../src/s3/detect.ts";
import {
  isNotImplemented,
  NOT_IMPLEMENTED,
  notImplemented,
} from "../../../src/s3/not-implemented.ts";
import { QUERY_PARAMETERS_MAX, QueryParameters } from "../../../src/s3/query.ts";
import { S3Error } from "../../../src/s3/s3-error.ts";
import {
  BUCKET_OPERATIONS,
  OBJECT_OPERATIONS,
  SERVICE_OPERATIONS,
} from "../../../src/s3/s3-operations.ts";

/** `"PUT /b/k?acl"` with headers → the operation, or the code of the error. */
function detect(line: string, headers: Record<string, string> = {}): string {
  const [method = "", target = ""] = line.split(" ");
  const [path = "", query = ""] = target.split("?");
  try {
    return detectOperation(parseAddress("h", path, []), {
      method,
      query: QueryParameters.parse(query),
      headers: { get: (name) => headers[name] },
    });
  } catch (error) {
    return error instanceof S3Error ? error.code : `not an S3Error: ${String(error)}`;
  }
}

for (const [line, operation] of [
  ["GET /", "ListBuckets"],
  ["GET /?x-id=ListBuckets", "ListBuckets"],
  ["GET /buck", "ListObjects"],
  ["GET /buck?list-type=2&prefix=a", "ListObjectsV2"],
  ["GET /buck?list-type=3", "ListObjects"],
  ["GET /buck?versions", "ListObjectVersions"],
  ["GET /buck?uploads=", "ListMultipartUploads"],
  ["GET /buck?location", "GetBucketLocation"],
  ["GET /buck?versioning", "GetBucketVersioning"],
  ["PUT /buck?versioning", "PutBucketVersioning"],
  ["GET /buck?inventory&id=x", "GetBucketInventoryConfiguration"],
  ["GET /buck?inventory", "ListBucketInventoryConfigurations"],
  ["PUT /buck", "CreateBucket"],
  ["HEAD /buck", "HeadBucket"],
  ["DELETE /buck", "DeleteBucket"],
  ["POST /buck?delete", "DeleteObjects"],
  ["POST /buck", "PostObject"],
  ["OPTIONS /buck", "CorsPreflight"],
  ["GET /buck/k", "GetObject"],
  ["GET /buck/k?partNumber=1", "GetObject"],
  ["GET /buck/k?versionId=v&x-id=GetObject", "GetObject"],
  ["GET /buck/k?uploadId=u", "ListParts"],
  ["GET /buck/k?attributes", "GetObjectAttributes"],
  ["GET /buck/k?versions", "GetObject"],
  ["HEAD /buck/k", "HeadObject"],
  ["PUT /buck/k", "PutObject"],
  ["PUT /buck/k?tagging", "PutObjectTagging"],
  ["PUT /buck/k?partNumber=1&uploadId=u", "UploadPart"],
  ["POST /buck/k?uploads", "CreateMultipartUpload"],
  ["POST /buck/k?uploadId=u", "CompleteMultipartUpload"],
  ["POST /buck/k?select&select-type=2", "SelectObjectContent"],
  ["DELETE /buck/k?uploadId=u", "AbortMultipartUpload"],
  ["DELETE /buck/k?versionId=v", "DeleteObject"],
  ["OPTIONS /buck/k", "CorsPreflight"],
  ["OPTIONS /buck/k?partNumber=1&uploadId=u", "CorsPreflight"],
  ["OPTIONS /buck?delete", "CorsPreflight"],
  // What must never fall through to the plain operation.
  ["DELETE /buck?versioning", "MethodNotAllowed"],
  ["DELETE /buck?acl", "MethodNotAllowed"],
  ["PUT /buck?location", "MethodNotAllowed"],
  ["PUT /buck?uploads", "MethodNotAllowed"],
  ["PUT /buck?delete", "MethodNotAllowed"],
  ["DELETE /buck/k?acl", "MethodNotAllowed"],
  ["DELETE /buck/k?retention", "MethodNotAllowed"],
  ["PUT /buck/k?uploads", "MethodNotAllowed"],
  ["POST /buck/k", "MethodNotAllowed"],
  ["PATCH /buck/k", "MethodNotAllowed"],
  ["constructor /buck/k", "MethodNotAllowed"],
  ["DELETE /", "MethodNotAllowed"],
  ["POST /", "MethodNotAllowed"],
  ["PUT /buck?acl&policy", "InvalidArgument"],
  ["DELETE /buck?policy&cors", "InvalidArgument"],
  ["PUT /buck/k?uploadId=u", "InvalidArgument"],
  ["PUT /buck/k?partNumber=1", "InvalidArgument"],
  ["GET /buck?a=%", "InvalidURI"],
  ["GET /buck?%ff", "InvalidURI"],
] as const) {
  test(`detectOperation: ${line} is ${operation}`, async (t) => {
    t.equal(detect(line), operation);
  });
}

test("detectOperation: headers choose between writes", async (t) => {
  const copy = { "x-amz-copy-source": "b/k" };
  t.equal(detect("PUT /buck/k", copy), "CopyObject");
  t.equal(detect("PUT /buck/k?partNumber=1&uploadId=u", copy), "UploadPartCopy");
  t.equal(detect("PUT /buck/k", { "x-amz-write-offset-bytes": "0" }), "AppendObject");
  t.equal(
    detect("PUT /buck/k", { "x-amz-meta-snowball-auto-extract": "True" }),
    "PutObjectExtract",
  );
});

test("QueryParameters: plus is a space, the first of a name counts, empty parts are nothing", async (t) => {
  const query = QueryParameters.parse("&a=1+2%203&a=9&b&=x&c=d=e&");
  t.equal(query.get("a"), "1 2 3");
  t.equal(query.get("b"), "");
  t.equal(query.get(""), "x");
  t.equal(query.get("c"), "d=e");
  t.notOk(query.has("constructor"));
  t.throws(() => QueryParameters.parse("a&".repeat(QUERY_PARAMETERS_MAX)), { code: "InvalidURI" });
});

test("not-implemented: each name once, each answered by its name", async (t) => {
  t.equal(new Set(NOT_IMPLEMENTED).size, NOT_IMPLEMENTED.length);
  const all = [...SERVICE_OPERATIONS, ...BUCKET_OPERATIONS, ...OBJECT_OPERATIONS];
  for (const name of all)
    t.equal(
      isNotImplemented(name),
      NOT_IMPLEMENTED.some((n) => n === name),
    );
  t.match(notImplemented("GetObjectLambda"), { status: 501, message: /GetObjectLambda/ });
});

test("detectOperation: answers an operation or an S3Error, whatever comes", async (t) => {
  const method = fc.constantFrom(
    "GET",
    "PUT",
    "POST",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "__proto__",
    "X",
  );
  const path = fc.constantFrom("/", "/buck", "/buck/k");
  fc.assert(
    fc.property(method, path, fc.string({ unit: "binary" }), (verb, target, query) => {
      let outcome = "";
      try {
        outcome = detectOperation(parseAddress("h", target, []), {
          method: verb,
          query: QueryParameters.parse(query),
          headers: { get: () => undefined },
        });
      } catch (error) {
        if (!(error instanceof S3Error)) throw error;
        outcome = error.code;
      }
      t.match(outcome, /^[A-Za-z0-9]+$/);
    }),
  );
});
