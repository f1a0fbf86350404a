/**
 * What went wrong elsewhere and must not happen here, one test each, named by the advisory. Those
 * about users, keys and administration are played through in identities.test.ts.
 */
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { adminOf, codeOf } from "../support/iam/admin.ts";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { ACCESS_KEY, type ServerProcess, startServer } from "../support/server-process.ts";

let server: ServerProcess;
let root: S3Client;
let user: S3Client;
const Bucket = newBucketName("advisories");

before(async () => {
  server = await startServer({ drives: 1 });
  root = createClient(server);
  await root.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  const admin = adminOf(server);
  await admin.put(
    "add-canned-policy",
    { name: "no-bypass" },
    {
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: "s3:*", Resource: "*" },
        { Effect: "Deny", Action: "s3:BypassGovernanceRetention", Resource: "*" },
      ],
    },
  );
  await admin.sealed(
    "PUT",
    "add-user",
    { accessKey: "user" },
    { secretKey: "secret-of-user", policy: "no-bypass" },
  );
  user = createClient(server, {
    credentials: { accessKeyId: "user", secretAccessKey: "secret-of-user" },
  });
});

test("CVE-2020-11012, CVE-2021-41137: a known access key without its secret is nobody", async (t) => {
  for (const secret of ["", "wrong-secret", "minioadmi"]) {
    const reply = await adminOf(server, ACCESS_KEY, secret).get("list-users");
    t.equal(codeOf(reply), "403 SignatureDoesNotMatch");
  }
  t.equal(
    codeOf(await adminOf(server, "user", "secret-of-user").get("list-users")),
    "403 AccessDenied",
  );
});

test("CVE-2023-25812: a Deny of the governance bypass holds, alone and in batches", async (t) => {
  const Key = "locked";
  const put = new PutObjectCommand({
    ...{ Bucket, Key, Body: "x", ObjectLockMode: "GOVERNANCE" },
    ObjectLockRetainUntilDate: new Date(Date.now() + 86_400_000),
  });
  const { VersionId } = await root.send(put);
  const one = { Bucket, Key, VersionId, BypassGovernanceRetention: true };
  t.strictSame(await failureOf(user.send(new DeleteObjectCommand(one))), {
    name: "AccessDenied",
    status: 403,
  });
  const batch = new DeleteObjectsCommand({
    Bucket,
    Delete: { Objects: [{ Key, VersionId }] },
    BypassGovernanceRetention: true,
  });
  t.strictSame(
    (await user.send(batch)).Errors?.map(({ Code }) => Code),
    ["AccessDenied"],
  );
  await root.send(new DeleteObjectCommand(one));
});

test("CVE-2023-28432, CVE-2024-55949: nothing of the node is told or taken without permission", async (t) => {
  const paths = [
    "/minio/bootstrap/v1/verify",
    "/minio/peer/v1/info",
    "/minio/storage/v1/x",
    "/minio/grid/v1",
  ];
  for (const path of paths) {
    const answer = await fetch(`${server.endpoint}${path}`, { method: "POST", body: "" });
    const text = await answer.text();
    t.ok(answer.status >= 400 && answer.status < 500, path);
    t.notMatch(text, /minioadmin|ROOT_PASSWORD/);
  }
  const mallory = adminOf(server, "user", "secret-of-user");
  for (const path of ["import-iam", "import-iam-v2"]) {
    t.equal(codeOf(await mallory.put(path, {}, "zip")), "403 AccessDenied", path);
  }
  t.equal(codeOf(await mallory.get("export-iam")), "403 AccessDenied");
  const absent = await mallory.put("import-bucket-metadata", {}, "zip");
  t.equal(codeOf(absent), "426 XMinioAdminVersionMismatch");
});

test("CVE-2023-28433: a backslash in a key is a character like any other", async (t) => {
  const Key = "a\\..\\..\\b";
  await root.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
  const listed = await root.send(new ListObjectsV2Command({ Bucket }));
  t.strictSame(
    listed.Contents?.map((object) => object.Key),
    [Key],
  );
});

test("CVE-2023-28434: no bucket name leads to the records of the deployment", async (t) => {
  for (const path of [
    "/.minio.sys/config/iam/users/user",
    "/iam/user/user",
    "/.ringfort/iam",
    "/minio/iam",
  ]) {
    for (const method of ["GET", "PUT"]) {
      const answer = await fetch(`${server.endpoint}${path}`, { method });
      t.ok(answer.status >= 400 && answer.status < 500, `${method} ${path}`);
    }
  }
  const reserved = await failureOf(root.send(new CreateBucketCommand({ Bucket: ".minio.sys" })));
  t.strictSame(reserved, { name: "InvalidBucketName", status: 400 });
});

test("CVE-2025-31489, CVE-2026-41145, CVE-2026-40344: an unsigned trailer does not stand for a signature", async (t) => {
  const date = `${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
  const scope = `${date.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const body = "1\r\nx\r\n0\r\nx-amz-checksum-crc32:jNxyAw==\r\n\r\n";
  const headers = {
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-date": date,
    "x-amz-decoded-content-length": "1",
    "x-amz-trailer": "x-amz-checksum-crc32",
    "content-encoding": "aws-chunked",
  };
  const names =
    "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-trailer";
  const signature = "0".repeat(64);
  const authorization = `AWS4-HMAC-SHA256 Credential=${ACCESS_KEY}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const query = new URLSearchParams({
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${ACCESS_KEY}/${scope}`,
    "X-Amz-Date": date,
    "X-Amz-Expires": "60",
    "X-Amz-SignedHeaders": names,
    "X-Amz-Signature": signature,
  });
  const url = `${server.endpoint}/${Bucket}/forged`;
  const snowball = { "x-amz-meta-snowball-auto-extract": "true" };
  const attempts: Array<[string, Record<string, string>]> = [
    [url, { ...headers, authorization }],
    [`${url}?${query}`, headers],
    [`${url}?X-Amz-Credential=${ACCESS_KEY}`, headers],
    [url, headers],
    [url, { ...headers, ...snowball, authorization }],
    [`${url}?${query}`, { ...headers, ...snowball }],
  ];
  for (const [place, sent] of attempts) {
    const answer = await fetch(place, { method: "PUT", headers: sent, body });
    t.ok([400, 403].includes(answer.status), `${answer.status}`);
  }
  const forged = await failureOf(root.send(new GetObjectCommand({ Bucket, Key: "forged" })));
  t.strictSame(forged, { name: "NoSuchKey", status: 404 });
});

test("CVE-2026-34204: headers of replication mean nothing from a client", async (t) => {
  const put = new PutObjectCommand({ Bucket, Key: "plain", Body: "text" });
  put.middlewareStack.add(
    (next) => (args) => {
      const { request } = args as { request: { headers: Record<string, string> } };
      request.headers["x-minio-replication-server-side-encryption-sealed-key"] = "x";
      request.headers["x-minio-internal-encrypted-multipart"] = "x";
      request.headers["x-minio-source-replication-request"] = "true";
      return next(args);
    },
    { step: "build" },
  );
  await failureOf(root.send(put));
  await root.send(new PutObjectCommand({ Bucket, Key: "after", Body: "text" }));
  for (const Key of ["plain", "after"]) {
    const found = await failureOf(root.send(new GetObjectCommand({ Bucket, Key })));
    t.ok(found.name === "no error" || found.name === "NoSuchKey", `${Key}: ${found.name}`);
  }
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("the server stops in good order", async (t) => {
  root.destroy();
  user.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
