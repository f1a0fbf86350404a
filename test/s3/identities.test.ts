/** Users and accounts in front of real S3 requests. */
import {
  CopyObjectCommand,
  CreateBucketCommand,
  GetBucketAclCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { adminOf, codeOf } from "../support/iam/admin.ts";
import { Bucket, codeOfCall, DENIED, IdentityWorld, object } from "../support/identity-world.ts";
import { failureOf, newBucketName } from "../support/s3-client.ts";
import { ACCESS_KEY, startServer } from "../support/server-process.ts";

let world: IdentityWorld;

before(async () => {
  world = await IdentityWorld.start();
});

test("identities: a user may do what its policies allow, and nothing before", async (t) => {
  const alice = await world.newUser("alice");
  const calls = {
    get: () => alice.send(new GetObjectCommand(object)),
    put: () => alice.send(new PutObjectCommand({ Bucket, Key: "new", Body: "x" })),
    list: () => alice.send(new ListObjectsV2Command({ Bucket })),
    buckets: () => alice.send(new ListBucketsCommand({})),
    versioning: () =>
      alice.send(
        new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
      ),
  };
  const outcomes = async () => {
    const found: Record<string, string> = {};
    for (const [name, call] of Object.entries(calls)) found[name] = await codeOfCall(call());
    return found;
  };
  t.strictSame(await outcomes(), {
    get: DENIED,
    put: DENIED,
    list: DENIED,
    buckets: DENIED,
    versioning: DENIED,
  });
  const admin = adminOf(world.server);
  await admin.sealed(
    "POST",
    "idp/builtin/policy/attach",
    {},
    { policies: ["readonly"], user: "alice" },
  );
  t.strictSame(await outcomes(), {
    get: "done",
    put: DENIED,
    list: DENIED,
    buckets: "done",
    versioning: DENIED,
  });
  await admin.put(
    "update-group-members",
    {},
    { group: "writers", members: ["alice"], isRemove: false, groupStatus: "enabled" },
  );
  await admin.sealed(
    "POST",
    "idp/builtin/policy/attach",
    {},
    { policies: ["readwrite"], group: "writers" },
  );
  t.strictSame(await outcomes(), {
    get: "done",
    put: "done",
    list: "done",
    buckets: "done",
    versioning: "done",
  });
  const deny = {
    Version: "2012-10-17",
    Statement: { Effect: "Deny", Action: "s3:Put*", Resource: `arn:aws:s3:::${Bucket}*` },
  };
  await admin.put("add-canned-policy", { name: "no-writes" }, deny);
  await admin.sealed(
    "POST",
    "idp/builtin/policy/attach",
    {},
    { policies: ["no-writes"], user: "alice" },
  );
  t.match(await outcomes(), { get: "done", put: DENIED, versioning: DENIED });
  t.equal(
    codeOf(await admin.remove("remove-canned-policy", { name: "no-writes" })),
    "400 XMinioAdminPolicyInUse",
  );
  t.equal(
    codeOf(await admin.put("set-user-status", { accessKey: "alice", status: "disabled" })),
    "done",
  );
  t.equal(await codeOfCall(calls.get()), "403 InvalidAccessKeyId");
  t.equal(
    codeOf(await admin.put("set-user-status", { accessKey: "alice", status: "enabled" })),
    "done",
  );
  t.equal(await codeOfCall(calls.get()), "done");
  t.equal(codeOf(await admin.remove("remove-user", { accessKey: "alice" })), "done");
  t.equal(await codeOfCall(calls.get()), "403 InvalidAccessKeyId");
});

test("identities: who may not list is not told which keys are missing, nor anything by conditions", async (t) => {
  const reader = await world.newUser("reader");
  const policy = (actions: readonly string[]) => ({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Action: actions,
      Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
    },
  });
  const admin = adminOf(world.server);
  const missing = { Bucket, Key: "not-there" };
  await admin.put("add-canned-policy", { name: "get-only" }, policy(["s3:GetObject"]));
  await admin.put("set-user-or-group-policy", {
    policyName: "get-only",
    userOrGroup: "reader",
    isGroup: "false",
  });
  t.equal(await codeOfCall(reader.send(new GetObjectCommand(object))), "done");
  t.equal(await codeOfCall(reader.send(new GetObjectCommand(missing))), DENIED);
  t.equal((await failureOf(reader.send(new HeadObjectCommand(missing)))).status, 403);
  const named = { ...object, VersionId: "11111111-1111-7111-8111-111111111111" };
  t.equal(await codeOfCall(reader.send(new GetObjectCommand(named))), DENIED);
  await admin.put(
    "add-canned-policy",
    { name: "get-only" },
    policy(["s3:GetObject", "s3:ListBucket"]),
  );
  t.equal(await codeOfCall(reader.send(new GetObjectCommand(missing))), "404 NoSuchKey");
  t.equal((await failureOf(reader.send(new HeadObjectCommand(missing)))).status, 404);
  await admin.put("add-canned-policy", { name: "get-only" }, policy(["s3:PutObject"]));
  for (const IfNoneMatch of ["*", '"0"']) {
    t.equal(
      await codeOfCall(reader.send(new GetObjectCommand({ ...object, IfNoneMatch }))),
      DENIED,
    );
  }
  t.equal(
    await codeOfCall(reader.send(new PutObjectCommand({ ...object, Body: "x", IfMatch: '"0"' }))),
    DENIED,
  );
  t.equal(
    await codeOfCall(
      reader.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/here` })),
    ),
    DENIED,
  );
  t.equal(
    await codeOfCall(
      reader.send(
        new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/not-there` }),
      ),
    ),
    DENIED,
  );
  t.equal(
    await codeOfCall(
      reader.send(new PutObjectCommand({ Bucket, Key: "tagged", Body: "x", Tagging: "a=b" })),
    ),
    DENIED,
  );
  t.equal(
    await codeOfCall(
      reader.send(new PutObjectCommand({ Bucket, Key: "acl", Body: "x", ACL: "public-read" })),
    ),
    DENIED,
  );
});

