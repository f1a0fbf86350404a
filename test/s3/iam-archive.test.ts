/** Identities that move from one server to another, and from MinIO's export. */
import { CreateBucketCommand, ListBucketsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { readZip, writeZip } from "../../src/admin/zip-file.ts";
import { adminOf, codeOf } from "../support/iam/admin.ts";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

const FULL = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "*" }],
};
const servers: ServerProcess[] = [];
let source: ServerProcess;
let target: ServerProcess;

before(async () => {
  [source, target] = await Promise.all([startServer({ drives: 1 }), startServer({ drives: 1 })]);
  servers.push(source, target);
});

function importInto(server: ServerProcess, body: Buffer, user?: string) {
  const admin = user === undefined ? adminOf(server) : adminOf(server, user, `secret-of-${user}`);
  return admin.call({ method: "PUT", path: "import-iam-v2", query: {}, body, sealed: false });
}

/** What a user can do on a server, told in one word. */
async function outcome(server: ServerProcess, accessKeyId: string, secretAccessKey: string) {
  const client = createClient(server, { credentials: { accessKeyId, secretAccessKey } });
  const { name } = await failureOf(
    client.send(new CreateBucketCommand({ Bucket: newBucketName() })),
  );
  client.destroy();
  return name;
}

test("IAM archive: users, groups, policies, keys and accounts are there again", async (t) => {
  const admin = adminOf(source);
  await admin.put("add-canned-policy", { name: "full" }, FULL);
  const policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "s3:ListAllMyBuckets", Resource: "*" }],
  });
  const users = ["alice", "bob", "carol"];
  for (const user of users) {
    await admin.sealed("PUT", "add-user", { accessKey: user }, { secretKey: `secret-of-${user}` });
  }
  await admin.put("set-user-status", { accessKey: "carol", status: "disabled" });
  await admin.put(
    "update-group-members",
    {},
    { group: "staff", members: ["bob"], isRemove: false },
  );
  const attach = (holder: object) =>
    admin.sealed("POST", "idp/builtin/policy/attach", {}, { policies: ["full"], ...holder });
  await attach({ user: "alice" });
  await attach({ user: "carol" });
  await attach({ group: "staff" });
  const key = { targetUser: "alice", accessKey: "narrow", secretKey: "secret-of-narrow", policy };
  await admin.sealed("PUT", "add-service-account", {}, key);
  await admin.sealed(
    "PUT",
    "add-service-account",
    {},
    { accessKey: "roots", secretKey: "secret-of-roots" },
  );
  await admin.put("add-account", {}, { id: "111111111111", name: "other" });
  const standing = { secretKey: "secret-of-boss", account: "111111111111", accountRoot: true };
  await admin.sealed("PUT", "add-user", { accessKey: "boss" }, standing);

  const exported = await admin.get("export-iam");
  if (exported.file === undefined) throw new Error(exported.text);
  const imported = await importInto(target, exported.file);
  t.equal(codeOf(imported), "done");
  const report = JSON.parse(imported.text);
  t.strictSame(report.newlyAdded.users.sort(), ["alice", "bob", "boss", "carol"]);
  t.strictSame(report.newlyAdded.serviceAccounts.sort(), ["narrow", "roots"]);
  t.ok(Object.values(report.failed).every((list) => Array.isArray(list) && list.length === 0));
  for (const server of [source, target]) {
    t.equal(await outcome(server, "alice", "secret-of-alice"), "no error");
    t.equal(await outcome(server, "bob", "secret-of-bob"), "no error", "by the group");
    t.equal(await outcome(server, "boss", "secret-of-boss"), "no error");
    t.equal(await outcome(server, "roots", "secret-of-roots"), "no error");
    t.equal(await outcome(server, "carol", "secret-of-carol"), "InvalidAccessKeyId");
    t.equal(await outcome(server, "narrow", "secret-of-narrow"), "AccessDenied");
  }
  const again = await importInto(target, exported.file);
  t.equal(codeOf(again), "done", "an import can be repeated");
});

