/** Multipart uploads through the AWS SDK against a real process. */
import { createHash, randomBytes } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { before, test } from "tap";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

let server: ServerProcess;
let s3: S3Client;
const Bucket = newBucketName("multipart");
const MIB = 1024 * 1024;

before(async () => {
  server = await startServer();
  s3 = createClient(server);
  await s3.send(new CreateBucketCommand({ Bucket }));
});

async function begin(Key: string, more: object = {}): Promise<string> {
  const answer = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  return answer.UploadId ?? "";
}

async function putPart(Key: string, UploadId: string, PartNumber: number, Body: Buffer) {
  const { ETag } = await s3.send(
    new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }),
  );
  return { PartNumber, ETag: ETag ?? "" };
}

function complete(
  Key: string,
  UploadId: string,
  Parts: Array<{ PartNumber: number; ETag: string }>,
) {
  return s3.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
  );
}

async function bodyOf(Key: string, more: object = {}): Promise<Buffer> {
  const answer = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
}

test("multipart: parts become one object whose ETag and ranges are right; retries agree", async (t) => {
  const Key = "whole";
  const bodies = [randomBytes(5 * MIB), randomBytes(5 * MIB + 1), randomBytes(77)];
  const UploadId = await begin(Key, { ContentType: "text/x", Metadata: { a: "b" } });
  const parts = [];
  // Out of order on purpose: the numbers decide.
  for (const index of [2, 0, 1]) {
    const body = bodies[index] ?? Buffer.alloc(0);
    parts[index] = await putPart(Key, UploadId, index + 1, body);
  }
  const digests = bodies.map((body) => createHash("md5").update(body).digest());
  const etag = `"${createHash("md5").update(Buffer.concat(digests)).digest("hex")}-3"`;
  const first = await complete(Key, UploadId, parts);
  t.equal(first.ETag, etag);
  const again = await complete(Key, UploadId, parts);
  t.equal(again.ETag, etag, "a retry gets the same answer");
  const whole = Buffer.concat(bodies);
  t.ok((await bodyOf(Key)).equals(whole));
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
  t.equal(head.ContentType, "text/x");
  t.equal(head.ContentLength, whole.length);
  const seam = 5 * MIB;
  const range = await bodyOf(Key, { Range: `bytes=${seam - 3}-${seam + 2}` });
  t.ok(range.equals(whole.subarray(seam - 3, seam + 3)));
  const second = await s3.send(new GetObjectCommand({ Bucket, Key, PartNumber: 2 }));
  t.equal(second.PartsCount, 3);
  t.equal(second.ContentLength, 5 * MIB + 1);
  await second.Body?.transformToByteArray();
  const attributes = await s3.send(
    new GetObjectAttributesCommand({
      Bucket,
      Key,
      ObjectAttributes: ["ObjectParts", "ObjectSize"],
    }),
  );
  t.equal(attributes.ObjectParts?.TotalPartsCount, 3);
  t.equal(attributes.ObjectSize, whole.length);
});

test("multipart: what is wrong with a completion is said exactly", async (t) => {
  const Key = "wrong";
  const UploadId = await begin(Key);
  const one = await putPart(Key, UploadId, 1, randomBytes(100));
  const two = await putPart(Key, UploadId, 2, randomBytes(100));
  const small = await failureOf(complete(Key, UploadId, [one, two]));
  t.strictSame(small, { name: "EntityTooSmall", status: 400 });
  const order = await failureOf(complete(Key, UploadId, [two, one]));
  t.strictSame(order, { name: "InvalidPartOrder", status: 400 });
  const bad = await failureOf(complete(Key, UploadId, [{ PartNumber: 1, ETag: '"00"' }]));
  t.strictSame(bad, { name: "InvalidPart", status: 400 });
  const absent = await failureOf(complete(Key, UploadId, [{ PartNumber: 9, ETag: one.ETag }]));
  t.strictSame(absent, { name: "InvalidPart", status: 400 });
  const unknown = await failureOf(complete(Key, "bm90LXRoZXJl", [one]));
  t.strictSame(unknown, { name: "NoSuchUpload", status: 404 });
  t.equal((await complete(Key, UploadId, [one])).$metadata.httpStatusCode, 200);
  t.equal((await bodyOf(Key)).length, 100);
});