test("identities: another account owns what it makes, and shares it by policy or list", async (t) => {
  const admin = adminOf(world.server);
  const account = await admin.put(
    "add-account",
    {},
    { name: "other", id: "123456789012", email: "other@example.com" },
  );
  t.equal(codeOf(account), "done");
  const canonicalId = String(JSON.parse(account.text).canonicalId);
  const owner = await world.newUser("other-root", undefined, {
    account: "123456789012",
    accountRoot: true,
  });
  const own = newBucketName("other");
  await owner.send(new CreateBucketCommand({ Bucket: own }));
  await owner.send(new PutObjectCommand({ Bucket: own, Key: "k", Body: "theirs" }));
  t.equal((await owner.send(new GetBucketAclCommand({ Bucket: own }))).Owner?.ID, canonicalId);
  const listed = await owner.send(new ListBucketsCommand({}));
  t.strictSame(
    listed.Buckets?.map(({ Name }) => Name),
    [own],
  );
  t.equal(listed.Owner?.ID, canonicalId);
  t.equal(
    await codeOfCall(owner.send(new GetObjectCommand(object))),
    DENIED,
    "not the main account's",
  );
  t.equal(
    await codeOfCall(owner.send(new CreateBucketCommand({ Bucket }))),
    "409 BucketAlreadyExists",
  );
  t.equal(await codeOfCall(owner.send(new CreateBucketCommand({ Bucket: own }))), "done");
  const mate = await world.newUser("mate", "readwrite");
  const theirs = { Bucket: own, Key: "k" };
  t.equal(
    await codeOfCall(mate.send(new GetObjectCommand(theirs))),
    DENIED,
    "own policies reach own buckets",
  );
  await owner.send(new PutObjectAclCommand({ ...theirs, ACL: "public-read" }));
  t.equal(await codeOfCall(mate.send(new GetObjectCommand(theirs))), "done");
  t.equal(await (await fetch(`${world.server.endpoint}/${own}/k`)).text(), "theirs");
  t.equal((await fetch(`${world.server.endpoint}/${own}/other`)).status, 403);
  const stranger = await world.newUser("stranger");
  t.equal(
    await codeOfCall(stranger.send(new GetObjectCommand(theirs))),
    DENIED,
    "without a policy of its own",
  );
  t.equal(
    codeOf(await adminOf(world.server, "other-root", "secret-of-other-root").get("list-users")),
    "403 AccessDenied",
  );
});

