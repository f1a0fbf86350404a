/** Everyday object work through the AWS SDK against a real process. */
import { createHash, randomBytes } from "node:crypto";
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

let server: ServerProcess;
let s3: S3Client;
const bucket = newBucketName();

before(async () => {
  server = await startServer();
  s3 = createClient(server);
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
});

async function bodyOf(Key: string, more: object = {}): Promise<Buffer> {
  const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key, ...more }));
  return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
}

const KIB = 1024;
const MIB = 1024 * KIB;
const SIZES = [
  0,
  1,
  63,
  64,
  65,
  1000,
  32 * KIB - 1,
  32 * KIB,
  32 * KIB + 1,
  100_000,
  MIB - 1,
  MIB,
  MIB + 1,
  2 * MIB - 63,
  3 * MIB + 12_345,
  8 * MIB,
];

test("objects: every size around the inline, block and stripe boundaries comes back whole", async (t) => {
  for (const size of SIZES) {
    const body = randomBytes(size);
    const md5 = createHash("md5").update(body).digest("hex");
    const put = await s3.send(
      new PutObjectCommand({ Bucket: bucket, Key: `size/${size}`, Body: body }),
    );
    t.equal(put.ETag, `"${md5}"`, `ETag of ${size}`);
    const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: `size/${size}` }));
    t.equal(head.ContentLength, size);
    t.ok((await bodyOf(`size/${size}`)).equals(body), `body of ${size}`);
  }
});

test("objects: ranges at every edge give exactly those bytes", async (t) => {
  const body = randomBytes(3 * MIB + 77);
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "ranges", Body: body }));
  const edges = [
    0,
    1,
    64,
    512 * KIB - 1,
    512 * KIB,
    MIB - 1,
    MIB,
    MIB + 1,
    3 * MIB,
    body.length - 1,
  ];
  for (const first of edges) {
    for (const last of edges) {
      if (last < first) continue;
      const range = await bodyOf("ranges", { Range: `bytes=${first}-${last}` });
      t.ok(range.equals(body.subarray(first, last + 1)), `${first}-${last}`);
    }
  }
  t.ok((await bodyOf("ranges", { Range: "bytes=-5" })).equals(body.subarray(-5)));
  t.ok((await bodyOf("ranges", { Range: `bytes=${MIB}-` })).equals(body.subarray(MIB)));
  const failure = await failureOf(bodyOf("ranges", { Range: `bytes=${body.length}-` }));
  t.strictSame(failure, { name: "InvalidRange", status: 416 });
});

test("objects: metadata, content headers and response overrides come back", async (t) => {
  await s3.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: "headers",
      Body: "x",
      ContentType: "text/plain; charset=utf-8",
      CacheControl: "max-age=60",
      ContentDisposition: 'attachment; filename="a.txt"',
      ContentEncoding: "identity",
      ContentLanguage: "ga",
      Metadata: { colour: "green", "two-words": "a b" },
    }),
  );
  const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: "headers" }));
  t.equal(head.ContentType, "text/plain; charset=utf-8");
  t.equal(head.CacheControl, "max-age=60");
  t.equal(head.ContentDisposition, 'attachment; filename="a.txt"');
  t.equal(head.ContentLanguage, "ga");
  t.strictSame({ ...head.Metadata }, { colour: "green", "two-words": "a b" });
  const get = await s3.send(
    new GetObjectCommand({
      Bucket: bucket,
      Key: "headers",
      ResponseContentType: "application/json",
      ResponseCacheControl: "no-store",
    }),
  );
  t.equal(get.ContentType, "application/json");
  t.equal(get.CacheControl, "no-store");
});

test("objects: conditions on reads and writes answer 304 and 412", async (t) => {
  const Key = "conditions";
  const put = await s3.send(
    new PutObjectCommand({ Bucket: bucket, Key, Body: "one", IfNoneMatch: "*" }),
  );
  const again = new PutObjectCommand({ Bucket: bucket, Key, Body: "two", IfNoneMatch: "*" });
  t.strictSame(await failureOf(s3.send(again)), { name: "PreconditionFailed", status: 412 });
  const wrong = new PutObjectCommand({ Bucket: bucket, Key, Body: "two", IfMatch: '"00"' });
  t.strictSame(await failureOf(s3.send(wrong)), { name: "PreconditionFailed", status: 412 });
  const right = new PutObjectCommand({ Bucket: bucket, Key, Body: "two", IfMatch: put.ETag ?? "" });
  const second = await s3.send(right);
  t.equal((await failureOf(bodyOf(Key, { IfNoneMatch: second.ETag }))).status, 304);
  t.equal((await failureOf(bodyOf(Key, { IfMatch: put.ETag }))).status, 412);
  t.equal(
    (await failureOf(bodyOf(Key, { IfModifiedSince: new Date(Date.now() + 1000) }))).status,
    304,
  );
  t.equal((await failureOf(bodyOf(Key, { IfUnmodifiedSince: new Date(0) }))).status, 412);
  const missing = new PutObjectCommand({ Bucket: bucket, Key: "none", Body: "x", IfMatch: '"a"' });
  t.strictSame(await failureOf(s3.send(missing)), { name: "NoSuchKey", status: 404 });
});

