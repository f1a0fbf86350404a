/** Users, keys, policies and lists in front of real S3 requests. */
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { adminOf, codeOf } from "../support/iam/admin.ts";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { ACCESS_KEY, type ServerProcess, startServer } from "../support/server-process.ts";

let server: ServerProcess;
let root: S3Client;
const Bucket = newBucketName("identities");
const clients: S3Client[] = [];

function clientOf(accessKeyId: string, secretAccessKey: string, sessionToken?: string): S3Client {
  const token = sessionToken === undefined ? {} : { sessionToken };
  const client = createClient(server, { credentials: { accessKeyId, secretAccessKey, ...token } });
  clients.push(client);
  return client;
}

async function newUser(name: string, policy?: string, more: object = {}): Promise<S3Client> {
  const secretKey = `secret-of-${name}`;
  const reply = await adminOf(server).sealed(
    "PUT",
    "add-user",
    { accessKey: name },
    { secretKey, policy, ...more },
  );
  if (codeOf(reply) !== "done") throw new Error(reply.text);
  return clientOf(name, secretKey);
}

async function codeOfCall(call: Promise<unknown>): Promise<string> {
  const { name, status } = await failureOf(call);
  return name === "no error" ? "done" : `${status} ${name}`;
}

const DENIED = "403 AccessDenied";
const object = { Bucket, Key: "here" };

before(async () => {
  server = await startServer();
  root = createClient(server);
  clients.push(root);
  await root.send(new CreateBucketCommand({ Bucket }));
  await root.send(new PutObjectCommand({ ...object, Body: "text" }));
});

