/**
 * Users, groups and policies as their accounts name them: by a name that is unique within the account
 * whatever its case, and a path. Their records have other names, which are never given again, so that
 * no account learns which names another has taken.
 */
import { AWS_POLICIES, BUILT_IN_POLICIES } from "./built-in-policies.ts";
import type { Group, StoredPolicy, User } from "./identities.ts";
import { MAIN_ACCOUNT } from "./main-account.ts";

/** All there are, by the names of their records. */
interface Lists {
  readonly users: ReadonlyMap<string, User>;
  readonly groups: ReadonlyMap<string, Group>;
  readonly policies: ReadonlyMap<string, StoredPolicy>;
}

export function userNameOf({ userName, name }: Pick<User, "userName" | "name">): string {
  return userName ?? name;
}

export function groupNameOf({ groupName, name }: Pick<Group, "groupName" | "name">): string {
  return groupName ?? name;
}

export function policyNameOf({ policyName, name }: Pick<StoredPolicy, "policyName" | "name">) {
  return policyName ?? name;
}

/** What the operator made belongs to the main account. */
export function accountOf({ account }: { readonly account?: string | undefined }): string {
  return account ?? MAIN_ACCOUNT.id;
}

/** Who stands for the whole account is none of its users. */
export function usersOf({ users }: Lists, account: string): User[] {
  return [...users.values()].filter((user) => user.account === account && !user.accountRoot);
}

export function groupsIn({ groups }: Lists, account: string): Group[] {
  return [...groups.values()].filter((group) => accountOf(group) === account);
}

export function policiesIn({ policies }: Lists, account: string): StoredPolicy[] {
  return [...policies.values()].filter((policy) => accountOf(policy) === account);
}

export function findUser(lists: Lists, account: string, name: string): User | undefined {
  return findNamed(usersOf(lists, account), userNameOf, name);
}

export function findGroup(lists: Lists, account: string, name: string): Group | undefined {
  return findNamed(groupsIn(lists, account), groupNameOf, name);
}

export function findPolicy(lists: Lists, account: string, name: string): StoredPolicy | undefined {
  return findNamed(policiesIn(lists, account), policyNameOf, name);
}

/** Names that differ in case only are there where they are access keys: then the very one counts. */
function findNamed<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
  name: string,
): Item | undefined {
  const wanted = name.toLowerCase();
  const alike = items.filter((item) => nameOf(item).toLowerCase() === wanted);
  return alike.find((item) => nameOf(item) === name) ?? alike[0];
}

export function userArn(user: Pick<User, "account" | "path" | "userName" | "name">): string {
  return `arn:aws:iam::${user.account}:user${user.path ?? "/"}${userNameOf(user)}`;
}

export function groupArn(group: Pick<Group, "account" | "path" | "groupName" | "name">): string {
  return `arn:aws:iam::${accountOf(group)}:group${group.path ?? "/"}${groupNameOf(group)}`;
}

const COMMON_POLICY_PREFIX = "arn:aws:iam::aws:policy/";

/** Of a record's name, as users and groups hold it. */
export function policyArn({ policies }: Lists, record: string): string {
  const stored = policies.get(record);
  if (stored === undefined) return COMMON_POLICY_PREFIX + record;
  return `arn:aws:iam::${accountOf(stored)}:policy${stored.path ?? "/"}${policyNameOf(stored)}`;
}

/** The record that an account means by an ARN: one of its own, or one that everybody has. */
export function policyByArn(lists: Lists, account: string, arn: string): string | undefined {
  if (arn.startsWith(COMMON_POLICY_PREFIX)) {
    const name = arn.slice(COMMON_POLICY_PREFIX.length);
    const common = BUILT_IN_POLICIES.has(name) || AWS_POLICIES.has(name);
    return common && !lists.policies.has(name) ? name : undefined;
  }
  return policiesIn(lists, account).find(({ name }) => policyArn(lists, name) === arn)?.name;
}
