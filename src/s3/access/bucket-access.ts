/**
 * What a bucket's documents say about access, compiled once for each state of the bucket.
 *
 * A policy that cannot be read any more must not count as none: it then denies everybody, and the
 * owner's root can still replace it.
 */
import type { Acl } from "../../iam/access/acl.ts";
import {
  type BucketAccess,
  bucketAccessOf,
  NO_PUBLIC_ACCESS_BLOCK,
  type ObjectOwnership,
  type PublicAccessBlock,
} from "../../iam/access/bucket-access.ts";
import { parsePolicy } from "../../iam/policy/parse-policy.ts";
import type { Policy } from "../../iam/policy/policy.ts";
import { PolicyError } from "../../iam/policy/policy-error.ts";
import type { Bucket } from "../../object/contract/object-store.ts";
import { OWNER_ID } from "../owner.ts";

const COMPILED = new WeakMap<Bucket, BucketAccess>();

export function accessOfBucket(bucket: Bucket): BucketAccess {
  const known = COMPILED.get(bucket);
  if (known !== undefined) return known;
  const compiled = compile(bucket);
  COMPILED.set(bucket, compiled);
  return compiled;
}

function compile(bucket: Bucket): BucketAccess {
  const { documents } = bucket;
  const acl = readModel<Acl>(documents["acl"]);
  const controls = readModel<{ readonly ownership: ObjectOwnership }>(documents["ownership"]);
  const block = readModel<PublicAccessBlock>(documents["public-access-block"]);
  const policy = documents["policy"];
  return bucketAccessOf({
    owner: acl?.owner ?? OWNER_ID,
    policy: policy === undefined ? undefined : readPolicy(policy, bucket.name),
    acl,
    ownership: controls?.ownership ?? "ObjectWriter",
    publicAccessBlock: block ?? NO_PUBLIC_ACCESS_BLOCK,
    ownerLetGo: policy !== undefined && documents["policy-confirmed"] !== undefined,
  });
}

/** Documents are written by this layer only, so what is in them is what was put there. */
function readModel<Model>(text: string | undefined): Model | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Model);
}

function readPolicy(text: string, bucket: string): Policy {
  try {
    return parsePolicy(text, { kind: "bucket", bucket });
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return parsePolicy(denyEverything(bucket), { kind: "bucket", bucket });
  }
}

function denyEverything(bucket: string): string {
  const name = `arn:aws:s3:::${bucket}`;
  const statement = {
    Effect: "Deny",
    Principal: "*",
    Action: "s3:*",
    Resource: [name, `${name}/*`],
  };
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
}
