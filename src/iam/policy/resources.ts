/** Names of what actions are about, and what a bucket policy may name. */
import type { ActionPattern, ActionScope } from "./actions.ts";
import { NO_VALUES } from "./condition-values.ts";
import type { Effect } from "./effect.ts";
import type { Patterns } from "./policy.ts";
import { PolicyError } from "./policy-error.ts";
import { Template } from "./template.ts";

export const S3_ARN_PREFIX = "arn:aws:s3:::";
/** What actions about no bucket are asked with: only patterns that cover everything match. */
export const ALL_BUCKETS_ARN = S3_ARN_PREFIX;
export const ADMIN_ARN = "arn:minio:admin:::";
export const KMS_ARN_PREFIX = "arn:minio:kms:::";

export function bucketArn(bucket: string): string {
  return S3_ARN_PREFIX + bucket;
}

export function objectArn(bucket: string, key: string): string {
  return `${S3_ARN_PREFIX}${bucket}/${key}`;
}

const RESOURCE_ARN = /^arn:[^:/]+:[^:/]+:[^:]*:[^:]*:.+$/s;

/** Looks like the name of a resource: "*", or an ARN with its six parts. */
export function isResourceArn(text: string): boolean {
  return text === "*" || RESOURCE_ARN.test(text);
}

interface StatementReach {
  readonly effect: Effect;
  readonly actions: Patterns<ActionPattern>;
  readonly resources: Patterns<Template> | undefined;
}

/**
 * Every resource of a bucket policy lies in its bucket, and every action of a Deny applies to one of
 * them: a Deny that never applies protects nothing, while such an Allow does no harm.
 * Throws PolicyError. AWS wants the bucket spelt out; a wildcard that covers it is as good, since
 * the policy is asked for this bucket only.
 */
export function checkBucketResources(
  bucket: string,
  { effect, actions, resources }: StatementReach,
): void {
  if (resources === undefined) throw new PolicyError("Policy has invalid action");
  const scopes = new Set<ActionScope>();
  for (const { source } of resources.patterns) {
    const found = scopesIn(bucket, source);
    if (found.length === 0) throw new PolicyError(`Policy has invalid resource - ${source}`);
    for (const scope of found) scopes.add(scope);
  }
  for (const pattern of actions.patterns) {
    if (![...pattern.services].includes("s3")) {
      throw new PolicyError(`Policy has invalid action - ${pattern.source}`);
    }
    if (effect === "Allow" || actions.negated || resources.negated) continue;
    if (![...pattern.scopes].some((scope) => scopes.has(scope))) {
      throw new PolicyError("Action does not apply to any resource(s) in statement");
    }
  }
}

/** Whether a pattern can mean the bucket itself or objects in it. */
function scopesIn(bucket: string, source: string): ActionScope[] {
  if (source === "*") return ["bucket", "object"];
  const path = /^arn:aws[a-z-]*:s3:::(.*)$/s.exec(source)?.[1];
  if (path === undefined) return [];
  const slash = path.indexOf("/");
  const name = slash < 0 ? path : path.slice(0, slash);
  const covers = new Template(name, { wildcards: true, variables: false });
  const found: ActionScope[] = [];
  if (slash < 0 && covers.matches(bucket, NO_VALUES)) found.push("bucket");
  // A star reaches over the "/" as well.
  const reaches = slash < 0 && name.endsWith("*") && covers.matches(`${bucket}/`, NO_VALUES);
  if (reaches || (slash >= 0 && covers.matches(bucket, NO_VALUES))) found.push("object");
  return found;
}
