import { test } from "tap";
import type { SignedCaller } from "../../../../src/iam/access/caller.ts";
import { scopeOfAction } from "../../../../src/iam/policy/actions.ts";
import { isResourceArn } from "../../../../src/iam/policy/resources.ts";
import { Directory } from "../../../../src/iam/store/directory.ts";
import { FormParameters } from "../../../../src/s3/iam/form-parameters.ts";
import { IAM_ACTIONS, OTHER_ACTIONS } from "../../../../src/s3/iam/iam-actions.ts";
import type { IamCall } from "../../../../src/s3/iam/iam-call.ts";

const ACCOUNT = "111111111111";
const SAMPLES = {
  UserName: "ann",
  GroupName: "team",
  PolicyName: "read",
  PolicyArn: `arn:aws:iam::${ACCOUNT}:policy/read`,
  AccessKeyId: "AKIAEXAMPLE",
} as const;

const caller: SignedCaller = {
  kind: "signed",
  accountId: ACCOUNT,
  canonicalId: "1".repeat(64),
  arns: [`arn:aws:iam::${ACCOUNT}:user/me`],
  accountRoot: false,
  operator: false,
  userName: "me",
  userId: "AIDAEXAMPLE",
  policies: [],
  boundaries: [],
};

function callWith(known: readonly string[]): IamCall {
  const samples = Object.entries(SAMPLES).filter(([name]) => known.includes(name));
  const directory = new Directory({ accessKey: "root", secretKey: "secret" }, { nowMs: () => 0 });
  return {
    caller,
    accessKey: "me",
    parameters: new FormParameters(new URLSearchParams(samples), known),
    identities: {
      directory,
      change: async () => {
        throw new Error("nothing is changed to find out what is asked for");
      },
    },
    random: { bytes: (count) => Buffer.alloc(count), below: () => 0 },
  };
}

test("IAM_ACTIONS: every action has its own permission, and a resource in the caller's account", async (t) => {
  for (const [name, action] of Object.entries(IAM_ACTIONS)) {
    t.equal(action.permission, `iam:${name}`);
    t.equal(scopeOfAction(action.permission), "service", `${name} can be written in a policy`);
    const resources = action.resources(callWith(action.parameters));
    t.ok(resources.length > 0, name);
    for (const arn of resources) {
      t.ok(isResourceArn(arn), arn);
      t.ok(arn.startsWith(`arn:aws:iam::${ACCOUNT}:`), arn);
    }
    t.equal(action.kind, /^(?:Get|List)/.test(name) ? "read" : "write", name);
    t.notOk(OTHER_ACTIONS.has(name), `${name} is implemented`);
  }
});
