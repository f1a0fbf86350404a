/**
 * What each operation needs permission for: its actions and what they are about. Total over the
 * operations, those that are not implemented included, so that none can be added without a rule.
 *
 * `open` needs nothing: a browser's preflight, which carries no credentials by design. `handler`
 * asks for itself, because what it is about stands in the body (many keys) or in the answer.
 */
import type { S3Operation } from "../s3-operations.ts";

export interface AccessNeed {
  /** `s3:GetObject` */
  readonly action: string;
  /**
   * `source`: the object that `x-amz-copy-source` names; `rename-source`: that of
   * `x-amz-rename-source`. `service`: all buckets as a whole. `new`: what comes with a new object.
   */
  readonly on: "bucket" | "object" | "source" | "rename-source" | "service" | "new";
}

export interface OperationFacts {
  readonly headers: { get(name: string): string | undefined; has(name: string): boolean };
  readonly query: { has(name: string): boolean };
}

export type AccessRule =
  | { readonly kind: "needs"; readonly needsOf: (facts: OperationFacts) => readonly AccessNeed[] }
  | { readonly kind: "open" }
  | { readonly kind: "handler" };

function rule(needsOf: (facts: OperationFacts) => readonly AccessNeed[]): AccessRule {
  return { kind: "needs", needsOf };
}

function onBucket(...actions: readonly string[]): AccessRule {
  const needs = actions.map((action) => ({ action: `s3:${action}`, on: "bucket" as const }));
  return rule(() => needs);
}

function object(action: string): AccessNeed {
  return { action: `s3:${action}`, on: "object" };
}

function onObject(...actions: readonly string[]): AccessRule {
  const needs = actions.map(object);
  return rule(() => needs);
}

/** One action for the newest version, another for a version by name. */
function byVersion(newest: readonly string[], named: readonly string[]): AccessRule {
  const [ofNewest, ofNamed] = [newest.map(object), named.map(object)];
  return rule(({ query }) => (query.has("versionId") ? ofNamed : ofNewest));
}

const PUT_OBJECT = object("PutObject");
const PUT_OBJECT_ONLY = [PUT_OBJECT];

const PUT_ACL: AccessNeed = { action: "s3:PutObjectAcl", on: "new" };
const PUT_TAGGING: AccessNeed = { action: "s3:PutObjectTagging", on: "new" };
const PUT_RETENTION = object("PutObjectRetention");

const REPLICATE_OBJECT = object("ReplicateObject");

const WRITE_EXTRAS: ReadonlyArray<readonly [header: string, need: AccessNeed]> = [
  ["x-amz-tagging", PUT_TAGGING],
  ["x-amz-acl", PUT_ACL],
  ["x-amz-grant-full-control", PUT_ACL],
  ["x-amz-grant-read", PUT_ACL],
  ["x-amz-grant-read-acp", PUT_ACL],
  ["x-amz-grant-write", PUT_ACL],
  ["x-amz-grant-write-acp", PUT_ACL],
  ["x-amz-object-lock-mode", PUT_RETENTION],
  ["x-amz-object-lock-retain-until-date", PUT_RETENTION],
  ["x-amz-object-lock-legal-hold", object("PutObjectLegalHold")],
  // Time and ETag are facts that conditions, lifecycle rules and clients go by.
  ["x-minio-source-mtime", REPLICATE_OBJECT],
  ["x-minio-source-etag", REPLICATE_OBJECT],
  // The answer tells whether the ETag is right.
  ["if-match", object("GetObject")],
];

/** Writing with tags, lists or locks is doing what the operations for those do. */
function writeNeeds({ headers }: OperationFacts): readonly AccessNeed[] {
  const extras = WRITE_EXTRAS.filter(([header]) => headers.has(header)).map(([, need]) => need);
  return extras.length === 0 ? PUT_OBJECT_ONLY : [...new Set([PUT_OBJECT, ...extras])];
}

const SOURCE_VERSION = /\?versionId=/;

function copyNeeds(facts: OperationFacts): readonly AccessNeed[] {
  const named = SOURCE_VERSION.test(facts.headers.get("x-amz-copy-source") ?? "");
  const action = named ? "s3:GetObjectVersion" : "s3:GetObject";
  return [...writeNeeds(facts), { action, on: "source" }];
}

