/**
 * What accounts change of their own users, groups and policies, as pure functions like those in
 * `changes.ts`: here names are unique within an account, and nothing is removed that something hangs
 * on. Who may ask for them is decided elsewhere; what is changed is named by its record.
 */
import { POLICY_BYTES_MAX } from "../policy/parse-policy.ts";
import {
  findGroup,
  findPolicy,
  findUser,
  groupsIn,
  policiesIn,
  userNameOf,
  usersOf,
} from "./account-members.ts";
import {
  checkPolicyText,
  GROUP_MEMBERS_MAX,
  groupWrite,
  newUserId,
  noSuchGroup,
  noSuchUser,
  putPolicy,
  removal,
  removeUser,
} from "./changes.ts";
import { IamError } from "./iam-error.ts";
import {
  encodePolicy,
  encodeUser,
  type Group,
  type InlinePolicy,
  recordKey,
  type StoredPolicy,
  type User,
} from "./identities.ts";
import type { ChangeTools, RecordWrite } from "./identity-store.ts";
import { createKey, type NewKey } from "./key-changes.ts";

/** AWS's own quotas, but for access keys, of which AWS has two. */
export const USERS_PER_ACCOUNT_MAX = 5000;
export const GROUPS_PER_ACCOUNT_MAX = 300;
export const POLICIES_PER_ACCOUNT_MAX = 1500;
export const ACCOUNT_KEYS_PER_USER_MAX = 10;
export const INLINE_POLICIES_MAX = 50;

type Change = (tools: ChangeTools) => readonly RecordWrite[];

/** What is written, and what becomes of it. */
export interface Made<Item> {
  readonly item: Item;
  readonly writes: readonly RecordWrite[];
}

export interface NewMember {
  readonly account: string;
  readonly name: string;
  readonly path: string;
}

/** It has no secret that anybody knows: it signs with the access keys that it is given. */
export function addAccountUser({ account, name, path }: NewMember, tools: ChangeTools): Made<User> {
  const { directory, nowMs, random } = tools;
  if (findUser(directory, account, name) !== undefined) throw nameExists("user", name);
  checkRoom(usersOf(directory, account).length, USERS_PER_ACCOUNT_MAX, "users");
  const id = newUserId(random);
  const user: User = {
    name: id,
    secretKey: random.bytes(48).toString("base64"),
    account,
    accountRoot: false,
    userId: id,
    status: "enabled",
    policies: [],
    inlinePolicy: undefined,
    updatedMs: nowMs,
    userName: name,
    path,
    createdMs: nowMs,
  };
  return { item: user, writes: [userWrite(user, tools)] };
}

export interface Renaming {
  readonly name: string | undefined;
  readonly path: string | undefined;
}

export function renameUser(record: string, renaming: Renaming): Change {
  return (tools) => {
    const user = userOf(record, tools);
    const userName = renaming.name ?? userNameOf(user);
    const holder = findUser(tools.directory, user.account, userName);
    if (holder !== undefined && holder.name !== record) throw nameExists("user", userName);
    const path = renaming.path ?? user.path;
    return [userWrite({ ...user, userName, path, updatedMs: tools.nowMs }, tools)];
  };
}

/** Not while it has keys, policies or groups. */
export function removeBareUser(record: string): Change {
  return (tools) => {
    const { directory } = tools;
    const user = userOf(record, tools);
    const keys = [...directory.keys.values()].some(({ parent }) => parent === record);
    refuseConflict(keys, "access keys");
    refuseHeldPolicies(user);
    refuseConflict(directory.groupsOf(record).length > 0, "groups");
    return removeUser(record)(tools);
  };
}

export function addAccountGroup(
  { account, name, path }: NewMember,
  { directory, nowMs, random }: ChangeTools,
): Made<Group> {
  if (findGroup(directory, account, name) !== undefined) throw nameExists("group", name);
  checkRoom(groupsIn(directory, account).length, GROUPS_PER_ACCOUNT_MAX, "groups");
  const group: Group = {
    name: newUserId(random, "AGPA"),
    status: "enabled",
    members: [],
    policies: [],
    updatedMs: nowMs,
    account,
    groupName: name,
    path,
    createdMs: nowMs,
  };
  return { item: group, writes: [groupWrite(group)] };
}

export function renameGroup(record: string, account: string, { name, path }: Renaming): Change {
  return ({ directory, nowMs }) => {
    const group = directory.groups.get(record);
    if (group === undefined) throw noSuchGroup();
    const holder = name === undefined ? undefined : findGroup(directory, account, name);
    if (name !== undefined && holder !== undefined && holder.name !== record) {
      throw nameExists("group", name);
    }
    const groupName = name ?? group.groupName;
    return [groupWrite({ ...group, groupName, path: path ?? group.path, updatedMs: nowMs })];
  };
}

/** Not while it has members or policies. */
export function removeBareGroup(record: string): Change {
  return ({ directory }) => {
    const group = directory.groups.get(record);
    if (group === undefined) throw noSuchGroup();
    refuseConflict(group.members.length > 0, "members");
    refuseHeldPolicies(group);
    return [removal("group", record)];
  };
}

