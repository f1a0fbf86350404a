/**
 * The changes of identities as pure functions: from what there is to the records to write, or an
 * IamError. Who may ask for them is decided elsewhere.
 */

import { parsePolicy } from "../policy/parse-policy.ts";
import { PolicyError } from "../policy/policy-error.ts";
import { findUser } from "./account-members.ts";
import { BUILT_IN_POLICIES } from "./built-in-policies.ts";
import { IamError } from "./iam-error.ts";
import {
  type Account,
  encodeAccount,
  encodeGroup,
  encodePolicy,
  encodeUser,
  type Group,
  recordKey,
  type StoredPolicy,
  type User,
} from "./identities.ts";
import type { ChangeTools, RecordWrite } from "./identity-store.ts";
import { MAIN_ACCOUNT } from "./main-account.ts";
import { checkAccessKey, checkName, checkSecretKey } from "./names.ts";
import type { Status } from "./record-fields.ts";

type Change = (tools: ChangeTools) => readonly RecordWrite[];

/** Policies attached to one user or group. */
export const ATTACHED_POLICIES_MAX = 50;
export const GROUP_MEMBERS_MAX = 10_000;

export interface UserInput {
  readonly name: string;
  /** Undefined keeps the present one. */
  readonly secretKey: string | undefined;
  readonly status?: Status | undefined;
  readonly policies?: readonly string[] | undefined;
  /** Undefined: the main account. Only for a new user. */
  readonly account?: string | undefined;
  readonly accountRoot?: boolean | undefined;
  /** What its account says of it. Undefined keeps that. */
  readonly details?: UserDetails | undefined;
}

export type UserDetails = Pick<User, "userName" | "path" | "inlinePolicies" | "createdMs">;
export type GroupDetails = Pick<
  Group,
  "account" | "groupName" | "path" | "inlinePolicies" | "createdMs"
>;
export type PolicyDetails = Pick<
  StoredPolicy,
  "account" | "policyName" | "path" | "description" | "version"
>;

/** Makes a user, or gives one that is there another secret, status or set of policies. */
export function putUser(input: UserInput): Change {
  return ({ directory, sealer, nowMs, random }) => {
    const { name } = input;
    checkAccessKey(name);
    const known = directory.users.get(name);
    // The name of the root account for a user would take its place at every look-up.
    if (known === undefined && directory.isTaken(name)) {
      throw new IamError("key-exists", "this access key is in use");
    }
    const secretKey = input.secretKey ?? known?.secretKey;
    if (secretKey === undefined) throw noSuchUser();
    checkSecretKey(secretKey);
    const account = known?.account ?? input.account ?? MAIN_ACCOUNT.id;
    if (directory.account(account) === undefined) {
      throw new IamError("no-such-account", "there is no such account");
    }
    if (known === undefined) refuseTakenName({ directory }, account, input);
    const user: User = {
      ...(input.details ?? detailsOf(known)),
      name,
      secretKey,
      account,
      ...standingOf(input, known),
      userId: known?.userId ?? newUserId(random),
      inlinePolicy: known?.inlinePolicy,
      updatedMs: nowMs,
    };
    checkPolicies({ directory }, user.policies);
    return [{ key: recordKey("user", name), value: encodeUser(user, sealer) }];
  };
}

function standingOf(
  input: UserInput,
  known: User | undefined,
): Pick<User, "accountRoot" | "status" | "policies"> {
  return {
    accountRoot: known?.accountRoot ?? input.accountRoot ?? false,
    status: input.status ?? known?.status ?? "enabled",
    policies: input.policies ?? known?.policies ?? [],
  };
}

/** The principal's ARN would mean two users. */
function refuseTakenName(
  { directory }: Pick<ChangeTools, "directory">,
  account: string,
  { name, details }: UserInput,
): void {
  if (details?.userName !== undefined) return;
  const holder = findUser(directory, account, name);
  if (holder?.userName === undefined) return;
  throw new IamError("key-exists", "a user of the account has this name");
}