/** It is read, written elsewhere, and deleted: whoever may do these may do them at once. */
const RENAME_SOURCE_NEEDS: readonly AccessNeed[] = [
  { action: "s3:GetObject", on: "rename-source" },
  { action: "s3:DeleteObject", on: "rename-source" },
];

const BYPASS = object("BypassGovernanceRetention");

/** Asked for by header, the bypass is needed even where nothing turns out to be locked. */
function asksForBypass({ headers }: Pick<OperationFacts, "headers">): boolean {
  return headers.get("x-amz-bypass-governance-retention")?.toLowerCase() === "true";
}

/** What deleting one object takes, by an operation of its own or among many. */
export interface Deletion {
  /** A version is named. */
  readonly named: boolean;
  /** The condition on its ETag, where there is one. */
  readonly ifMatch: string | undefined;
}

export function deletionNeeds(
  { named, ifMatch }: Deletion,
  facts: Pick<OperationFacts, "headers">,
): readonly AccessNeed[] {
  const needs = [object(named ? "DeleteObjectVersion" : "DeleteObject")];
  // The answer tells whether the ETag is right.
  if (ifMatch !== undefined && ifMatch !== "*") {
    needs.push(object(named ? "GetObjectVersion" : "GetObject"));
  }
  if (asksForBypass(facts)) needs.push(BYPASS);
  return needs;
}

function deleteNeeds(facts: OperationFacts): readonly AccessNeed[] {
  const named = facts.query.has("versionId");
  const needs = deletionNeeds({ named, ifMatch: facts.headers.get("if-match") }, facts);
  const timed = facts.headers.has("x-minio-source-mtime");
  return timed ? [...needs, object("ReplicateDelete")] : needs;
}

function retentionNeeds(facts: OperationFacts): readonly AccessNeed[] {
  return asksForBypass(facts) ? [PUT_RETENTION, BYPASS] : [PUT_RETENTION];
}

const BUCKET_EXTRAS: ReadonlyArray<readonly [header: string, actions: readonly string[]]> = [
  ["x-amz-acl", ["PutBucketAcl"]],
  ["x-amz-grant-full-control", ["PutBucketAcl"]],
  ["x-amz-grant-read", ["PutBucketAcl"]],
  ["x-amz-grant-read-acp", ["PutBucketAcl"]],
  ["x-amz-grant-write", ["PutBucketAcl"]],
  ["x-amz-grant-write-acp", ["PutBucketAcl"]],
  ["x-amz-object-ownership", ["PutBucketOwnershipControls"]],
  ["x-amz-bucket-object-lock-enabled", ["PutBucketObjectLockConfiguration", "PutBucketVersioning"]],
];

function createBucketNeeds({ headers }: OperationFacts): readonly AccessNeed[] {
  const actions = new Set(["CreateBucket"]);
  for (const [header, extra] of BUCKET_EXTRAS) {
    if (headers.has(header)) for (const action of extra) actions.add(action);
  }
  return [...actions].map((action) => ({ action: `s3:${action}`, on: "bucket" }));
}

function deleteBucketNeeds({ headers }: OperationFacts): readonly AccessNeed[] {
  const forced = headers.get("x-minio-force-delete")?.toLowerCase() === "true";
  const actions = forced ? ["s3:DeleteBucket", "s3:ForceDeleteBucket"] : ["s3:DeleteBucket"];
  return actions.map((action) => ({ action, on: "bucket" }));
}

const GET_OBJECT = byVersion(["GetObject"], ["GetObjectVersion"]);
const METADATA_TABLE = "BucketMetadataTableConfiguration";

const LISTEN_EVERYWHERE: readonly AccessNeed[] = [
  { action: "s3:ListenNotification", on: "service" },
];

