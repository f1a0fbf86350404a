import { test } from "tap";
import { newBucketId } from "../../../../src/base/ids.ts";
import type { Bucket } from "../../../../src/object/contract/object-store.ts";
import { mayWriteLog } from "../../../../src/s3/access-log/log-permission.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const OWNER = "a".repeat(64);
const SOURCE = { bucket: "source", accountId: "123456789012", canonicalId: OWNER };
const SERVICE = { Service: "logging.s3.amazonaws.com" };
const ALLOW = {
  Effect: "Allow",
  Principal: SERVICE as object | string,
  Action: "s3:PutObject",
  Resource: "arn:aws:s3:::logs/p/*",
};

function target(documents: Readonly<Record<string, string>>): Bucket {
  const id = newBucketId(new SeededRandom(1));
  return { name: "logs", id, createdMs: 0, versioning: "unversioned", documents };
}

function allows(...statements: readonly object[]): boolean {
  const policy = JSON.stringify({ Version: "2012-10-17", Statement: statements });
  return mayWriteLog({ source: SOURCE, target: target({ policy }), prefix: "p/", key: "p/x" });
}

test("mayWriteLog: takes a policy that names the service, and no other", async (t) => {
  t.ok(allows(ALLOW));
  t.ok(allows({ ...ALLOW, Resource: "arn:aws:s3:::logs/p/" }), "the prefix itself is named");
  t.notOk(mayWriteLog({ source: SOURCE, target: target({}), prefix: "p/" }), "no policy");
  t.notOk(allows({ ...ALLOW, Principal: "*" }));
  t.notOk(allows({ ...ALLOW, Principal: { AWS: "*" } }));
  t.notOk(allows({ ...ALLOW, Principal: { Service: "s3.amazonaws.com" } }));
  t.notOk(allows({ ...ALLOW, Resource: "arn:aws:s3:::logs/q/*" }));
  t.notOk(allows({ ...ALLOW, Action: "s3:GetObject" }));
  t.notOk(allows(ALLOW, { ...ALLOW, Effect: "Deny", Principal: "*" }), "everybody is kept out");
  t.notOk(allows(ALLOW, { ...ALLOW, Effect: "Deny" }));
});

test("mayWriteLog: conditions see the source", async (t) => {
  const when = (key: string, value: string) =>
    allows({ ...ALLOW, Condition: { StringLike: { [key]: value } } });
  t.ok(when("aws:SourceArn", "arn:aws:s3:::sou*"));
  t.notOk(when("aws:SourceArn", "arn:aws:s3:::other"));
  t.ok(when("aws:SourceAccount", "123456789012"));
  t.ok(when("aws:SourceAccount", OWNER));
  t.notOk(when("aws:SourceAccount", "210987654321"));
});

test("mayWriteLog: takes a list that lets the group of log delivery write, where lists count", async (t) => {
  const grant = (permission: string) =>
    JSON.stringify({
      owner: OWNER,
      grants: [{ grantee: { kind: "group", group: "log-delivery" }, permission }],
    });
  const ask = (documents: Readonly<Record<string, string>>) =>
    mayWriteLog({ source: SOURCE, target: target(documents), prefix: "" });
  t.ok(ask({ acl: grant("WRITE") }));
  t.notOk(ask({ acl: grant("READ_ACP") }));
  const ownership = JSON.stringify({ ownership: "BucketOwnerEnforced" });
  t.notOk(ask({ acl: grant("WRITE"), ownership }));
});