function detailsOf(known: User | undefined): UserDetails {
  if (known === undefined) return {};
  const { userName, path, inlinePolicies, createdMs } = known;
  return { userName, path, inlinePolicies, createdMs };
}

/** With its keys and its place in groups. */
export function removeUser(name: string): Change {
  return ({ directory, nowMs }) => {
    if (!directory.users.has(name)) throw noSuchUser();
    const writes: RecordWrite[] = [];
    for (const key of directory.keys.values()) {
      if (key.parent === name) writes.push(removal("key", key.accessKey));
    }
    for (const group of directory.groupsOf(name)) {
      const members = group.members.filter((member) => member !== name);
      writes.push(groupWrite({ ...group, members, updatedMs: nowMs }));
    }
    return [...writes, removal("user", name)];
  };
}

export function setInlinePolicy(name: string, text: string | undefined): Change {
  return ({ directory, sealer, nowMs }) => {
    const user = directory.users.get(name);
    if (user === undefined) throw noSuchUser();
    if (text !== undefined) checkPolicyText(text);
    const changed = { ...user, inlinePolicy: text, updatedMs: nowMs };
    return [{ key: recordKey("user", name), value: encodeUser(changed, sealer) }];
  };
}

export interface MembersInput {
  readonly group: string;
  readonly members: readonly string[];
  readonly remove: boolean;
  readonly status?: Status | undefined;
  readonly details?: GroupDetails | undefined;
}

/** Adding makes the group; removing nobody removes the group, once it is empty. */
export function changeMembers(input: MembersInput): Change {
  return (tools) => {
    checkName(input.group, "a group");
    for (const member of input.members) {
      if (!tools.directory.users.has(member)) throw noSuchUser();
    }
    return [input.remove ? removeMembers(input, tools) : addMembers(input, tools)];
  };
}

function addMembers(
  { group: name, members, status, details }: MembersInput,
  tools: ChangeTools,
): RecordWrite {
  const { directory, nowMs } = tools;
  const known = directory.groups.get(name);
  const all = [...new Set([...(known?.members ?? []), ...members])];
  if (all.length > GROUP_MEMBERS_MAX) {
    throw new IamError("too-many", `a group has at most ${GROUP_MEMBERS_MAX} members`);
  }
  return groupWrite({
    ...known,
    ...details,
    name,
    members: all,
    status: status ?? known?.status ?? "enabled",
    policies: known?.policies ?? [],
    updatedMs: nowMs,
  });
}

function removeMembers({ group: name, members }: MembersInput, tools: ChangeTools): RecordWrite {
  const known = tools.directory.groups.get(name);
  if (known === undefined) throw noSuchGroup();
  if (members.length > 0) {
    const left = known.members.filter((member) => !members.includes(member));
    return groupWrite({ ...known, members: left, updatedMs: tools.nowMs });
  }
  if (known.members.length === 0) return removal("group", name);
  throw new IamError("group-not-empty", "the group still has members");
}

export function setGroupStatus(name: string, status: Status): Change {
  return ({ directory, nowMs }) => {
    const group = directory.groups.get(name);
    if (group === undefined) throw noSuchGroup();
    return [groupWrite({ ...group, status, updatedMs: nowMs })];
  };
}

export function putPolicy(name: string, text: string, details?: PolicyDetails): Change {
  return ({ directory, nowMs }) => {
    checkName(name, "a policy");
    checkPolicyText(text);
    const known = directory.policies.get(name);
    const createdMs = known?.createdMs ?? nowMs;
    const value = encodePolicy({ ...known, ...details, name, text, createdMs, updatedMs: nowMs });
    return [{ key: recordKey("policy", name), value }];
  };
}

/** Not while somebody has it. */
export function removePolicy(name: string): Change {
  return ({ directory }) => {
    if (!directory.policies.has(name)) {
      if (BUILT_IN_POLICIES.has(name)) throw new IamError("built-in", "this policy is built in");
      throw noSuchPolicy(name);
    }
    const holders = [...directory.users.values(), ...directory.groups.values()];
    // Behind a stored policy of that name the built-in one comes to light again.
    if (!BUILT_IN_POLICIES.has(name) && holders.some(({ policies }) => policies.includes(name))) {
      throw new IamError("policy-in-use", "this policy is attached to users or groups");
    }
    return [removal("policy", name)];
  };
}

