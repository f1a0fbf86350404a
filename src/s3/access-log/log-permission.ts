/**
 * Whether the owner of a bucket lets the log of another bucket be written there: by a policy that
 * names the logging service, or by a list that lets its group write. Nobody's own rights count.
 */
import { matchesLogDelivery } from "../../iam/access/acl.ts";
import type { ConditionValues } from "../../iam/policy/condition-values.ts";
import { evaluatePolicy } from "../../iam/policy/evaluate-policy.ts";
import { bucketArn, objectArn } from "../../iam/policy/resources.ts";
import type { Bucket } from "../../object/contract/object-store.ts";
import { accessOfBucket } from "../access/bucket-access.ts";

export const LOGGING_SERVICE = "logging.s3.amazonaws.com";
const ACTION = "s3:putobject";

/** The bucket whose requests are logged, and who owns it. */
export interface LogSource {
  readonly bucket: string;
  readonly accountId: string;
  readonly canonicalId: string;
}

export interface LogWrite {
  readonly source: LogSource;
  readonly target: Bucket;
  readonly prefix: string;
  /** Of the log object; undefined while there is none yet. */
  readonly key?: string;
}

export function mayWriteLog(write: LogWrite): boolean {
  const { target, prefix, key = prefix } = write;
  const { policy, acl, ownership } = accessOfBucket(target);
  const values = valuesOf(write.source);
  const ask = (resource: string) => {
    if (policy === undefined) return "none";
    const caller = { kind: "service", service: LOGGING_SERVICE } as const;
    return evaluatePolicy(policy, { caller, action: ACTION, resource, values }).kind;
  };
  const ofKey = ask(objectArn(target.name, key));
  if (ofKey === "denied") return false;
  // A policy may name the prefix as it stands in the logging configuration, without a "*".
  if (ofKey === "allowed" || ask(objectArn(target.name, prefix)) === "allowed") return true;
  return ownership !== "BucketOwnerEnforced" && acl !== undefined && matchesLogDelivery(acl);
}

function valuesOf({ bucket, accountId, canonicalId }: LogSource): ConditionValues {
  const values = new Map<string, readonly string[]>([
    // Both are names of the account; policies are written with either.
    ["aws:sourceaccount", [accountId, canonicalId]],
    ["aws:sourcearn", [bucketArn(bucket)]],
    ["aws:principalisawsservice", ["true"]],
    ["aws:principalservicename", [LOGGING_SERVICE]],
    ["aws:securetransport", ["true"]],
  ]);
  return { get: (key) => values.get(key) };
}
