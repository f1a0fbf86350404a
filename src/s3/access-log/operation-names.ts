/**
 * What the log calls an operation: `REST.`, the method, and what it is about, as AWS names them.
 * Total over the operations, so that none is logged without a name.
 */
import type { S3Operation } from "../s3-operations.ts";

/** Operations that the log names otherwise than by method and resource type. */
const SPECIAL: Readonly<Partial<Record<S3Operation, string>>> = {
  CompleteMultipartUpload: "REST.POST.UPLOAD",
  AbortMultipartUpload: "REST.DELETE.UPLOAD",
  CopyObject: "REST.COPY.OBJECT",
  CreateMultipartUpload: "REST.POST.UPLOADS",
  DeleteObjects: "REST.POST.MULTI_OBJECT_DELETE",
  ListMultipartUploads: "REST.GET.UPLOADS",
  ListObjectVersions: "REST.GET.BUCKETVERSIONS",
  ListParts: "REST.GET.UPLOAD",
  PostObject: "REST.POST.OBJECT",
  UploadPart: "REST.PUT.PART",
  UploadPartCopy: "REST.COPY.PART",
};

/** What reading the source of a copy is called, in the log of the source's bucket. */
export const COPY_SOURCE_NAMES: Readonly<Partial<Record<S3Operation, string>>> = {
  CopyObject: "REST.COPY.OBJECT_GET",
  UploadPartCopy: "REST.COPY.PART_GET",
};

export const BATCH_DELETE_NAME = "BATCH.DELETE.OBJECT";

/** Sub-resources by the name that they have in a query. */
const SUBRESOURCE_TYPES: ReadonlyMap<string, string> = new Map([
  ["abac", "ABAC"],
  ["accelerate", "ACCELERATE"],
  ["acl", "ACL"],
  ["analytics", "ANALYTICS"],
  ["attributes", "OBJECT_ATTRIBUTES"],
  ["cors", "CORS"],
  ["encryption", "ENCRYPTION"],
  ["intelligent-tiering", "INTELLIGENT_TIERING"],
  ["inventory", "INVENTORY"],
  ["legal-hold", "LEGAL_HOLD"],
  ["lifecycle", "LIFECYCLE"],
  ["location", "LOCATION"],
  ["logging", "LOGGING_STATUS"],
  ["metrics", "METRICS"],
  ["notification", "NOTIFICATION"],
  ["object-lock", "OBJECT_LOCK_CONFIGURATION"],
  ["ownershipControls", "OWNERSHIP_CONTROLS"],
  ["policy", "BUCKETPOLICY"],
  ["policyStatus", "BUCKETPOLICYSTATUS"],
  ["publicAccessBlock", "PUBLIC_ACCESS_BLOCK"],
  ["renameObject", "RENAME_OBJECT"],
  ["replication", "REPLICATION"],
  ["requestPayment", "REQUEST_PAYMENT"],
  ["restore", "OBJECT_RESTORE"],
  ["retention", "OBJECT_RETENTION"],
  ["select", "SELECT_OBJECT_CONTENT"],
  ["tagging", "TAGGING"],
  ["versioning", "VERSIONING"],
  ["website", "WEBSITE"],
]);

export interface LoggedRequest {
  readonly method: string;
  readonly rawQuery: string;
}

/** `REST.PUT.OBJECT`. Without an operation (it was refused before) the request itself speaks. */
export function logOperation(
  operation: S3Operation | undefined,
  { method, rawQuery }: LoggedRequest,
  isObject: boolean,
): string {
  const special = operation === undefined ? undefined : SPECIAL[operation];
  if (special !== undefined) return special;
  return `REST.${method}.${resourceType(rawQuery, isObject)}`;
}

function resourceType(rawQuery: string, isObject: boolean): string {
  for (const pair of rawQuery.split("&")) {
    const name = pair.split("=", 1)[0] ?? "";
    const type = SUBRESOURCE_TYPES.get(name);
    if (type === "TAGGING" && isObject) return "OBJECT_TAGGING";
    if (type !== undefined) return type;
  }
  return isObject ? "OBJECT" : "BUCKET";
}