export interface Holder {
  readonly kind: "user" | "group";
  readonly name: string;
}

/** The whole set, or what is added to it and taken from it. */
export type PolicyAssignment =
  | { readonly kind: "set"; readonly policies: readonly string[] }
  | { readonly kind: "attach" | "detach"; readonly policies: readonly string[] };

export function assignPolicies(holder: Holder, assignment: PolicyAssignment): Change {
  return (tools) => {
    const { directory, sealer, nowMs } = tools;
    const { kind, name } = holder;
    const found = kind === "user" ? directory.users.get(name) : directory.groups.get(name);
    if (found === undefined) throw kind === "user" ? noSuchUser() : noSuchGroup();
    const policies = assigned(found.policies, assignment);
    checkPolicies(tools, policies);
    if (sameList(policies, found.policies) && assignment.kind !== "set") {
      throw new IamError("no-change", "the policy change is in effect already");
    }
    if ("secretKey" in found) {
      const value = encodeUser({ ...found, policies, updatedMs: nowMs }, sealer);
      return [{ key: recordKey("user", name), value }];
    }
    return [groupWrite({ ...found, policies, updatedMs: nowMs })];
  };
}

function assigned(present: readonly string[], { kind, policies }: PolicyAssignment): string[] {
  if (kind === "set") return [...new Set(policies)];
  if (kind === "attach") return [...new Set([...present, ...policies])];
  return present.filter((name) => !policies.includes(name));
}

function sameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}

export function createAccount(account: Account): Change {
  return ({ directory }) => {
    checkName(account.name, "an account");
    const { id, canonicalId, email } = account;
    if (!/^\d{12}$/.test(id)) throw new IamError("invalid-name", "an account id has 12 digits");
    if (!/^[0-9a-f]{64}$/.test(canonicalId)) {
      throw new IamError("invalid-name", "a canonical id has 64 hexadecimal digits");
    }
    const taken = directory
      .allAccounts()
      .some((one) => one.id === id || one.canonicalId === canonicalId);
    if (taken || (email !== undefined && directory.findByEmail(email) !== undefined)) {
      throw new IamError("account-exists", "there is such an account");
    }
    return [{ key: recordKey("account", id), value: encodeAccount(account) }];
  };
}

/** Throws IamError with what the parser says. */
export function checkPolicyText(text: string): void {
  try {
    parsePolicy(text, { kind: "identity" });
  } catch (error) {
    if (error instanceof PolicyError) throw new IamError("invalid-policy", error.message);
    throw error;
  }
}

export function checkPolicies(
  { directory }: Pick<ChangeTools, "directory">,
  names: readonly string[],
): void {
  if (names.length > ATTACHED_POLICIES_MAX) {
    throw new IamError("too-many", `at most ${ATTACHED_POLICIES_MAX} policies can be attached`);
  }
  for (const name of names) {
    if (directory.policyText(name) === undefined) throw noSuchPolicy(name);
  }
}

export function groupWrite(group: Group): RecordWrite {
  return { key: recordKey("group", group.name), value: encodeGroup(group) };
}

export function removal(kind: "user" | "group" | "key" | "policy", name: string): RecordWrite {
  return { key: recordKey(kind, name), value: undefined };
}

export function newUserId(random: ChangeTools["random"], prefix = "AIDA"): string {
  return `${prefix}${random.bytes(10).toString("hex").toUpperCase().slice(0, 16)}`;
}

export function noSuchUser(): IamError {
  return new IamError("no-such-user", "there is no such user");
}

export function noSuchGroup(): IamError {
  return new IamError("no-such-group", "there is no such group");
}

function noSuchPolicy(name: string): IamError {
  return new IamError("no-such-policy", `there is no policy "${name}"`);
}