export const OPERATION_ACCESS: Readonly<Record<S3Operation, AccessRule>> = {
  AbortMultipartUpload: onObject("AbortMultipartUpload"),
  AppendObject: rule(writeNeeds),
  CompleteMultipartUpload: rule(writeNeeds),
  CopyObject: rule(copyNeeds),
  CorsPreflight: { kind: "open" },
  CreateBucket: rule(createBucketNeeds),
  CreateBucketMetadataConfiguration: onBucket(`Create${METADATA_TABLE}`),
  CreateBucketMetadataTableConfiguration: onBucket(`Create${METADATA_TABLE}`),
  CreateMultipartUpload: rule(writeNeeds),
  CreateSession: onBucket("CreateSession"),
  DeleteBucket: rule(deleteBucketNeeds),
  DeleteBucketAnalyticsConfiguration: onBucket("PutAnalyticsConfiguration"),
  DeleteBucketCors: onBucket("PutBucketCORS"),
  DeleteBucketEncryption: onBucket("PutEncryptionConfiguration"),
  DeleteBucketIntelligentTieringConfiguration: onBucket("PutIntelligentTieringConfiguration"),
  DeleteBucketInventoryConfiguration: onBucket("PutInventoryConfiguration"),
  DeleteBucketLifecycle: onBucket("PutLifecycleConfiguration"),
  DeleteBucketMetadataConfiguration: onBucket(`Delete${METADATA_TABLE}`),
  DeleteBucketMetadataTableConfiguration: onBucket(`Delete${METADATA_TABLE}`),
  DeleteBucketMetricsConfiguration: onBucket("PutMetricsConfiguration"),
  DeleteBucketOwnershipControls: onBucket("PutBucketOwnershipControls"),
  DeleteBucketPolicy: onBucket("DeleteBucketPolicy"),
  DeleteBucketReplication: onBucket("PutReplicationConfiguration"),
  DeleteBucketTagging: onBucket("PutBucketTagging"),
  DeleteBucketWebsite: onBucket("DeleteBucketWebsite"),
  DeleteObject: rule(deleteNeeds),
  DeleteObjectTagging: byVersion(["DeleteObjectTagging"], ["DeleteObjectVersionTagging"]),
  DeleteObjects: { kind: "handler" },
  DeletePublicAccessBlock: onBucket("PutBucketPublicAccessBlock"),
  GetBucketAbac: onBucket("GetBucketAbac"),
  GetBucketAccelerateConfiguration: onBucket("GetAccelerateConfiguration"),
  GetBucketAcl: onBucket("GetBucketAcl"),
  GetBucketAnalyticsConfiguration: onBucket("GetAnalyticsConfiguration"),
  GetBucketCors: onBucket("GetBucketCORS"),
  GetBucketEncryption: onBucket("GetEncryptionConfiguration"),
  GetBucketIntelligentTieringConfiguration: onBucket("GetIntelligentTieringConfiguration"),
  GetBucketInventoryConfiguration: onBucket("GetInventoryConfiguration"),
  GetBucketLifecycleConfiguration: onBucket("GetLifecycleConfiguration"),
  GetBucketLocation: onBucket("GetBucketLocation"),
  GetBucketLogging: onBucket("GetBucketLogging"),
  GetBucketMetadataConfiguration: onBucket(`Get${METADATA_TABLE}`),
  GetBucketMetadataTableConfiguration: onBucket(`Get${METADATA_TABLE}`),
  GetBucketMetricsConfiguration: onBucket("GetMetricsConfiguration"),
  GetBucketNotificationConfiguration: onBucket("GetBucketNotification"),
  GetBucketOwnershipControls: onBucket("GetBucketOwnershipControls"),
  GetBucketPolicy: onBucket("GetBucketPolicy"),
  GetBucketPolicyStatus: onBucket("GetBucketPolicyStatus"),
  GetBucketReplication: onBucket("GetReplicationConfiguration"),
  GetBucketRequestPayment: onBucket("GetBucketRequestPayment"),
  GetBucketTagging: onBucket("GetBucketTagging"),
  GetBucketVersioning: onBucket("GetBucketVersioning"),
  GetBucketWebsite: onBucket("GetBucketWebsite"),
  GetObject: GET_OBJECT,
  GetObjectAcl: byVersion(["GetObjectAcl"], ["GetObjectVersionAcl"]),
  GetObjectAttributes: byVersion(
    ["GetObject", "GetObjectAttributes"],
    ["GetObjectVersion", "GetObjectVersionAttributes"],
  ),
  GetObjectLambda: GET_OBJECT,
  GetObjectLegalHold: onObject("GetObjectLegalHold"),
  GetObjectLockConfiguration: onBucket("GetBucketObjectLockConfiguration"),
  GetObjectRetention: onObject("GetObjectRetention"),
  GetObjectTagging: byVersion(["GetObjectTagging"], ["GetObjectVersionTagging"]),
  GetObjectTorrent: byVersion(["GetObjectTorrent"], ["GetObjectVersionTorrent"]),
  GetPublicAccessBlock: onBucket("GetBucketPublicAccessBlock"),
  HeadBucket: onBucket("ListBucket"),
  HeadObject: GET_OBJECT,
  ListBucketAnalyticsConfigurations: onBucket("GetAnalyticsConfiguration"),
  ListBucketIntelligentTieringConfigurations: onBucket("GetIntelligentTieringConfiguration"),
  ListBucketInventoryConfigurations: onBucket("GetInventoryConfiguration"),
  ListBucketMetricsConfigurations: onBucket("GetMetricsConfiguration"),
  ListBuckets: { kind: "handler" },
  ListMultipartUploads: onBucket("ListBucketMultipartUploads"),
  ListObjects: onBucket("ListBucket"),
  ListObjectsV2: onBucket("ListBucket"),
  ListObjectVersions: onBucket("ListBucketVersions"),
  ListParts: onObject("ListMultipartUploadParts"),
  ListenBucketNotification: onBucket("ListenBucketNotification"),
  ListenNotification: rule(() => LISTEN_EVERYWHERE),
  PostObject: { kind: "handler" },
  PutBucketAbac: onBucket("PutBucketAbac"),
  PutBucketAccelerateConfiguration: onBucket("PutAccelerateConfiguration"),
  PutBucketAcl: onBucket("PutBucketAcl"),
  PutBucketAnalyticsConfiguration: onBucket("PutAnalyticsConfiguration"),
  PutBucketCors: onBucket("PutBucketCORS"),
  PutBucketEncryption: onBucket("PutEncryptionConfiguration"),
  PutBucketIntelligentTieringConfiguration: onBucket("PutIntelligentTieringConfiguration"),
  PutBucketInventoryConfiguration: onBucket("PutInventoryConfiguration"),
  PutBucketLifecycleConfiguration: onBucket("PutLifecycleConfiguration"),
  PutBucketLogging: onBucket("PutBucketLogging"),
  PutBucketMetricsConfiguration: onBucket("PutMetricsConfiguration"),
  PutBucketNotificationConfiguration: onBucket("PutBucketNotification"),
  PutBucketOwnershipControls: onBucket("PutBucketOwnershipControls"),
  PutBucketPolicy: onBucket("PutBucketPolicy"),
  PutBucketReplication: onBucket("PutReplicationConfiguration"),
  PutBucketRequestPayment: onBucket("PutBucketRequestPayment"),
  PutBucketTagging: onBucket("PutBucketTagging"),
  PutBucketVersioning: onBucket("PutBucketVersioning"),
  PutBucketWebsite: onBucket("PutBucketWebsite"),
  PutObject: rule(writeNeeds),
  PutObjectAcl: byVersion(["PutObjectAcl"], ["PutObjectVersionAcl"]),
  PutObjectExtract: rule(writeNeeds),
  PutObjectLegalHold: onObject("PutObjectLegalHold"),
  PutObjectLockConfiguration: onBucket("PutBucketObjectLockConfiguration"),
  PutObjectRetention: rule(retentionNeeds),
  PutObjectTagging: byVersion(["PutObjectTagging"], ["PutObjectVersionTagging"]),
  PutPublicAccessBlock: onBucket("PutBucketPublicAccessBlock"),
  RenameObject: rule((facts) => [...writeNeeds(facts), ...RENAME_SOURCE_NEEDS]),
  RestoreObject: onObject("RestoreObject"),
  SelectObjectContent: onObject("GetObject"),
  UpdateBucketMetadataInventoryTableConfiguration: onBucket(
    "UpdateBucketMetadataInventoryTableConfiguration",
  ),
  UpdateBucketMetadataJournalTableConfiguration: onBucket(
    "UpdateBucketMetadataJournalTableConfiguration",
  ),
  UpdateObjectEncryption: onObject("UpdateObjectEncryption"),
  UploadPart: onObject("PutObject"),
  UploadPartCopy: rule((facts) => [PUT_OBJECT, ...copyNeeds(facts).filter(isSource)]),
};

function isSource({ on }: AccessNeed): boolean {
  return on === "source";
}