test("multipart: uploads and parts are listed, aborted uploads are gone", async (t) => {
  const first = await begin("list/a");
  const second = await begin("list/a");
  const third = await begin("list/b");
  const parts = [1, 2, 3, 7].map((number) =>
    putPart("list/a", first, number, Buffer.from(`${number}`)),
  );
  await Promise.all(parts);
  const uploads = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: "list/" }));
  t.strictSame(
    uploads.Uploads?.map((upload) => upload.Key),
    ["list/a", "list/a", "list/b"],
  );
  t.strictSame(
    new Set(uploads.Uploads?.map((upload) => upload.UploadId)),
    new Set([first, second, third]),
  );
  const page = await s3.send(
    new ListPartsCommand({
      Bucket,
      Key: "list/a",
      UploadId: first,
      MaxParts: 2,
      PartNumberMarker: "1",
    }),
  );
  t.strictSame(
    page.Parts?.map((part) => part.PartNumber),
    [2, 3],
  );
  t.equal(page.IsTruncated, true);
  await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: "list/a", UploadId: first }));
  const gone = new ListPartsCommand({ Bucket, Key: "list/a", UploadId: first });
  t.equal((await failureOf(s3.send(gone))).name, "NoSuchUpload");
  const late = failureOf(putPart("list/a", first, 1, Buffer.from("x")));
  t.equal((await late).name, "NoSuchUpload");
});

test("multipart: parts can be copied from objects, whole or by range", async (t) => {
  const body = randomBytes(6 * MIB);
  await s3.send(new PutObjectCommand({ Bucket, Key: "copy-source", Body: body }));
  const Key = "copied";
  const UploadId = await begin(Key);
  const CopySource = `${Bucket}/copy-source`;
  const whole = await s3.send(
    new UploadPartCopyCommand({ Bucket, Key, UploadId, PartNumber: 1, CopySource }),
  );
  const piece = await s3.send(
    new UploadPartCopyCommand({
      Bucket,
      Key,
      UploadId,
      PartNumber: 2,
      CopySource,
      CopySourceRange: "bytes=10-1048585",
    }),
  );
  await complete(Key, UploadId, [
    { PartNumber: 1, ETag: whole.CopyPartResult?.ETag ?? "" },
    { PartNumber: 2, ETag: piece.CopyPartResult?.ETag ?? "" },
  ]);
  t.ok((await bodyOf(Key)).equals(Buffer.concat([body, body.subarray(10, 10 + MIB)])));
});

test("multipart: composite and full-object checksums are computed and checked", async (t) => {
  for (const [algorithm, type] of [
    ["CRC32", "COMPOSITE"],
    ["SHA256", "COMPOSITE"],
    ["CRC32C", "FULL_OBJECT"],
    ["CRC64NVME", "FULL_OBJECT"],
  ] as const) {
    const Key = `checksum/${algorithm}-${type}`;
    const UploadId = await begin(Key, { ChecksumAlgorithm: algorithm, ChecksumType: type });
    const parts = [];
    for (const PartNumber of [1, 2]) {
      const answer = await s3.send(
        new UploadPartCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber,
          Body: randomBytes(PartNumber === 1 ? 5 * MIB : 1000),
          ChecksumAlgorithm: algorithm,
        }),
      );
      const name = `Checksum${algorithm}` as const;
      parts.push({ PartNumber, ETag: answer.ETag ?? "", [name]: answer[name] });
    }
    const done = await s3.send(
      new CompleteMultipartUploadCommand({
        Bucket,
        Key,
        UploadId,
        MultipartUpload: { Parts: parts },
      }),
    );
    t.equal(done.ChecksumType, type, Key);
    t.match(done[`Checksum${algorithm}`], type === "COMPOSITE" ? /-2$/ : /=$/);
  }
});

test("multipart: the SDK's own uploader works", async (t) => {
  const body = randomBytes(12 * MIB + 5);
  await new Upload({ client: s3, params: { Bucket, Key: "managed", Body: body } }).done();
  t.ok((await bodyOf("managed")).equals(body));
});

test("multipart: a conditional completion is refused when the key exists", async (t) => {
  await s3.send(new PutObjectCommand({ Bucket, Key: "taken", Body: "x" }));
  const UploadId = await begin("taken");
  const part = await putPart("taken", UploadId, 1, Buffer.from("y"));
  const conditional = new CompleteMultipartUploadCommand({
    Bucket,
    Key: "taken",
    UploadId,
    MultipartUpload: { Parts: [part] },
    IfNoneMatch: "*",
  });
  t.strictSame(await failureOf(s3.send(conditional)), { name: "PreconditionFailed", status: 412 });
  t.equal((await bodyOf("taken")).toString(), "x");
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("the server stops in good order", async (t) => {
  s3.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
