/** Groups and policies of accounts by the IAM query API, and the way back into a bucket. */
import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  GetBucketPolicyCommand,
  ListBucketsCommand,
  PutBucketPolicyCommand,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { adminOf, codeOf } from "../support/iam/admin.ts";
import { iamClientOf, newAccount } from "../support/iam/iam-accounts.ts";
import type { IamClient } from "../support/iam/iam-query.ts";
import { codeOfCall, DENIED, IdentityWorld } from "../support/identity-world.ts";
import { newBucketName } from "../support/s3-client.ts";
import { ACCESS_KEY, SECRET_KEY } from "../support/server-process.ts";

const NORTH = "111111111111";
const NO_ENTITY = "404 NoSuchEntity";
const CONFLICT = "409 DeleteConflict";
const EXISTS = "409 EntityAlreadyExists";
const REFUSED = "403 AccessDenied";
const READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
const EVERYTHING = JSON.stringify({
  Statement: { Effect: "Allow", Action: ["s3:*", "admin:*"], Resource: "*" },
});

let world: IdentityWorld;
let operator: IamClient;
let north: IamClient;
let south: IamClient;

before(async () => {
  world = await IdentityWorld.start();
  operator = iamClientOf(world, ACCESS_KEY, SECRET_KEY);
  north = await newAccount(world, NORTH, "north");
  south = await newAccount(world, "222222222222", "south");
});

async function newKey(UserName: string) {
  const key = await north.call("CreateAccessKey", { UserName });
  return [key.field("AccessKeyId"), key.field("SecretAccessKey")] as const;
}

test("groups: give what they have to their members, and are an account's own", async (t) => {
  const named = { GroupName: "Readers" };
  t.equal(await north.code("CreateGroup", { ...named, Path: "/g/" }), "done");
  t.equal(await north.code("CreateGroup", { GroupName: "readers" }), EXISTS);
  t.equal(await south.code("GetGroup", named), NO_ENTITY);
  t.equal(await operator.code("GetGroup", named), NO_ENTITY);
  await north.call("CreateUser", { UserName: "member" });
  await south.call("CreateUser", { UserName: "stranger" });
  t.equal(await north.code("AddUserToGroup", { ...named, UserName: "stranger" }), NO_ENTITY);
  t.equal(await north.code("AddUserToGroup", { ...named, UserName: "north-root" }), NO_ENTITY);
  t.equal(await north.code("AddUserToGroup", { GroupName: "none", UserName: "member" }), NO_ENTITY);
  const s3 = world.clientOf(...(await newKey("member")));
  const list = () => codeOfCall(s3.send(new ListBucketsCommand({})));
  const membership = { ...named, UserName: "member" };
  t.equal(await north.code("AttachGroupPolicy", { ...named, PolicyArn: READ_ONLY }), "done");
  t.equal(await list(), DENIED);
  t.equal(await north.code("AddUserToGroup", membership), "done");
  t.equal(await list(), "done");
  t.equal(
    (await north.call("ListGroupsForUser", { UserName: "member" })).field("GroupName"),
    "Readers",
  );
  t.equal(await north.code("DeleteUser", { UserName: "member" }), CONFLICT);
  t.equal(await north.code("DeleteGroup", named), CONFLICT, "it has a member");
  t.equal(await north.code("RemoveUserFromGroup", membership), "done");
  t.equal(await north.code("RemoveUserFromGroup", membership), NO_ENTITY);
  t.equal(await list(), DENIED);
  t.equal(await north.code("DeleteGroup", named), CONFLICT, "it has a policy");
  t.equal(await north.code("DetachGroupPolicy", { ...named, PolicyArn: READ_ONLY }), "done");
  t.equal(await north.code("DetachGroupPolicy", { ...named, PolicyArn: READ_ONLY }), NO_ENTITY);
  t.equal(await north.code("DeleteGroup", named), "done");
  t.equal(await north.code("DeleteGroup", named), NO_ENTITY);
});

