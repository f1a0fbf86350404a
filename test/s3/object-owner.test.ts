/**
 * Objects that another account has written: owning the bucket gives no right to read them where lists
 * are in use, as in AWS, and its policy gives nobody any.
 */
import {
  type BucketCannedACL,
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  type ObjectCannedACL,
  type ObjectOwnership,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { adminOf } from "../support/iam/admin.ts";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

let server: ServerProcess;
let root: S3Client;
let owner: S3Client;
let writer: S3Client;

const ACCOUNTS = { owner: "111111111111", writer: "222222222222" } as const;

async function accountRoot(name: keyof typeof ACCOUNTS): Promise<S3Client> {
  const secretKey = `secret-of-${name}`;
  await adminOf(server).put("add-account", {}, { id: ACCOUNTS[name], name });
  const added = { secretKey, account: ACCOUNTS[name], accountRoot: true };
  const reply = await adminOf(server).sealed("PUT", "add-user", { accessKey: name }, added);
  if (reply.status >= 300) throw new Error(reply.text);
  return createClient(server, { credentials: { accessKeyId: name, secretAccessKey: secretKey } });
}

before(async () => {
  server = await startServer({ drives: 1 });
  root = createClient(server);
  owner = await accountRoot("owner");
  writer = await accountRoot("writer");
});

interface Setting {
  readonly ownership?: ObjectOwnership;
  readonly acl?: ObjectCannedACL;
}

/** A bucket of the owner's with an object that the other account wrote. */
async function foreignObject({
  ownership,
  acl,
}: Setting): Promise<{ Bucket: string; Key: string }> {
  const Bucket = newBucketName("owned");
  const ACL: BucketCannedACL | undefined =
    ownership === "BucketOwnerEnforced" ? undefined : "public-read-write";
  await owner.send(new CreateBucketCommand({ Bucket, ObjectOwnership: ownership, ACL }));
  const place = { Bucket, Key: "theirs" };
  const Resource = `arn:aws:s3:::${Bucket}/*`;
  const Statement = [{ Effect: "Allow", Principal: "*", Action: "s3:*Object*", Resource }];
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await owner.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  await writer.send(new PutObjectCommand({ ...place, Body: "theirs", ACL: acl }));
  return place;
}

async function outcomes(client: S3Client, place: { Bucket: string; Key: string }) {
  const CopySource = `${place.Bucket}/${place.Key}`;
  const calls = {
    get: () => client.send(new GetObjectCommand(place)),
    head: () => client.send(new HeadObjectCommand(place)),
    conditional: () => client.send(new GetObjectCommand({ ...place, IfMatch: "wrong" })),
    tags: () => client.send(new GetObjectTaggingCommand(place)),
    tag: () => client.send(new PutObjectTaggingCommand({ ...place, Tagging: { TagSet: [] } })),
    copy: () => client.send(new CopyObjectCommand({ ...place, Key: "copy", CopySource })),
  };
  const found: Record<string, number | undefined> = {};
  for (const [name, call] of Object.entries(calls)) {
    const { name: code, status } = await failureOf(call());
    found[name] = code === "no error" ? 200 : status;
  }
  return found;
}

const ALL = { get: 200, head: 200, conditional: 412, tags: 200, tag: 200, copy: 200 };
/** Tags are the bucket owner's to read and set, whosever the object is. */
const NONE = { get: 403, head: 403, conditional: 403, tags: 200, tag: 200, copy: 403 };

test("object owner: a bucket's owner may delete another account's object, not read it", async (t) => {
  for (const ownership of [undefined, "ObjectWriter", "BucketOwnerPreferred"] as const) {
    const place = await foreignObject(ownership === undefined ? {} : { ownership });
    t.strictSame(await outcomes(owner, place), NONE, `${ownership}`);
    t.strictSame(await outcomes(writer, place), ALL);
    const answer = await fetch(`${server.endpoint}/${place.Bucket}/${place.Key}`);
    t.equal(answer.status, 403, "a bucket's policy gives away only what is the bucket owner's");
    await answer.text();
    t.equal((await failureOf(owner.send(new DeleteObjectCommand(place)))).name, "no error");
  }
});

test("object owner: what the object's list gives, or the ownership setting, it may read", async (t) => {
  const read = await foreignObject({ acl: "bucket-owner-read" });
  t.strictSame(await outcomes(owner, read), ALL);
  const acl = "bucket-owner-full-control";
  const handedOver = await foreignObject({ ownership: "BucketOwnerPreferred", acl });
  t.strictSame(await outcomes(owner, handedOver), ALL);
  const enforced = await foreignObject({ ownership: "BucketOwnerEnforced" });
  t.strictSame(await outcomes(owner, enforced), ALL);
});

test("object owner: the operator of the server is held up by nobody's list", async (t) => {
  t.strictSame(await outcomes(root, await foreignObject({})), ALL);
});

test("object owner: the server stops in good order", async (t) => {
  for (const client of [root, owner, writer]) client.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
