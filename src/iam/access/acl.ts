/**
 * Access control lists of buckets and objects as data, and whom they let do what. Accounts are named
 * by their canonical ids.
 */

export type AclPermission = "FULL_CONTROL" | "WRITE" | "WRITE_ACP" | "READ" | "READ_ACP";
export type AclGroup = "all-users" | "authenticated-users" | "log-delivery";

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

/** The group that delivers logs may write what it delivers. */
export function matchesLogDelivery({ grants }: Acl): boolean {
  return grants.some(
    ({ grantee, permission }) =>
      grantee.kind === "group" &&
      grantee.group === "log-delivery" &&
      (permission === "WRITE" || permission === "FULL_CONTROL"),
  );
}
