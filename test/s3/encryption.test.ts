/** Encryption as applications see it, through the AWS SDK, on a node of four drives. */
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketEncryptionCommand,
  GetBucketEncryptionCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutBucketEncryptionCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { before, test } from "tap";
import { type Admin, adminOf, codeOf } from "../support/iam/admin.ts";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

const MIB = 1024 * 1024;
const KMS_SECRET = randomBytes(32);
const CUSTOMER_KEY = randomBytes(32);
const SSE_C = {
  SSECustomerAlgorithm: "AES256",
  SSECustomerKey: CUSTOMER_KEY.toString("base64"),
  SSECustomerKeyMD5: createHash("md5").update(CUSTOMER_KEY).digest("base64"),
} as const;
const COPY_SSE_C = {
  CopySourceSSECustomerAlgorithm: "AES256",
  CopySourceSSECustomerKey: SSE_C.SSECustomerKey,
  CopySourceSSECustomerKeyMD5: SSE_C.SSECustomerKeyMD5,
} as const;
const SSE_S3 = { ServerSideEncryption: "AES256" } as const;
const SSE_KMS = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: "photos" } as const;
/** Nothing in a drive's files looks like it by chance. */
const MARK = "plain text that must not be found on any drive ";

let server: ServerProcess;
let s3: S3Client;
let admin: Admin;
let Bucket: string;

before(async () => {
  server = await startServer({
    environment: {
      RINGFORT_LOG_LEVEL: "debug",
      MINIO_KMS_SECRET_KEY: `main:${KMS_SECRET.toString("base64")}`,
    },
  });
  s3 = createClient(server);
  admin = adminOf(server);
  await createKey("photos");
  Bucket = newBucketName("encryption");
  await s3.send(new CreateBucketCommand({ Bucket }));
});

function createKey(name: string) {
  const query = { "key-id": name };
  return admin.call({
    method: "POST",
    path: "kms/key/create",
    query,
    body: undefined,
    sealed: false,
  });
}

async function bytesOf(input: ConstructorParameters<typeof GetObjectCommand>[0]): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand(input));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

test("PutObject: each mode, sizes small and large, whole, in ranges and by HEAD", async (t) => {
  const modes = [SSE_C, SSE_S3, SSE_KMS, { ServerSideEncryption: "aws:kms" } as const];
  for (const [index, mode] of modes.entries()) {
    const access = mode === SSE_C ? SSE_C : {};
    for (const size of [0, 100, 100_000, 3 * MIB + 17]) {
      const Key = `put/${index}/${size}`;
      const body = Buffer.alloc(size, MARK);
      const put = await s3.send(new PutObjectCommand({ Bucket, Key, Body: body, ...mode }));
      const md5 = createHash("md5").update(body).digest("hex");
      t.equal(put.ETag === `"${md5}"`, mode === SSE_S3);
      t.ok((await bytesOf({ Bucket, Key, ...access })).equals(body), Key);
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key, ...access }));
      t.equal(head.ContentLength, size);
      t.equal(head.ETag, put.ETag);
      if (mode === SSE_C) t.equal(head.SSECustomerKeyMD5, SSE_C.SSECustomerKeyMD5);
      else t.equal(head.ServerSideEncryption, mode === SSE_S3 ? "AES256" : "aws:kms");
      if (index >= 2) t.equal(head.SSEKMSKeyId, index === 2 ? "photos" : "main");
      if (size < 1000) continue;
      const found = await bytesOf({ Bucket, Key, Range: "bytes=65500-65600", ...access });
      t.ok(found.equals(body.subarray(65_500, 65_601)));
      const tail = await bytesOf({ Bucket, Key, Range: "bytes=-7", ...access });
      t.ok(tail.equals(body.subarray(-7)));
    }
  }
  const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: "put/0/" }));
  t.same(
    Contents?.map(({ Size }) => Size).sort((left = 0, right = 0) => left - right),
    [0, 100, 100_000, 3 * MIB + 17],
  );
});

test("SSE-C: without the key, or with another, there is no answer but 400", async (t) => {
  const Key = "customer";
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: "secret", ...SSE_C }));
  const other = randomBytes(32);
  const wrong = {
    SSECustomerAlgorithm: "AES256",
    SSECustomerKey: other.toString("base64"),
    SSECustomerKeyMD5: createHash("md5").update(other).digest("base64"),
  };
  for (const access of [{}, wrong]) {
    const asked = { Bucket, Key, ...access };
    t.equal((await failureOf(s3.send(new GetObjectCommand(asked)))).name, "InvalidRequest");
    t.equal((await failureOf(s3.send(new HeadObjectCommand(asked)))).status, 400);
    const attributes = { ...asked, ObjectAttributes: ["ETag" as const] };
    const failed = await failureOf(s3.send(new GetObjectAttributesCommand(attributes)));
    t.equal(failed.name, "InvalidRequest");
    const copy = { Bucket, Key: "stolen", CopySource: `${Bucket}/${Key}` };
    t.equal((await failureOf(s3.send(new CopyObjectCommand(copy)))).name, "InvalidRequest");
  }
  const Tagging = { TagSet: [{ Key: "a", Value: "b" }] };
  await s3.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging }));
  t.equal((await bytesOf({ Bucket, Key, ...SSE_C })).toString(), "secret");
});

