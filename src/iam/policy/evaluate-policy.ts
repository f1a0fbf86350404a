/**
 * What one policy says about one request. A statement applies when its principals, action, resource
 * and all its conditions do; a Deny that applies wins over every Allow.
 */
import type { ConditionValues } from "./condition-values.ts";
import type { Candidate, Policy, Statement } from "./policy.ts";
import type { PolicyCaller, PrincipalMatch } from "./principals.ts";
import type { Template } from "./template.ts";

export interface PolicyRequest {
  readonly caller: PolicyCaller;
  /** In lower case: `s3:getobject`. */
  readonly action: string;
  readonly resource: string;
  readonly values: ConditionValues;
}

export type PolicyVerdict =
  | { readonly kind: "none" }
  | { readonly kind: "denied"; readonly statement: Statement }
  /** `account`: the caller's account is named, so the caller's own policies must allow it too. */
  | { readonly kind: "allowed"; readonly statement: Statement; readonly by: "account" | "direct" };

const NONE: PolicyVerdict = { kind: "none" };

export function evaluatePolicy(policy: Policy, request: PolicyRequest): PolicyVerdict {
  let verdict = NONE;
  for (const candidate of policy.candidatesFor(request.action, request.resource)) {
    const { statement } = candidate;
    if (statement.effect === "Allow" && isSettled(verdict)) continue;
    const match = applies(candidate, request);
    if (match === "none") continue;
    if (statement.effect === "Deny") return { kind: "denied", statement };
    if (verdict.kind === "none" || match === "direct") {
      verdict = { kind: "allowed", statement, by: match };
    }
  }
  return verdict;
}

/** Another Allow could not say more. */
function isSettled(verdict: PolicyVerdict): boolean {
  return verdict.kind === "allowed" && verdict.by === "direct";
}

function applies(candidate: Candidate, request: PolicyRequest): PrincipalMatch {
  const { statement } = candidate;
  const match = statement.principals?.match(request.caller, statement.effect) ?? "direct";
  if (match === "none" || !coversResource(candidate, request)) return "none";
  for (const one of statement.conditions) {
    if (!one.holds(request.values, statement.effect)) return "none";
  }
  return match;
}

/** A loop, because this is asked for every statement of every request. */
function matchesAny(
  patterns: readonly Template[],
  resource: string,
  values: ConditionValues,
): boolean {
  for (const pattern of patterns) if (pattern.matches(resource, values)) return true;
  return false;
}

function coversResource({ statement, patterns }: Candidate, request: PolicyRequest): boolean {
  const { resources, effect } = statement;
  if (resources === undefined) return true;
  const { resource, values } = request;
  const named = matchesAny(patterns, resource, values);
  if (!resources.negated) return named;
  // All but something that is not known yet would be more than its author meant to allow.
  const vague = patterns.some((pattern) => pattern.isUnresolved(values));
  return !named && !(vague && effect === "Allow");
}
