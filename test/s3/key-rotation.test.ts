/** Another named key for all SSE-KMS objects of a bucket, without moving their bytes. */
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { adminOf, codeOf } from "../support/iam/admin.ts";
import { createClient, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

let server: ServerProcess;
let root: S3Client;
const Bucket = newBucketName("rotation");
const KMS = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: "old" } as const;
const LARGE = Buffer.alloc(400_000, "large");

function post(path: string, query: Record<string, string> = {}) {
  return adminOf(server).call({ method: "POST", path, query, body: undefined, sealed: false });
}

/** Asks until it is over. */
async function ended(): Promise<Record<string, unknown>> {
  for (;;) {
    const status = JSON.parse((await adminOf(server).get("kms/key/rotation")).text);
    if (status.state !== "running") return status;
  }
}

before(async () => {
  server = await startServer({ drives: 1 });
  root = createClient(server);
  for (const key of ["old", "new"]) await post("kms/key/create", { "key-id": key });
  await root.send(new CreateBucketCommand({ Bucket }));
  const VersioningConfiguration = { Status: "Enabled" } as const;
  await root.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
});

test("key rotation: every version of every SSE-KMS object, and no other", async (t) => {
  t.equal(JSON.parse((await adminOf(server).get("kms/key/rotation")).text).state, "none");
  const place = (Key: string) => ({ Bucket, Key });
  const first = await root.send(new PutObjectCommand({ ...place("a"), Body: "one", ...KMS }));
  await root.send(new PutObjectCommand({ ...place("a"), Body: LARGE, ...KMS }));
  await root.send(new DeleteObjectCommand(place("a")));
  await root.send(new PutObjectCommand({ ...place("plain"), Body: "plain" }));
  await root.send(
    new PutObjectCommand({ ...place("managed"), Body: "m", ServerSideEncryption: "AES256" }),
  );
  const parts = place("parts");
  const { UploadId } = await root.send(new CreateMultipartUploadCommand({ ...parts, ...KMS }));
  const upload = { ...parts, UploadId };
  const part = await root.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: LARGE }));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] };
  await root.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }));
  const before_ = await root.send(new HeadObjectCommand(parts));

  t.equal(codeOf(await post("kms/key/rotate", { bucket: Bucket, "key-id": "new" })), "done");
  const status = await ended();
  t.match(status, { state: "done", "key-id": "new", versions: 5, rotated: 3, failed: 0 });
  const after = await root.send(new HeadObjectCommand(parts));
  t.match(after.SSEKMSKeyId, /new$/);
  t.equal(after.ETag, before_.ETag);
  t.strictSame(after.LastModified, before_.LastModified);
  t.match(before_.SSEKMSKeyId, /old$/);
  const whole = await root.send(new GetObjectCommand(parts));
  t.ok(LARGE.equals((await whole.Body?.transformToByteArray()) ?? Buffer.alloc(0)));
  const named = { ...place("a"), VersionId: first.VersionId };
  const oldest = await root.send(new GetObjectCommand(named));
  t.match(oldest.SSEKMSKeyId, /new$/);
  t.equal(await oldest.Body?.transformToString(), "one");
  const managed = await root.send(new HeadObjectCommand(place("managed")));
  t.equal(managed.ServerSideEncryption, "AES256");

  await post("kms/key/rotate", { bucket: Bucket, "key-id": "new" });
  t.match(await ended(), { state: "done", versions: 5, rotated: 0 }, "again, it has nothing to do");
  await post("kms/key/rotate", { bucket: Bucket, "key-id": "old", prefix: "par" });
  t.match(await ended(), { versions: 1, rotated: 1 });
  await post("kms/key/rotate", { bucket: Bucket, "key-id": "old", from: "other" });
  t.match(await ended(), { versions: 5, rotated: 0 });
});

test("key rotation: needs a bucket, a key and the right, and logs its beginning and end", async (t) => {
  t.equal(
    codeOf(await post("kms/key/rotate", { bucket: Bucket, "key-id": "none" })),
    "404 kms:KeyNotFound",
  );
  t.match(codeOf(await post("kms/key/rotate", { bucket: "no-such", "key-id": "new" })), /^404 /);
  t.equal(
    codeOf(await post("kms/key/rotate", { bucket: Bucket })),
    "400 XMinioAdminInvalidArgument",
  );
  const admin = adminOf(server);
  await admin.sealed(
    "PUT",
    "add-user",
    { accessKey: "user" },
    { secretKey: "secret-of-user", policy: "readwrite" },
  );
  const user = adminOf(server, "user", "secret-of-user");
  t.equal(codeOf(await user.get("kms/key/rotation")), "403 AccessDenied");
  t.match(server.output(), /rotation of keys began/);
  t.match(server.output(), /rotation of keys ended/);
});

test("key rotation: the server stops in good order", async (t) => {
  root.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
