/** Time and ETag that a trusted writer brings along: `x-minio-source-mtime`, `x-minio-source-etag`. */
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { withHeaders } from "../support/extra-headers.ts";
import { adminOf } from "../support/iam/admin.ts";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

let server: ServerProcess;
let root: S3Client;
const Bucket = newBucketName("source");
const MTIME = "2021-03-04T05:06:07.123456789Z";
const SHOWN = new Date("2021-03-04T05:06:07Z");
const ETAG = "0123456789abcdef0123456789abcdef";
const clients: S3Client[] = [];

function clientWith(headers: Readonly<Record<string, string>>, user?: string): S3Client {
  const credentials = user && { accessKeyId: user, secretAccessKey: `secret-of-${user}` };
  const client = withHeaders(createClient(server, credentials ? { credentials } : {}), headers);
  clients.push(client);
  return client;
}

before(async () => {
  server = await startServer({ drives: 1 });
  root = createClient(server);
  clients.push(root);
  await root.send(new CreateBucketCommand({ Bucket }));
  const admin = adminOf(server);
  const policies = {
    writer: ["s3:PutObject", "s3:DeleteObject", "s3:GetObject"],
    replicator: ["s3:PutObject", "s3:GetObject", "s3:ReplicateObject"],
  };
  for (const [name, Action] of Object.entries(policies)) {
    const Statement = [{ Effect: "Allow", Action, Resource: `arn:aws:s3:::${Bucket}/*` }];
    await admin.put("add-canned-policy", { name }, { Version: "2012-10-17", Statement });
    const secretKey = `secret-of-${name}`;
    await admin.sealed("PUT", "add-user", { accessKey: name }, { secretKey, policy: name });
  }
});

test("source facts: the time is the object's in HEAD, GET and listings", async (t) => {
  const dated = clientWith({ "x-minio-source-mtime": MTIME });
  for (const [Key, Body] of [
    ["small", "x"],
    ["large", Buffer.alloc(300_000, 1)],
  ] as const) {
    await dated.send(new PutObjectCommand({ Bucket, Key, Body }));
    const head = await root.send(new HeadObjectCommand({ Bucket, Key }));
    t.strictSame(head.LastModified, SHOWN);
    const got = await root.send(new GetObjectCommand({ Bucket, Key }));
    t.strictSame(got.LastModified, SHOWN);
    t.equal((await got.Body?.transformToByteArray())?.length, Body.length);
    const { Contents } = await root.send(new ListObjectsV2Command({ Bucket, Prefix: Key }));
    t.equal(Contents?.[0]?.LastModified?.getTime(), SHOWN.getTime() + 123);
  }
});

test("source facts: the ETag is shown, and conditions go by it", async (t) => {
  const named = clientWith({ "x-minio-source-etag": `"${ETAG}"` });
  const put = await named.send(new PutObjectCommand({ Bucket, Key: "etag", Body: "bytes" }));
  t.equal(put.ETag, `"${ETAG}"`);
  const read = { Bucket, Key: "etag", IfMatch: ETAG };
  t.equal(await (await root.send(new GetObjectCommand(read))).Body?.transformToString(), "bytes");
});

test("source facts: a copy and a completed upload can bring a time", async (t) => {
  const dated = clientWith({ "x-minio-source-mtime": MTIME });
  const CopySource = `${Bucket}/etag`;
  await dated.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource }));
  const Key = "parts";
  const { UploadId } = await root.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const upload = { Bucket, Key, UploadId };
  const part = await root.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: "one" }));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
  await dated.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }));
  // Asked again, it answers again.
  await dated.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }));
  for (const key of ["copy", Key]) {
    const head = await root.send(new HeadObjectCommand({ Bucket, Key: key }));
    t.strictSame(head.LastModified, SHOWN, key);
  }
});

test("source facts: a delete marker can bring a time, and versions keep their order", async (t) => {
  const versioned = newBucketName("source");
  const place = { Bucket: versioned, Key: "key" };
  await root.send(new CreateBucketCommand({ Bucket: versioned }));
  const VersioningConfiguration = { Status: "Enabled" } as const;
  await root.send(new PutBucketVersioningCommand({ Bucket: versioned, VersioningConfiguration }));
  const first = await root.send(new PutObjectCommand({ ...place, Body: "new" }));
  const dated = clientWith({ "x-minio-source-mtime": MTIME });
  const second = await dated.send(new PutObjectCommand({ ...place, Body: "old" }));
  await dated.send(new DeleteObjectCommand(place));
  const listed = await root.send(new ListObjectVersionsCommand({ Bucket: versioned }));
  t.equal(listed.DeleteMarkers?.[0]?.LastModified?.getTime(), SHOWN.getTime() + 123);
  t.strictSame(
    listed.Versions?.map(({ VersionId }) => VersionId),
    [second.VersionId, first.VersionId],
  );
});

test("source facts: only callers with s3:ReplicateObject may bring any", async (t) => {
  for (const headers of [{ "x-minio-source-mtime": MTIME }, { "x-minio-source-etag": ETAG }]) {
    const put = () => new PutObjectCommand({ Bucket, Key: "forged", Body: "x" });
    const writer = clientWith(headers, "writer");
    t.equal((await failureOf(writer.send(put()))).name, "AccessDenied");
    const absent = new DeleteObjectCommand({ Bucket, Key: "small" });
    if ("x-minio-source-mtime" in headers) {
      t.equal((await failureOf(writer.send(absent))).name, "AccessDenied");
    }
    t.equal((await failureOf(clientWith(headers, "replicator").send(put()))).name, "no error");
  }
});

test("source facts: what is no time or no ETag is refused and nothing is stored", async (t) => {
  const nonsense = [
    { "x-minio-source-mtime": "yesterday" },
    { "x-minio-source-mtime": "1969-12-31T23:59:59Z" },
    { "x-minio-source-mtime": "2999-01-01T00:00:00Z" },
    { "x-minio-source-etag": "short" },
    { "x-minio-source-etag": `${ETAG}-3` },
  ];
  for (const headers of nonsense) {
    const put = new PutObjectCommand({ Bucket, Key: "refused", Body: "x" });
    const failure = await failureOf(clientWith(headers).send(put));
    t.strictSame(failure, { name: "InvalidArgument", status: 400 }, JSON.stringify(headers));
  }
  const { KeyCount } = await root.send(new ListObjectsV2Command({ Bucket, Prefix: "refused" }));
  t.equal(KeyCount, 0);
});

test("source facts: the server stops in good order", async (t) => {
  for (const client of clients) client.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
