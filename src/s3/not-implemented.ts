/**
 * What Ringfort does not do yet, as data: a request for it is answered 501 NotImplemented with the
 * operation's name, after authentication and authorisation like any other.
 */
import { S3Error } from "./s3-error.ts";
import type { S3Operation } from "./s3-operations.ts";

export function notImplemented(operation: S3Operation): S3Error {
  return new S3Error("NotImplemented", {
    message: `The operation ${operation} is not implemented.`,
    details: [["Operation", operation]],
  });
}

/** Operations without a handler. Dispatch keeps a total table over the others. */
export const NOT_IMPLEMENTED = [
  "AppendObject",
  "CorsPreflight",
  "CreateBucketMetadataConfiguration",
  "CreateBucketMetadataTableConfiguration",
  "CreateSession",
  "DeleteBucketMetadataConfiguration",
  "DeleteBucketMetadataTableConfiguration",
  "GetBucketAbac",
  "GetBucketMetadataConfiguration",
  "GetBucketMetadataTableConfiguration",
  "GetObjectLambda",
  "PutBucketAbac",
  "PutBucketAnalyticsConfiguration",
  "PutBucketIntelligentTieringConfiguration",
  "PutBucketInventoryConfiguration",
  "PutBucketMetricsConfiguration",
  "PutBucketReplication",
  "SelectObjectContent",
  "UpdateBucketMetadataInventoryTableConfiguration",
  "UpdateBucketMetadataJournalTableConfiguration",
] as const satisfies readonly S3Operation[];

export type NotImplementedOperation = (typeof NOT_IMPLEMENTED)[number];
export type ImplementedOperation = Exclude<S3Operation, NotImplementedOperation>;

const NAMES: ReadonlySet<S3Operation> = new Set(NOT_IMPLEMENTED);

export function isNotImplemented(operation: S3Operation): operation is NotImplementedOperation {
  return NAMES.has(operation);
}
