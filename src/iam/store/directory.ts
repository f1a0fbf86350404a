/**
 * All identities in memory, and for each access key what it may do, made when it is first used and
 * kept until something changes. Signed requests ask nothing but this.
 */
import type { Clock } from "../../base/clock.ts";
import type { NamedPolicy, SignedCaller } from "../access/caller.ts";
import { parsePolicy } from "../policy/parse-policy.ts";
import type { Policy } from "../policy/policy.ts";
import { PolicyError } from "../policy/policy-error.ts";
import { userNameOf } from "./account-members.ts";
import { AWS_POLICIES, BUILT_IN_POLICIES } from "./built-in-policies.ts";
import type { AccessKey, Account, Group, StoredPolicy, User } from "./identities.ts";
import { MAIN_ACCOUNT } from "./main-account.ts";
import type { Session } from "./sessions.ts";

export interface RootCredential {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface KnownKey {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Why it is not accepted although it exists. */
  readonly problem: "disabled" | "expired" | undefined;
  readonly caller: SignedCaller;
  /** Of a session: its token must come with it. */
  readonly temporary?: boolean;
}

interface CachedKey extends KnownKey {
  readonly expiresMs: number | undefined;
}

export class Directory {
  readonly accounts = new Map<string, Account>();
  readonly users = new Map<string, User>();
  readonly groups = new Map<string, Group>();
  readonly keys = new Map<string, AccessKey>();
  readonly policies = new Map<string, StoredPolicy>();
  readonly #root: RootCredential;
  readonly #clock: Pick<Clock, "nowMs">;
  /** Made on demand, forgotten at every change. */
  readonly #known = new Map<string, CachedKey>();
  readonly #compiled = new Map<string, Policy>();
  #sessions = new WeakMap<Session, CachedKey>();
  #groupsOfUsers: ReadonlyMap<string, readonly Group[]> | undefined;

  constructor(root: RootCredential, clock: Pick<Clock, "nowMs">) {
    this.#root = root;
    this.#clock = clock;
  }

  get size(): number {
    const { accounts, users, groups, keys, policies } = this;
    return accounts.size + users.size + groups.size + keys.size + policies.size;
  }

  get rootAccessKey(): string {
    return this.#root.accessKey;
  }

  /** To be called after every change of the maps. */
  changed(): void {
    this.#known.clear();
    this.#compiled.clear();
    this.#groupsOfUsers = undefined;
    this.#sessions = new WeakMap();
  }

  /** The key of a session; undefined when its user is gone. */
  session(session: Session): KnownKey | undefined {
    let known = this.#sessions.get(session);
    if (known === undefined) {
      known = this.#ofSession(session);
      if (known === undefined) return undefined;
      this.#sessions.set(session, known);
    }
    const over = this.#clock.nowMs() >= session.expiresMs;
    return over ? { ...known, problem: "expired" } : known;
  }

  lookup(accessKey: string): KnownKey | undefined {
    let known = this.#known.get(accessKey);
    if (known === undefined) {
      known = this.#make(accessKey);
      if (known === undefined) return undefined;
      this.#known.set(accessKey, known);
    }
    if (known.expiresMs === undefined || known.problem !== undefined) return known;
    return this.#clock.nowMs() < known.expiresMs ? known : { ...known, problem: "expired" };
  }

  isTaken(accessKey: string): boolean {
    return (
      accessKey === this.#root.accessKey || this.users.has(accessKey) || this.keys.has(accessKey)
    );
  }

  account(id: string): Account | undefined {
    return id === MAIN_ACCOUNT.id ? MAIN_ACCOUNT : this.accounts.get(id);
  }

  /** By canonical id. */
  nameOf(canonicalId: string): string | undefined {
    return this.allAccounts().find((account) => account.canonicalId === canonicalId)?.name;
  }

  /** The twelve digits of the account with that canonical id. */
  idOf(canonicalId: string): string | undefined {
    return this.allAccounts().find((account) => account.canonicalId === canonicalId)?.id;
  }

  /** The canonical id of the account with that address. */
  findByEmail(address: string): string | undefined {
    const wanted = address.toLowerCase();
    return this.allAccounts().find(({ email }) => email?.toLowerCase() === wanted)?.canonicalId;
  }

  allAccounts(): readonly Account[] {
    return [MAIN_ACCOUNT, ...this.accounts.values()];
  }

  groupsOf(user: string): readonly Group[] {
    this.#groupsOfUsers ??= groupsByMember(this.groups.values());
    return this.#groupsOfUsers.get(user) ?? [];
  }

  /** The text of a stored or built-in policy. */
  policyText(name: string): string | undefined {
    const stored = this.policies.get(name)?.text;
    return stored ?? BUILT_IN_POLICIES.get(name) ?? AWS_POLICIES.get(name);
  }

  #make(accessKey: string): CachedKey | undefined {
    if (accessKey === this.#root.accessKey) {
      return {
        ...this.#root,
        problem: undefined,
        expiresMs: undefined,
        caller: operatorCaller(this.#root, []),
      };
    }
    const user = this.users.get(accessKey);
    if (user !== undefined) return this.#ofUser(user);
    const key = this.keys.get(accessKey);
    return key === undefined ? undefined : this.#ofKey(key);
  }

