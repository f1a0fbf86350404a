/**
 * Export and import of all identities. An import adds and replaces, and takes nothing away; what it
 * cannot take over it names with the reason, and goes on with the rest. Accounts that stand for the
 * operator or for a whole account are taken over for the operator only, whoever else may import.
 */
import { parseMoment } from "../../iam/policy/moment.ts";
import {
  assignPolicies,
  changeMembers,
  createAccount,
  putPolicy,
  putUser,
  setInlinePolicy,
} from "../../iam/store/changes.ts";
import { IamError } from "../../iam/store/iam-error.ts";
import { createKey, type NewKey, updateKey } from "../../iam/store/key-changes.ts";
import type { AdminAnswer, AdminContext } from "../admin-context.ts";
import { AdminError, badRequest } from "../admin-error.ts";
import {
  type Fields,
  namesOf,
  optionalFlag,
  optionalText,
  requiredText,
  statusOf,
  textList,
} from "../admin-input.ts";
import { NO_TIME } from "../time-text.ts";
import { groupDetails, policyDetails, userDetails } from "./archive-details.ts";
import {
  asEntries,
  exportIdentities,
  type IamArchive,
  isBuiltIn,
  readArchive,
} from "./iam-archive.ts";

export async function exportIam({ identities, who }: AdminContext): Promise<AdminAnswer> {
  const value = exportIdentities(identities.directory, who.caller.operator);
  return { kind: "bytes", value, contentType: "application/zip" };
}

/** For clients that want nothing but a yes or a no. */
export async function importIam(context: AdminContext): Promise<AdminAnswer> {
  const { failed } = await runImport(context);
  const [first] = failed;
  if (first === undefined) return { kind: "empty" };
  const message = `${failed.length} could not be imported, ${first.kind} ${first.name}: ${first.error}`;
  throw new AdminError(400, "XMinioAdminInvalidArgument", message);
}

export async function importIamReporting(context: AdminContext): Promise<AdminAnswer> {
  const { skipped, added, failed } = await runImport(context);
  const errors = failed.map(({ kind, name, error }) => ({ kind, name, error }));
  const value = {
    skipped: entitiesOf(skipped),
    removed: entitiesOf([]),
    newlyAdded: entitiesOf(added),
    failed: { ...failedEntities(errors) },
  };
  return { kind: "json", value };
}

type Kind =
  | "policies"
  | "users"
  | "groups"
  | "serviceAccounts"
  | "userPolicies"
  | "groupPolicies"
  | "stsPolicies"
  | "accounts";

interface Imported {
  readonly kind: Kind;
  readonly name: string;
}

interface Failed extends Imported {
  readonly error: string;
}

interface Outcome {
  readonly skipped: Imported[];
  readonly added: Imported[];
  readonly failed: Failed[];
}

const KINDS: readonly Kind[] = [
  "policies",
  "users",
  "groups",
  "serviceAccounts",
  "userPolicies",
  "groupPolicies",
  "stsPolicies",
];

function entitiesOf(items: readonly Imported[]) {
  return Object.fromEntries(
    KINDS.map((kind) => [kind, items.filter((item) => item.kind === kind).map(({ name }) => name)]),
  );
}

function failedEntities(items: readonly Failed[]) {
  return Object.fromEntries(
    KINDS.map((kind) => [
      kind,
      items.filter((item) => item.kind === kind).map(({ name, error }) => ({ name, error })),
    ]),
  );
}

/** One after another: each sees what came before it. */
async function runImport(context: AdminContext): Promise<Outcome> {
  const archive = readArchive(context.body);
  const outcome: Outcome = { skipped: [], added: [], failed: [] };
  for (const step of stepsOf(archive, context)) {
    const { kind, name } = step;
    try {
      const change = step.run();
      if (change === undefined) outcome.skipped.push({ kind, name });
      else {
        for (const one of change) await context.identities.change(one);
        outcome.added.push({ kind, name });
      }
    } catch (error) {
      if (!(error instanceof IamError || error instanceof AdminError)) throw error;
      if (error instanceof IamError && error.code === "corrupt") throw error;
      outcome.failed.push({ kind, name, error: error.message });
    }
  }
  return outcome;
}

type Change = Parameters<AdminContext["identities"]["change"]>[0];

interface Step extends Imported {
  /** The changes in order; undefined: there is nothing to do. Throws what is wrong with it. */
  readonly run: () => readonly Change[] | undefined;
}

function stepsOf(archive: IamArchive, context: AdminContext): Step[] {
  const own = ownParts(archive);
  const steps: Step[] = [];
  const add = (
    kind: Kind,
    entries: Fields,
    run: (name: string, fields: Fields) => ReturnType<Step["run"]>,
  ) => {
    for (const [name, value] of Object.entries(entries)) {
      steps.push({ kind, name, run: () => run(name, asEntries(value, name)) });
    }
  };
  add("accounts", own.accounts, (_id, fields) => importAccount(fields, context));
  add("policies", archive.policies, (name, fields) =>
    importPolicy(name, fields, asEntries(own.policies[name] ?? {}, name)),
  );
  add("users", archive.users, (name, fields) =>
    importUser({ name, fields, own: asEntries(own.users[name] ?? {}, name) }, context),
  );
  add("groups", archive.groups, (name, fields) =>
    importGroup(name, fields, asEntries(own.groups[name] ?? {}, name)),
  );
  add("userPolicies", archive.userPolicies, (name, fields) => importMapping("user", name, fields));
  add("groupPolicies", archive.groupPolicies, (name, fields) =>
    importMapping("group", name, fields),
  );
  // Nobody logs in from elsewhere here yet: such a policy would be nobody's.
  add("stsPolicies", archive.sessionPolicies, () => undefined);
  add("serviceAccounts", { ...archive.keys, ...own.keys }, (name, fields) =>
    importKey(name, fields, context),
  );
  return steps;
}

