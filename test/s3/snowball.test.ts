/** Archives whose entries become objects: `x-amz-meta-snowball-auto-extract`. */
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLockConfigurationCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { Client } from "minio";
import { before, test } from "tap";
import { adminOf } from "../support/iam/admin.ts";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import {
  ACCESS_KEY,
  SECRET_KEY,
  type ServerProcess,
  startServer,
} from "../support/server-process.ts";
import { paxFile, tarOf } from "../support/tar-archive.ts";

let server: ServerProcess;
let root: S3Client;
let user: S3Client;
const Bucket = newBucketName("snowball");

before(async () => {
  server = await startServer({ drives: 1 });
  root = createClient(server);
  user = createClient(server, {
    credentials: { accessKeyId: "user", secretAccessKey: "secret-of-user" },
  });
  await root.send(new CreateBucketCommand({ Bucket }));
  const Statement = [
    { Effect: "Allow", Action: "s3:PutObject*", Resource: `arn:aws:s3:::${Bucket}/mine/*` },
    {
      Effect: "Deny",
      Action: "s3:PutObject",
      Resource: "*",
      Condition: { StringEquals: { "s3:RequestObjectTag/kind": "secret" } },
    },
  ];
  const admin = adminOf(server);
  await admin.put("add-canned-policy", { name: "mine" }, { Version: "2012-10-17", Statement });
  const secretKey = "secret-of-user";
  await admin.sealed("PUT", "add-user", { accessKey: "user" }, { secretKey, policy: "mine" });
});

const EXTRACT = { "snowball-auto-extract": "true" };

function archive(
  Body: Buffer,
  options: Readonly<Record<string, string>> = {},
  more: Partial<PutObjectCommandInput> = {},
): PutObjectCommand {
  const named = Object.entries(options).map(([name, value]) => [`minio-snowball-${name}`, value]);
  const Metadata = { ...EXTRACT, ...Object.fromEntries(named) };
  return new PutObjectCommand({ Bucket, Key: "mine/archive.tar", Body, Metadata, ...more });
}

async function keysUnder(Prefix: string): Promise<string[]> {
  const { Contents = [] } = await root.send(new ListObjectsV2Command({ Bucket, Prefix }));
  return Contents.map(({ Key = "" }) => Key);
}

async function textOf(Key: string): Promise<string | undefined> {
  const { Body } = await root.send(new GetObjectCommand({ Bucket, Key }));
  return Body?.transformToString("latin1");
}

test("snowball: entries become objects, small and large, the last of a name wins", async (t) => {
  const large = randomBytes(3_000_000);
  const tar = tarOf([
    { name: "./s/a", content: "first" },
    { name: "s/folder/", type: "5" },
    { name: "s/large", content: large },
    { name: "/s/a", content: "second" },
    { name: "s/empty" },
    ...Array.from({ length: 100 }, (_, n) => ({ name: `s/many/${n}`, content: `${n}` })),
  ]);
  await root.send(archive(tar));
  const keys = await keysUnder("s/");
  t.strictSame(
    keys.filter((key) => !key.startsWith("s/many/")),
    ["s/a", "s/empty", "s/folder/", "s/large"],
  );
  t.equal(keys.length, 104);
  t.equal(await textOf("s/a"), "second");
  t.equal(await textOf("s/many/77"), "77");
  t.equal(await textOf("s/large"), large.toString("latin1"));
  const head = await root.send(new HeadObjectCommand({ Bucket, Key: "s/a" }));
  // Whoever may replicate keeps the files' times.
  t.equal(head.LastModified?.getTime(), 1_600_000_000_000);
  t.strictSame(head.Metadata, {});
  t.strictSame(await keysUnder("mine/"), []);
});

test("snowball: gzip, prefix, folders left out, with the MinIO client", async (t) => {
  const { port } = server;
  const place = { endPoint: "127.0.0.1", port, useSSL: false };
  const client = new Client({ ...place, accessKey: ACCESS_KEY, secretKey: SECRET_KEY });
  const tar = tarOf([
    { name: "d", type: "5" },
    paxFile({
      "minio.metadata.Content-Type": "text/plain",
      "minio.metadata.X-Amz-Meta-Color": "red",
      "minio.metadata.X-Amz-Tagging": "kind=plain",
      "minio.metadata.X-Amz-Acl": "public-read",
    }),
    { name: "d/f", content: "x" },
  ]);
  await client.putObject(Bucket, "archive.tgz", gzipSync(tar), undefined, {
    "X-Amz-Meta-Snowball-Auto-Extract": "true",
    "X-Amz-Meta-Minio-Snowball-Prefix": "/p/q/",
    "X-Amz-Meta-Minio-Snowball-Ignore-Dirs": "true",
  });
  t.strictSame(await keysUnder("p/"), ["p/q/d/f"]);
  const head = await root.send(new HeadObjectCommand({ Bucket, Key: "p/q/d/f" }));
  t.equal(head.ContentType, "text/plain");
  t.strictSame(head.Metadata, { color: "red" });
  const tags = await root.send(new GetObjectTaggingCommand({ Bucket, Key: "p/q/d/f" }));
  t.strictSame(tags.TagSet, [{ Key: "kind", Value: "plain" }]);
});

