/**
 * IAM's actions about policies that stand for themselves: an account's own, and those that everybody
 * has (`arn:aws:iam::aws:policy/NAME`). A policy has one text: a new version takes the place of the
 * one before.
 */
import { createHash } from "node:crypto";
import { addAccountPolicy, replacePolicy } from "../../iam/store/account-changes.ts";
import {
  groupsIn,
  policiesIn,
  policyArn,
  policyByArn,
  policyNameOf,
  usersOf,
} from "../../iam/store/account-members.ts";
import { AWS_POLICIES, BUILT_IN_POLICIES } from "../../iam/store/built-in-policies.ts";
import { removePolicy } from "../../iam/store/changes.ts";
import type { StoredPolicy } from "../../iam/store/identities.ts";
import type { XmlWriter } from "../xml.ts";
import { madeBy } from "./changing.ts";
import {
  accountArn,
  type IamActions,
  type IamCall,
  type IamResult,
  iamTime,
  noSuch,
} from "./iam-call.ts";
import { IamQueryError } from "./iam-query-error.ts";
import { PAGING_PARAMETERS, renderPage } from "./paging.ts";
import { refuseServerRights } from "./server-rights.ts";

export const MANAGED_POLICY_ACTIONS: IamActions = {
  CreatePolicy: {
    permission: "iam:CreatePolicy",
    kind: "write",
    parameters: ["PolicyName", "Path", "PolicyDocument", "Description"],
    resources: (call) => {
      const path = call.parameters.path("Path") ?? "/";
      return [accountArn(call, `policy${path}${call.parameters.name("PolicyName")}`)];
    },
    run: createPolicy,
  },
  GetPolicy: {
    permission: "iam:GetPolicy",
    kind: "read",
    parameters: ["PolicyArn"],
    resources: policyResource,
    run: getPolicy,
  },
  GetPolicyVersion: {
    permission: "iam:GetPolicyVersion",
    kind: "read",
    parameters: ["PolicyArn", "VersionId"],
    resources: policyResource,
    run: getPolicyVersion,
  },
  ListPolicyVersions: {
    permission: "iam:ListPolicyVersions",
    kind: "read",
    parameters: ["PolicyArn", ...PAGING_PARAMETERS],
    resources: policyResource,
    run: listPolicyVersions,
  },
  CreatePolicyVersion: {
    permission: "iam:CreatePolicyVersion",
    kind: "write",
    parameters: ["PolicyArn", "PolicyDocument", "SetAsDefault"],
    resources: policyResource,
    run: createPolicyVersion,
  },
  DeletePolicy: {
    permission: "iam:DeletePolicy",
    kind: "write",
    parameters: ["PolicyArn"],
    resources: policyResource,
    run: deletePolicy,
  },
  ListPolicies: {
    permission: "iam:ListPolicies",
    kind: "read",
    parameters: ["Scope", "OnlyAttached", "PathPrefix", "PolicyUsageFilter", ...PAGING_PARAMETERS],
    resources: (call) => [accountArn(call, `policy${call.parameters.pathPrefix}`)],
    run: listPolicies,
  },
};

function policyResource({ parameters }: IamCall): string[] {
  return [parameters.policyArn];
}

/** The record of the policy that is named, among those that the account sees. */
export function namedPolicy({ parameters, identities, caller }: IamCall): string {
  const { policyArn: arn } = parameters;
  const record = policyByArn(identities.directory, caller.accountId, arn);
  if (record === undefined) throw noSuch("policy", arn);
  return record;
}

/** Throws unless the account may change it. */
function ownPolicy(call: IamCall): StoredPolicy {
  const stored = call.identities.directory.policies.get(namedPolicy(call));
  if (stored === undefined) {
    throw new IamQueryError("AccessDenied", "This policy is everybody's and cannot be changed.");
  }
  // What the operator wrote may give rights on the server, or take them away.
  if (stored.account === undefined && !call.caller.operator) {
    throw new IamQueryError("AccessDenied", "This policy is the operator's.");
  }
  return stored;
}

async function createPolicy(call: IamCall): Promise<IamResult> {
  const { parameters, caller, identities } = call;
  const input = {
    account: caller.accountId,
    name: parameters.name("PolicyName"),
    path: parameters.path("Path") ?? "/",
    text: parameters.required("PolicyDocument"),
    description: parameters.description,
  };
  const policy = await madeBy(identities, (tools) => addAccountPolicy(input, tools));
  return (xml) => xml.group("Policy", (group) => renderPolicy(group, call, policy.name));
}

async function getPolicy(call: IamCall): Promise<IamResult> {
  const record = namedPolicy(call);
  const description = call.identities.directory.policies.get(record)?.description;
  return (xml) =>
    xml.group("Policy", (group) => {
      renderPolicy(group, call, record);
      group.optional("Description", description);
    });
}

