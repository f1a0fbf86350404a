/** Users, groups, policies and accounts. */

import { BUILT_IN_POLICIES } from "../../iam/store/built-in-policies.ts";
import {
  assignPolicies,
  changeMembers,
  createAccount,
  type Holder,
  putPolicy,
  putUser,
  removePolicy,
  removeUser,
  setGroupStatus,
} from "../../iam/store/changes.ts";
import type { Group, User } from "../../iam/store/identities.ts";
import { requireAdmin } from "../admin-access.ts";
import type { AdminAnswer, AdminContext } from "../admin-context.ts";
import { ACCESS_DENIED, AdminError, badRequest } from "../admin-error.ts";
import {
  type Fields,
  namesOf,
  optionalFlag,
  optionalText,
  parameter,
  plainFields,
  requiredText,
  sealedFields,
  statusOf,
  textList,
} from "../admin-input.ts";
import { formatTime } from "../time-text.ts";

const DONE: AdminAnswer = { kind: "empty" };

export async function addUser(context: AdminContext): Promise<AdminAnswer> {
  const name = parameter(context, "accessKey");
  const known = ["secretKey", "policy", "status", "account", "accountRoot"];
  const fields = await sealedFields(context, known);
  const policy = optionalText(fields, "policy");
  // Giving rights to a user is more than making one.
  if (policy !== undefined) requireAdmin(context.who, "admin:AttachUserOrGroupPolicy");
  const accountRoot = optionalFlag(fields, "accountRoot");
  requireRootRights(context, name, accountRoot);
  const account = optionalText(fields, "account");
  if (accountRoot && account === undefined) throw badRequest("accountRoot needs an account");
  await context.identities.change(
    putUser({
      name,
      secretKey: optionalText(fields, "secretKey"),
      status: statusOf(optionalText(fields, "status")),
      policies: policy === undefined ? undefined : namesOf(policy),
      account,
      accountRoot,
    }),
  );
  return DONE;
}

/** Who stands for a whole account is made and given a secret by the operator only. */
function requireRootRights({ who, identities }: AdminContext, name: string, wanted: boolean): void {
  const known = identities.directory.users.get(name)?.accountRoot === true;
  if ((known || wanted) && !who.caller.operator) throw new AdminError(...ACCESS_DENIED);
}

export async function removeUserRoute(context: AdminContext): Promise<AdminAnswer> {
  await context.identities.change(removeUser(parameter(context, "accessKey")));
  return DONE;
}

/** Enabling and disabling are two permissions. */
export async function setUserStatus(context: AdminContext): Promise<AdminAnswer> {
  const status = statusOf(parameter(context, "status"));
  requireAdmin(context.who, status === "enabled" ? "admin:EnableUser" : "admin:DisableUser");
  const name = parameter(context, "accessKey");
  await context.identities.change(putUser({ name, secretKey: undefined, status }));
  return DONE;
}

export async function listUsers(context: AdminContext): Promise<AdminAnswer> {
  const { directory } = context.identities;
  const users = [...directory.users.values()].map((user) => [user.name, userInfo(context, user)]);
  return { kind: "sealed", value: Object.fromEntries(users) };
}

export async function getUserInfo(context: AdminContext): Promise<AdminAnswer> {
  const name = parameter(context, "accessKey");
  const user = context.identities.directory.users.get(name);
  if (user === undefined) throw noSuch("User", "user");
  return { kind: "json", value: userInfo(context, user) };
}

/** Never with its secret. */
function userInfo({ identities }: AdminContext, user: User) {
  return {
    policyName: user.policies.join(","),
    status: user.status,
    memberOf: identities.directory.groupsOf(user.name).map(({ name }) => name),
    updatedAt: formatTime(user.updatedMs),
    account: user.account,
    ...(user.userName === undefined ? {} : { userName: user.userName, path: user.path }),
    ...(user.accountRoot ? { accountRoot: true } : {}),
  };
}

export async function updateGroupMembers(context: AdminContext): Promise<AdminAnswer> {
  const fields = plainFields(context, ["group", "members", "groupStatus", "isRemove"]);
  const remove = optionalFlag(fields, "isRemove");
  requireAdmin(context.who, remove ? "admin:RemoveUserFromGroup" : "admin:AddUserToGroup");
  await context.identities.change(
    changeMembers({
      group: requiredText(fields, "group"),
      members: textList(fields, "members"),
      remove,
      status: statusOf(optionalText(fields, "groupStatus")),
    }),
  );
  return DONE;
}

export async function listGroups({ identities }: AdminContext): Promise<AdminAnswer> {
  return { kind: "json", value: [...identities.directory.groups.keys()].sort() };
}

