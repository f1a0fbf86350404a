/** IAM's actions that attach policies to users and groups, and take them away again. */
import { policyArn, policyNameOf } from "../../iam/store/account-members.ts";
import { assignPolicies } from "../../iam/store/changes.ts";
import { IamError } from "../../iam/store/iam-error.ts";
import {
  groupResource,
  type IamActions,
  type IamCall,
  type IamResult,
  noSuch,
  userResource,
} from "./iam-call.ts";
import { IamQueryError } from "./iam-query-error.ts";
import { groupHolder, type PolicyHolder, userHolder } from "./inline-policy-actions.ts";
import { attachablePolicy } from "./managed-policy-actions.ts";
import { PAGING_PARAMETERS, renderPage } from "./paging.ts";

export const ATTACHMENT_ACTIONS: IamActions = {
  AttachUserPolicy: {
    permission: "iam:AttachUserPolicy",
    kind: "write",
    parameters: ["UserName", "PolicyArn"],
    resources: userResource,
    run: (call) => attach(call, userHolder(call)),
  },
  DetachUserPolicy: {
    permission: "iam:DetachUserPolicy",
    kind: "write",
    parameters: ["UserName", "PolicyArn"],
    resources: userResource,
    run: (call) => detach(call, userHolder(call)),
  },
  ListAttachedUserPolicies: {
    permission: "iam:ListAttachedUserPolicies",
    kind: "read",
    parameters: ["UserName", "PathPrefix", ...PAGING_PARAMETERS],
    resources: userResource,
    run: (call) => listAttached(call, userHolder(call)),
  },
  AttachGroupPolicy: {
    permission: "iam:AttachGroupPolicy",
    kind: "write",
    parameters: ["GroupName", "PolicyArn"],
    resources: groupResource,
    run: (call) => attach(call, groupHolder(call)),
  },
  DetachGroupPolicy: {
    permission: "iam:DetachGroupPolicy",
    kind: "write",
    parameters: ["GroupName", "PolicyArn"],
    resources: groupResource,
    run: (call) => detach(call, groupHolder(call)),
  },
  ListAttachedGroupPolicies: {
    permission: "iam:ListAttachedGroupPolicies",
    kind: "read",
    parameters: ["GroupName", "PathPrefix", ...PAGING_PARAMETERS],
    resources: groupResource,
    run: (call) => listAttached(call, groupHolder(call)),
  },
};

/** That it is attached already is no mistake. */
async function attach(call: IamCall, { kind, record: name }: PolicyHolder): Promise<IamResult> {
  const policies = [attachablePolicy(call)];
  try {
    await call.identities.change(assignPolicies({ kind, name }, { kind: "attach", policies }));
  } catch (error) {
    if (!(error instanceof IamError) || error.code !== "no-change") throw error;
  }
  return undefined;
}

async function detach(call: IamCall, holder: PolicyHolder): Promise<IamResult> {
  const { identities, parameters, caller } = call;
  const { directory } = identities;
  const arn = parameters.policyArn;
  const held = holder.policies.find((record) => policyArn(directory, record) === arn);
  if (held === undefined) throw noSuch("attached policy", arn);
  // What the operator wrote may be there to hold this user back.
  const stored = directory.policies.get(held);
  if (stored !== undefined && stored.account === undefined && !caller.operator) {
    throw new IamQueryError("AccessDenied", "This policy was attached by the operator.");
  }
  const { kind, record: name } = holder;
  await identities.change(assignPolicies({ kind, name }, { kind: "detach", policies: [held] }));
  return undefined;
}

async function listAttached(call: IamCall, holder: PolicyHolder): Promise<IamResult> {
  const { parameters, identities } = call;
  const { directory } = identities;
  const { pathPrefix } = parameters;
  const items = holder.policies.filter((record) =>
    (directory.policies.get(record)?.path ?? "/").startsWith(pathPrefix),
  );
  return renderPage(parameters, {
    element: "AttachedPolicies",
    items,
    nameOf: (record) => policyArn(directory, record),
    render: (xml, record) =>
      xml.group("member", (member) => {
        const stored = directory.policies.get(record);
        member.element("PolicyName", stored === undefined ? record : policyNameOf(stored));
        member.element("PolicyArn", policyArn(directory, record));
      }),
  });
}