test("snowball: each entry needs the right for its own key, and for what it says of itself", async (t) => {
  const tar = tarOf([
    { name: "mine/one", content: "1" },
    { name: "theirs/two", content: "2" },
    paxFile({ "minio.metadata.x-amz-tagging": "kind=secret" }),
    { name: "mine/three", content: "3" },
    { name: "mine/four", content: "4" },
  ]);
  t.strictSame(await failureOf(user.send(archive(tar))), { name: "AccessDenied", status: 403 });
  t.equal((await failureOf(user.send(archive(tar, { "ignore-errors": "true" })))).name, "no error");
  t.strictSame(await keysUnder("theirs/"), []);
  t.strictSame(await keysUnder("mine/"), ["mine/four", "mine/one"]);
  // Who may not replicate does not choose times.
  const { LastModified } = await root.send(new HeadObjectCommand({ Bucket, Key: "mine/one" }));
  t.ok((LastModified?.getTime() ?? 0) > 1_700_000_000_000);
  const elsewhere = archive(tarOf([{ name: "mine/five" }]), {}, { Key: "theirs/archive" });
  t.equal((await failureOf(user.send(elsewhere))).name, "AccessDenied");
});

test("snowball: names that lead elsewhere are refused, or left out", async (t) => {
  const names = ["../up", "a/../../up", "a/./b", "..", "n".repeat(60)];
  const tar = tarOf(names.map((name) => ({ name, content: "x" })));
  t.equal((await failureOf(root.send(archive(tar, { prefix: "t" })))).name, "InvalidArgument");
  await root.send(archive(tar, { prefix: "t", "ignore-errors": "true" }));
  t.strictSame(await keysUnder("t/"), [`t/${"n".repeat(60)}`]);
  t.strictSame(await keysUnder("up"), []);
});

test("snowball: a body that is not what was promised fails, also where errors are ignored", async (t) => {
  const ignore = { "ignore-errors": "true", prefix: "broken" };
  const tar = tarOf([{ name: "a", content: "x".repeat(200_000) }]);
  const wrong = archive(tar, ignore, { ContentMD5: Buffer.alloc(16).toString("base64") });
  t.equal((await failureOf(root.send(wrong))).name, "BadDigest");
  const short = tar.subarray(0, 100_000);
  t.equal((await failureOf(root.send(archive(short, ignore)))).name, "IncompleteBody");
  const noise = Buffer.alloc(5000, "noise");
  t.equal((await failureOf(root.send(archive(noise, ignore)))).name, "InvalidRequest");
  const zstd = Buffer.from("28b52ffd000000000000", "hex");
  t.equal((await failureOf(root.send(archive(zstd, ignore)))).name, "NotImplemented");
});

test("snowball: checksums of every kind are verified", async (t) => {
  const tar = tarOf([{ name: "sum", content: randomBytes(400_000) }]);
  for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "SHA1", "SHA256"] as const) {
    const put = archive(tar, {}, { ChecksumAlgorithm });
    t.equal((await failureOf(root.send(put))).name, "no error", ChecksumAlgorithm);
  }
  const wrong = archive(tar, {}, { ChecksumCRC64NVME: Buffer.alloc(8).toString("base64") });
  t.equal((await failureOf(root.send(wrong))).status, 400);
});

test("snowball: entries are locked and encrypted like other objects", async (t) => {
  const locked = newBucketName("snowball");
  await root.send(new CreateBucketCommand({ Bucket: locked, ObjectLockEnabledForBucket: true }));
  const DefaultRetention = { Mode: "COMPLIANCE", Days: 1 } as const;
  await root.send(
    new PutObjectLockConfigurationCommand({
      Bucket: locked,
      ObjectLockConfiguration: { ObjectLockEnabled: "Enabled", Rule: { DefaultRetention } },
    }),
  );
  const more = { Bucket: locked, ServerSideEncryption: "AES256" } as const;
  await root.send(archive(tarOf([{ name: "kept", content: "x" }]), {}, more));
  const place = { Bucket: locked, Key: "kept" };
  const head = await root.send(new HeadObjectCommand(place));
  t.equal(head.ObjectLockMode, "COMPLIANCE");
  t.equal(head.ServerSideEncryption, "AES256");
  const gone = new DeleteObjectCommand({ ...place, VersionId: head.VersionId });
  t.equal((await failureOf(root.send(gone))).name, "AccessDenied");
});

test("CVE-2026-40344: an archive in unsigned chunks needs a signature all the same", async (t) => {
  const tar = tarOf([{ name: "stranger", content: "x" }]);
  const day = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${ACCESS_KEY}/${day.slice(0, 8)}/us-east-1/s3/aws4_request`;
  for (const authorization of [
    `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${"0".repeat(64)}`,
    undefined,
  ]) {
    const answer = await fetch(`${server.endpoint}/${Bucket}/archive`, {
      method: "PUT",
      headers: {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": String(tar.length),
        "x-amz-date": day,
        "x-amz-meta-snowball-auto-extract": "true",
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: `${tar.length.toString(16)}\r\n${tar.toString("latin1")}\r\n0\r\n\r\n`,
    });
    t.equal(answer.status, 403);
    await answer.text();
  }
  t.strictSame(await keysUnder("stranger"), []);
});

test("snowball: the server stops in good order", async (t) => {
  root.destroy();
  user.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