test("groups: one that runs the server is joined through the operator only", async (t) => {
  await world.newUser("helper");
  const admin = adminOf(world.server);
  await admin.put("update-group-members", {}, { group: "keepers", members: ["helper"] });
  await admin.sealed(
    "POST",
    "idp/builtin/policy/attach",
    {},
    { policies: ["consoleAdmin"], group: "keepers" },
  );
  await world.newUser("climber");
  const rights = { Statement: { Effect: "Allow", Action: "iam:*", Resource: "*" } };
  const own = { UserName: "climber", PolicyName: "p", PolicyDocument: JSON.stringify(rights) };
  t.equal(await operator.code("PutUserPolicy", own), "done");
  const climber = iamClientOf(world, "climber", "secret-of-climber");
  const join = { GroupName: "keepers", UserName: "climber" };
  t.equal(await climber.code("AddUserToGroup", join), REFUSED);
  t.equal(await climber.code("CreateAccessKey", { UserName: "helper" }), REFUSED);
  const PolicyArn = "arn:aws:iam::aws:policy/consoleAdmin";
  t.equal(await climber.code("AttachUserPolicy", { UserName: "climber", PolicyArn }), REFUSED);
  t.equal(await climber.code("AttachGroupPolicy", { GroupName: "keepers", PolicyArn }), REFUSED);
  t.equal(
    codeOf(await adminOf(world.server, "climber", "secret-of-climber").get("list-users")),
    REFUSED,
  );
  t.equal(await operator.code("AddUserToGroup", join), "done");
});

test("policies: an account's own are attached and changed by it alone", async (t) => {
  const fields = { PolicyName: "all", Path: "/p/", PolicyDocument: EVERYTHING };
  const made = await north.call("CreatePolicy", fields);
  const PolicyArn = made.field("Arn");
  t.equal(PolicyArn, `arn:aws:iam::${NORTH}:policy/p/all`);
  t.equal(await north.code("CreatePolicy", { ...fields, PolicyName: "ALL" }), EXISTS);
  const bad = { ...fields, PolicyName: "bad", PolicyDocument: "{}" };
  t.equal(await north.code("CreatePolicy", bad), "400 MalformedPolicyDocument");
  for (const action of ["GetPolicy", "DeletePolicy"]) {
    t.equal(await south.code(action, { PolicyArn }), NO_ENTITY, action);
    t.equal(await south.code(action, { PolicyArn: "all" }), "400 ValidationError", action);
  }
  await south.call("CreateUser", { UserName: "other" });
  t.equal(await south.code("AttachUserPolicy", { UserName: "other", PolicyArn }), NO_ENTITY);
  t.notOk((await south.call("ListPolicies")).fields("Arn").includes(PolicyArn));
  t.strictSame((await north.call("ListPolicies", { Scope: "Local" })).fields("Arn"), [PolicyArn]);
  await north.call("CreateUser", { UserName: "holder" });
  const holding = { UserName: "holder", PolicyArn };
  t.equal(await north.code("AttachUserPolicy", holding), "done");
  t.equal(await north.code("AttachUserPolicy", holding), "done", "once more is no mistake");
  const key = await newKey("holder");
  t.equal(await codeOfCall(world.clientOf(...key).send(new ListBucketsCommand({}))), "done");
  t.equal(codeOf(await adminOf(world.server, ...key).get("list-users")), REFUSED, "not the server");
  t.equal(await north.code("DeletePolicy", { PolicyArn }), CONFLICT);
  const deny = JSON.stringify({ Statement: { Effect: "Deny", Action: "s3:*", Resource: "*" } });
  const version = { PolicyArn, PolicyDocument: deny };
  t.equal(await north.code("CreatePolicyVersion", version), "501 NotImplemented");
  t.equal(await north.code("CreatePolicyVersion", { ...version, SetAsDefault: "true" }), "done");
  t.equal(await codeOfCall(world.clientOf(...key).send(new ListBucketsCommand({}))), DENIED);
  const shown = await north.call("GetPolicyVersion", { PolicyArn, VersionId: "v2" });
  t.equal(decodeURIComponent(shown.field("Document")), deny);
  t.equal(await north.code("GetPolicyVersion", { PolicyArn, VersionId: "v1" }), NO_ENTITY);
  t.equal(await north.code("DetachUserPolicy", holding), "done");
  t.equal(await north.code("DeletePolicy", { PolicyArn }), "done");
  t.equal(await north.code("DeletePolicy", { PolicyArn: READ_ONLY }), REFUSED);
  t.equal(await north.code("CreatePolicyVersion", { ...version, PolicyArn: READ_ONLY }), REFUSED);
});

