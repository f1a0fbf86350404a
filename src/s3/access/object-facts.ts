/** What of an object decides who may do what with it, as it is stored beside its bytes. */
import type { Acl } from "../../iam/access/acl.ts";
import { aclNeedOf } from "../../iam/access/acl-actions.ts";
import type { BucketAccess } from "../../iam/access/bucket-access.ts";
import type { AccessQuestion, Decision } from "../../iam/access/decide.ts";
import type { StoredHeaders } from "../../object/contract/object-store.ts";
import { tagsOf } from "./request-values.ts";

/** No header of a request has the first name. */
const ACL_HEADER = "ringfort-acl";
const TAGGING_HEADER = "x-amz-tagging";

export const EXISTING_TAG = "s3:existingobjecttag/";

/** Undefined for what belongs to the bucket's owner without a list of its own. */
export function aclOf(headers: StoredHeaders | undefined): Acl | undefined {
  const text = headers?.[ACL_HEADER];
  // Written by this layer only.
  return text === undefined ? undefined : (JSON.parse(text) as Acl);
}

/**
 * What the bucket's owner may not do with an object of another account by owning the bucket. Tags are
 * not among it: in S3 they are the bucket owner's to read and set.
 */
export const OWNERS_ACTIONS: ReadonlySet<string> = new Set([
  "s3:GetObject",
  "s3:GetObjectAcl",
  "s3:GetObjectAttributes",
  "s3:GetObjectTorrent",
  "s3:GetObjectVersion",
  "s3:GetObjectVersionAcl",
  "s3:GetObjectVersionAttributes",
  "s3:GetObjectVersionTorrent",
  "s3:PutObjectAcl",
  "s3:PutObjectVersionAcl",
]);

export function existingTags(
  headers: StoredHeaders | undefined,
): ReadonlyMap<string, readonly string[]> {
  const tags = tagsOf(headers?.[TAGGING_HEADER]) ?? [];
  return new Map(tags.map(([name, value]) => [`${EXISTING_TAG}${name}`, [value]]));
}

/** Lists are in use, one could cover the action, and nothing forbids it outright. */
export function mayHelp({ reason }: Decision, { action, bucket }: AccessQuestion): boolean {
  if (bucket === undefined || !listsInUse(bucket)) return false;
  if (reason !== "no-allow" && reason !== "not-delegated") return false;
  return aclNeedOf(action.toLowerCase())?.list === "object";
}

export function listsInUse({ ownership }: BucketAccess): boolean {
  return ownership !== "BucketOwnerEnforced";
}
