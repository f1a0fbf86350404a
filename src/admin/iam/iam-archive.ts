/**
 * All identities as a zip file in MinIO's layout (`iam-assets/*.json`), so that they move between
 * servers of both kinds. What MinIO has no place for (accounts, policies of single users, keys that
 * are narrowed more than once) stands in a file of its own, which MinIO passes over.
 *
 * The file holds secrets in plain text; that is what it is for.
 */
import { BUILT_IN_POLICIES } from "../../iam/store/built-in-policies.ts";
import type { GroupDetails, PolicyDetails, UserDetails } from "../../iam/store/changes.ts";
import type { Directory } from "../../iam/store/directory.ts";
import type { AccessKey } from "../../iam/store/identities.ts";
import { badRequest } from "../admin-error.ts";
import { formatTime, NO_TIME } from "../time-text.ts";
import { readZip, writeZip } from "../zip-file.ts";

/** As it is sent. */
export const IAM_ARCHIVE_BYTES_MAX: number = 16 * 1024 * 1024;
/** All files of it unpacked. */
export const IAM_ARCHIVE_CONTENT_BYTES_MAX: number = 64 * 1024 * 1024;

const FOLDER = "iam-assets/";
const FILES = {
  policies: "policies.json",
  users: "users.json",
  groups: "groups.json",
  keys: "svcaccts.json",
  userPolicies: "user_mappings.json",
  groupPolicies: "group_mappings.json",
  sessionPolicies: "stsuser_mappings.json",
  own: "ringfort.json",
} as const;

type Entries = Readonly<Record<string, unknown>>;

/** The files of an archive, each a JSON object; one that is absent is empty. */
export type IamArchive = Readonly<Record<keyof typeof FILES, Entries>>;

/** `operator`: keys that act for the operator are among them. */
export function exportIdentities(directory: Directory, operator: boolean): Buffer {
  const users = [...directory.users.values()];
  const groups = [...directory.groups.values()];
  const keys = [...directory.keys.values()].filter(
    ({ parent }) => operator || parent !== undefined,
  );
  const policies = [...directory.policies.values()];
  const archive: IamArchive = {
    policies: byName(policies, ({ name, text }) => [name, JSON.parse(text)]),
    users: byName(users, ({ name, secretKey, status }) => [name, { secretKey, status }]),
    groups: byName(groups, ({ name, status, members, updatedMs }) => [
      name,
      { version: 1, status, members, updatedAt: formatTime(updatedMs) },
    ]),
    keys: byName(
      keys.filter(({ boundaries }) => boundaries.length < 2),
      (key) => [key.accessKey, exportedKey(key, directory)],
    ),
    userPolicies: byName(users.filter(hasPolicies), mapping),
    groupPolicies: byName(groups.filter(hasPolicies), mapping),
    sessionPolicies: {},
    own: {
      accounts: [...directory.accounts.values()],
      users: byName(users, (user) => [
        user.name,
        { accountRoot: user.accountRoot, inlinePolicy: user.inlinePolicy, ...detailsOf(user) },
      ]),
      groups: byName(groups, (group) => [group.name, detailsOf(group)]),
      policies: byName(policies, (policy) => [policy.name, detailsOf(policy)]),
      keys: byName(
        keys.filter(({ boundaries }) => boundaries.length > 1),
        (key) => [key.accessKey, { ...exportedKey(key, directory), boundaries: key.boundaries }],
      ),
    },
  };
  const files = new Map<string, Buffer>();
  for (const [part, file] of Object.entries(FILES)) {
    files.set(FOLDER + file, Buffer.from(JSON.stringify(archive[part as keyof IamArchive])));
  }
  return writeZip(files);
}

type Details = UserDetails & GroupDetails & PolicyDetails;

/** What accounts say of their own; what is absent is left out of the JSON. */
function detailsOf({
  account,
  userName,
  groupName,
  policyName,
  path,
  description,
  version,
  inlinePolicies,
  createdMs,
}: Details) {
  const names = { userName, groupName, policyName };
  return { ...names, account, path, description, version, inlinePolicies, createdMs };
}

function byName<Item>(
  items: readonly Item[],
  entry: (item: Item) => readonly [string, unknown],
): Entries {
  return Object.fromEntries(items.map(entry));
}

interface Holder {
  readonly name: string;
  readonly policies: readonly string[];
  readonly updatedMs: number;
}

function hasPolicies({ policies }: Holder): boolean {
  return policies.length > 0;
}

function mapping({ name, policies, updatedMs }: Holder): readonly [string, unknown] {
  return [name, { version: 1, policy: policies.join(","), updatedAt: formatTime(updatedMs) }];
}

function exportedKey(key: AccessKey, directory: Directory) {
  const [policy] = key.boundaries;
  return {
    parent: key.parent ?? directory.rootAccessKey,
    accessKey: key.accessKey,
    secretKey: key.secretKey,
    groups: null,
    claims: {},
    ...(policy === undefined ? {} : { sessionPolicy: JSON.parse(policy) }),
    status: key.status === "enabled" ? "on" : "off",
    name: key.name,
    description: key.description,
    expiration: key.expiresMs === undefined ? NO_TIME : formatTime(key.expiresMs),
  };
}

/** Throws AdminError unless every file of it can be read. */
export function readArchive(zip: Buffer): IamArchive {
  const files = readZip(zip, IAM_ARCHIVE_CONTENT_BYTES_MAX);
  const known = Object.values(FILES).some((file) => files.has(FOLDER + file));
  if (!known) throw badRequest(`the zip file has none of the files of ${FOLDER}`);
  const read = Object.entries(FILES).map(([part, file]) => [
    part,
    parseEntries(files.get(FOLDER + file), file),
  ]);
  // One for each part.
  return Object.fromEntries(read) as IamArchive;
}

function parseEntries(content: Buffer | undefined, file: string): Entries {
  if (content === undefined || content.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(content.toString("utf8"));
  } catch {
    throw badRequest(`${file} is no JSON`);
  }
  // Go writes null for a map without entries.
  if (value === null) return {};
  return asEntries(value, file);
}

export function asEntries(value: unknown, what: string): Entries {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Entries;
  throw badRequest(`${what} must hold an object`);
}

export function isBuiltIn(policy: string): boolean {
  return BUILT_IN_POLICIES.has(policy);
}
