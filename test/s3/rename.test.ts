/** RenameObject over HTTP, through the AWS SDK where it can be made to send it. */
import { createHash } from "node:crypto";
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  RenameObjectCommand,
  type RenameObjectCommandInput,
  type S3Client,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { type Admin, adminOf } from "../support/iam/admin.ts";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

let server: ServerProcess;
let s3: S3Client;
let admin: Admin;
let Bucket: string;

before(async () => {
  server = await startServer({ drives: 1 });
  s3 = createClient(server);
  admin = adminOf(server);
  Bucket = newBucketName("rename");
  await s3.send(new CreateBucketCommand({ Bucket }));
});

async function put(Key: string, content: string): Promise<string> {
  const { ETag = "" } = await s3.send(new PutObjectCommand({ Bucket, Key, Body: content }));
  return ETag;
}

async function textOf(Key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return (await Body?.transformToString()) ?? "";
}

function rename(
  Key: string,
  RenameSource: string,
  more: Partial<RenameObjectCommandInput> = {},
  client: S3Client = s3,
) {
  return client.send(new RenameObjectCommand({ Bucket, Key, RenameSource, ...more }));
}

test("RenameObject: names its source by key or by bucket and key", async (t) => {
  await put("old name+ä", "first");
  await rename("a/new", encodeURIComponent("old name+ä"));
  t.equal(await textOf("a/new"), "first");
  await rename("b", `/${Bucket}/a/new`);
  t.equal(await textOf("b"), "first");
  await rename("c", `${Bucket}/b`);
  t.equal(await textOf("c"), "first");
  for (const gone of ["old name+ä", "a/new", "b"]) {
    t.match(await failureOf(textOf(gone)), { name: "NoSuchKey" });
  }
  t.match(await failureOf(rename("d", "/elsewhere/c")), { name: "InvalidArgument", status: 400 });
  t.match(await failureOf(rename("c", "c")), { name: "InvalidRequest" });
  t.match(await failureOf(rename("d", "nothing")), { name: "NoSuchKey", status: 404 });
});

test("RenameObject: conditions of both sides, and idempotency by token", async (t) => {
  const etag = await put("one", "one");
  await put("two", "two");
  const failed = { name: "PreconditionFailed", status: 412 };
  t.match(await failureOf(rename("two", "one", { DestinationIfNoneMatch: "*" })), failed);
  t.match(await failureOf(rename("three", "one", { SourceIfMatch: '"x"' })), failed);
  t.match(await failureOf(rename("three", "one", { SourceIfNoneMatch: etag })), failed);
  const input = { SourceIfMatch: etag, DestinationIfNoneMatch: "*", ClientToken: "t-1" };
  await rename("three", "one", input);
  await rename("three", "one", input);
  t.equal(await textOf("three"), "one");
  t.match(await failureOf(rename("three", "two", input)), {
    name: "IdempotencyParameterMismatch",
    status: 400,
  });
  t.equal(await textOf("two"), "two");
});

test("RenameObject: needs what reading, deleting and writing need", async (t) => {
  await put("mine/a", "a");
  const digest = (text: string) => createHash("sha1").update(text).digest("hex").slice(0, 8);
  const of = async (actions: readonly [string, string][]) => {
    const name = `user-${digest(JSON.stringify(actions))}`;
    const Statement = actions.map(([Action, key]) => ({
      Effect: "Allow",
      Action,
      Resource: `arn:aws:s3:::${Bucket}/${key}`,
    }));
    await admin.put("add-canned-policy", { name }, { Version: "2012-10-17", Statement });
    const user = { secretKey: `secret-of-${name}`, policy: name };
    await admin.sealed("PUT", "add-user", { accessKey: name }, user);
    const credentials = { accessKeyId: name, secretAccessKey: user.secretKey };
    const client = createClient(server, { credentials });
    const failure = await failureOf(rename("theirs/a", "mine/a", {}, client));
    client.destroy();
    return failure.name;
  };
  const put_: [string, string] = ["s3:PutObject", "theirs/*"];
  const get: [string, string] = ["s3:GetObject", "mine/*"];
  const remove: [string, string] = ["s3:DeleteObject", "mine/*"];
  t.equal(await of([put_, get]), "AccessDenied");
  t.equal(await of([put_, remove]), "AccessDenied");
  t.equal(await of([get, remove]), "AccessDenied");
  t.equal(await of([put_, get, ["s3:DeleteObject", "theirs/*"]]), "AccessDenied");
  t.equal(await textOf("mine/a"), "a");
  t.equal(await of([put_, get, remove]), "no error");
  t.equal(await textOf("theirs/a"), "a");
});

test("the server stops in good order", async (t) => {
  s3.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