test("objects: keys of every shape live side by side", async (t) => {
  const keys = [
    "a",
    "a/b",
    "a/",
    "a//b",
    "a/../b",
    "..",
    ".",
    "//",
    "/leading",
    "with space+plus%25",
    "ключ/鍵/🗝️",
    "<xml>&\"'",
    "line\nbreak\ttab",
    `long/${"x".repeat(1019)}`,
  ];
  const names = newBucketName("keys");
  await s3.send(new CreateBucketCommand({ Bucket: names }));
  for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket: names, Key, Body: Key }));
  for (const Key of keys) {
    const answer = await s3.send(new GetObjectCommand({ Bucket: names, Key }));
    t.equal(await answer.Body?.transformToString(), Key, JSON.stringify(Key));
  }
  const sorted = [...keys].sort((left, right) =>
    Buffer.compare(Buffer.from(left), Buffer.from(right)),
  );
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: names, EncodingType: "url" }));
  const decode = (text: string | undefined) => decodeURIComponent((text ?? "").replace(/\+/g, " "));
  t.strictSame(
    listed.Contents?.map((entry) => decode(entry.Key)),
    sorted,
  );
  const plain = await s3.send(new ListObjectsCommand({ Bucket: names }));
  t.strictSame(
    plain.Contents?.map((entry) => entry.Key),
    sorted,
  );
  const tooLong = new PutObjectCommand({ Bucket: names, Key: "x".repeat(1025), Body: "x" });
  t.strictSame(await failureOf(s3.send(tooLong)), { name: "KeyTooLongError", status: 400 });
});

test("objects: listings page with prefix, delimiter, start-after and tokens", async (t) => {
  const names = newBucketName("list");
  await s3.send(new CreateBucketCommand({ Bucket: names }));
  const keys = Array.from(
    { length: 60 },
    (_, index) => `dir${index % 3}/file${String(index).padStart(3, "0")}`,
  );
  for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket: names, Key, Body: "x" }));
  const seen: string[] = [];
  let token: string | undefined;
  do {
    const page: {
      Contents?: Array<{ Key?: string | undefined }> | undefined;
      NextContinuationToken?: string | undefined;
    } = await s3.send(
      new ListObjectsV2Command({
        Bucket: names,
        MaxKeys: 7,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
    );
    seen.push(...(page.Contents ?? []).map((entry) => entry.Key ?? ""));
    token = page.NextContinuationToken;
  } while (token !== undefined);
  t.strictSame(seen, [...keys].sort());
  const folded = await s3.send(new ListObjectsV2Command({ Bucket: names, Delimiter: "/" }));
  t.strictSame(
    folded.CommonPrefixes?.map((entry) => entry.Prefix),
    ["dir0/", "dir1/", "dir2/"],
  );
  t.equal(folded.KeyCount, 3);
  const after = await s3.send(
    new ListObjectsV2Command({
      Bucket: names,
      Prefix: "dir1/",
      StartAfter: "dir1/file040",
      MaxKeys: 2,
    }),
  );
  t.strictSame(
    after.Contents?.map((entry) => entry.Key),
    ["dir1/file043", "dir1/file046"],
  );
});

test("objects: copies carry or replace metadata, and refuse to do nothing", async (t) => {
  const body = randomBytes(2 * MIB + 1);
  await s3.send(
    new PutObjectCommand({ Bucket: bucket, Key: "source", Body: body, Metadata: { a: "1" } }),
  );
  const CopySource = `${bucket}/source`;
  await s3.send(new CopyObjectCommand({ Bucket: bucket, Key: "copy", CopySource }));
  const copied = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: "copy" }));
  t.strictSame({ ...copied.Metadata }, { a: "1" });
  t.ok((await bodyOf("copy")).equals(body));
  await s3.send(
    new CopyObjectCommand({
      Bucket: bucket,
      Key: "source",
      CopySource,
      MetadataDirective: "REPLACE",
      Metadata: { b: "2" },
    }),
  );
  const replaced = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: "source" }));
  t.strictSame({ ...replaced.Metadata }, { b: "2" });
  t.ok((await bodyOf("source")).equals(body));
  const idle = new CopyObjectCommand({ Bucket: bucket, Key: "source", CopySource });
  t.strictSame(await failureOf(s3.send(idle)), { name: "InvalidRequest", status: 400 });
});

