/** The IAM query API: accounts govern their users, and nobody gets more than is given. */
import { GetObjectCommand, ListBucketsCommand } from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { adminOf, codeOf } from "../support/iam/admin.ts";
import { iamClientOf, newAccount } from "../support/iam/iam-accounts.ts";
import { IamClient, replyOf } from "../support/iam/iam-query.ts";
import { codeOfCall, DENIED, IdentityWorld, object } from "../support/identity-world.ts";
import { ACCESS_KEY, SECRET_KEY } from "../support/server-process.ts";

const NORTH = "111111111111";
const SOUTH = "222222222222";
const NO_ENTITY = "404 NoSuchEntity";
const EXISTS = "409 EntityAlreadyExists";
const CONFLICT = "409 DeleteConflict";
const REFUSED = "403 AccessDenied";
const INVALID = "400 ValidationError";

let world: IdentityWorld;
let operator: IamClient;
let north: IamClient;
let south: IamClient;

function clientOf(accessKeyId: string, secretAccessKey: string): IamClient {
  return iamClientOf(world, accessKeyId, secretAccessKey);
}

/** With a key of its own. */
async function newUser(account: IamClient, UserName: string, policy?: object): Promise<IamClient> {
  await account.call("CreateUser", { UserName });
  if (policy !== undefined) {
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: policy });
    const parameters = { UserName, PolicyName: "own", PolicyDocument };
    const { code, text } = await account.call("PutUserPolicy", parameters);
    if (code !== "done") throw new Error(text);
  }
  const key = await account.call("CreateAccessKey", { UserName });
  return clientOf(key.field("AccessKeyId"), key.field("SecretAccessKey"));
}

before(async () => {
  world = await IdentityWorld.start();
  operator = clientOf(ACCESS_KEY, SECRET_KEY);
  north = await newAccount(world, NORTH, "north");
  south = await newAccount(world, SOUTH, "south");
});

test("CreateUser: a user by its account's name and path, once, whatever the case", async (t) => {
  const made = await north.call("CreateUser", { UserName: "Ann", Path: "/staff/" });
  t.match(made.field("Arn"), `arn:aws:iam::${NORTH}:user/staff/Ann`);
  t.match(made.text, /<CreateUserResponse xmlns="https:\/\/iam.amazonaws.com\/doc\/2010-05-08\/">/);
  t.equal(await north.code("CreateUser", { UserName: "ann" }), EXISTS);
  t.equal((await north.call("GetUser", { UserName: "ANN" })).field("UserName"), "Ann");
  t.equal(await north.code("CreateUser", {}), INVALID);
  for (const UserName of ["a b", "a/b", "a:b", "*", "x".repeat(65), "ä"]) {
    t.equal(await north.code("CreateUser", { UserName }), INVALID, UserName);
  }
  for (const Path of ["staff", "/staff", "//", "/a b/", `/${"x".repeat(512)}/`]) {
    t.equal(await north.code("CreateUser", { UserName: "new", Path }), INVALID, Path);
  }
  t.equal(await north.code("GetUser", { UserName: "new" }), NO_ENTITY);
});

test("accounts: the same names mean other users, and none of another account is seen", async (t) => {
  await north.call("CreateUser", { UserName: "twin" });
  t.equal(await south.code("GetUser", { UserName: "twin" }), NO_ENTITY);
  t.equal(await south.code("DeleteUser", { UserName: "twin" }), NO_ENTITY);
  t.equal(await south.code("CreateAccessKey", { UserName: "twin" }), NO_ENTITY);
  t.equal(await south.code("CreateUser", { UserName: "twin" }), "done");
  t.equal(await south.code("DeleteUser", { UserName: "twin" }), "done");
  t.equal(await north.code("GetUser", { UserName: "twin" }), "done");
  const listed = (await south.call("ListUsers")).fields("UserName");
  t.notOk(listed.includes("twin"));
  t.notOk((await operator.call("ListUsers")).fields("UserName").includes("twin"));
  t.notOk((await north.call("ListUsers")).fields("UserName").includes("north-root"));
  t.equal(await north.code("CreateAccessKey", { UserName: "north-root" }), NO_ENTITY);
  const key = (await north.call("CreateAccessKey", { UserName: "twin" })).field("AccessKeyId");
  t.equal(await south.code("DeleteAccessKey", { AccessKeyId: key }), NO_ENTITY);
  const other = { AccessKeyId: key, Status: "Inactive" };
  t.equal(await south.code("UpdateAccessKey", other), NO_ENTITY);
});

