/** Who may administrate what. */
import { type Decision, decide } from "../iam/access/decide.ts";
import { ADMIN_ARN, KMS_ARN_PREFIX } from "../iam/policy/resources.ts";
import type { AdminCaller } from "./admin-context.ts";
import { ACCESS_DENIED, AdminError } from "./admin-error.ts";

export function adminDecision(who: AdminCaller, action: string): Decision {
  const { caller, values } = who;
  return decide({ caller, action, resource: ADMIN_ARN, values, bucket: undefined });
}

/** Throws AccessDenied. */
export function requireAdmin(who: AdminCaller, action: string): void {
  if (!adminDecision(who, action).allowed) throw new AdminError(...ACCESS_DENIED);
}

/** About a key of the key store, or with "" about the store itself. Throws AccessDenied. */
export function requireKms(who: AdminCaller, action: string, keyName: string): void {
  if (!maySeeKey(who, action, keyName)) throw new AdminError(...ACCESS_DENIED);
}

export function maySeeKey({ caller, values }: AdminCaller, action: string, name: string): boolean {
  const resource = KMS_ARN_PREFIX + name;
  return decide({ caller, action, resource, values, bucket: undefined }).allowed;
}

/**
 * What callers may do for themselves unless it is denied to them. What narrows the caller (a policy
 * in its key or session) must allow it all the same: such a policy never counts as "not denied".
 */
export function requireSelfService(who: AdminCaller, action: string): void {
  const { allowed, reason } = adminDecision(who, action);
  if (!allowed && reason !== "no-allow") throw new AdminError(...ACCESS_DENIED);
}
