/** What is in a stored zip archive: `x-minio-extract: true`. */
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { withHeaders } from "../support/extra-headers.ts";
import { adminOf } from "../support/iam/admin.ts";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";
import { zipOf } from "../support/zip-archive.ts";

let server: ServerProcess;
let root: S3Client;
let browsing: S3Client;
const Bucket = newBucketName("zip");
const clients: S3Client[] = [];
const LARGE = "0123456789".repeat(60_000);

function clientOf(user: string | undefined): S3Client {
  const credentials = user && { accessKeyId: user, secretAccessKey: `secret-of-${user}` };
  const client = createClient(server, credentials ? { credentials } : {});
  clients.push(client);
  return withHeaders(client, { "x-minio-extract": "true" });
}

before(async () => {
  server = await startServer({ drives: 1 });
  root = createClient(server);
  clients.push(root);
  browsing = clientOf(undefined);
  await root.send(new CreateBucketCommand({ Bucket }));
  const Body = zipOf([
    { name: "d/one", content: "1" },
    { name: "d/two", content: "22", method: 0 },
    { name: "large", content: LARGE },
    { name: "stored", content: LARGE, method: 0 },
  ]);
  await root.send(new PutObjectCommand({ Bucket, Key: "x.zip", Body }));
  const sealed = { ServerSideEncryption: "AES256" } as const;
  await root.send(new PutObjectCommand({ Bucket, Key: "sealed.zip", Body, ...sealed }));
  const admin = adminOf(server);
  const bucket = `arn:aws:s3:::${Bucket}`;
  const policies = {
    reader: { Action: ["s3:GetObject", "s3:ListBucket"], Resource: [bucket, `${bucket}/x.zip`] },
    lister: { Action: ["s3:GetObject", "s3:ListBucket"], Resource: [bucket, `${bucket}/x.zip/*`] },
  };
  for (const [name, statement] of Object.entries(policies)) {
    const Statement = [{ Effect: "Allow", ...statement }];
    await admin.put("add-canned-policy", { name }, { Version: "2012-10-17", Statement });
    const secretKey = `secret-of-${name}`;
    await admin.sealed("PUT", "add-user", { accessKey: name }, { secretKey, policy: name });
  }
});

async function textOf(client: S3Client, Key: string, Range?: string): Promise<string | undefined> {
  const got = await client.send(new GetObjectCommand({ Bucket, Key, Range }));
  return got.Body?.transformToString();
}

test("zip: members are read whole and in ranges, packed, stored and in sealed archives", async (t) => {
  for (const archive of ["x.zip", "sealed.zip"]) {
    t.equal(await textOf(browsing, `${archive}/d/one`), "1");
    for (const name of ["large", "stored"]) {
      t.equal(await textOf(browsing, `${archive}/${name}`), LARGE);
      const range = await textOf(browsing, `${archive}/${name}`, "bytes=300001-300010");
      t.equal(range, "1234567890");
    }
  }
  const head = await browsing.send(new HeadObjectCommand({ Bucket, Key: "x.zip/large" }));
  t.equal(head.ContentLength, LARGE.length);
  const archive = await root.send(new HeadObjectCommand({ Bucket, Key: "x.zip" }));
  t.strictSame(head.LastModified, archive.LastModified);
  t.equal(head.ETag, undefined);
  const whole = await browsing.send(new HeadObjectCommand({ Bucket, Key: "x.zip" }));
  t.equal(whole.ETag, archive.ETag, "the archive itself is an object like any other");
});

test("zip: what is not there, and what is no archive", async (t) => {
  await root.send(new PutObjectCommand({ Bucket, Key: "noise.zip", Body: "no zip at all" }));
  await root.send(new PutObjectCommand({ Bucket, Key: "real.zip/plain", Body: "key" }));
  const failure = async (client: S3Client, Key: string) =>
    (await failureOf(client.send(new GetObjectCommand({ Bucket, Key })))).name;
  t.equal(await failure(browsing, "x.zip/none"), "NoSuchKey");
  t.equal(await failure(browsing, "none.zip/x"), "NoSuchKey");
  t.equal(await failure(browsing, "noise.zip/x"), "InvalidRequest");
  t.equal(await failure(root, "x.zip/d/one"), "NoSuchKey", "without the header it is a key");
  t.equal(await textOf(root, "real.zip/plain"), "key");
  const unmet = { Bucket, Key: "x.zip/d/one", IfMatch: '"other"' };
  t.equal((await failureOf(browsing.send(new GetObjectCommand(unmet)))).status, 412);
});

test("zip: a listing goes into an archive, in pages", async (t) => {
  const keys: string[] = [];
  for (let ContinuationToken: string | undefined; ; ) {
    const page = await browsing.send(
      new ListObjectsV2Command({ Bucket, Prefix: "x.zip/", MaxKeys: 3, ContinuationToken }),
    );
    keys.push(...(page.Contents ?? []).map(({ Key, Size }) => `${Key} ${Size}`));
    if (page.IsTruncated !== true) break;
    ContinuationToken = page.NextContinuationToken;
  }
  const size = LARGE.length;
  t.strictSame(keys, [
    "x.zip/d/one 1",
    "x.zip/d/two 2",
    `x.zip/large ${size}`,
    `x.zip/stored ${size}`,
  ]);
  const folders = await browsing.send(
    new ListObjectsV2Command({ Bucket, Prefix: "x.zip/", Delimiter: "/" }),
  );
  t.strictSame(folders.CommonPrefixes, [{ Prefix: "x.zip/d/" }]);
  const outside = await browsing.send(new ListObjectsV2Command({ Bucket, Prefix: "x" }));
  t.strictSame(
    outside.Contents?.map(({ Key }) => Key),
    ["x.zip"],
  );
});

test("zip: the archive's own rights decide, for its members and for their names", async (t) => {
  const [reader, lister] = [clientOf("reader"), clientOf("lister")];
  const list = (archive: string) => new ListObjectsV2Command({ Bucket, Prefix: `${archive}/` });
  t.equal(await textOf(reader, "x.zip/d/two"), "22");
  t.equal((await failureOf(reader.send(list("x.zip")))).name, "no error");
  for (const Key of ["x.zip/d/two", "sealed.zip/d/one"]) {
    const refused = await failureOf(lister.send(new GetObjectCommand({ Bucket, Key })));
    t.equal(refused.name, "AccessDenied", Key);
  }
  t.equal((await failureOf(lister.send(list("x.zip")))).name, "AccessDenied");
  t.equal((await failureOf(reader.send(list("sealed.zip")))).name, "AccessDenied");
});

test("zip: the server stops in good order", async (t) => {
  for (const client of clients) client.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