test("identities: administration is for those who may, and never for the unsigned", async (t) => {
  const admin = adminOf(world.server);
  for (const path of ["list-users", "add-user?accessKey=x", "export-iam", "../v3/list-users", ""]) {
    for (const method of ["GET", "PUT", "POST", "DELETE"]) {
      const answer = await fetch(`${world.server.endpoint}/minio/admin/v3/${path}`, { method });
      t.ok([403, 400].includes(answer.status), `${method} ${path} ${answer.status}`);
    }
  }
  await world.newUser("dora");
  const dora = adminOf(world.server, "dora", "secret-of-dora");
  t.equal(codeOf(await dora.get("list-users")), "403 AccessDenied");
  t.equal(
    codeOf(
      await dora.sealed(
        "PUT",
        "add-user",
        { accessKey: "dora" },
        { secretKey: "another-secret", policy: "consoleAdmin" },
      ),
    ),
    "403 AccessDenied",
  );
  t.equal(
    codeOf(
      await dora.sealed(
        "POST",
        "idp/builtin/policy/attach",
        {},
        { policies: ["consoleAdmin"], user: "dora" },
      ),
    ),
    "403 AccessDenied",
  );
  t.equal(
    codeOf(
      await admin.sealed(
        "PUT",
        "add-user",
        { accessKey: ACCESS_KEY },
        { secretKey: "another-secret" },
      ),
    ),
    "409 XMinioAdminAccessKeyInUse",
  );
  t.equal(
    codeOf(
      await admin.sealed(
        "PUT",
        "add-user",
        { accessKey: "erin" },
        { secretKey: "secret-of-erin", memberOf: ["x"] },
      ),
    ),
    "400 XMinioAdminInvalidArgument",
  );
  t.equal(
    codeOf(await admin.sealed("PUT", "add-user", { accessKey: "erin" }, { secretKey: "short" })),
    "400 XMinioAdminInvalidSecretKey",
  );
  t.equal(
    codeOf(await admin.put("add-user", { accessKey: "erin" }, { secretKey: "not-sealed-at-all" })),
    "400 XMinioAdminConfigBadJSON",
  );
  t.equal(codeOf(await admin.get("no-such-route")), "426 XMinioAdminVersionMismatch");
  t.equal(
    codeOf(await admin.put("add-canned-policy", { name: "bad" }, "{}")),
    "400 XMinioMalformedIAMPolicy",
  );
  const list = await admin.get("list-users");
  t.match(JSON.parse(list.text), { dora: { status: "enabled", policyName: "" } });
  t.notOk(/secret-of/.test(list.text), "secrets are never told");
  t.equal(
    codeOf(await adminOf(world.server, ACCESS_KEY, "wrong-secret").get("list-users")),
    "403 SignatureDoesNotMatch",
  );
});

test("identities: everything is there after a restart, and nothing secret was logged", async (t) => {
  const { folder, port } = world.server;
  const logged = world.server.output();
  t.notOk(/secret-of-/.test(logged));
  t.equal(await world.server.stop(), 0);
  world.server = await startServer({ folder, port });
  const dora = world.clientOf("dora", "secret-of-dora");
  t.equal(await codeOfCall(dora.send(new GetObjectCommand(object))), DENIED);
  const mate = world.clientOf("mate", "secret-of-mate");
  t.equal(await codeOfCall(mate.send(new GetObjectCommand(object))), "done");
  const own = world.clientOf("other-root", "secret-of-other-root");
  t.equal((await own.send(new ListBucketsCommand({}))).Buckets?.length, 1);
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("the server stops in good order", async (t) => {
  t.equal(await world.end(), 0);
});