  #ofUser(user: User): CachedKey {
    return {
      accessKey: user.name,
      secretKey: user.secretKey,
      problem: user.status === "disabled" ? "disabled" : undefined,
      expiresMs: undefined,
      caller: this.#userCaller(user, []),
    };
  }

  #ofKey(key: AccessKey): CachedKey | undefined {
    const { accessKey, secretKey, expiresMs } = key;
    const boundaries = key.boundaries.map((text, index) => ({
      name: `policy ${index} of the access key`,
      policy: compileStored(text),
    }));
    const disabled = key.status === "disabled";
    if (key.parent === undefined) {
      const caller = operatorCaller(this.#root, boundaries);
      return {
        accessKey,
        secretKey,
        expiresMs,
        problem: disabled ? "disabled" : undefined,
        caller,
      };
    }
    // A key whose user is gone is no key.
    const user = this.users.get(key.parent);
    if (user === undefined) return undefined;
    const problem = disabled || user.status === "disabled" ? "disabled" : undefined;
    return { accessKey, secretKey, expiresMs, problem, caller: this.#userCaller(user, boundaries) };
  }

  #ofSession({ accessKey, secretKey, parent, policy, expiresMs }: Session): CachedKey | undefined {
    const boundaries =
      policy === undefined ? [] : [{ name: "session policy", policy: compileStored(policy) }];
    const key = { accessKey, secretKey, expiresMs, temporary: true };
    if (parent === undefined) {
      return { ...key, problem: undefined, caller: operatorCaller(this.#root, boundaries) };
    }
    const user = this.users.get(parent);
    if (user === undefined) return undefined;
    const problem = user.status === "disabled" ? "disabled" : undefined;
    return { ...key, problem, caller: this.#userCaller(user, boundaries) };
  }

  #userCaller(user: User, boundaries: readonly NamedPolicy[]): SignedCaller {
    // Without its account a user owns nothing and is nobody's: never the main account's.
    const account = this.account(user.account) ?? { id: user.account, canonicalId: "" };
    const groups = this.groupsOf(user.name).filter(({ status }) => status === "enabled");
    const names = new Set([...user.policies, ...groups.flatMap(({ policies }) => policies)]);
    const policies = [...names].flatMap((name) => this.#named(name));
    if (user.inlinePolicy !== undefined) {
      policies.push({ name: "inline policy", policy: compileStored(user.inlinePolicy) });
    }
    policies.push(...[user, ...groups].flatMap(inlineOf));
    const path = user.accountRoot ? "root" : `user${user.path ?? "/"}${userNameOf(user)}`;
    const arns = [`arn:aws:iam::${account.id}:${path}`];
    if (account.id === MAIN_ACCOUNT.id) arns.push(`arn:aws:iam:::${path}`);
    return {
      kind: "signed",
      accountId: account.id,
      canonicalId: account.canonicalId,
      arns,
      accountRoot: user.accountRoot,
      operator: false,
      userName: userNameOf(user),
      userId: user.userId,
      policies,
      boundaries,
    };
  }

  #named(name: string): NamedPolicy[] {
    const text = this.policyText(name);
    if (text === undefined) return [];
    let policy = this.#compiled.get(name);
    if (policy === undefined) {
      policy = compileStored(text);
      this.#compiled.set(name, policy);
    }
    return [{ name, policy, ofAccount: this.policies.get(name)?.account !== undefined }];
  }
}

function inlineOf({ inlinePolicies = [] }: Pick<User, "inlinePolicies">): NamedPolicy[] {
  return inlinePolicies.map(({ name, text }) => ({
    name,
    policy: compileStored(text),
    ofAccount: true,
  }));
}

function operatorCaller(root: RootCredential, boundaries: readonly NamedPolicy[]): SignedCaller {
  return {
    kind: "signed",
    accountId: MAIN_ACCOUNT.id,
    canonicalId: MAIN_ACCOUNT.canonicalId,
    arns: [`arn:aws:iam::${MAIN_ACCOUNT.id}:root`],
    accountRoot: true,
    operator: true,
    userName: root.accessKey,
    userId: MAIN_ACCOUNT.id,
    policies: [],
    boundaries,
  };
}

function groupsByMember(groups: Iterable<Group>): ReadonlyMap<string, readonly Group[]> {
  const found = new Map<string, Group[]>();
  for (const group of groups) {
    for (const member of group.members) {
      const known = found.get(member);
      if (known === undefined) found.set(member, [group]);
      else known.push(group);
    }
  }
  return found;
}

const DENY_ALL = '{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}';

/** What was stored was readable; should it not be any more, it denies instead of being left out. */
function compileStored(text: string): Policy {
  try {
    return parsePolicy(text, { kind: "identity" });
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return parsePolicy(DENY_ALL, { kind: "identity" });
  }
}
