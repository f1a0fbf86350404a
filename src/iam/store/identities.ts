/**
 * What is kept of identities, and its form as records:
 *
 *   iam/account/<id>    who owns buckets; a canonical id, a name
 *   iam/user/<name>     belongs to an account; its name is its access key
 *   iam/group/<name>    members and policies
 *   iam/key/<access key>  another key of a user, perhaps narrowed by policies, perhaps until a time
 *   iam/policy/<name>   a policy to attach
 *
 * Secrets are in their records sealed, and in memory plain.
 */
import {
  corrupt,
  decodeRecord,
  encodeRecord,
  type Fields,
  listField,
  optionalText,
  optionalTime,
  type Status,
  statusField,
  textField,
  timeField,
} from "./record-fields.ts";
import type { Sealer } from "./sealer.ts";

export interface Account {
  /** Twelve digits. */
  readonly id: string;
  /** 64 hexadecimal digits: the owner in S3's answers. */
  readonly canonicalId: string;
  readonly name: string;
  readonly email: string | undefined;
}

export interface User {
  /** Its access key. */
  readonly name: string;
  readonly secretKey: string;
  /** Id of its account. */
  readonly account: string;
  /** Stands for its whole account. */
  readonly accountRoot: boolean;
  /** A name that is never given again (`aws:userid`). */
  readonly userId: string;
  readonly status: Status;
  /** Names of the policies attached to it. */
  readonly policies: readonly string[];
  /** A policy of its own, given by the operator. */
  readonly inlinePolicy: string | undefined;
  readonly updatedMs: number;
  /** What its account calls it; undefined where nobody named it apart from its access key. */
  readonly userName?: string | undefined;
  readonly path?: string | undefined;
  /** Policies of its own, given by its account. */
  readonly inlinePolicies?: readonly InlinePolicy[] | undefined;
  readonly createdMs?: number | undefined;
}

export interface InlinePolicy {
  readonly name: string;
  readonly text: string;
}

export interface Group {
  readonly name: string;
  readonly status: Status;
  readonly members: readonly string[];
  readonly policies: readonly string[];
  readonly updatedMs: number;
  /** The account that made it; undefined: the operator, in the main account. */
  readonly account?: string | undefined;
  /** What its account calls it. */
  readonly groupName?: string | undefined;
  readonly path?: string | undefined;
  readonly inlinePolicies?: readonly InlinePolicy[] | undefined;
  readonly createdMs?: number | undefined;
}

export interface AccessKey {
  readonly accessKey: string;
  readonly secretKey: string;
  /** The user it acts for; undefined: the operator. */
  readonly parent: string | undefined;
  readonly status: Status;
  /** Undefined: never. */
  readonly expiresMs: number | undefined;
  /** Every one of them must allow what is done with it. */
  readonly boundaries: readonly string[];
  readonly name: string;
  readonly description: string;
  readonly createdMs: number;
}

export interface StoredPolicy {
  readonly name: string;
  readonly text: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  /** The account that wrote it; undefined: the operator. Such a policy runs no server. */
  readonly account?: string | undefined;
  /** What its account calls it. */
  readonly policyName?: string | undefined;
  readonly path?: string | undefined;
  readonly description?: string | undefined;
  /** How often it was written, for those of accounts. */
  readonly version?: number | undefined;
}

export type IdentityKind = "account" | "user" | "group" | "key" | "policy";

export const IDENTITY_PREFIX = "iam/";

export function recordKey(kind: IdentityKind, name: string): string {
  return `${IDENTITY_PREFIX}${kind}/${name}`;
}

const RECORD_KEY = /^iam\/(account|user|group|key|policy)\/(.+)$/s;

/** Undefined for the other records of this keyspace. */
export function parseRecordKey(
  key: string,
): { readonly kind: IdentityKind; readonly name: string } | undefined {
  const match = RECORD_KEY.exec(key);
  const [, kind, name] = match ?? [];
  // The expression admits nothing but the kinds.
  return name === undefined ? undefined : { kind: kind as IdentityKind, name };
}

export function encodeAccount(account: Account): Uint8Array {
  return encodeRecord({ ...account });
}

