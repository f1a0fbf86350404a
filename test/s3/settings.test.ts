/** Settings of buckets and what they do to requests, through the AWS SDK. */
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketTaggingCommand,
  DeleteObjectCommand,
  GetBucketCorsCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketTaggingCommand,
  GetBucketWebsiteCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutBucketCorsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutBucketWebsiteCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

let server: ServerProcess;
let s3: S3Client;

before(async () => {
  server = await startServer();
  s3 = createClient(server);
});

async function createBucket(more: object = {}): Promise<string> {
  const Bucket = newBucketName("settings");
  await s3.send(new CreateBucketCommand({ Bucket, ...more }));
  return Bucket;
}

test("tags: of buckets and objects, by document, by header, over copies", async (t) => {
  const Bucket = await createBucket();
  t.equal((await failureOf(s3.send(new GetBucketTaggingCommand({ Bucket })))).name, "NoSuchTagSet");
  const made = newBucketName("tagged");
  const Tags = [{ Key: "team", Value: "storage" }];
  await s3.send(new CreateBucketCommand({ Bucket: made, CreateBucketConfiguration: { Tags } }));
  const kept = await s3.send(new GetBucketTaggingCommand({ Bucket: made }));
  t.strictSame(kept.TagSet, Tags);
  t.equal((await s3.send(new HeadBucketCommand({ Bucket: made }))).BucketRegion, "us-east-1");
  const TagSet = [{ Key: "team", Value: "a b" }];
  await s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
  t.strictSame((await s3.send(new GetBucketTaggingCommand({ Bucket }))).TagSet, TagSet);
  await s3.send(new DeleteBucketTaggingCommand({ Bucket }));

  await s3.send(new PutObjectCommand({ Bucket, Key: "a", Body: "x", Tagging: "k=1&l=2" }));
  t.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: "a" }))).TagCount, 2);
  const copied = { Bucket, Key: "b", CopySource: `${Bucket}/a` };
  await s3.send(new CopyObjectCommand(copied));
  const tagsOf = async (Key: string) =>
    (await s3.send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet;
  t.equal((await tagsOf("b"))?.length, 2);
  await s3.send(new CopyObjectCommand({ ...copied, TaggingDirective: "REPLACE", Tagging: "m=3" }));
  t.strictSame(await tagsOf("b"), [{ Key: "m", Value: "3" }]);
  await s3.send(new PutObjectTaggingCommand({ Bucket, Key: "a", Tagging: { TagSet: [] } }));
  t.strictSame(await tagsOf("a"), []);
});

test("object lock: a version under retention stays, and only a bypass loosens GOVERNANCE", async (t) => {
  const Bucket = await createBucket({ ObjectLockEnabledForBucket: true });
  const lock = await s3.send(new GetObjectLockConfigurationCommand({ Bucket }));
  t.equal(lock.ObjectLockConfiguration?.ObjectLockEnabled, "Enabled");
  const suspend = new PutBucketVersioningCommand({
    Bucket,
    VersioningConfiguration: { Status: "Suspended" },
  });
  t.equal((await failureOf(s3.send(suspend))).name, "InvalidBucketState");
  const RetainUntilDate = new Date(Date.now() + 3_600_000);
  const { VersionId } = await s3.send(
    new PutObjectCommand({
      Bucket,
      Key: "a",
      Body: "x",
      ObjectLockMode: "GOVERNANCE",
      ObjectLockRetainUntilDate: RetainUntilDate,
    }),
  );
  const named = { Bucket, Key: "a", VersionId };
  t.equal((await failureOf(s3.send(new DeleteObjectCommand(named)))).name, "AccessDenied");
  const kept = await s3.send(new GetObjectRetentionCommand(named));
  t.equal(kept.Retention?.RetainUntilDate?.getTime(), RetainUntilDate.getTime());
  const shorter = {
    ...named,
    Retention: { Mode: "GOVERNANCE" as const, RetainUntilDate: new Date(Date.now() + 60_000) },
  };
  t.equal((await failureOf(s3.send(new PutObjectRetentionCommand(shorter)))).name, "AccessDenied");
  await s3.send(new PutObjectRetentionCommand({ ...shorter, BypassGovernanceRetention: true }));
  await s3.send(new DeleteObjectCommand({ ...named, BypassGovernanceRetention: true }));
});