test("CreateAccessKey: the key works as far as policies go, and its secret is shown once", async (t) => {
  await north.call("CreateUser", { UserName: "keyed" });
  const made = await north.call("CreateAccessKey", { UserName: "keyed" });
  const [id, secret] = [made.field("AccessKeyId"), made.field("SecretAccessKey")];
  const s3 = world.clientOf(id, secret);
  t.equal(await codeOfCall(s3.send(new ListBucketsCommand({}))), DENIED);
  const PolicyDocument = JSON.stringify({
    Statement: { Effect: "Allow", Action: "s3:ListAllMyBuckets", Resource: "*" },
  });
  const policy = { UserName: "keyed", PolicyName: "list" };
  t.equal(await north.code("PutUserPolicy", { ...policy, PolicyDocument }), "done");
  t.equal(await codeOfCall(s3.send(new ListBucketsCommand({}))), "done");
  t.equal(await codeOfCall(s3.send(new GetObjectCommand(object))), DENIED);
  const shown = await north.call("GetUserPolicy", policy);
  t.equal(decodeURIComponent(shown.field("PolicyDocument")), PolicyDocument);
  const keys = await north.call("ListAccessKeys", { UserName: "keyed" });
  t.strictSame(keys.fields("AccessKeyId"), [id], "nothing signs under the user's record");
  t.notMatch(keys.text, secret);
  t.equal(await north.code("DeleteUser", { UserName: "keyed" }), CONFLICT, "a key and a policy");
  const named = { UserName: "keyed", AccessKeyId: id };
  t.equal(await north.code("UpdateAccessKey", { ...named, Status: "Off" }), INVALID);
  t.equal(await north.code("UpdateAccessKey", named), INVALID);
  t.equal(await north.code("UpdateAccessKey", { ...named, Status: "Inactive" }), "done");
  t.equal((await codeOfCall(s3.send(new ListBucketsCommand({})))).slice(0, 3), "403");
  t.equal(await north.code("DeleteAccessKey", named), "done");
  t.equal(await north.code("DeleteAccessKey", named), NO_ENTITY);
  t.equal(await north.code("DeleteUser", { UserName: "keyed" }), CONFLICT, "still a policy");
  t.equal(await north.code("DeleteUserPolicy", policy), "done");
  t.equal(await north.code("DeleteUserPolicy", policy), NO_ENTITY);
  t.equal(await north.code("DeleteUser", { UserName: "keyed" }), "done");
});

test("CreateAccessKey: a user has ten, and the key that a user is called by is not touched", async (t) => {
  await north.call("CreateUser", { UserName: "many" });
  for (let made = 0; made < 10; made++) {
    t.equal(await north.code("CreateAccessKey", { UserName: "many" }), "done");
  }
  t.equal(await north.code("CreateAccessKey", { UserName: "many" }), "409 LimitExceeded");
  const own = { AccessKeyId: "north-root" };
  t.match(await north.call("ListAccessKeys"), { text: /north-root/ });
  t.equal(await north.code("DeleteAccessKey", own), "400 UnmodifiableEntity");
  const off = { ...own, Status: "Inactive" };
  t.equal(await north.code("UpdateAccessKey", off), "400 UnmodifiableEntity");
});

test("PutUserPolicy: what is no policy is refused", async (t) => {
  await north.call("CreateUser", { UserName: "badly" });
  const put = (PolicyDocument: string, PolicyName = "p") =>
    north.code("PutUserPolicy", { UserName: "badly", PolicyName, PolicyDocument });
  const allow = { Effect: "Allow", Action: "s3:*", Resource: "*" };
  for (const text of ["{}", "no", '{"Statement":[]}', '{"Statement":{"Effect":"Allow"}}']) {
    t.equal(await put(text), "400 MalformedPolicyDocument", text);
  }
  const principal = JSON.stringify({ Statement: { ...allow, Principal: "*" } });
  t.equal(await put(principal), "400 MalformedPolicyDocument");
  const good = JSON.stringify({ Statement: allow });
  t.equal(await put(good, "a b"), INVALID);
  t.equal(await put(good, "x".repeat(129)), INVALID);
  const large = JSON.stringify({ Statement: Array.from({ length: 290 }, () => allow) });
  t.equal(await put(large, "one"), "done");
  t.equal(await put(large, "two"), "409 LimitExceeded", "together they are too large");
  t.equal(await put(JSON.stringify({ Statement: allow }), ""), INVALID);
});

