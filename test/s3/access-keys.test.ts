/** Keys of users, with policies of their own, in front of real S3 requests. */
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { adminOf, codeOf } from "../support/iam/admin.ts";
import { Bucket, codeOfCall, DENIED, IdentityWorld, object } from "../support/identity-world.ts";
import { ACCESS_KEY } from "../support/server-process.ts";

let world: IdentityWorld;

before(async () => {
  world = await IdentityWorld.start();
});

test("access keys: a key narrows its user and cannot shake that off", async (t) => {
  await world.newUser("carol", "readwrite");
  const carolsAdmin = adminOf(world.server, "carol", "secret-of-carol");
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
  const narrow = world.clientOf("carols-key", "carols-secret");
  t.equal(await codeOfCall(narrow.send(new GetObjectCommand(object))), "done");
  t.equal(
    await codeOfCall(narrow.send(new PutObjectCommand({ Bucket, Key: "new", Body: "x" }))),
    DENIED,
  );
  const narrowAdmin = adminOf(world.server, "carols-key", "carols-secret");
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
  const makerAdmin = adminOf(world.server, "maker-key", "maker-secret");
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
  const free = world.clientOf("free-key", "free-secret");
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
  const withToken = world.clientOf("carol", "secret-of-carol", "some-session-token");
  t.equal(await codeOfCall(withToken.send(new GetObjectCommand(object))), "400 InvalidToken");
});

test("access keys: lists of keys tell callers of their own, and administrators of all", async (t) => {
  await world.newUser("dora", "readwrite");
  await world.newUser("lister", "consoleAdmin");
  const dora = adminOf(world.server, "dora", "secret-of-dora");
  const lister = adminOf(world.server, "lister", "secret-of-lister");
  const root = adminOf(world.server);
  const key = { accessKey: "doras-key", secretKey: "doras-secret", name: "for backups" };
  await dora.sealed("PUT", "add-service-account", {}, key);
  await root.sealed("PUT", "add-service-account", {}, { ...key, accessKey: "roots-key" });
  const list = async (admin: typeof root, query: Record<string, string>) => {
    const reply = await admin.get("list-access-keys-bulk", { listType: "all", ...query });
    if (codeOf(reply) !== "done") return codeOf(reply);
    const users = Object.entries(JSON.parse(reply.text)) as [string, { serviceAccounts: [] }][];
    return users.map(([name, { serviceAccounts }]) => [
      name,
      serviceAccounts.map(({ accessKey }) => accessKey),
    ]);
  };
  t.strictSame(await list(dora, {}), [["dora", ["doras-key"]]]);
  t.strictSame(await list(dora, { users: "dora" }), [["dora", ["doras-key"]]]);
  for (const query of [{ users: ACCESS_KEY }, { users: "lister" }, { all: "true" }]) {
    t.equal(await list(dora, query), "403 AccessDenied", JSON.stringify(query));
  }
  t.equal(await list(lister, { users: ACCESS_KEY }), "403 AccessDenied", "nor root's");
  const seen = new Map((await list(lister, { all: "true" })) as [string, string[]][]);
  t.strictSame(seen.get("dora"), ["doras-key"]);
  t.strictSame(seen.get("lister"), []);
  t.notOk(seen.has(ACCESS_KEY));
  const all = new Map((await list(root, { all: "true" })) as [string, string[]][]);
  t.ok(all.get(ACCESS_KEY)?.includes("roots-key"));
  t.equal(await list(root, { users: "nobody" }), "404 XMinioAdminNoSuchUser");
  t.equal(await list(root, { users: "dora", all: "true" }), "400 XMinioAdminInvalidArgument");
  t.equal(await list(root, { listType: "some" }), "400 XMinioAdminInvalidArgument");
  const only = new Map(
    (await list(root, { all: "true", listType: "svcacc-only" })) as [string, string[]][],
  );
  t.notOk(only.has("lister"), "without users that have no keys");
});

test("access keys: each can be asked about, also by itself", async (t) => {
  const itself = adminOf(world.server, "doras-key", "doras-secret");
  const info = JSON.parse((await itself.get("info-access-key")).text);
  t.match(info, {
    AccessKey: "doras-key",
    parentUser: "dora",
    accountStatus: "on",
    impliedPolicy: true,
    name: "for backups",
    userType: "Service Account",
    userProvider: "builtin",
  });
  t.notOk("secretKey" in info);
  const denied = await itself.get("info-access-key", { accessKey: "roots-key" });
  t.equal(codeOf(denied), "403 AccessDenied");
  const root = adminOf(world.server);
  const none = await root.get("info-access-key", { accessKey: "no-such-key" });
  t.equal(codeOf(none), "404 XMinioAdminServiceAccountNotFound");
});

test("policy entities: who has a policy, seen from policies, users and groups", async (t) => {
  const root = adminOf(world.server);
  const members = { group: "painters", members: ["dora"], isRemove: false };
  await root.put("update-group-members", {}, members);
  const policies = ["readonly", "diagnostics"];
  await root.sealed("POST", "idp/builtin/policy/attach", {}, { policies, group: "painters" });
  const ask = async (query: Record<string, string>) => {
    const reply = await root.get("idp/builtin/policy-entities", query);
    const { timestamp, ...found } = JSON.parse(reply.text);
    t.match(timestamp, /^\d{4}-/);
    return found;
  };
  const painters = { group: "painters", policies: ["diagnostics", "readonly"] };
  t.strictSame(await ask({ user: "dora", group: "painters", policy: "readonly" }), {
    userMappings: [{ user: "dora", policies: ["readwrite"], memberOfMappings: [painters] }],
    groupMappings: [painters],
    policyMappings: [{ policy: "readonly", users: [], groups: ["painters"] }],
  });
  const { policyMappings } = await ask({});
  t.strictSame(
    policyMappings.find(({ policy }: { policy: string }) => policy === "diagnostics"),
    { policy: "diagnostics", users: [], groups: ["painters"] },
  );
  t.strictSame(await ask({ user: "nobody" }), {
    userMappings: [],
    groupMappings: [],
    policyMappings: [],
  });
  const dora = adminOf(world.server, "dora", "secret-of-dora");
  t.equal(codeOf(await dora.get("idp/builtin/policy-entities")), "403 AccessDenied");
});

test("mc admin info: tells of the deployment to those who may know", async (t) => {
  const { server } = world;
  await world.newUser("ines", "readwrite");
  const refused = await adminOf(server, "ines", "secret-of-ines").get("info");
  t.equal(codeOf(refused), "403 AccessDenied");
  const { status, text } = await adminOf(server).get("info");
  t.equal(status, 200);
  const info = JSON.parse(text);
  t.match(info, { mode: "online", backend: { backendType: "Erasure", offlineDisks: 0 } });
  t.equal(info.buckets.count, 1);
  t.equal(info.servers[0].drives.length, info.backend.onlineDisks);
  t.equal(`http://${info.servers[0].endpoint}`, server.endpoint);
});

test("access keys: nothing secret was logged", async (t) => {
  t.notOk(/secret-of-|carols-secret|free-secret|doras-secret/.test(world.server.output()));
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("the server stops in good order", async (t) => {
  t.equal(await world.end(), 0);
});