export function decodeAccount(value: Uint8Array, key: string): Account {
  const fields = decodeRecord(value, key);
  return {
    id: textField(fields, "id"),
    canonicalId: textField(fields, "canonicalId"),
    name: textField(fields, "name"),
    email: optionalText(fields, "email"),
  };
}

export function encodeUser(user: User, sealer: Sealer): Uint8Array {
  const { secretKey, ...open } = user;
  return encodeRecord({
    ...open,
    secret: sealText(secretKey, recordKey("user", user.name), sealer),
  });
}

export function decodeUser(value: Uint8Array, key: string, sealer: Sealer): User {
  const fields = decodeRecord(value, key);
  return {
    name: textField(fields, "name"),
    secretKey: openText(fields, key, sealer),
    account: textField(fields, "account"),
    accountRoot: fields["accountRoot"] === true,
    userId: textField(fields, "userId"),
    status: statusField(fields),
    policies: listField(fields, "policies"),
    inlinePolicy: optionalText(fields, "inlinePolicy"),
    updatedMs: timeField(fields, "updatedMs"),
    userName: optionalText(fields, "userName"),
    path: optionalText(fields, "path"),
    inlinePolicies: inlinePoliciesField(fields),
    createdMs: optionalTime(fields, "createdMs"),
  };
}

export function encodeGroup(group: Group): Uint8Array {
  return encodeRecord({ ...group });
}

export function decodeGroup(value: Uint8Array, key: string): Group {
  const fields = decodeRecord(value, key);
  return {
    name: textField(fields, "name"),
    status: statusField(fields),
    members: listField(fields, "members"),
    policies: listField(fields, "policies"),
    updatedMs: timeField(fields, "updatedMs"),
    account: optionalText(fields, "account"),
    groupName: optionalText(fields, "groupName"),
    path: optionalText(fields, "path"),
    inlinePolicies: inlinePoliciesField(fields),
    createdMs: optionalTime(fields, "createdMs"),
  };
}

export function encodeKey(key: AccessKey, sealer: Sealer): Uint8Array {
  const { secretKey, ...open } = key;
  const context = recordKey("key", key.accessKey);
  return encodeRecord({ ...open, secret: sealText(secretKey, context, sealer) });
}

export function decodeKey(value: Uint8Array, key: string, sealer: Sealer): AccessKey {
  const fields = decodeRecord(value, key);
  return {
    accessKey: textField(fields, "accessKey"),
    secretKey: openText(fields, key, sealer),
    parent: optionalText(fields, "parent"),
    status: statusField(fields),
    expiresMs: optionalTime(fields, "expiresMs"),
    boundaries: listField(fields, "boundaries"),
    name: textField(fields, "name"),
    description: textField(fields, "description"),
    createdMs: timeField(fields, "createdMs"),
  };
}

export function encodePolicy(policy: StoredPolicy): Uint8Array {
  return encodeRecord({ ...policy });
}

export function decodePolicy(value: Uint8Array, key: string): StoredPolicy {
  const fields = decodeRecord(value, key);
  return {
    name: textField(fields, "name"),
    text: textField(fields, "text"),
    createdMs: timeField(fields, "createdMs"),
    updatedMs: timeField(fields, "updatedMs"),
    account: optionalText(fields, "account"),
    policyName: optionalText(fields, "policyName"),
    path: optionalText(fields, "path"),
    description: optionalText(fields, "description"),
    version: optionalTime(fields, "version"),
  };
}

/** Throws IamError "corrupt". Exported for archives, which hold the same. */
export function inlinePoliciesField(fields: Fields): readonly InlinePolicy[] | undefined {
  const value = fields["inlinePolicies"];
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every(isInlinePolicy)) return value;
  throw corrupt("inlinePolicies");
}

function isInlinePolicy(value: unknown): value is InlinePolicy {
  if (typeof value !== "object" || value === null) return false;
  return (
    "name" in value &&
    typeof value.name === "string" &&
    "text" in value &&
    typeof value.text === "string"
  );
}

function sealText(text: string, context: string, sealer: Sealer): string {
  return Buffer.from(sealer.seal(Buffer.from(text), context)).toString("base64");
}

function openText(fields: Fields, context: string, sealer: Sealer): string {
  const sealed = Buffer.from(textField(fields, "secret"), "base64");
  return Buffer.from(sealer.open(sealed, context)).toString("utf8");
}
