/**
 * Access control lists of buckets and objects as data: what canned names and grant headers mean, how
 * a list is kept, and whom it lets do what. Accounts are named by their canonical ids.
 */

export const ACL_PERMISSIONS = ["FULL_CONTROL", "WRITE", "WRITE_ACP", "READ", "READ_ACP"] as const;
export type AclPermission = (typeof ACL_PERMISSIONS)[number];

export const ACL_GROUPS = ["all-users", "authenticated-users", "log-delivery"] as const;
export type AclGroup = (typeof ACL_GROUPS)[number];

/** The addresses that XML and headers use for the groups. */
export const ACL_GROUP_URIS: Readonly<Record<AclGroup, string>> = {
  "all-users": "http://acs.amazonaws.com/groups/global/AllUsers",
  "authenticated-users": "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
  "log-delivery": "http://acs.amazonaws.com/groups/s3/LogDelivery",
};

export type Grantee =
  | { readonly kind: "account"; readonly canonicalId: string }
  | { readonly kind: "group"; readonly group: AclGroup };

export interface Grant {
  readonly grantee: Grantee;
  readonly permission: AclPermission;
}

export interface Acl {
  /** Canonical id. */
  readonly owner: string;
  readonly grants: readonly Grant[];
}

/** As S3. */
export const ACL_GRANTS_MAX = 100;

export const CANNED_ACLS = [
  "private",
  "public-read",
  "public-read-write",
  "authenticated-read",
  "aws-exec-read",
  "bucket-owner-read",
  "bucket-owner-full-control",
  "log-delivery-write",
] as const;
export type CannedAcl = (typeof CANNED_ACLS)[number];

export function isCannedAcl(text: string): text is CannedAcl {
  return CANNED_ACLS.some((name) => name === text);
}

/** `owner` of the bucket or object the list is for; for an object also the bucket's. */
export interface AclOwners {
  readonly owner: string;
  readonly bucketOwner: string;
}

export function aclOfCanned(name: CannedAcl, { owner, bucketOwner }: AclOwners): Acl {
  return { owner, grants: [fullControl(owner), ...cannedGrants(name, { owner, bucketOwner })] };
}

function cannedGrants(name: CannedAcl, { owner, bucketOwner }: AclOwners): readonly Grant[] {
  switch (name) {
    case "private":
    case "aws-exec-read":
      return [];
    case "public-read":
      return [toGroup("all-users", "READ")];
    case "public-read-write":
      return [toGroup("all-users", "READ"), toGroup("all-users", "WRITE")];
    case "authenticated-read":
      return [toGroup("authenticated-users", "READ")];
    case "bucket-owner-read":
      return owner === bucketOwner ? [] : [toAccount(bucketOwner, "READ")];
    case "bucket-owner-full-control":
      return owner === bucketOwner ? [] : [fullControl(bucketOwner)];
    case "log-delivery-write":
      return [toGroup("log-delivery", "WRITE"), toGroup("log-delivery", "READ_ACP")];
  }
}

function fullControl(canonicalId: string): Grant {
  return toAccount(canonicalId, "FULL_CONTROL");
}

function toAccount(canonicalId: string, permission: AclPermission): Grant {
  return { grantee: { kind: "account", canonicalId }, permission };
}

function toGroup(group: AclGroup, permission: AclPermission): Grant {
  return { grantee: { kind: "group", group }, permission };
}

/** It lets people in who are not named: what the public-access block calls public. */
export function isPublicAcl(acl: Acl): boolean {
  return acl.grants.some(({ grantee }) => grantee.kind === "group" && isPublic(grantee.group));
}

function isPublic(group: AclGroup): boolean {
  return group === "all-users" || group === "authenticated-users";
}

/** Whom a list lets in: the caller's account by name, or a group that the caller belongs to. */
export type AclMatch = "none" | "account" | "group";

export interface AclCaller {
  /** Undefined for an anonymous caller. */
  readonly canonicalId: string | undefined;
}

export function matchAcl(acl: Acl, caller: AclCaller, permission: AclPermission): AclMatch {
  let match: AclMatch = "none";
  for (const grant of acl.grants) {
    if (grant.permission !== permission && grant.permission !== "FULL_CONTROL") continue;
    const { grantee } = grant;
    if (grantee.kind === "account") {
      if (grantee.canonicalId === caller.canonicalId && match === "none") match = "account";
    } else if (isMember(grantee.group, caller)) {
      match = "group";
    }
  }
  return match;
}

function isMember(group: AclGroup, caller: AclCaller): boolean {
  if (group === "all-users") return true;
  return group === "authenticated-users" && caller.canonicalId !== undefined;
}

/** Without the grants to everybody: what is left while the public-access block ignores them. */
export function withoutPublicGrants(acl: Acl): Acl {
  const grants = acl.grants.filter(
    ({ grantee }) => grantee.kind !== "group" || !isPublic(grantee.group),
  );
  return { owner: acl.owner, grants };
}
