/** `x-minio-force-delete: true` on DeleteObject: a key and everything below it. */
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { Client } from "minio";
import { before, test } from "tap";
import { withHeaders } from "../support/extra-headers.ts";
import { adminOf } from "../support/iam/admin.ts";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import {
  ACCESS_KEY,
  SECRET_KEY,
  type ServerProcess,
  startServer,
} from "../support/server-process.ts";

let server: ServerProcess;
let root: S3Client;
let forced: S3Client;
let user: S3Client;
const KEYS = ["a", "a/b", "a/b/c", "a/denied/x", "ab", "b/a"];

before(async () => {
  server = await startServer({ drives: 1 });
  root = createClient(server);
  forced = withHeaders(createClient(server), { "x-minio-force-delete": "true" });
  const credentials = { accessKeyId: "user", secretAccessKey: "secret-of-user" };
  user = withHeaders(createClient(server, { credentials }), { "x-minio-force-delete": "true" });
  const Statement = [
    { Effect: "Allow", Action: "s3:*", Resource: "*" },
    { Effect: "Deny", Action: "s3:DeleteObject*", Resource: "arn:aws:s3:::*/denied/*" },
  ];
  const admin = adminOf(server);
  await admin.put("add-canned-policy", { name: "some" }, { Version: "2012-10-17", Statement });
  const secretKey = credentials.secretAccessKey;
  await admin.sealed("PUT", "add-user", { accessKey: "user" }, { secretKey, policy: "some" });
});

async function filledBucket(versioned: boolean, more: object = {}): Promise<string> {
  const Bucket = newBucketName("forced");
  await root.send(new CreateBucketCommand({ Bucket, ...more }));
  const VersioningConfiguration = { Status: "Enabled" } as const;
  if (versioned)
    await root.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  for (const Key of KEYS) await root.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
  if (versioned) {
    for (const Key of KEYS) await root.send(new DeleteObjectCommand({ Bucket, Key }));
  }
  return Bucket;
}

async function left(Bucket: string): Promise<string[]> {
  const { Versions = [], DeleteMarkers = [] } = await root.send(
    new ListObjectVersionsCommand({ Bucket }),
  );
  return [...new Set([...Versions, ...DeleteMarkers].map(({ Key = "" }) => Key))].sort();
}

test("force delete: the key and what lies below it, every version, and nothing beside", async (t) => {
  for (const versioned of [false, true]) {
    const Bucket = await filledBucket(versioned);
    await forced.send(new DeleteObjectCommand({ Bucket, Key: "a/b/" }));
    t.strictSame(await left(Bucket), ["a", "a/b", "a/denied/x", "ab", "b/a"]);
    await forced.send(new DeleteObjectCommand({ Bucket, Key: "a" }));
    t.strictSame(await left(Bucket), ["ab", "b/a"]);
    await forced.send(new DeleteObjectCommand({ Bucket, Key: "nothing" }));
    t.strictSame(await left(Bucket), ["ab", "b/a"]);
  }
});

test("force delete: with the MinIO client, over more than one page", async (t) => {
  const Bucket = newBucketName("forced");
  const place = { endPoint: "127.0.0.1", port: server.port, useSSL: false };
  const client = new Client({ ...place, accessKey: ACCESS_KEY, secretKey: SECRET_KEY });
  await client.makeBucket(Bucket);
  const keys = Array.from({ length: 1100 }, (_, n) => `p/${n}`);
  for (let first = 0; first < keys.length; first += 50) {
    await Promise.all(
      keys.slice(first, first + 50).map((key) => client.putObject(Bucket, key, "x")),
    );
  }
  await client.putObject(Bucket, "q", "x");
  await client.removeObject(Bucket, "p", { forceDelete: true });
  t.strictSame(await left(Bucket), ["q"]);
});

test("force delete: each deletion needs its own right", async (t) => {
  for (const versioned of [false, true]) {
    const Bucket = await filledBucket(versioned);
    const refused = await failureOf(user.send(new DeleteObjectCommand({ Bucket, Key: "a" })));
    t.equal(refused.name, "AccessDenied");
    t.ok((await left(Bucket)).includes("a/denied/x"));
    await user.send(new DeleteObjectCommand({ Bucket, Key: "b" }));
    t.notOk((await left(Bucket)).includes("b/a"));
  }
});

test("force delete: never past a lock, and never of one version", async (t) => {
  const locked = await filledBucket(false, { ObjectLockEnabledForBucket: true });
  const refused = await failureOf(
    forced.send(new DeleteObjectCommand({ Bucket: locked, Key: "a" })),
  );
  t.equal(refused.name, "MethodNotAllowed");
  t.strictSame(await left(locked), KEYS);
  const one = { Bucket: locked, Key: "a", VersionId: "null" };
  t.equal((await failureOf(forced.send(new DeleteObjectCommand(one)))).name, "InvalidRequest");
});

test("force delete: the server stops in good order", async (t) => {
  for (const client of [root, forced, user]) client.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
