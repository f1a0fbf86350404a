import { test } from "tap";
import {
  bucketAccessOf,
  NO_PUBLIC_ACCESS_BLOCK,
  type ObjectOwnership,
} from "../../../../src/iam/access/bucket-access.ts";
import { ANONYMOUS, type Caller, type SignedCaller } from "../../../../src/iam/access/caller.ts";
import { decide } from "../../../../src/iam/access/decide.ts";
import { NO_VALUES } from "../../../../src/iam/policy/condition-values.ts";
import { type PolicyKind, parsePolicy } from "../../../../src/iam/policy/parse-policy.ts";

const OWNER = "a".repeat(64);
const ACTION = "s3:PutObjectAcl";

function policy(statement: object, kind: PolicyKind = { kind: "identity" }) {
  const whole = { Effect: "Allow", Action: ACTION, Resource: "*", ...statement };
  return parsePolicy(JSON.stringify({ Version: "2012-10-17", Statement: [whole] }), kind);
}

/** A user of another account than the bucket's. */
function stranger(more: Partial<SignedCaller> = {}): SignedCaller {
  return {
    kind: "signed",
    accountId: "000000000002",
    canonicalId: "b".repeat(64),
    arns: ["arn:aws:iam::000000000002:user/bob"],
    accountRoot: false,
    operator: false,
    userName: "bob",
    userId: "AIDA",
    policies: [],
    boundaries: [],
    ...more,
  };
}

interface Setting {
  readonly ownership?: ObjectOwnership;
  readonly bucketPolicy?: object;
}

function allowed(caller: Caller, { ownership = "ObjectWriter", bucketPolicy }: Setting = {}) {
  const statement = { Principal: "*", Resource: "arn:aws:s3:::photos/*", ...bucketPolicy };
  const kind: PolicyKind = { kind: "bucket", bucket: "photos" };
  return decide({
    caller,
    action: ACTION,
    resource: "arn:aws:s3:::photos/x",
    values: NO_VALUES,
    writing: true,
    bucket: bucketAccessOf({
      owner: OWNER,
      policy: bucketPolicy === undefined ? undefined : policy(statement, kind),
      acl: undefined,
      ownership,
      publicAccessBlock: NO_PUBLIC_ACCESS_BLOCK,
    }),
  }).allowed;
}

const OWN = { policies: [{ name: "own", policy: policy({}) }] };
const ENFORCED: Setting = { ownership: "BucketOwnerEnforced" };
const DENIED: Setting = { bucketPolicy: { Effect: "Deny" } };

test("decide: what comes with a new object is asked of the writer's account", async (t) => {
  t.notOk(allowed(stranger()), "a user without a policy for it");
  t.ok(allowed(stranger(OWN)));
  t.ok(allowed(stranger({ accountRoot: true })));
  t.ok(allowed(ANONYMOUS), "an object of nobody's");
  const boundary = { name: "narrow", policy: policy({ Action: "s3:GetObject" }) };
  t.notOk(allowed(stranger({ ...OWN, boundaries: [boundary] })), "a boundary holds");
});

test("decide: the bucket's owner may forbid it, and has a say where all objects are its own", async (t) => {
  for (const caller of [stranger(OWN), stranger({ accountRoot: true }), ANONYMOUS]) {
    t.notOk(allowed(caller, DENIED));
    t.notOk(allowed(caller, ENFORCED));
    t.ok(allowed(caller, { ...ENFORCED, bucketPolicy: {} }));
  }
});
