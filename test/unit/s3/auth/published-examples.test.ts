/** The worked examples of AWS's documentation of Signature V4 for S3. */
import { test } from "tap";
import { authenticator, EMPTY_HASH, request } from "./signed-requests.ts";

const HOST = "examplebucket.s3.amazonaws.com";
const CREDENTIAL = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
const ALGORITHM = "AWS4-HMAC-SHA256";

for (const [title, example] of Object.entries({
  "GET Object": request("GET /test.txt", {
    Host: HOST,
    Authorization: `${ALGORITHM} ${CREDENTIAL},SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41`,
    Range: "bytes=0-9",
    "x-amz-content-sha256": EMPTY_HASH,
    "x-amz-date": "20130524T000000Z",
  }),
  "PUT Object": request("PUT /test%24file.text", {
    Host: HOST,
    Date: "Fri, 24 May 2013 00:00:00 GMT",
    "x-amz-date": "20130524T000000Z",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    Authorization: `${ALGORITHM} ${CREDENTIAL},SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd`,
  }),
  "GET Bucket Lifecycle": request("GET /?lifecycle", {
    Host: HOST,
    "x-amz-date": "20130524T000000Z",
    "x-amz-content-sha256": EMPTY_HASH,
    Authorization: `${ALGORITHM} ${CREDENTIAL},SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543`,
  }),
  "GET Bucket (List Objects)": request("GET /?max-keys=2&prefix=J", {
    Host: HOST,
    "x-amz-date": "20130524T000000Z",
    "x-amz-content-sha256": EMPTY_HASH,
    Authorization: `${ALGORITHM} ${CREDENTIAL},SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7`,
  }),
})) {
  test(`Authenticator: AWS's example ${title} is signed`, async (t) => {
    t.match(authenticator().authenticate(example), {
      kind: "signed",
      via: "header",
      accessKey: "AKIAIOSFODNN7EXAMPLE",
      identity: "example",
      payload: { kind: "digest", sha256: example.headers.get("x-amz-content-sha256") },
    });
  });
}

test("Authenticator: AWS's example of a presigned URL is signed", async (t) => {
  const presigned = request(
    "GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    { Host: HOST },
  );
  t.match(authenticator().authenticate(presigned), {
    kind: "signed",
    via: "query",
    accessKey: "AKIAIOSFODNN7EXAMPLE",
    payload: { kind: "unsigned" },
  });
});

test("Authenticator: AWS's example of a chunked upload seeds the chain", async (t) => {
  const upload = request("PUT /examplebucket/chunkObject.txt", {
    Host: "s3.amazonaws.com",
    "x-amz-date": "20130524T000000Z",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    Authorization: `${ALGORITHM} ${CREDENTIAL},SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9`,
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "Content-Encoding": "aws-chunked",
    "x-amz-decoded-content-length": "66560",
    "Content-Length": "66824",
  });
  t.match(authenticator().authenticate(upload), {
    kind: "signed",
    payload: {
      kind: "chunked-signed",
      trailer: false,
      signing: {
        timestamp: "20130524T000000Z",
        scope: "20130524/us-east-1/s3/aws4_request",
        seedSignature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
      },
    },
  });
});
