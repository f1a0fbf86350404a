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

test("access keys: nothing secret was logged", async (t) => {
  t.notOk(/secret-of-|carols-secret|free-secret/.test(world.server.output()));
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("the server stops in good order", async (t) => {
  t.equal(await world.end(), 0);
});
