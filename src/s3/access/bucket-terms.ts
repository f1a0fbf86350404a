/**
 * What must be so besides permission: the bucket belongs to whom the client expects, and where
 * requesters pay, they say that they know.
 */
import { StoreError } from "../../base/store-error.ts";
import type { Bucket } from "../../object/contract/object-store.ts";
import type { S3Address } from "../address.ts";
import type { ServiceContext } from "../context.ts";
import { parseCopySource } from "../copy-source.ts";
import { isRequesterPays } from "../documents/request-payment.ts";
import { S3Error } from "../s3-error.ts";
import { accessOfBucket } from "./bucket-access.ts";

const EXPECTED_OWNER = "x-amz-expected-bucket-owner";
const EXPECTED_SOURCE_OWNER = "x-amz-source-expected-bucket-owner";

type TermsContext = Pick<ServiceContext, "headers" | "query" | "access" | "accounts" | "store">;

/** Whether there is anything to check: nearly always there is not, and nothing is waited for. */
export function hasTerms({ headers, access }: TermsContext): boolean {
  if (headers.has(EXPECTED_OWNER) || headers.has(EXPECTED_SOURCE_OWNER)) return true;
  return access.bucket !== undefined && isRequesterPays(access.bucket);
}

/** Rejects with AccessDenied. True when the request is for the requester's account. */
export async function checkTerms(context: TermsContext, address: S3Address): Promise<boolean> {
  if (address.kind === "service") return false;
  const { headers } = context;
  const expected = headers.get(EXPECTED_OWNER);
  if (expected !== undefined) await checkOwner(context, address.bucket, expected);
  const source = headers.get(EXPECTED_SOURCE_OWNER);
  const copied = headers.get("x-amz-copy-source");
  if (source !== undefined && copied !== undefined) {
    await checkOwner(context, parseCopySource(copied).bucket, source);
  }
  const bucket = context.access.bucket;
  return bucket !== undefined && isRequesterPays(bucket) && checkPayer(context, bucket);
}

/** An account is known by its twelve digits, and by its canonical id. */
async function checkOwner(context: TermsContext, name: string, expected: string): Promise<void> {
  const bucket = await find(context, name);
  if (bucket === undefined) return;
  const { owner } = accessOfBucket(bucket);
  if (expected !== owner && expected !== context.accounts.idOf(owner)) {
    throw new S3Error("AccessDenied");
  }
}

/** Those outside the owner's account must say that they pay; callers without keys cannot. */
function checkPayer({ access, headers, query }: TermsContext, bucket: Bucket): boolean {
  const { caller } = access;
  if (caller.kind === "anonymous") throw new S3Error("AccessDenied");
  if (caller.operator || caller.canonicalId === accessOfBucket(bucket).owner) return false;
  const payer = headers.get("x-amz-request-payer") ?? query.get("x-amz-request-payer");
  if (payer?.toLowerCase() === "requester") return true;
  throw new S3Error("AccessDenied", {
    message: "Requesters pay for this bucket: send x-amz-request-payer.",
  });
}

/** Undefined when there is none: the operation itself says so. */
async function find({ access, store }: TermsContext, name: string): Promise<Bucket | undefined> {
  if (access.bucket?.name === name) return access.bucket;
  try {
    return await store.bucket(name);
  } catch (error) {
    if (error instanceof StoreError && error.code === "no-such-bucket") return undefined;
    throw error;
  }
}