test("identities: a user may do what its policies allow, and nothing before", async (t) => {
  const alice = await newUser("alice");
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
  const admin = adminOf(server);
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
  const reader = await newUser("reader");
  const policy = (actions: readonly string[]) => ({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Action: actions,
      Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
    },
  });
  const admin = adminOf(server);
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

test("identities: a key narrows its user and cannot shake that off", async (t) => {
  await newUser("carol", "readwrite");
  const carolsAdmin = adminOf(server, "carol", "secret-of-carol");
  const readHere = {
    Version: "2012-10-17",
    Statement: { Effect: "Allow", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/*` },
  };
  const made = await carolsAdmin.sealed(
    "PUT",
    "add-service-account",
    {},
    { accessKey: "carols-key", secretKey: "carols-secret", policy: readHere },
  );
  t.equal(codeOf(made), "done");
  const narrow = clientOf("carols-key", "carols-secret");
  t.equal(await codeOfCall(narrow.send(new GetObjectCommand(object))), "done");
  t.equal(
    await codeOfCall(narrow.send(new PutObjectCommand({ Bucket, Key: "new", Body: "x" }))),
    DENIED,
  );
  const narrowAdmin = adminOf(server, "carols-key", "carols-secret");
  const attempts = [
    narrowAdmin.sealed(
      "PUT",
      "add-service-account",
      {},
      { accessKey: "free-key", secretKey: "free-secret" },
    ),
    narrowAdmin.sealed(
      "POST",
      "update-service-account",
      { accessKey: "carols-key" },
      { newPolicy: { ...readHere, Statement: { Effect: "Allow", Action: "s3:*", Resource: "*" } } },
    ),
    narrowAdmin.remove("delete-service-account", { accessKey: "carols-key" }),
    narrowAdmin.sealed(
      "PUT",
      "add-user",
      { accessKey: "mallory" },
      { secretKey: "mallory-secret" },
    ),
  ];
  for (const attempt of attempts) t.equal(codeOf(await attempt), "403 AccessDenied");
  // Even where its policy allows making keys, what it makes is as narrow as itself.
  const maker = {
    Version: "2012-10-17",
    Statement: [readHere.Statement, { Effect: "Allow", Action: "admin:*ServiceAccount*" }],
  };
  await carolsAdmin.sealed(
    "PUT",
    "add-service-account",
    {},
    { accessKey: "maker-key", secretKey: "maker-secret", policy: maker },
  );
  const makerAdmin = adminOf(server, "maker-key", "maker-secret");
  t.equal(
    codeOf(
      await makerAdmin.sealed(
        "PUT",
        "add-service-account",
        {},
        { accessKey: "free-key", secretKey: "free-secret" },
      ),
    ),
    "done",
  );
  const free = clientOf("free-key", "free-secret");
  t.equal(await codeOfCall(free.send(new GetObjectCommand(object))), "done");
  t.equal(
    await codeOfCall(free.send(new PutObjectCommand({ Bucket, Key: "new", Body: "x" }))),
    DENIED,
  );
  await carolsAdmin.sealed(
    "PUT",
    "add-service-account",
    {},
    { accessKey: "whole-key", secretKey: "whole-secret" },
  );
  t.equal(
    codeOf(
      await makerAdmin.sealed(
        "POST",
        "update-service-account",
        { accessKey: "whole-key" },
        { newSecretKey: "taken-over" },
      ),
    ),
    "403 AccessDenied",
    "not a wider key of the same user",
  );
  for (const targetUser of [ACCESS_KEY, "reader"]) {
    const forOther = carolsAdmin.sealed(
      "PUT",
      "add-service-account",
      {},
      { targetUser, accessKey: "other-key", secretKey: "other-secret" },
    );
    t.equal(codeOf(await forOther), "403 AccessDenied", `a key for ${targetUser}`);
  }
  t.equal(
    codeOf(
      await carolsAdmin.sealed(
        "POST",
        "update-service-account",
        { accessKey: "carols-key" },
        { newStatus: "off" },
      ),
    ),
    "done",
  );
  t.equal(await codeOfCall(narrow.send(new GetObjectCommand(object))), "403 InvalidAccessKeyId");
  const withToken = clientOf("carol", "secret-of-carol", "some-session-token");
  t.equal(await codeOfCall(withToken.send(new GetObjectCommand(object))), "400 InvalidToken");
});

test("identities: bucket policies grant, deny, and never lock the owner out", async (t) => {
  const arns = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
  const put = (...Statement: readonly object[]) =>
    root.send(
      new PutBucketPolicyCommand({
        Bucket,
        Policy: JSON.stringify({ Version: "2012-10-17", Statement }),
        ConfirmRemoveSelfBucketAccess: true,
      }),
    );
  const url = `${server.endpoint}/${Bucket}/here`;
  t.equal((await fetch(url)).status, 403);
  await put({ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: arns[1] });
  t.equal(await (await fetch(url)).text(), "text");
  t.equal((await fetch(`${server.endpoint}/${Bucket}/not-there`)).status, 403);
  t.equal((await fetch(`${server.endpoint}/${Bucket}`)).status, 403);
  t.equal((await fetch(url, { method: "PUT", body: "x" })).status, 403);
  t.equal(
    (await root.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic,
    true,
  );
  await root.send(
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
  await root.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: {} }));
  await put(
    {
      Effect: "Allow",
      Principal: { AWS: "arn:aws:iam::000000000000:user/dora" },
      Action: "s3:*",
      Resource: arns,
    },
    { Effect: "Deny", Principal: "*", Action: "s3:DeleteObject", Resource: arns[1] },
  );
  const dora = await newUser("dora");
  t.equal(await codeOfCall(dora.send(new GetObjectCommand(object))), "done", "named in the policy");
  t.equal(
    (await root.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic,
    false,
  );
  const batch = await root.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "here" }] } }),
  );
  t.strictSame(
    batch.Errors?.map(({ Code }) => Code),
    ["AccessDenied"],
    "a Deny binds root, key by key",
  );
  await put({ Effect: "Deny", Principal: "*", Action: "s3:*", Resource: arns });
  t.equal(await codeOfCall(root.send(new GetObjectCommand(object))), DENIED);
  t.equal(await codeOfCall(root.send(new GetBucketPolicyCommand({ Bucket }))), "done");
  t.equal(await codeOfCall(dora.send(new GetBucketPolicyCommand({ Bucket }))), DENIED);
  t.equal(await codeOfCall(root.send(new DeleteBucketPolicyCommand({ Bucket }))), "done");
  t.equal(await codeOfCall(root.send(new GetObjectCommand(object))), "done");
  const bad = root.send(new PutBucketPolicyCommand({ Bucket, Policy: '{"Statement":[]}' }));
  t.equal(await codeOfCall(bad), "400 MalformedPolicy");
});

test("identities: conditions on tags hold however the tags come, and on those that are there", async (t) => {
  const admin = adminOf(server);
  const tagger = await newUser("tagger");
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
  await root.send(
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
});

test("identities: another account owns what it makes, and shares it by policy or list", async (t) => {
  const admin = adminOf(server);
  const account = await admin.put(
    "add-account",
    {},
    { name: "other", id: "123456789012", email: "other@example.com" },
  );
  t.equal(codeOf(account), "done");
  const canonicalId = String(JSON.parse(account.text).canonicalId);
  const owner = await newUser("other-root", undefined, {
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
  const mate = await newUser("mate", "readwrite");
  const theirs = { Bucket: own, Key: "k" };
  t.equal(
    await codeOfCall(mate.send(new GetObjectCommand(theirs))),
    DENIED,
    "own policies reach own buckets",
  );
  await owner.send(new PutObjectAclCommand({ ...theirs, ACL: "public-read" }));
  t.equal(await codeOfCall(mate.send(new GetObjectCommand(theirs))), "done");
  t.equal(await (await fetch(`${server.endpoint}/${own}/k`)).text(), "theirs");
  t.equal((await fetch(`${server.endpoint}/${own}/other`)).status, 403);
  const stranger = await newUser("stranger");
  t.equal(
    await codeOfCall(stranger.send(new GetObjectCommand(theirs))),
    DENIED,
    "without a policy of its own",
  );
  t.equal(
    codeOf(await adminOf(server, "other-root", "secret-of-other-root").get("list-users")),
    "403 AccessDenied",
  );
});

test("identities: administration is for those who may, and never for the unsigned", async (t) => {
  const admin = adminOf(server);
  for (const path of ["list-users", "add-user?accessKey=x", "export-iam", "../v3/list-users", ""]) {
    for (const method of ["GET", "PUT", "POST", "DELETE"]) {
      const answer = await fetch(`${server.endpoint}/minio/admin/v3/${path}`, { method });
      t.ok([403, 400].includes(answer.status), `${method} ${path} ${answer.status}`);
    }
  }
  const dora = adminOf(server, "dora", "secret-of-dora");
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
    codeOf(await adminOf(server, ACCESS_KEY, "wrong-secret").get("list-users")),
    "403 SignatureDoesNotMatch",
  );
});

test("identities: everything is there after a restart, and nothing secret was logged", async (t) => {
  const { folder, port } = server;
  const logged = server.output();
  t.notOk(/secret-of-|carols-secret|free-secret/.test(logged));
  t.equal(await server.stop(), 0);
  server = await startServer({ folder, port });
  const dora = clientOf("dora", "secret-of-dora");
  t.equal(await codeOfCall(dora.send(new GetObjectCommand(object))), DENIED);
  const mate = clientOf("mate", "secret-of-mate");
  t.equal(await codeOfCall(mate.send(new GetObjectCommand(object))), "done");
  const own = clientOf("other-root", "secret-of-other-root");
  t.equal((await own.send(new ListBucketsCommand({}))).Buckets?.length, 1);
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("the server stops in good order", async (t) => {
  for (const client of clients) client.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