test("authorisation: a user may do what its policies say, to whom they say", async (t) => {
  const rights = [
    {
      Effect: "Allow",
      Action: ["iam:GetUser", "iam:CreateAccessKey"],
      Resource: `arn:aws:iam::${NORTH}:user/team/*`,
    },
    { Effect: "Allow", Action: "iam:*", Resource: "arn:aws:iam::222222222222:*" },
  ];
  const lead = await newUser(north, "lead", rights);
  await north.call("CreateUser", { UserName: "mate", Path: "/team/" });
  await north.call("CreateUser", { UserName: "boss" });
  t.equal(await lead.code("GetUser", { UserName: "mate" }), "done");
  t.equal(await lead.code("CreateAccessKey", { UserName: "mate" }), "done");
  t.equal(await lead.code("GetUser", { UserName: "boss" }), REFUSED);
  t.equal(await lead.code("CreateAccessKey", { UserName: "boss" }), REFUSED);
  t.equal(await lead.code("GetUser", { UserName: "nobody" }), REFUSED, "nor whether there is one");
  t.equal(await lead.code("GetUser"), REFUSED, "itself is not in the team");
  t.equal(await lead.code("CreateAccessKey"), REFUSED);
  t.equal(await lead.code("ListUsers"), REFUSED);
  t.equal(await lead.code("PutUserPolicy", { UserName: "mate", PolicyName: "p" }), REFUSED);
  const nobody = await newUser(north, "idle");
  for (const action of [
    "ListUsers",
    "GetAccountSummary",
    "ListGroups",
    "ListPolicies",
    "ListRoles",
  ]) {
    t.equal(await nobody.code(action), REFUSED, action);
  }
  t.equal(await nobody.code("CreateUser", { UserName: "made" }), REFUSED);
});

test("UpdateUser: must be allowed for what the user is and for what it becomes", async (t) => {
  const team = {
    Effect: "Allow",
    Action: "iam:UpdateUser",
    Resource: `arn:aws:iam::${NORTH}:user/crew/*`,
  };
  const lead = await newUser(north, "mover", team);
  await north.call("CreateUser", { UserName: "moved", Path: "/crew/" });
  const out = { UserName: "moved", NewPath: "/" };
  t.equal(await lead.code("UpdateUser", out), REFUSED);
  t.equal(await lead.code("UpdateUser", { UserName: "moved", NewPath: "/crew/a/" }), "done");
  t.equal(await north.code("UpdateUser", { UserName: "moved", NewUserName: "mover" }), EXISTS);
  t.equal(await north.code("UpdateUser", { UserName: "absent", NewUserName: "any" }), NO_ENTITY);
  t.equal(await north.code("UpdateUser", { UserName: "moved", NewUserName: "renamed" }), "done");
  t.equal(await north.code("GetUser", { UserName: "moved" }), NO_ENTITY);
});

test("rights on the server: no account can give them, whatever it writes", async (t) => {
  const chief = await newUser(north, "chief", {
    Effect: "Allow",
    Action: ["admin:*", "kms:*", "iam:*", "s3:*"],
    Resource: "*",
  });
  const key = await chief.call("CreateAccessKey");
  const admin = adminOf(world.server, key.field("AccessKeyId"), key.field("SecretAccessKey"));
  t.equal(codeOf(await admin.get("list-users")), REFUSED);
  for (const name of ["consoleAdmin", "diagnostics"]) {
    const PolicyArn = `arn:aws:iam::aws:policy/${name}`;
    t.equal(await north.code("AttachUserPolicy", { UserName: "chief", PolicyArn }), REFUSED, name);
  }
  await world.newUser("keeper", "consoleAdmin", { account: NORTH });
  t.equal(await north.code("CreateAccessKey", { UserName: "keeper" }), REFUSED);
  t.equal(await operator.code("CreateAccessKey"), "done", "the operator may for itself");
});