test("SSE-C: a new key by a copy onto itself; a copy to and from the other modes", async (t) => {
  const Key = "rotated";
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: "turn me", ...SSE_C }));
  const fresh = randomBytes(32);
  const next = {
    SSECustomerAlgorithm: "AES256",
    SSECustomerKey: fresh.toString("base64"),
    SSECustomerKeyMD5: createHash("md5").update(fresh).digest("base64"),
  };
  const CopySource = `${Bucket}/${Key}`;
  await s3.send(new CopyObjectCommand({ Bucket, Key, CopySource, ...COPY_SSE_C, ...next }));
  t.equal((await bytesOf({ Bucket, Key, ...next })).toString(), "turn me");
  t.equal((await failureOf(bytesOf({ Bucket, Key, ...SSE_C }))).name, "InvalidRequest");
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: "copy me", ...SSE_C }));
  const kms = { Bucket, Key: "copied", CopySource, ...COPY_SSE_C, ...SSE_KMS };
  t.equal((await s3.send(new CopyObjectCommand(kms))).SSEKMSKeyId, "photos");
  const plain = { Bucket, Key: "copied-plain", CopySource: `${Bucket}/copied` };
  t.equal((await s3.send(new CopyObjectCommand(plain))).ServerSideEncryption, undefined);
  t.equal((await bytesOf({ Bucket, Key: "copied-plain" })).toString(), "copy me");
});

test("multipart: lib-storage, parts copied, ranges over parts", async (t) => {
  const body = randomBytes(12 * MIB + 5);
  for (const [Key, mode] of [
    ["multi-c", SSE_C],
    ["multi-s3", SSE_S3],
    ["multi-kms", SSE_KMS],
  ] as const) {
    const access = mode === SSE_C ? SSE_C : {};
    const params = { Bucket, Key, Body: body, ...mode };
    await new Upload({ client: s3, params, partSize: 5 * MIB, queueSize: 2 }).done();
    t.ok((await bytesOf({ Bucket, Key, ...access })).equals(body), Key);
    const from = 5 * MIB - 100;
    const Range = `bytes=${from}-${from + 70_000}`;
    const found = await bytesOf({ Bucket, Key, Range, ...access });
    t.ok(found.equals(body.subarray(from, from + 70_001)), `${Key}: a range over two parts`);
    const second = await bytesOf({ Bucket, Key, PartNumber: 2, ...access });
    t.ok(second.equals(body.subarray(5 * MIB, 10 * MIB)));
  }
  const target = { Bucket, Key: "assembled" };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...target, ...SSE_KMS }));
  const source = { CopySource: `${Bucket}/multi-c`, CopySourceRange: "bytes=3-6000002" };
  const part = { ...target, UploadId, PartNumber: 1 };
  const copied = await s3.send(new UploadPartCopyCommand({ ...part, ...source, ...COPY_SSE_C }));
  const last = { ...target, UploadId, PartNumber: 2, Body: "the end" };
  const uploaded = await s3.send(new UploadPartCommand(last));
  const Parts = [
    { PartNumber: 1, ETag: copied.CopyPartResult?.ETag },
    { PartNumber: 2, ETag: uploaded.ETag },
  ];
  const completion = { ...target, UploadId, MultipartUpload: { Parts } };
  const done = await s3.send(new CompleteMultipartUploadCommand(completion));
  t.equal(done.ServerSideEncryption, "aws:kms");
  const whole = Buffer.concat([body.subarray(3, 6_000_003), Buffer.from("the end")]);
  t.ok((await bytesOf(target)).equals(whole));
});

test("bucket default encryption: applied to what says nothing, shown, taken away", async (t) => {
  const bucket = newBucketName("default");
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const get = () => s3.send(new GetBucketEncryptionCommand({ Bucket: bucket }));
  t.equal((await failureOf(get())).name, "ServerSideEncryptionConfigurationNotFoundError");
  const rule = { SSEAlgorithm: "aws:kms", KMSMasterKeyID: "photos" } as const;
  const Rules = [{ ApplyServerSideEncryptionByDefault: rule }];
  const configuration = { Bucket: bucket, ServerSideEncryptionConfiguration: { Rules } };
  await s3.send(new PutBucketEncryptionCommand(configuration));
  const shown = (await get()).ServerSideEncryptionConfiguration?.Rules?.[0];
  t.same(shown?.ApplyServerSideEncryptionByDefault, rule);
  const put = await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "a", Body: "x" }));
  t.equal(put.SSEKMSKeyId, "photos");
  const url = await getSignedUrl(s3, new PutObjectCommand({ Bucket: bucket, Key: "signed" }));
  const answer = await fetch(url, { method: "PUT", body: "signed" });
  t.equal(answer.headers.get("x-amz-server-side-encryption"), "aws:kms");
  const form = new FormData();
  form.set("key", "by-form");
  const open = { Effect: "Allow", Principal: "*", Action: "s3:PutObject" };
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ ...open, Resource: `arn:aws:s3:::${bucket}/by-form` }],
  });
  await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  form.set("file", "from a form");
  const posted = await fetch(`${server.endpoint}/${bucket}`, { method: "POST", body: form });
  t.equal(posted.headers.get("x-amz-server-side-encryption-aws-kms-key-id"), "photos");
  t.equal((await bytesOf({ Bucket: bucket, Key: "by-form" })).toString(), "from a form");
  await s3.send(new DeleteBucketEncryptionCommand({ Bucket: bucket }));
  const plain = await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "b", Body: "x" }));
  t.equal(plain.ServerSideEncryption, undefined);
  t.equal((await bytesOf({ Bucket: bucket, Key: "a" })).toString(), "x");
});