function ownParts({ own }: IamArchive) {
  const accounts = own["accounts"] ?? [];
  if (!Array.isArray(accounts)) throw badRequest("accounts must be a list");
  return {
    accounts: Object.fromEntries(accounts.map((account: unknown, index) => [index, account])),
    users: asEntries(own["users"] ?? {}, "users"),
    groups: asEntries(own["groups"] ?? {}, "groups"),
    policies: asEntries(own["policies"] ?? {}, "policies"),
    keys: asEntries(own["keys"] ?? {}, "keys"),
  };
}

function importAccount(
  fields: Fields,
  { identities }: AdminContext,
): readonly Change[] | undefined {
  const id = requiredText(fields, "id");
  if (identities.directory.account(id) !== undefined) return undefined;
  const canonicalId = requiredText(fields, "canonicalId");
  const email = optionalText(fields, "email");
  return [createAccount({ id, canonicalId, name: requiredText(fields, "name"), email })];
}

function importPolicy(name: string, fields: Fields, own: Fields): readonly Change[] | undefined {
  if (isBuiltIn(name)) return undefined;
  // In one change: without its account it could give rights on the server.
  return [putPolicy(name, JSON.stringify(fields), policyDetails(own))];
}

interface ImportedUser {
  readonly name: string;
  readonly fields: Fields;
  /** What MinIO has no place for. */
  readonly own: Fields;
}

function importUser(
  { name, fields, own }: ImportedUser,
  { identities, who }: AdminContext,
): readonly Change[] | undefined {
  const { directory } = identities;
  if (name === directory.rootAccessKey) return undefined;
  const accountRoot = optionalFlag(own, "accountRoot");
  const standing = accountRoot || directory.users.get(name)?.accountRoot === true;
  if (standing && !who.caller.operator) throw operatorOnly();
  const inline = optionalText(own, "inlinePolicy");
  const user = putUser({
    name,
    secretKey: requiredText(fields, "secretKey"),
    status: statusOf(optionalText(fields, "status")),
    policies: fields["policy"] === undefined ? undefined : namesOf(optionalText(fields, "policy")),
    account: optionalText(own, "account"),
    accountRoot,
    details: own["userName"] === undefined ? undefined : userDetails(own),
  });
  return inline === undefined ? [user] : [user, setInlinePolicy(name, inline)];
}

function importGroup(group: string, fields: Fields, own: Fields): readonly Change[] {
  const members = textList(fields, "members");
  const status = statusOf(optionalText(fields, "status"));
  return [changeMembers({ group, members, remove: false, status, details: groupDetails(own) })];
}

function importMapping(kind: "user" | "group", name: string, fields: Fields): readonly Change[] {
  const policies = namesOf(optionalText(fields, "policy"));
  return [assignPolicies({ kind, name }, { kind: "set", policies })];
}

function importKey(
  accessKey: string,
  fields: Fields,
  { identities, who }: AdminContext,
): readonly Change[] {
  const { directory } = identities;
  const parentName = requiredText(fields, "parent");
  const parent = parentName === directory.rootAccessKey ? undefined : parentName;
  if (parent === undefined && !who.caller.operator) throw operatorOnly();
  const known = directory.keys.get(accessKey);
  if (known !== undefined && known.parent !== parent) {
    throw new IamError("key-exists", "this access key is another user's");
  }
  const status = statusOf(optionalText(fields, "status"));
  const key: NewKey = {
    accessKey,
    secretKey: requiredText(fields, "secretKey"),
    parent,
    expiresMs: expiryOf(optionalText(fields, "expiration")),
    boundaries: boundariesOf(fields),
    name: optionalText(fields, "name") ?? "",
    description: optionalText(fields, "description") ?? "",
  };
  const update = updateKey(accessKey, { ...key, expiresMs: key.expiresMs ?? "never", status });
  return known === undefined ? [createKey(key), update] : [update];
}

function boundariesOf(fields: Fields): readonly string[] {
  if (fields["boundaries"] !== undefined) return textList(fields, "boundaries");
  const policy = fields["sessionPolicy"];
  if (policy === undefined || policy === null) return [];
  return [JSON.stringify(policy)];
}

const EPOCH = "1970-01-01T00:00:00Z";

function expiryOf(text: string | undefined): number | undefined {
  if (text === undefined || text === NO_TIME || text === EPOCH) return undefined;
  const timeMs = parseMoment(text);
  if (timeMs === undefined) throw badRequest("the expiration must be a time");
  return timeMs;
}

function operatorOnly(): AdminError {
  return new AdminError(403, "AccessDenied", "only the operator may import this");
}
