/** IAM's actions about policies that belong to one user or one group. */
import { putInlinePolicy, removeInlinePolicy } from "../../iam/store/account-changes.ts";
import { groupNameOf, userNameOf } from "../../iam/store/account-members.ts";
import { checkPolicyText } from "../../iam/store/changes.ts";
import type { InlinePolicy } from "../../iam/store/identities.ts";
import {
  groupResource,
  type IamAction,
  type IamActions,
  type IamCall,
  type IamResult,
  namedGroup,
  namedUser,
  noSuch,
  userResource,
} from "./iam-call.ts";
import { PAGING_PARAMETERS, renderPage } from "./paging.ts";

export interface PolicyHolder {
  readonly kind: "user" | "group";
  readonly record: string;
  readonly parameter: "UserName" | "GroupName";
  readonly name: string;
  /** Attached ones, by their records. */
  readonly policies: readonly string[];
  readonly inline: readonly InlinePolicy[];
}

export function userHolder(call: IamCall): PolicyHolder {
  const user = namedUser(call);
  const { name: record, policies, inlinePolicies: inline = [] } = user;
  const name = userNameOf(user);
  return { kind: "user", record, parameter: "UserName", name, policies, inline };
}

export function groupHolder(call: IamCall): PolicyHolder {
  const group = namedGroup(call);
  const { name: record, policies, inlinePolicies: inline = [] } = group;
  const name = groupNameOf(group);
  return { kind: "group", record, parameter: "GroupName", name, policies, inline };
}

/** The same for both kinds of holders. */
function actionFor(
  kind: "User" | "Group",
  permission: string,
  [mode, parameters, run]: readonly [
    IamAction["kind"],
    readonly string[],
    (call: IamCall, holder: () => PolicyHolder) => Promise<IamResult>,
  ],
): IamAction {
  const holder = kind === "User" ? userHolder : groupHolder;
  return {
    permission,
    kind: mode,
    parameters: [`${kind}Name`, ...parameters],
    resources: kind === "User" ? userResource : groupResource,
    run: (call) => run(call, () => holder(call)),
  };
}

const PUT = ["write", ["PolicyName", "PolicyDocument"], putPolicy] as const;
const GET = ["read", ["PolicyName"], getPolicy] as const;
const DELETE = ["write", ["PolicyName"], deletePolicy] as const;
const LIST = ["read", PAGING_PARAMETERS, listPolicies] as const;

export const INLINE_POLICY_ACTIONS: IamActions = {
  PutUserPolicy: actionFor("User", "iam:PutUserPolicy", PUT),
  GetUserPolicy: actionFor("User", "iam:GetUserPolicy", GET),
  DeleteUserPolicy: actionFor("User", "iam:DeleteUserPolicy", DELETE),
  ListUserPolicies: actionFor("User", "iam:ListUserPolicies", LIST),
  PutGroupPolicy: actionFor("Group", "iam:PutGroupPolicy", PUT),
  GetGroupPolicy: actionFor("Group", "iam:GetGroupPolicy", GET),
  DeleteGroupPolicy: actionFor("Group", "iam:DeleteGroupPolicy", DELETE),
  ListGroupPolicies: actionFor("Group", "iam:ListGroupPolicies", LIST),
};

/** What is no policy is refused whoever it is for. */
async function putPolicy(call: IamCall, holder: () => PolicyHolder): Promise<IamResult> {
  const { parameters, identities } = call;
  const policy = {
    name: parameters.name("PolicyName"),
    text: parameters.required("PolicyDocument"),
  };
  checkPolicyText(policy.text);
  await identities.change(putInlinePolicy(holder(), policy));
  return undefined;
}

async function getPolicy({ parameters }: IamCall, find: () => PolicyHolder): Promise<IamResult> {
  const holder = find();
  const name = parameters.name("PolicyName");
  const policy = holder.inline.find((one) => one.name === name);
  if (policy === undefined) throw noSuch("policy", name);
  return (xml) => {
    xml.element(holder.parameter, holder.name);
    xml.element("PolicyName", name);
    xml.element("PolicyDocument", encodeURIComponent(policy.text));
  };
}

async function deletePolicy(
  { parameters, identities }: IamCall,
  holder: () => PolicyHolder,
): Promise<IamResult> {
  await identities.change(removeInlinePolicy(holder(), parameters.name("PolicyName")));
  return undefined;
}

async function listPolicies(
  { parameters }: IamCall,
  holder: () => PolicyHolder,
): Promise<IamResult> {
  return renderPage(parameters, {
    element: "PolicyNames",
    items: holder().inline,
    nameOf: ({ name }) => name,
    render: (xml, { name }) => xml.element("member", name),
  });
}
