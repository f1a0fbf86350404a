/** Bucket policies and conditions on tags in front of real S3 requests. */
import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectsCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetObjectCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  PutPublicAccessBlockCommand,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { adminOf } from "../support/iam/admin.ts";
import { Bucket, codeOfCall, DENIED, IdentityWorld, object } from "../support/identity-world.ts";
import { newBucketName } from "../support/s3-client.ts";

let world: IdentityWorld;

before(async () => {
  world = await IdentityWorld.start();
});

test("bucket policies: bucket policies grant, deny, and never lock the owner out", async (t) => {
  const arns = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
  const put = (...Statement: readonly object[]) =>
    world.root.send(
      new PutBucketPolicyCommand({
        Bucket,
        Policy: JSON.stringify({ Version: "2012-10-17", Statement }),
        ConfirmRemoveSelfBucketAccess: true,
      }),
    );
  const url = `${world.server.endpoint}/${Bucket}/here`;
  t.equal((await fetch(url)).status, 403);
  await put({ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: arns[1] });
  t.equal(await (await fetch(url)).text(), "text");
  t.equal((await fetch(`${world.server.endpoint}/${Bucket}/not-there`)).status, 403);
  t.equal((await fetch(`${world.server.endpoint}/${Bucket}`)).status, 403);
  t.equal((await fetch(url, { method: "PUT", body: "x" })).status, 403);
  t.equal(
    (await world.root.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic,
    true,
  );
  await world.root.send(
    new PutPublicAccessBlockCommand({
      Bucket,
      PublicAccessBlockConfiguration: { RestrictPublicBuckets: true, BlockPublicPolicy: true },
    }),
  );
  t.equal((await fetch(url)).status, 403, "restricted");
  t.equal(
    await codeOfCall(
      put({ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: arns[1] }),
    ),
    DENIED,
  );
  await world.root.send(
    new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: {} }),
  );
  await put(
    {
      Effect: "Allow",
      Principal: { AWS: "arn:aws:iam::000000000000:user/dora" },
      Action: "s3:*",
      Resource: arns,
    },
    { Effect: "Deny", Principal: "*", Action: "s3:DeleteObject", Resource: arns[1] },
  );
  const dora = await world.newUser("dora");
  t.equal(await codeOfCall(dora.send(new GetObjectCommand(object))), "done", "named in the policy");
  t.equal(
    (await world.root.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic,
    false,
  );
  const batch = await world.root.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "here" }] } }),
  );
  t.strictSame(
    batch.Errors?.map(({ Code }) => Code),
    ["AccessDenied"],
    "a Deny binds root, key by key",
  );
  await put({ Effect: "Deny", Principal: "*", Action: "s3:*", Resource: arns });
  t.equal(await codeOfCall(world.root.send(new GetObjectCommand(object))), DENIED);
  t.equal(await codeOfCall(world.root.send(new GetBucketPolicyCommand({ Bucket }))), "done");
  t.equal(await codeOfCall(dora.send(new GetBucketPolicyCommand({ Bucket }))), DENIED);
  t.equal(await codeOfCall(world.root.send(new DeleteBucketPolicyCommand({ Bucket }))), "done");
  t.equal(await codeOfCall(world.root.send(new GetObjectCommand(object))), "done");
  const bad = world.root.send(new PutBucketPolicyCommand({ Bucket, Policy: '{"Statement":[]}' }));
  t.equal(await codeOfCall(bad), "400 MalformedPolicy");
});

test("bucket policies: conditions on tags hold however the tags come, and on those that are there", async (t) => {
  const admin = adminOf(world.server);
  const tagger = await world.newUser("tagger");
  const all = `arn:aws:s3:::${Bucket}/*`;
  await admin.put(
    "add-canned-policy",
    { name: "tags" },
    {
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: ["s3:PutObject", "s3:PutObjectTagging"],
          Resource: all,
          Condition: { StringEquals: { "s3:RequestObjectTag/class": "public" } },
        },
        {
          Effect: "Allow",
          Action: "s3:GetObject",
          Resource: all,
          Condition: { StringEquals: { "s3:ExistingObjectTag/class": "public" } },
        },
        {
          Effect: "Allow",
          Action: "s3:CreateBucket",
          Resource: "*",
          Condition: { StringEquals: { "s3:LocationConstraint": "eu-west-1" } },
        },
      ],
    },
  );
  await admin.put("set-user-or-group-policy", {
    policyName: "tags",
    userOrGroup: "tagger",
    isGroup: "false",
  });
  const put = (Key: string, Tagging?: string) =>
    codeOfCall(
      tagger.send(
        new PutObjectCommand({
          Bucket,
          Key,
          Body: "x",
          ...(Tagging === undefined ? {} : { Tagging }),
        }),
      ),
    );
  t.equal(await put("tag-1", "class=public"), "done");
  t.equal(await put("tag-1", "class=secret"), DENIED);
  t.equal(await put("tag-1"), DENIED);
  const retag = (Value: string) =>
    tagger.send(
      new PutObjectTaggingCommand({
        Bucket,
        Key: "tag-1",
        Tagging: { TagSet: [{ Key: "class", Value }] },
      }),
    );
  t.equal(await codeOfCall(retag("public")), "done");
  t.equal(await codeOfCall(retag("secret")), DENIED);
  const get = (Key: string) => codeOfCall(tagger.send(new GetObjectCommand({ Bucket, Key })));
  t.equal(await get("tag-1"), "done");
  t.equal(await get("here"), DENIED);
  t.equal(await get("not-there"), DENIED);
  await world.root.send(
    new PutObjectTaggingCommand({
      Bucket,
      Key: "tag-1",
      Tagging: { TagSet: [{ Key: "class", Value: "secret" }] },
    }),
  );
  t.equal(await get("tag-1"), DENIED);
  const create = (name: string, LocationConstraint?: "eu-west-1" | "us-west-2") =>
    codeOfCall(
      tagger.send(
        new CreateBucketCommand({
          Bucket: newBucketName(name),
          ...(LocationConstraint === undefined
            ? {}
            : { CreateBucketConfiguration: { LocationConstraint } }),
        }),
      ),
    );
  t.equal(await create("place", "eu-west-1"), "done");
  t.equal(await create("place", "us-west-2"), DENIED);
  t.equal(await create("place"), DENIED);
  const Tags = [{ Key: "team", Value: "storage" }];
  const CreateBucketConfiguration = { LocationConstraint: "eu-west-1" as const, Tags };
  const tagged = new CreateBucketCommand({
    Bucket: newBucketName("tagged"),
    CreateBucketConfiguration,
  });
  t.equal(await codeOfCall(tagger.send(tagged)), DENIED, "it may make the bucket, not tag it");
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("the server stops in good order", async (t) => {
  t.equal(await world.end(), 0);
});