test("policy: writers can be held to encryption by its condition keys", async (t) => {
  const bucket = newBucketName("policy");
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const condition = { StringNotEquals: { "s3:x-amz-server-side-encryption": "aws:kms" } };
  const deny = { Effect: "Deny", Principal: "*", Action: "s3:PutObject", Condition: condition };
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ ...deny, Resource: `arn:aws:s3:::${bucket}/*` }],
  });
  await s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  const input = { Bucket: bucket, Key: "k", Body: "x" };
  // The root account's own bucket policy binds everybody but those who administrate: another user.
  await admin.sealed(
    "PUT",
    "add-user",
    { accessKey: "writer" },
    {
      secretKey: "writer-secret",
      policy: "readwrite",
    },
  );
  const credentials = { accessKeyId: "writer", secretAccessKey: "writer-secret" };
  const writer = createClient(server, { credentials });
  t.equal((await failureOf(writer.send(new PutObjectCommand(input)))).name, "AccessDenied");
  const managed = new PutObjectCommand({ ...input, ...SSE_S3 });
  t.equal((await failureOf(writer.send(managed))).name, "AccessDenied");
  await writer.send(new PutObjectCommand({ ...input, ...SSE_KMS }));
});

test("kms: keys are made, listed and tried out, and unknown ones are refused", async (t) => {
  t.equal(codeOf(await createKey("photos")), "409 kms:KeyAlreadyExists");
  t.equal(codeOf(await createKey("no/name")), "400 XMinioAdminInvalidAccessKey");
  const listed: Array<{ name: string }> = JSON.parse((await admin.get("kms/key/list")).text);
  t.same(
    listed.map(({ name }) => name),
    ["main", "photos"],
  );
  const status = await admin.get("kms/key/status", { "key-id": "photos" });
  t.same(JSON.parse(status.text), { "key-id": "photos" });
  t.equal(codeOf(await admin.get("kms/key/status", { "key-id": "no" })), "404 kms:KeyNotFound");
  const unknown = { Bucket, Key: "k", Body: "x", ...SSE_KMS, SSEKMSKeyId: "nobody" };
  const failure = await failureOf(s3.send(new PutObjectCommand(unknown)));
  t.match(failure, { name: "KMS.NotFoundException", status: 400 });
});

test("at rest and in the log: no plain text, no key", async (t) => {
  const Key = "at-rest";
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: MARK.repeat(20_000), ...SSE_S3 }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "inline", Body: MARK, ...SSE_C }));
  t.equal(await server.stop(), 0);
  const secrets = [
    ["plain text", Buffer.from(MARK)],
    ["customer's key", CUSTOMER_KEY],
    ["customer's key in base64", Buffer.from(SSE_C.SSECustomerKey)],
    ["customer's key in hexadecimal", Buffer.from(CUSTOMER_KEY.toString("hex"))],
    ["key of the settings", KMS_SECRET],
    ["key of the settings in base64", Buffer.from(KMS_SECRET.toString("base64"))],
  ] as const;
  for (const file of filesBelow(server.folder)) {
    const content = readFileSync(file);
    const found = secrets.filter(([, secret]) => content.includes(secret)).map(([name]) => name);
    if (found.length > 0) t.same(found, [], file);
  }
  const log = server.output();
  t.ok(log.includes("kms/key/create"), "the log is that of the server");
  for (const [name, secret] of secrets.slice(2)) t.notOk(log.includes(secret.toString()), name);
  const again = await startServer({
    folder: server.folder,
    environment: { MINIO_KMS_SECRET_KEY: `main:${KMS_SECRET.toString("base64")}` },
  });
  s3 = createClient(again);
  t.ok((await bytesOf({ Bucket, Key: "multi-kms" })).length > 12 * MIB, "keys outlive the process");
  await again.stop();
  const without = await startServer({ folder: server.folder });
  s3 = createClient(without);
  t.equal((await failureOf(bytesOf({ Bucket, Key: "multi-kms" }))).status, 503);
  t.equal((await bytesOf({ Bucket, Key: "copied-plain" })).toString(), "copy me");
  await without.stop();
  without.clean();
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}