export async function getGroup(context: AdminContext): Promise<AdminAnswer> {
  const group = context.identities.directory.groups.get(parameter(context, "group"));
  if (group === undefined) throw noSuch("Group", "group");
  return { kind: "json", value: groupInfo(group) };
}

function groupInfo({ name, status, members, policies, updatedMs }: Group) {
  return { name, status, members, policy: policies.join(","), updatedAt: formatTime(updatedMs) };
}

export async function setGroupStatusRoute(context: AdminContext): Promise<AdminAnswer> {
  const status = statusOf(parameter(context, "status")) ?? "enabled";
  requireAdmin(context.who, status === "enabled" ? "admin:EnableGroup" : "admin:DisableGroup");
  await context.identities.change(setGroupStatus(parameter(context, "group"), status));
  return DONE;
}

export async function addPolicy(context: AdminContext): Promise<AdminAnswer> {
  const text = context.body.toString("utf8");
  await context.identities.change(putPolicy(parameter(context, "name"), text));
  return DONE;
}

export async function getPolicy(context: AdminContext): Promise<AdminAnswer> {
  const name = parameter(context, "name");
  const { directory } = context.identities;
  const text = directory.policyText(name);
  if (text === undefined) throw noSuch("Policy", "policy");
  const policy: unknown = JSON.parse(text);
  if (context.query.get("v") !== "2") return { kind: "json", value: policy };
  const stored = directory.policies.get(name);
  const times =
    stored === undefined
      ? {}
      : { CreateDate: formatTime(stored.createdMs), UpdateDate: formatTime(stored.updatedMs) };
  return { kind: "json", value: { PolicyName: name, Policy: policy, ...times } };
}

export async function listPolicies({ identities }: AdminContext): Promise<AdminAnswer> {
  const { directory } = identities;
  const names = new Set([...BUILT_IN_POLICIES.keys(), ...directory.policies.keys()]);
  const entries = [...names].sort().map((name) => {
    const policy: unknown = JSON.parse(directory.policyText(name) ?? "{}");
    return [name, policy];
  });
  return { kind: "json", value: Object.fromEntries(entries) };
}

export async function removePolicyRoute(context: AdminContext): Promise<AdminAnswer> {
  await context.identities.change(removePolicy(parameter(context, "name")));
  return DONE;
}

/** The older route: the whole set at once. */
export async function setPolicies(context: AdminContext): Promise<AdminAnswer> {
  const kind = context.query.get("isGroup") === "true" ? "group" : "user";
  const holder: Holder = { kind, name: parameter(context, "userOrGroup") };
  const policies = namesOf(context.query.get("policyName") ?? "");
  await context.identities.change(assignPolicies(holder, { kind: "set", policies }));
  return DONE;
}

export async function attachPolicies(context: AdminContext): Promise<AdminAnswer> {
  return associate(context, "attach");
}

export async function detachPolicies(context: AdminContext): Promise<AdminAnswer> {
  return associate(context, "detach");
}

async function associate(context: AdminContext, kind: "attach" | "detach"): Promise<AdminAnswer> {
  const fields = await sealedFields(context, ["policies", "user", "group"]);
  const policies = textList(fields, "policies");
  if (policies.length === 0) throw badRequest("no policies are named");
  await context.identities.change(assignPolicies(holderOf(fields), { kind, policies }));
  const done = kind === "attach" ? "policiesAttached" : "policiesDetached";
  const value = { [done]: policies, updatedAt: formatTime(context.clock.nowMs()) };
  return { kind: "sealed", value, status: kind === "attach" ? 201 : 200 };
}

function holderOf(fields: Fields): Holder {
  const user = optionalText(fields, "user");
  const group = optionalText(fields, "group");
  if (user !== undefined && group === undefined) return { kind: "user", name: user };
  if (group !== undefined && user === undefined) return { kind: "group", name: group };
  throw badRequest("either user or group must be named");
}

export async function listAccounts({ identities }: AdminContext): Promise<AdminAnswer> {
  return { kind: "json", value: identities.directory.allAccounts() };
}

/** Ours: MinIO has one account only. */
export async function addAccount(context: AdminContext): Promise<AdminAnswer> {
  const fields = plainFields(context, ["id", "canonicalId", "name", "email"]);
  const account = {
    id: optionalText(fields, "id") ?? newAccountId(context),
    canonicalId: optionalText(fields, "canonicalId") ?? context.random.bytes(32).toString("hex"),
    name: requiredText(fields, "name"),
    email: optionalText(fields, "email"),
  };
  await context.identities.change(createAccount(account));
  return { kind: "json", value: account };
}

function newAccountId({ random }: AdminContext): string {
  let digits = "";
  while (digits.length < 12) digits += random.below(10);
  return digits;
}

function noSuch(what: string, word: string): AdminError {
  return new AdminError(404, `XMinioAdminNoSuch${what}`, `There is no such ${word}.`);
}