async function getPolicyVersion(call: IamCall): Promise<IamResult> {
  const record = namedPolicy(call);
  const version = versionOf(call, record);
  const wanted = call.parameters.required("VersionId");
  if (!/^v\d{1,10}$/.test(wanted)) {
    throw new IamQueryError("ValidationError", 'VersionId is "v" and a number.');
  }
  if (wanted !== version) throw noSuch("version of the policy", wanted);
  const text = call.identities.directory.policyText(record) ?? "";
  return (xml) =>
    xml.group("PolicyVersion", (group) => {
      group.element("Document", encodeURIComponent(text));
      renderVersion(group, call, record);
    });
}

async function listPolicyVersions(call: IamCall): Promise<IamResult> {
  const record = namedPolicy(call);
  return renderPage(call.parameters, {
    element: "Versions",
    items: [record],
    nameOf: (name) => name,
    render: (xml) => xml.group("member", (member) => renderVersion(member, call, record)),
  });
}

async function createPolicyVersion(call: IamCall): Promise<IamResult> {
  const { parameters, identities } = call;
  const { name: record } = ownPolicy(call);
  const text = parameters.required("PolicyDocument");
  if (parameters.oneOf("SetAsDefault", ["true", "false"]) !== "true") {
    const message = "A version that is not the default one is not implemented: set SetAsDefault.";
    throw new IamQueryError("NotImplemented", message);
  }
  await identities.change(replacePolicy(record, text));
  return (xml) => xml.group("PolicyVersion", (group) => renderVersion(group, call, record));
}

async function deletePolicy(call: IamCall): Promise<IamResult> {
  await call.identities.change(removePolicy(ownPolicy(call).name));
  return undefined;
}

async function listPolicies(call: IamCall): Promise<IamResult> {
  const { parameters, caller, identities } = call;
  const { directory } = identities;
  const { pathPrefix } = parameters;
  const scope = parameters.oneOf("Scope", ["All", "AWS", "Local"]) ?? "All";
  const usage = parameters.oneOf("PolicyUsageFilter", ["PermissionsPolicy", "PermissionsBoundary"]);
  const attached = parameters.oneOf("OnlyAttached", ["true", "false"]) === "true";
  const common = [...BUILT_IN_POLICIES.keys(), ...AWS_POLICIES.keys()].filter(
    (name) => !directory.policies.has(name),
  );
  const own = policiesIn(directory, caller.accountId).map(({ name }) => name);
  const chosen = [...(scope === "Local" ? [] : common), ...(scope === "AWS" ? [] : own)];
  const items = chosen.filter((record) => {
    const path = directory.policies.get(record)?.path ?? "/";
    return path.startsWith(pathPrefix) && (!attached || attachmentsOf(call, record) > 0);
  });
  return renderPage(parameters, {
    element: "Policies",
    // Nobody has a boundary of this kind.
    items: usage === "PermissionsBoundary" ? [] : items,
    nameOf: (record) => policyArn(directory, record),
    render: (xml, record) => xml.group("member", (member) => renderPolicy(member, call, record)),
  });
}

function attachmentsOf({ identities, caller }: IamCall, record: string): number {
  const { directory } = identities;
  const account = caller.accountId;
  const holders = [...usersOf(directory, account), ...groupsIn(directory, account)];
  return holders.filter(({ policies }) => policies.includes(record)).length;
}

function versionOf({ identities }: IamCall, record: string): string {
  return `v${identities.directory.policies.get(record)?.version ?? 1}`;
}

function renderPolicy(xml: XmlWriter, call: IamCall, record: string): void {
  const { directory } = call.identities;
  const stored = directory.policies.get(record);
  xml.element("PolicyName", stored === undefined ? record : policyNameOf(stored));
  xml.element("PolicyId", policyIdOf(record, stored));
  xml.element("Arn", policyArn(directory, record));
  xml.element("Path", stored?.path ?? "/");
  xml.element("DefaultVersionId", versionOf(call, record));
  xml.element("AttachmentCount", attachmentsOf(call, record));
  xml.element("PermissionsBoundaryUsageCount", 0);
  xml.element("IsAttachable", true);
  xml.element("CreateDate", iamTime(stored?.createdMs ?? 0));
  xml.element("UpdateDate", iamTime(stored?.updatedMs ?? 0));
}

function renderVersion(xml: XmlWriter, call: IamCall, record: string): void {
  xml.element("VersionId", versionOf(call, record));
  xml.element("IsDefaultVersion", true);
  const stored = call.identities.directory.policies.get(record);
  xml.element("CreateDate", iamTime(stored?.updatedMs ?? 0));
}

/** The name of its record, where that was made to be one. */
function policyIdOf(record: string, stored: StoredPolicy | undefined): string {
  if (stored?.policyName !== undefined) return record;
  const digest = createHash("sha256").update(`policy ${record}`).digest("hex");
  return `ANPA${digest.slice(0, 16).toUpperCase()}`;
}

/** Attaching and detaching need the same look at rights on the server. */
export function attachablePolicy(call: IamCall): string {
  const record = namedPolicy(call);
  refuseServerRights(call, [record]);
  return record;
}
