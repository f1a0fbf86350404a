/**
 * Access keys ("service accounts"). Callers may keep keys for themselves unless that is denied to
 * them; keys of others need the permission.
 *
 * A key never lends more than its maker has: the policies that narrow the maker narrow every key it
 * makes, and a narrowed caller reaches only keys that are narrowed at least as much. Keys of the
 * operator are the operator's own affair.
 */
import { parseMoment } from "../../iam/policy/moment.ts";
import type { AccessKey } from "../../iam/store/identities.ts";
import { createKey, removeKey, updateKey } from "../../iam/store/key-changes.ts";
import { requireAdmin, requireSelfService } from "../admin-access.ts";
import type { AdminAnswer, AdminContext } from "../admin-context.ts";
import { ACCESS_DENIED, AdminError, badRequest } from "../admin-error.ts";
import { optionalText, parameter, sealedFields, statusOf } from "../admin-input.ts";
import { formatTime, NO_TIME } from "../time-text.ts";

const NEW_KEY_FIELDS = [
  "policy",
  "targetUser",
  "accessKey",
  "secretKey",
  "name",
  "description",
  "expiration",
  "comment",
];

export async function addServiceAccount(context: AdminContext): Promise<AdminAnswer> {
  const fields = await sealedFields(context, NEW_KEY_FIELDS);
  const own = ownerOfCaller(context);
  const owner = targetOwner(context, optionalText(fields, "targetUser"));
  requireFor(context, owner, "admin:CreateServiceAccount");
  const embedded = policyText(fields["policy"]);
  const accessKey = optionalText(fields, "accessKey") ?? newAccessKey(context);
  const secretKey = optionalText(fields, "secretKey") ?? newSecretKey(context);
  const expiresMs = readExpiry(optionalText(fields, "expiration"));
  await context.identities.change(
    createKey({
      accessKey,
      secretKey,
      parent: owner.user,
      expiresMs: expiresMs === "never" ? undefined : expiresMs,
      boundaries: [...own.boundaries, ...(embedded === undefined ? [] : [embedded])],
      name: optionalText(fields, "name") ?? "",
      description: optionalText(fields, "description") ?? optionalText(fields, "comment") ?? "",
    }),
  );
  const expiration = typeof expiresMs === "number" ? formatTime(expiresMs) : NO_TIME;
  return { kind: "sealed", value: { credentials: { accessKey, secretKey, expiration } } };
}

const UPDATE_FIELDS = [
  "newPolicy",
  "newSecretKey",
  "newStatus",
  "newName",
  "newDescription",
  "newExpiration",
];

export async function updateServiceAccount(context: AdminContext): Promise<AdminAnswer> {
  const fields = await sealedFields(context, UPDATE_FIELDS);
  const key = findKey(context, "admin:UpdateServiceAccount");
  const embedded = policyText(fields["newPolicy"]);
  const { boundaries } = ownerOfCaller(context);
  await context.identities.change(
    updateKey(key.accessKey, {
      secretKey: optionalText(fields, "newSecretKey"),
      status: statusOf(optionalText(fields, "newStatus")),
      expiresMs: readExpiry(optionalText(fields, "newExpiration")),
      boundaries: embedded === undefined ? undefined : [...boundaries, embedded],
      name: optionalText(fields, "newName"),
      description: optionalText(fields, "newDescription"),
    }),
  );
  return { kind: "empty", status: 204 };
}

export async function deleteServiceAccount(context: AdminContext): Promise<AdminAnswer> {
  const key = findKey(context, "admin:RemoveServiceAccount");
  await context.identities.change(removeKey(key.accessKey));
  return { kind: "empty", status: 204 };
}

export async function infoServiceAccount(context: AdminContext): Promise<AdminAnswer> {
  const key = findKey(context, "admin:ListServiceAccounts");
  return { kind: "sealed", value: wholeKeyInfo(context, key) };
}

/** Of the key that is named, or of the one that asks. */
export async function infoAccessKey(context: AdminContext): Promise<AdminAnswer> {
  const named = context.query.get("accessKey") ?? "";
  const accessKey = named === "" ? context.who.accessKey : named;
  const key = findKey(context, "admin:ListServiceAccounts", accessKey);
  const kind = { userType: "Service Account", userProvider: "builtin" };
  return {
    kind: "sealed",
    value: { AccessKey: accessKey, ...wholeKeyInfo(context, key), ...kind },
  };
}

function wholeKeyInfo(context: AdminContext, key: AccessKey) {
  const policy = key.boundaries.at(-1);
  const own = policy === undefined ? {} : { policy };
  return { ...keyInfo(context, key), impliedPolicy: policy === undefined, ...own };
}

export async function listServiceAccounts(context: AdminContext): Promise<AdminAnswer> {
  const owner = targetOwner(context, context.query.get("user") ?? undefined);
  requireFor(context, owner, "admin:ListServiceAccounts");
  return { kind: "sealed", value: { accounts: keysOf(context, owner) } };
}

const LIST_TYPES = ["users-only", "sts-only", "svcacc-only", "all"];