test("policies: what the operator attached stays", async (t) => {
  const admin = adminOf(world.server);
  const Statement = [{ Effect: "Deny", Action: ["s3:DeleteBucket"], Resource: ["arn:aws:s3:::*"] }];
  await admin.put("add-canned-policy", { name: "hold-back" }, { Version: "2012-10-17", Statement });
  await world.newUser("held", "hold-back", { account: NORTH });
  const attached = await north.call("ListAttachedUserPolicies", { UserName: "held" });
  const PolicyArn = attached.field("PolicyArn");
  t.equal(await north.code("DetachUserPolicy", { UserName: "held", PolicyArn }), REFUSED);
  t.equal(await north.code("GetPolicy", { PolicyArn }), NO_ENTITY, "it is the main account's");
  t.equal(await operator.code("GetPolicy", { PolicyArn }), "done");
});

test("IAM archive: what an account wrote is an account's after an import, too", async (t) => {
  await north.call("CreateUser", { UserName: "mover", Path: "/m/" });
  const policy = { PolicyName: "wide", PolicyDocument: EVERYTHING };
  const { field } = await north.call("CreatePolicy", policy);
  const held = { UserName: "mover", PolicyArn: field("Arn") };
  await north.call("AttachUserPolicy", held);
  await north.call("PutUserPolicy", { UserName: "mover", ...policy });
  const key = await newKey("mover");
  const archive = await adminOf(world.server).get("export-iam");
  const other = await IdentityWorld.start();
  const path = "import-iam";
  const imported = await adminOf(other.server).call({
    method: "PUT",
    path,
    query: {},
    body: archive.file,
    sealed: false,
  });
  t.equal(codeOf(imported), "done");
  t.equal(codeOf(await adminOf(other.server, ...key).get("list-users")), REFUSED);
  t.equal(await codeOfCall(other.clientOf(...key).send(new ListBucketsCommand({}))), "done");
  const there = iamClientOf(other, "north-root", "secret-of-north-root");
  const user = await there.call("GetUser", { UserName: "mover" });
  t.equal(user.field("Arn"), `arn:aws:iam::${NORTH}:user/m/mover`);
  t.equal(await there.code("GetUserPolicy", { UserName: "mover", PolicyName: "wide" }), "done");
  t.equal(await other.end(), 0);
});

test("PutBucketPolicy: an owner's root gets back in, unless it confirmed that it need not", async (t) => {
  const root = world.clientOf("north-root", "secret-of-north-root");
  const Bucket = newBucketName("locked");
  await root.send(new CreateBucketCommand({ Bucket }));
  const Statement = {
    Effect: "Deny",
    Principal: "*",
    Action: ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"],
    Resource: `arn:aws:s3:::${Bucket}`,
  };
  const put = { Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) };
  const get = new GetBucketPolicyCommand({ Bucket });
  await root.send(new PutBucketPolicyCommand(put));
  t.equal(await codeOfCall(root.send(get)), "done");
  const confirmed = { ...put, ConfirmRemoveSelfBucketAccess: true };
  t.equal(await codeOfCall(root.send(new PutBucketPolicyCommand(confirmed))), "done");
  t.equal(await codeOfCall(root.send(get)), DENIED);
  t.equal(await codeOfCall(root.send(new PutBucketPolicyCommand(put))), DENIED);
  t.equal(await codeOfCall(root.send(new DeleteBucketPolicyCommand({ Bucket }))), DENIED);
  const remove = new DeleteBucketPolicyCommand({ Bucket });
  t.equal(await codeOfCall(world.root.send(remove)), "done", "the operator can");
  await root.send(new PutBucketPolicyCommand(put));
  t.equal(await codeOfCall(root.send(get)), "done", "the confirmation went with the policy");
});

test("the server ends cleanly", async (t) => {
  t.equal(await world.end(), 0);
});