test("objects: the five checksums are verified, stored and given back", async (t) => {
  const body = randomBytes(70_000);
  for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const) {
    const Key = `checksum/${ChecksumAlgorithm}`;
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: body, ChecksumAlgorithm }));
    const head = await s3.send(
      new HeadObjectCommand({ Bucket: bucket, Key, ChecksumMode: "ENABLED" }),
    );
    t.ok(head[`Checksum${ChecksumAlgorithm}`], ChecksumAlgorithm);
    t.equal(head.ChecksumType, "FULL_OBJECT");
  }
  const wrong = new PutObjectCommand({
    Bucket: bucket,
    Key: "checksum/wrong",
    Body: body,
    ChecksumSHA256: createHash("sha256").update("other").digest("base64"),
  });
  t.strictSame(await failureOf(s3.send(wrong)), { name: "BadDigest", status: 400 });
  const md5 = new PutObjectCommand({
    Bucket: bucket,
    Key: "checksum/wrong",
    Body: body,
    ContentMD5: createHash("md5").update("other").digest("base64"),
  });
  t.strictSame(await failureOf(s3.send(md5)), { name: "BadDigest", status: 400 });
  t.equal((await failureOf(bodyOf("checksum/wrong"))).name, "NoSuchKey");
});

test("objects: attributes tell size, ETag and class", async (t) => {
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "attributes", Body: "hello" }));
  const answer = await s3.send(
    new GetObjectAttributesCommand({
      Bucket: bucket,
      Key: "attributes",
      ObjectAttributes: ["ETag", "ObjectSize", "StorageClass", "Checksum"],
    }),
  );
  t.equal(answer.ObjectSize, 5);
  t.equal(answer.ETag, "5d41402abc4b2a76b9719d911017c592");
  t.equal(answer.StorageClass, "STANDARD");
});

test("objects: deletes are idempotent, alone and in batches", async (t) => {
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "gone", Body: "x" }));
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: "gone" }));
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: "gone" }));
  t.strictSame(await failureOf(bodyOf("gone")), { name: "NoSuchKey", status: 404 });
  const Objects = Array.from({ length: 20 }, (_, index) => ({ Key: `batch/${index}` }));
  for (const { Key } of Objects) {
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "x" }));
  }
  const answer = await s3.send(
    new DeleteObjectsCommand({
      Bucket: bucket,
      Delete: { Objects: [...Objects, { Key: "never" }] },
    }),
  );
  t.equal(answer.Deleted?.length, 21);
  t.equal(answer.Errors, undefined);
});

test("buckets: create, head, list and delete answer as AWS does", async (t) => {
  const name = newBucketName("bucket");
  await s3.send(new CreateBucketCommand({ Bucket: name }));
  await s3.send(new CreateBucketCommand({ Bucket: name }));
  const open = { Bucket: name, ACL: "public-read" } as const;
  const changing = await failureOf(s3.send(new CreateBucketCommand(open)));
  t.strictSame(changing, { name: "BucketAlreadyExists", status: 409 });
  const CreateBucketConfiguration = { LocationConstraint: "eu-west-1" } as const;
  const moving = { Bucket: name, CreateBucketConfiguration };
  const moved = await failureOf(s3.send(new CreateBucketCommand(moving)));
  t.strictSame(moved, { name: "BucketAlreadyOwnedByYou", status: 409 });
  await s3.send(new HeadBucketCommand({ Bucket: name }));
  const listed = await s3.send(new ListBucketsCommand({}));
  t.ok(listed.Buckets?.some((entry) => entry.Name === name));
  await s3.send(new PutObjectCommand({ Bucket: name, Key: "x", Body: "x" }));
  const full = await failureOf(s3.send(new DeleteBucketCommand({ Bucket: name })));
  t.strictSame(full, { name: "BucketNotEmpty", status: 409 });
  await s3.send(new DeleteObjectCommand({ Bucket: name, Key: "x" }));
  await s3.send(new DeleteBucketCommand({ Bucket: name }));
  const gone = await failureOf(s3.send(new ListObjectsV2Command({ Bucket: name })));
  t.strictSame(gone, { name: "NoSuchBucket", status: 404 });
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("the server stops in good order", async (t) => {
  s3.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