export interface Membership {
  readonly group: string;
  readonly user: string;
  readonly member: boolean;
}

/** That it is as wished already is no mistake. */
export function setMembership({ group: record, user, member }: Membership): Change {
  return ({ directory, nowMs }) => {
    const group = directory.groups.get(record);
    if (group === undefined) throw noSuchGroup();
    if (!directory.users.has(user)) throw noSuchUser();
    if (group.members.includes(user) === member) return [];
    const others = group.members.filter((name) => name !== user);
    const members = member ? [...others, user] : others;
    checkRoom(members.length - 1, GROUP_MEMBERS_MAX, "members of a group");
    return [groupWrite({ ...group, members, updatedMs: nowMs })];
  };
}

export interface InlineHolder {
  readonly kind: "user" | "group";
  readonly record: string;
}

export function putInlinePolicy(holder: InlineHolder, policy: InlinePolicy): Change {
  return (tools) => {
    checkPolicyText(policy.text);
    return changeInline(holder, tools, (present) => {
      const all = [...present.filter(({ name }) => name !== policy.name), policy];
      const bytes = all.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
      if (all.length > INLINE_POLICIES_MAX || bytes > POLICY_BYTES_MAX) {
        const message = `inline policies: at most ${INLINE_POLICIES_MAX}, ${POLICY_BYTES_MAX} bytes`;
        throw new IamError("too-many", message);
      }
      return all.sort((one, other) => (one.name < other.name ? -1 : 1));
    });
  };
}

export function removeInlinePolicy(holder: InlineHolder, name: string): Change {
  return (tools) =>
    changeInline(holder, tools, (present) => {
      const left = present.filter((policy) => policy.name !== name);
      if (left.length < present.length) return left;
      throw new IamError("no-such-policy", `there is no policy "${name}"`);
    });
}

function changeInline(
  { kind, record }: InlineHolder,
  tools: ChangeTools,
  change: (present: readonly InlinePolicy[]) => readonly InlinePolicy[],
): RecordWrite[] {
  const updatedMs = tools.nowMs;
  if (kind === "user") {
    const user = userOf(record, tools);
    const inlinePolicies = change(user.inlinePolicies ?? []);
    return [userWrite({ ...user, inlinePolicies, updatedMs }, tools)];
  }
  const group = tools.directory.groups.get(record);
  if (group === undefined) throw noSuchGroup();
  return [groupWrite({ ...group, inlinePolicies: change(group.inlinePolicies ?? []), updatedMs })];
}

export interface NewPolicy extends NewMember {
  readonly text: string;
  readonly description: string | undefined;
}

export function addAccountPolicy(
  { account, name, path, text, description }: NewPolicy,
  { directory, nowMs, random }: ChangeTools,
): Made<StoredPolicy> {
  checkPolicyText(text);
  if (findPolicy(directory, account, name) !== undefined) throw nameExists("policy", name);
  checkRoom(policiesIn(directory, account).length, POLICIES_PER_ACCOUNT_MAX, "policies");
  const record = newUserId(random, "ANPA");
  const policy: StoredPolicy = {
    name: record,
    text,
    createdMs: nowMs,
    updatedMs: nowMs,
    account,
    policyName: name,
    path,
    description,
    version: 1,
  };
  return {
    item: policy,
    writes: [{ key: recordKey("policy", record), value: encodePolicy(policy) }],
  };
}

/** Another text for a policy; the one before is not kept. */
export function replacePolicy(record: string, text: string): Change {
  return (tools) => {
    const known = tools.directory.policies.get(record);
    if (known === undefined) throw new IamError("no-such-policy", "there is no such policy");
    const { account, policyName, path, description, version = 1 } = known;
    const details = { account, policyName, path, description, version: version + 1 };
    return putPolicy(record, text, details)(tools);
  };
}

export function addAccountKey(key: NewKey): Change {
  return (tools) => {
    const siblings = [...tools.directory.keys.values()].filter(
      ({ parent }) => parent === key.parent,
    );
    checkRoom(siblings.length, ACCOUNT_KEYS_PER_USER_MAX, "access keys of a user");
    return createKey(key)(tools);
  };
}

function userOf(record: string, { directory }: ChangeTools): User {
  const user = directory.users.get(record);
  if (user === undefined) throw noSuchUser();
  return user;
}

function userWrite(user: User, { sealer }: ChangeTools): RecordWrite {
  return { key: recordKey("user", user.name), value: encodeUser(user, sealer) };
}

function refuseHeldPolicies({ policies, inlinePolicies = [] }: User | Group): void {
  refuseConflict(policies.length > 0, "attached policies");
  refuseConflict(inlinePolicies.length > 0, "inline policies");
}

function refuseConflict(conflict: boolean, what: string): void {
  if (conflict) throw new IamError("delete-conflict", `it still has ${what}`);
}

function checkRoom(present: number, max: number, what: string): void {
  if (present >= max) throw new IamError("too-many", `at most ${max} ${what}`);
}

function nameExists(kind: string, name: string): IamError {
  return new IamError("name-exists", `there is a ${kind} "${name}" already`);
}
