/** Quotas and usage over HTTP: the administration API sets and shows them, S3 keeps to them. */
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { type Admin, adminOf, codeOf } from "../support/iam/admin.ts";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

const EXCEEDED = { name: "XMinioAdminBucketQuotaExceeded", status: 400 };
const DONE = { name: "no error" };
const KIB = 1024;

let server: ServerProcess;
let s3: S3Client;
let admin: Admin;

before(async () => {
  server = await startServer();
  s3 = createClient(server);
  admin = adminOf(server);
});

async function bucketWith(quota: number): Promise<string> {
  const Bucket = newBucketName("quota");
  await s3.send(new CreateBucketCommand({ Bucket }));
  const reply = await admin.put(
    "set-bucket-quota",
    { bucket: Bucket },
    { quota, quotatype: "hard" },
  );
  if (reply.status !== 200) throw new Error(reply.text);
  return Bucket;
}

function put(Bucket: string, Key: string, bytes: number) {
  return failureOf(s3.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.alloc(bytes) })));
}

async function usageOf(bucket: string) {
  const { text } = await admin.get("datausageinfo", { bucket });
  return JSON.parse(text).bucketsUsageInfo[bucket];
}

test("quotas: set, shown and cleared", async (t) => {
  const bucket = await bucketWith(100);
  t.match(JSON.parse((await admin.get("get-bucket-quota", { bucket })).text), {
    quota: 100,
    size: 100,
    quotatype: "hard",
  });
  t.match(await put(bucket, "a", 101), EXCEEDED);
  t.match(await put(bucket, "a", 100), DONE);
  const cleared = await admin.put("set-bucket-quota", { bucket }, { quota: 0 });
  t.equal(codeOf(cleared), "done");
  t.strictSame(JSON.parse((await admin.get("get-bucket-quota", { bucket })).text), {
    quota: 0,
    size: 0,
    rate: 0,
    requests: 0,
  });
  t.match(await put(bucket, "b", 200), DONE);
});

test("quotas: what is wrong is said", async (t) => {
  const bucket = await bucketWith(100);
  const set = async (body: object) => codeOf(await admin.put("set-bucket-quota", { bucket }, body));
  t.equal(await set({ quota: -1 }), "400 XMinioAdminInvalidArgument");
  t.equal(await set({ quota: 1.5 }), "400 XMinioAdminInvalidArgument");
  t.equal(await set({ quota: 2 ** 53 - 1 }), "400 XMinioAdminInvalidArgument");
  t.equal(await set({ quota: 5, quotatype: "fifo" }), "400 XMinioAdminInvalidArgument");
  t.equal(await set({ quota: 5, rate: 3 }), "400 XMinioAdminInvalidArgument");
  const nobody = { bucket: "no-such-bucket" };
  t.equal(codeOf(await admin.put("set-bucket-quota", nobody, { quota: 5 })), "404 NoSuchBucket");
  t.equal(codeOf(await admin.get("get-bucket-quota", nobody)), "404 NoSuchBucket");
  t.equal(codeOf(await admin.get("datausageinfo", nobody)), "404 NoSuchBucket");
});

test("quotas: each route needs its own permission", async (t) => {
  const Statement = [{ Effect: "Allow", Action: ["admin:GetBucketQuota"] }];
  const policy = { Version: "2012-10-17", Statement };
  await admin.put("add-canned-policy", { name: "reader" }, policy);
  const user = { secretKey: "secret-of-reader", policy: "reader" };
  await admin.sealed("PUT", "add-user", { accessKey: "reader" }, user);
  const reader = adminOf(server, "reader", "secret-of-reader");
  const bucket = await bucketWith(100);
  t.equal(codeOf(await reader.get("get-bucket-quota", { bucket })), "done");
  t.equal(codeOf(await reader.put("set-bucket-quota", { bucket }, {})), "403 AccessDenied");
  t.equal(codeOf(await reader.get("datausageinfo")), "403 AccessDenied");
});

test("quotas: hold for copies and uploads in parts, and multi-delete gives back", async (t) => {
  const Bucket = await bucketWith(300 * KIB);
  t.match(await put(Bucket, "a", 200 * KIB), DONE);
  const copy = (Key: string) =>
    failureOf(s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/a` })));
  t.match(await copy("b"), EXCEEDED);
  const Key = "parts";
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const part = { Bucket, Key, UploadId, PartNumber: 1 };
  t.match(
    await failureOf(s3.send(new UploadPartCommand({ ...part, Body: Buffer.alloc(101 * KIB) }))),
    EXCEEDED,
    "a part that can never be an object is not taken",
  );
  const { ETag } = await s3.send(new UploadPartCommand({ ...part, Body: Buffer.alloc(100 * KIB) }));
  t.match(await put(Bucket, "c", 1), DONE);
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
  const complete = () =>
    failureOf(
      s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload })),
    );
  t.match(await complete(), EXCEEDED);
  t.match(await usageOf(Bucket), { size: 200 * KIB + 1, uploadsCount: 1 });
  const Objects = [{ Key: "a" }, { Key: "c" }];
  await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  t.match(await complete(), DONE);
  t.match(await put(Bucket, "a", 200 * KIB), DONE);
  t.match(await put(Bucket, "c", 1), EXCEEDED);
  t.match(await usageOf(Bucket), { size: 300 * KIB, objectsCount: 2, quota: 300 * KIB });
});

test("usage: versions and delete markers are told apart, and the sums are those of the buckets", async (t) => {
  const Bucket = await bucketWith(1_000);
  const VersioningConfiguration = { Status: "Enabled" } as const;
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  await put(Bucket, "a", 10);
  await put(Bucket, "a", 20);
  await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "a" }] } }));
  await put(Bucket, "b", 5);
  const shown = { size: 35, objectsCount: 1, versionsCount: 3, deleteMarkersCount: 1 };
  t.match(await usageOf(Bucket), shown);
  const all = JSON.parse((await admin.get("datausageinfo")).text);
  const infos: { size: number }[] = Object.values(all.bucketsUsageInfo);
  t.equal(all.bucketsCount, infos.length);
  t.equal(
    all.objectsTotalSize,
    infos.reduce((sum, { size }) => sum + size, 0),
  );
});

test("quotas: hold after the server was killed", async (t) => {
  const Bucket = await bucketWith(100);
  t.match(await put(Bucket, "a", 60), DONE);
  await server.kill();
  server = await startServer({ folder: server.folder });
  s3 = createClient(server);
  admin = adminOf(server);
  t.teardown(async () => {
    await server.stop();
    server.clean();
  });
  t.match(await put(Bucket, "b", 41), EXCEEDED);
  t.match(await put(Bucket, "b", 40), DONE);
  t.match(await put(Bucket, "c", 1), EXCEEDED);
});