test("narrowed and temporary credentials: read, and make nothing that outlives them", async (t) => {
  const sts = new IamClient(
    world.server.endpoint,
    { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
    "sts",
    "2011-06-15",
  );
  const issued = await sts.call("AssumeRole");
  const session = new IamClient(world.server.endpoint, {
    accessKeyId: issued.field("AccessKeyId"),
    secretAccessKey: issued.field("SecretAccessKey"),
    sessionToken: issued.field("SessionToken"),
  });
  t.equal(await session.code("ListUsers"), "done");
  t.equal(await session.code("CreateAccessKey"), REFUSED);
  t.equal(await session.code("CreateUser", { UserName: "fromsession" }), REFUSED);
  const policy = JSON.stringify({ Statement: { Effect: "Allow", Action: "iam:*", Resource: "*" } });
  const fields = { accessKey: "narrowed-key", secretKey: "narrowed-secret", policy };
  await adminOf(world.server).sealed("PUT", "add-service-account", {}, fields);
  const narrowed = clientOf("narrowed-key", "narrowed-secret");
  t.equal(await narrowed.code("ListUsers"), "done");
  t.equal(await narrowed.code("CreateAccessKey"), REFUSED);
});

test("requests: what is not whole, not signed or not known is refused", async (t) => {
  const form = "Action=ListUsers&Version=2010-05-08";
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const bare = await fetch(`${world.server.endpoint}/`, { method: "POST", headers, body: form });
  t.equal(replyOf(bare.status, await bare.text()).code, REFUSED);
  const wrong = clientOf("north-root", "another-secret");
  t.equal(await wrong.code("ListUsers"), "403 SignatureDoesNotMatch");
  t.equal(await clientOf("nobody-at-all", "secret").code("ListUsers"), "403 InvalidClientTokenId");
  t.equal(await north.code("Invent"), "400 InvalidAction");
  t.equal(await north.code("constructor"), "400 InvalidAction");
  t.equal(await north.code("CreateRole", { RoleName: "r" }), "501 NotImplemented");
  const tagged = { UserName: "tagged", "Tags.member.1.Key": "a", "Tags.member.1.Value": "b" };
  t.equal(await north.code("CreateUser", tagged), "501 NotImplemented");
  t.equal(await north.code("GetUser", { UserName: "tagged" }), NO_ENTITY);
  t.equal((await north.post(`${form}&MaxItems=1&MaxItems=2`)).code, INVALID);
  t.equal((await north.post("Action=ListUsers&Version=2011-06-15")).code, "400 InvalidAction");
  t.equal((await north.post("Version=2010-05-08")).code, "400 InvalidAction");
  t.equal((await north.post(`${form}&PathPrefix=${"x".repeat(200_000)}`)).code, INVALID);
  const other = new IamClient(
    world.server.endpoint,
    { accessKeyId: "north-root", secretAccessKey: "secret-of-north-root" },
    "sts",
  );
  t.equal(await other.code("ListUsers"), REFUSED, "a signature for another service");
});

test("paging: every item once, and no made-up marker", async (t) => {
  for (const UserName of ["pb", "PA", "pc"]) {
    await south.call("CreateUser", { UserName, Path: "/paged/" });
  }
  const names: string[] = [];
  let marker: Record<string, string> = {};
  for (let page = 0; page < 3; page++) {
    const parameters = { PathPrefix: "/paged/", MaxItems: "1", ...marker };
    const reply = await south.call("ListUsers", parameters);
    names.push(...reply.fields("UserName"));
    t.equal(reply.field("IsTruncated"), String(page < 2));
    marker = page < 2 ? { Marker: reply.field("Marker") } : {};
  }
  t.strictSame(names, ["PA", "pb", "pc"]);
  for (const MaxItems of ["0", "1001", "-1", "x", "1.5"]) {
    t.equal(await south.code("ListUsers", { MaxItems }), INVALID, MaxItems);
  }
  t.equal(await south.code("ListUsers", { Marker: "%%%" }), INVALID);
  t.equal(await south.code("ListUsers", { PathPrefix: "paged" }), INVALID);
});

test("the server ends cleanly", async (t) => {
  t.equal(await world.end(), 0);
});
