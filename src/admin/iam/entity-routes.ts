/**
 * Which policies are attached to whom, from either side: `mc admin policy entities`. Read from what
 * this node knows at one moment; names that nothing is known of are left out of the answer.
 */
import { BUILT_IN_POLICIES } from "../../iam/store/built-in-policies.ts";
import type { Directory } from "../../iam/store/directory.ts";
import type { Group } from "../../iam/store/identities.ts";
import { requireAdmin } from "../admin-access.ts";
import type { AdminAnswer, AdminContext } from "../admin-context.ts";
import { formatTime } from "../time-text.ts";

/** Each alone lets a caller see a part of the answer; for the whole of it all are needed. */
const PERMISSIONS = ["admin:ListUsers", "admin:ListGroups", "admin:ListUserPolicies"];

/** Asked for nothing in particular, it tells of every policy. */
export async function policyEntities(context: AdminContext): Promise<AdminAnswer> {
  for (const action of PERMISSIONS) requireAdmin(context.who, action);
  const { directory } = context.identities;
  const [users, groups, policies] = ["user", "group", "policy"].map((name) => named(context, name));
  const all = users === undefined && groups === undefined && policies === undefined;
  const value = {
    timestamp: formatTime(context.clock.nowMs()),
    userMappings: users?.flatMap((name) => ofUser(directory, name)) ?? [],
    groupMappings: groups?.flatMap((name) => ofGroupNamed(directory, name)) ?? [],
    policyMappings: all
      ? allPolicies(directory)
          .map((name) => ofPolicy(directory, name))
          .filter(({ users, groups }) => users.length + groups.length > 0)
      : (policies?.map((name) => ofPolicy(directory, name)) ?? []),
  };
  return { kind: "sealed", value };
}

/** In the order of the names, each once. Undefined when there are none. */
function named({ query }: AdminContext, name: string): readonly string[] | undefined {
  const values = query.getAll(name).filter((value) => value !== "");
  return values.length === 0 ? undefined : [...new Set(values)].sort();
}

function ofUser(directory: Directory, name: string) {
  const user = directory.users.get(name);
  if (user === undefined) return [];
  const memberOfMappings = directory.groupsOf(name).map(ofGroup);
  return [{ user: name, policies: [...user.policies].sort(), memberOfMappings }];
}

function ofGroupNamed(directory: Directory, name: string) {
  const group = directory.groups.get(name);
  return group === undefined ? [] : [ofGroup(group)];
}

function ofGroup({ name, policies }: Group) {
  return { group: name, policies: [...policies].sort() };
}

function ofPolicy({ users, groups }: Directory, policy: string) {
  const holding = (holders: Directory["users"] | Directory["groups"]) =>
    [...holders.values()]
      .filter(({ policies }) => policies.includes(policy))
      .map(({ name }) => name)
      .sort();
  return { policy, users: holding(users), groups: holding(groups) };
}

function allPolicies({ policies }: Directory): readonly string[] {
  return [...new Set([...BUILT_IN_POLICIES.keys(), ...policies.keys()])].sort();
}