test("cors: preflights and answers follow the bucket's rules", async (t) => {
  const Bucket = await createBucket();
  const preflight = (origin: string) =>
    fetch(`${server.endpoint}/${Bucket}/key`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "PUT" },
    });
  t.equal((await preflight("https://app.example.com")).status, 403, "without rules");
  const CORSRules = [
    { AllowedOrigins: ["https://*.example.com"], AllowedMethods: ["PUT"], ExposeHeaders: ["ETag"] },
  ];
  await s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
  t.strictSame((await s3.send(new GetBucketCorsCommand({ Bucket }))).CORSRules, CORSRules);
  const allowed = await preflight("https://app.example.com");
  t.equal(allowed.status, 200);
  t.equal(allowed.headers.get("access-control-allow-origin"), "https://app.example.com");
  t.equal((await preflight("https://example.org")).status, 403);
  const refused = await fetch(`${server.endpoint}/${Bucket}/key`, {
    method: "PUT",
    headers: { origin: "https://app.example.com" },
    body: "x",
  });
  t.equal(refused.status, 403);
  t.equal(refused.headers.get("access-control-allow-origin"), "https://app.example.com");
});

test("lifecycle: rules come back as they were put, and answers tell what is to come", async (t) => {
  const Bucket = await createBucket();
  const Rules = [
    {
      ID: "logs",
      Status: "Enabled" as const,
      Filter: { Prefix: "logs/" },
      Expiration: { Days: 3 },
    },
  ];
  await s3.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }),
  );
  const back = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
  t.strictSame(back.Rules, Rules);
  await s3.send(new PutObjectCommand({ Bucket, Key: "logs/a", Body: "x" }));
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "logs/a" }));
  t.match(head.Expiration, /expiry-date=".* 00:00:00 GMT", rule-id="logs"/);
  const website = new PutBucketWebsiteCommand({
    Bucket,
    WebsiteConfiguration: { IndexDocument: { Suffix: "index.html" } },
  });
  await s3.send(website);
  const site = await s3.send(new GetBucketWebsiteCommand({ Bucket }));
  t.strictSame(site.IndexDocument, { Suffix: "index.html" });
});

test("access lists: a canned list opens an object to callers without keys", async (t) => {
  const Bucket = await createBucket();
  await s3.send(new PutObjectCommand({ Bucket, Key: "open", Body: "x", ACL: "public-read" }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "closed", Body: "x" }));
  const { Grants } = await s3.send(new GetObjectAclCommand({ Bucket, Key: "open" }));
  t.strictSame(
    Grants?.map(({ Permission }) => Permission),
    ["READ", "FULL_CONTROL"],
  );
  t.equal((await fetch(`${server.endpoint}/${Bucket}/open`)).status, 200);
  t.equal((await fetch(`${server.endpoint}/${Bucket}/closed`)).status, 403);
  await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/open` }));
  t.equal(
    (await fetch(`${server.endpoint}/${Bucket}/copy`)).status,
    403,
    "a copy inherits no list",
  );
});

test("forms: an upload without keys is refused, one into an open bucket is taken", async (t) => {
  const closed = await createBucket();
  const open = await createBucket({ ACL: "public-read-write" });
  const post = (Bucket: string) => {
    const form = new FormData();
    form.set("key", "dir/${filename}");
    form.set("success_action_status", "201");
    form.set("file", new Blob(["some content"]), "a.txt");
    return fetch(`${server.endpoint}/${Bucket}`, { method: "POST", body: form });
  };
  t.equal((await post(closed)).status, 403);
  const taken = await post(open);
  t.equal(taken.status, 201);
  t.equal(taken.headers.get("location"), `${server.endpoint}/${open}/dir/a.txt`);
  t.match(await taken.text(), /<Key>dir\/a.txt<\/Key>/);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: open, Key: "dir/a.txt" }));
  t.equal(await Body?.transformToString(), "some content");
});

test("DeleteBucket: with MinIO's header the contents go too, but never past a lock", async (t) => {
  const Bucket = await createBucket();
  for (const Key of ["a", "b/c"]) await s3.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
  const forced = createClient(server);
  forced.middlewareStack.add(
    (next) => (args) => {
      // The SDK types the request of a middleware as unknown.
      const { headers } = args.request as { headers: Record<string, string> };
      headers["x-minio-force-delete"] = "true";
      return next(args);
    },
    { step: "build" },
  );
  await forced.send(new DeleteBucketCommand({ Bucket }));
  const gone = await failureOf(s3.send(new GetObjectCommand({ Bucket, Key: "a" })));
  t.equal(gone.name, "NoSuchBucket");
  const locked = await createBucket({ ObjectLockEnabledForBucket: true });
  const refused = await failureOf(forced.send(new DeleteBucketCommand({ Bucket: locked })));
  t.equal(refused.name, "MethodNotAllowed");
  forced.destroy();
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("the server stops in good order", async (t) => {
  s3.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