/** Users with their keys: those that are named, or all, or the caller alone. */
export async function listAccessKeys(context: AdminContext): Promise<AdminAnswer> {
  const listType = context.query.get("listType") ?? "all";
  if (!LIST_TYPES.includes(listType)) throw badRequest("the list type is not known");
  // Sessions are in their tokens only: nobody can list them.
  const shown = listType === "all" || listType === "svcacc-only";
  const value: Record<string, unknown> = {};
  for (const owner of ownersAsked(context)) {
    const accounts = keysOf(context, owner);
    if (listType === "sts-only" || (listType === "svcacc-only" && accounts.length === 0)) continue;
    const name = owner.user ?? context.identities.directory.rootAccessKey;
    value[name] = { serviceAccounts: shown ? accounts : [], stsKeys: [] };
  }
  return { kind: "sealed", value };
}

function ownersAsked(context: AdminContext): readonly KeyOwner[] {
  const { query, who, identities } = context;
  const { users } = identities.directory;
  const named = query.getAll("users").filter((name) => name !== "");
  if (query.get("all") === "true") {
    if (named.length > 0) throw badRequest("either all users are asked for or those named");
    requireAdmin(who, "admin:ListUsers");
    requireAdmin(who, "admin:ListServiceAccounts");
    const all = [...users.keys()].sort().map((user) => ({ user }));
    return who.caller.operator ? [{ user: undefined }, ...all] : all;
  }
  const owners = (named.length > 0 ? named : [undefined]).map((name) => targetOwner(context, name));
  for (const owner of owners) {
    requireFor(context, owner, "admin:ListServiceAccounts");
    if (owner.user !== undefined && !users.has(owner.user)) {
      throw new AdminError(404, "XMinioAdminNoSuchUser", "There is no such user.");
    }
  }
  return owners;
}

function keysOf(context: AdminContext, { user }: KeyOwner) {
  return [...context.identities.directory.keys.values()]
    .filter(({ parent }) => parent === user)
    .map((key) => ({
      accessKey: key.accessKey,
      ...keyInfo(context, key),
      impliedPolicy: key.boundaries.length === 0,
    }));
}

function keyInfo(context: AdminContext, key: AccessKey) {
  return {
    parentUser: key.parent ?? context.identities.directory.rootAccessKey,
    accountStatus: key.status === "enabled" ? "on" : "off",
    name: key.name,
    description: key.description,
    expiration: key.expiresMs === undefined ? EPOCH : formatTime(key.expiresMs),
  };
}

/** Whose keys are meant; the operator has no user. */
interface KeyOwner {
  readonly user: string | undefined;
}

/** Whom the caller acts for, and what narrows it. */
function ownerOfCaller({
  who,
  identities,
}: AdminContext): KeyOwner & Pick<AccessKey, "boundaries"> {
  const key = identities.directory.keys.get(who.accessKey);
  if (key !== undefined) return { user: key.parent, boundaries: key.boundaries };
  const user = who.caller.operator ? undefined : who.accessKey;
  return { user, boundaries: [] };
}

function targetOwner(context: AdminContext, name: string | undefined): KeyOwner {
  if (name === undefined || name === "") return { user: ownerOfCaller(context).user };
  return { user: name === context.identities.directory.rootAccessKey ? undefined : name };
}

/** Throws AccessDenied unless the caller may do this with keys of the owner. */
function requireFor(context: AdminContext, owner: KeyOwner, action: string): void {
  const { who } = context;
  // However much somebody may administrate: nobody but the operator makes keys of the operator.
  if (owner.user === undefined && !who.caller.operator) throw new AdminError(...ACCESS_DENIED);
  if (owner.user === ownerOfCaller(context).user) requireSelfService(who, action);
  else requireAdmin(who, action);
}

/** The key that is asked for; for who may not know of it, it is not there. */
function findKey(
  context: AdminContext,
  action: string,
  accessKey = parameter(context, "accessKey"),
): AccessKey {
  const key = context.identities.directory.keys.get(accessKey);
  if (key === undefined) {
    requireAdmin(context.who, action);
    const message = "There is no such access key.";
    throw new AdminError(404, "XMinioAdminServiceAccountNotFound", message);
  }
  requireFor(context, { user: key.parent }, action);
  const { boundaries } = ownerOfCaller(context);
  if (!boundaries.every((text) => key.boundaries.includes(text))) {
    throw new AdminError(...ACCESS_DENIED);
  }
  return key;
}

/** Given as JSON, or as a text that holds JSON. */
function policyText(value: unknown): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What MinIO's clients take for "never" in lists of keys; Go's zero time would be long ago. */
const EPOCH = "1970-01-01T00:00:00Z";

/** Go's zero time and the epoch mean never. */
function readExpiry(text: string | undefined): number | "never" | undefined {
  if (text === undefined) return undefined;
  if (text === NO_TIME || text === EPOCH) return "never";
  const timeMs = parseMoment(text);
  if (timeMs === undefined) throw badRequest("the expiration must be a time");
  return timeMs;
}

const ACCESS_KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const NEW_ACCESS_KEY_LENGTH = 20;

function newAccessKey({ random }: AdminContext): string {
  let text = "";
  while (text.length < NEW_ACCESS_KEY_LENGTH) {
    text += ACCESS_KEY_LETTERS.charAt(random.below(ACCESS_KEY_LETTERS.length));
  }
  return text;
}

/** 40 characters that need no escaping anywhere. */
function newSecretKey({ random }: AdminContext): string {
  return random.bytes(30).toString("base64").replaceAll("+", "x").replaceAll("/", "y");
}