test("IAM archive: what MinIO writes is read, what cannot be taken over is named", async (t) => {
  const files = {
    "policies.json": { minio: FULL, broken: { Statement: [{ Effect: "Maybe" }] }, readwrite: FULL },
    "users.json": {
      dave: { secretKey: "secret-of-dave", status: "enabled" },
      x: { secretKey: "y" },
    },
    "groups.json": {
      ops: { version: 1, status: "enabled", members: ["dave"], updatedAt: "2025-01-01T00:00:00Z" },
      lost: { version: 1, status: "enabled", members: ["nobody"] },
    },
    "svcaccts.json": {
      davekey: {
        ...{ parent: "dave", accessKey: "davekey", secretKey: "secret-of-davekey", groups: null },
        ...{ claims: {}, sessionPolicy: null, status: "on", name: "", description: "" },
        expiration: "0001-01-01T00:00:00Z",
      },
    },
    "user_mappings.json": { dave: { version: 1, policy: "minio,readonly", updatedAt: "" } },
    "group_mappings.json": null,
    "stsuser_mappings.json": { "uid=x": { version: 1, policy: "minio" } },
  };
  const zip = writeZip(
    new Map(
      Object.entries(files).map(([name, content]) => [
        `iam-assets/${name}`,
        Buffer.from(JSON.stringify(content)),
      ]),
    ),
  );
  const reply = await importInto(target, zip);
  const { skipped, newlyAdded, failed } = JSON.parse(reply.text);
  t.strictSame(skipped.policies, ["readwrite"]);
  t.strictSame(skipped.stsPolicies, ["uid=x"]);
  t.strictSame(newlyAdded.policies, ["minio"]);
  t.strictSame(newlyAdded.users, ["dave"]);
  t.match(failed.policies, [{ name: "broken" }]);
  t.match(failed.users, [{ name: "x" }]);
  t.match(failed.groups, [{ name: "lost" }]);
  t.equal(await outcome(target, "dave", "secret-of-dave"), "no error");
  t.equal(await outcome(target, "davekey", "secret-of-davekey"), "no error");
});

test("CVE-2024-55949: an import needs its permission, and lends nobody the operator's", async (t) => {
  const admin = adminOf(target);
  const Statement = [
    { Effect: "Allow", Action: ["admin:ImportIAM", "admin:ExportIAM"], Resource: "*" },
  ];
  await admin.put("add-canned-policy", { name: "mover" }, { Version: "2012-10-17", Statement });
  for (const [user, policy] of [
    ["mover", "mover"],
    ["plain", "readwrite"],
  ] as const) {
    const secretKey = `secret-of-${user}`;
    await admin.sealed("PUT", "add-user", { accessKey: user }, { secretKey, policy });
  }
  const mine = { parent: "minioadmin", secretKey: "secret-of-mine", status: "on" };
  const own = { users: { boss: { accountRoot: true, account: "111111111111" } } };
  const zip = writeZip(
    new Map([
      ["iam-assets/svcaccts.json", Buffer.from(JSON.stringify({ mine }))],
      [
        "iam-assets/users.json",
        Buffer.from(JSON.stringify({ boss: { secretKey: "another-one" } })),
      ],
      ["iam-assets/ringfort.json", Buffer.from(JSON.stringify(own))],
    ]),
  );
  t.equal(codeOf(await importInto(target, zip, "plain")), "403 AccessDenied");
  t.equal(
    codeOf(await adminOf(target, "plain", "secret-of-plain").get("export-iam")),
    "403 AccessDenied",
  );
  const reply = await importInto(target, zip, "mover");
  const { failed, newlyAdded } = JSON.parse(reply.text);
  t.match(failed.serviceAccounts, [{ name: "mine" }]);
  t.match(failed.users, [{ name: "boss" }]);
  t.strictSame(newlyAdded.users, []);
  t.equal(await outcome(target, "mine", "secret-of-mine"), "InvalidAccessKeyId");
  t.equal(await outcome(target, "boss", "secret-of-boss"), "no error", "its secret stayed");
  const { file } = await adminOf(target, "mover", "secret-of-mover").get("export-iam");
  const keys = readZip(file ?? Buffer.alloc(0), 1_000_000).get("iam-assets/svcaccts.json");
  t.strictSame(Object.keys(JSON.parse(String(keys))).sort(), ["davekey", "narrow"]);
});

test("IAM archive: what is no archive changes nothing", async (t) => {
  const half = new Map([
    ["iam-assets/users.json", Buffer.from('{"eve":{"secretKey":"secret-of-eve"}}')],
    ["iam-assets/groups.json", Buffer.from("[")],
  ]);
  for (const body of [
    Buffer.from("noise"),
    writeZip(new Map([["other", Buffer.from("{}")]])),
    writeZip(half),
  ]) {
    t.equal(codeOf(await importInto(target, body)), "400 XMinioAdminInvalidArgument");
  }
  t.equal(await outcome(target, "eve", "secret-of-eve"), "InvalidAccessKeyId");
  const client = createClient(target);
  t.ok((await client.send(new ListBucketsCommand({}))).Buckets);
  await failureOf(client.send(new PutObjectCommand({ Bucket: "none", Key: "k" })));
  client.destroy();
});

test("IAM archive: the servers stop in good order", async (t) => {
  for (const server of servers) {
    t.equal(await server.stop(), 0);
    server.clean();
  }
});
