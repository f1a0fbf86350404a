/**
 * What a bucket's own documents say about access: policy, access control list, object ownership,
 * public-access block. The models are kept by whoever stores documents; here is their meaning.
 */
import type { Policy } from "../policy/policy.ts";
import { isPublicPolicy } from "../policy/policy-status.ts";
import type { Acl } from "./acl.ts";

export const OBJECT_OWNERSHIPS = [
  "BucketOwnerEnforced",
  "BucketOwnerPreferred",
  "ObjectWriter",
] as const;
/** BucketOwnerEnforced, the default, switches access control lists off. */
export type ObjectOwnership = (typeof OBJECT_OWNERSHIPS)[number];

export interface PublicAccessBlock {
  /** Lists that let everybody in are refused when they are set. */
  readonly blockPublicAcls: boolean;
  /** Their grants to everybody have no effect. */
  readonly ignorePublicAcls: boolean;
  /** Policies that let everybody in are refused when they are set. */
  readonly blockPublicPolicy: boolean;
  /** A policy that lets everybody in lets nobody in from outside the owner's account. */
  readonly restrictPublicBuckets: boolean;
}

export const NO_PUBLIC_ACCESS_BLOCK: PublicAccessBlock = {
  blockPublicAcls: false,
  ignorePublicAcls: false,
  blockPublicPolicy: false,
  restrictPublicBuckets: false,
};

export interface BucketAccessInput {
  /** Canonical id of the account that owns the bucket. */
  readonly owner: string;
  readonly policy: Policy | undefined;
  readonly acl: Acl | undefined;
  readonly ownership: ObjectOwnership;
  readonly publicAccessBlock: PublicAccessBlock;
  /** Whoever put the policy confirmed that the owner's root may be kept from changing it again. */
  readonly ownerLetGo?: boolean;
}

export interface BucketAccess extends BucketAccessInput {
  /** The policy lets everybody in, as AWS defines it. */
  readonly policyIsPublic: boolean;
}

/** Made once for each state of a bucket, because telling whether a policy is public takes a while. */
export function bucketAccessOf(input: BucketAccessInput): BucketAccess {
  const policyIsPublic = input.policy !== undefined && isPublicPolicy(input.policy);
  return { ...input, policyIsPublic };
}
