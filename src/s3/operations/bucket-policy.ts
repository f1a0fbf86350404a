/**
 * Bucket policies: JSON that is checked when it is put and kept as it came, and what they amount to.
 */

import { StoreError } from "../../base/store-error.ts";
import { POLICY_BYTES_MAX, parsePolicy } from "../../iam/policy/parse-policy.ts";
import type { Policy } from "../../iam/policy/policy.ts";
import { PolicyError } from "../../iam/policy/policy-error.ts";
import { isPublicPolicy } from "../../iam/policy/policy-status.ts";
import { accessOfBucket } from "../access/bucket-access.ts";
import { bucketAclOf, ownershipOf, publicAccessBlockOf } from "../access-lists.ts";
import { type BucketContext, bucketOf } from "../context.ts";
import { isPublicAcl } from "../documents/acl.ts";
import { asRefusal } from "../refusal.ts";
import { sendDocument, sendEmpty, sendXml } from "../respond.ts";
import { S3Error } from "../s3-error.ts";
import { xmlDocument } from "../xml.ts";
import { readDocumentBody } from "./bucket-documents.ts";

export const POLICY_DOCUMENT = "policy";
/** There when the policy was put with CONFIRM_HEADER. */
export const POLICY_CONFIRMED_DOCUMENT = "policy-confirmed";

export async function getBucketPolicy(context: BucketContext): Promise<void> {
  const policy = (await bucketOf(context)).documents[POLICY_DOCUMENT];
  if (policy === undefined) throw new S3Error("NoSuchBucketPolicy");
  sendDocument(context, policy, "application/json");
}

export async function deleteBucketPolicy(context: BucketContext): Promise<void> {
  await context.store.changeBucket(context.bucketName, () => ({
    documents: { [POLICY_DOCUMENT]: undefined, [POLICY_CONFIRMED_DOCUMENT]: undefined },
  }));
  sendEmpty(context, 204);
}

/** Confirms that the caller wants to lose the right to change the policy. */
const CONFIRM_HEADER = "x-amz-confirm-remove-self-bucket-access";
const CONFIRMATION = '{"version":1}';

export async function putBucketPolicy(context: BucketContext): Promise<void> {
  const text = await readPolicyText(context);
  const policy = parse(text, context.bucketName);
  const confirmed = context.headers.get(CONFIRM_HEADER)?.toLowerCase() === "true";
  await context.store.changeBucket(context.bucketName, (bucket) => {
    asRefusal(() => {
      if (publicAccessBlockOf(bucket)?.blockPublicPolicy === true && isPublicPolicy(policy)) {
        throw new S3Error("AccessDenied");
      }
      if (!confirmed && !context.access.allowsUnder(policy, "s3:PutBucketPolicy", bucket)) {
        throw new S3Error("AccessDenied", {
          message:
            "The policy would keep you from changing it again, which you have not confirmed.",
        });
      }
    });
    const confirmation = confirmed ? CONFIRMATION : undefined;
    return { documents: { [POLICY_DOCUMENT]: text, [POLICY_CONFIRMED_DOCUMENT]: confirmation } };
  });
  sendEmpty(context, 204);
}

async function readPolicyText(context: BucketContext): Promise<string> {
  try {
    return (await readDocumentBody(context, POLICY_BYTES_MAX)).toString("utf8");
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "entity-too-large") throw error;
    throw malformed(`Policies are limited to ${POLICY_BYTES_MAX} bytes`);
  }
}

function parse(text: string, bucket: string): Policy {
  if (text === "") throw malformed("Policies must be valid JSON and the first byte must be '{'");
  try {
    return parsePolicy(text, { kind: "bucket", bucket });
  } catch (error) {
    if (error instanceof PolicyError) throw malformed(error.message);
    throw error;
  }
}

function malformed(message: string): S3Error {
  return new S3Error("MalformedPolicy", { message });
}

/** Public by its policy, or by its access list where lists are in use. */
export async function getBucketPolicyStatus(context: BucketContext): Promise<void> {
  const bucket = await bucketOf(context);
  const { policyIsPublic, publicAccessBlock } = accessOfBucket(bucket);
  const listed = ownershipOf(bucket) !== "BucketOwnerEnforced" && isPublicAcl(bucketAclOf(bucket));
  const isPublic =
    (policyIsPublic && !publicAccessBlock.restrictPublicBuckets) ||
    (listed && !publicAccessBlock.ignorePublicAcls);
  const body = xmlDocument("PolicyStatus", (xml) => xml.element("IsPublic", isPublic));
  sendXml(context, body);
}
