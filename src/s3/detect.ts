/**
 * Which S3 operation a request asks for: method, what it addresses, sub-resource, a few headers.
 *
 * Two rules keep it safe. A sub-resource that the method does not have is refused, so that
 * `DELETE /bucket?versioning` never deletes the bucket; and two sub-resources at once are refused
 * instead of choosing one. Parameters that S3 does not know (`x-id` …) are ignored, as S3 does.
 * A browser's preflight may name any of them: it asks about the request that will follow.
 */
import type { S3Address } from "./address.ts";
import type { QueryParameters } from "./query.ts";
import { S3Error } from "./s3-error.ts";
import type {
  BucketOperation,
  ObjectOperation,
  S3Operation,
  ServiceOperation,
} from "./s3-operations.ts";

export interface DetectableRequest {
  readonly method: string;
  readonly query: QueryParameters;
  readonly headers: { get(name: string): string | undefined };
}

/** Throws S3Error when no operation is meant. */
export function detectOperation(address: S3Address, request: DetectableRequest): S3Operation {
  switch (address.kind) {
    case "service":
      return detectServiceOperation(request);
    case "bucket":
      return detectBucketOperation(request);
    case "object":
      return detectObjectOperation(request);
  }
}

type Method = "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
type Choice<Operation> = Operation | ((request: DetectableRequest) => Operation);
type MethodTable<Operation> = { readonly [M in Method]?: Choice<Operation> };

/** What a sub-resource means under each method; a method that is absent is refused. */
type SubresourceTable<Operation> = Readonly<Record<string, MethodTable<Operation>>>;

function detectServiceOperation(request: DetectableRequest): ServiceOperation {
  if (request.method === "GET") {
    return request.query.has("events") ? "ListenNotification" : "ListBuckets";
  }
  throw methodNotAllowed(request.method, "SERVICE");
}

/** Configurations that a bucket has many of: with `id` one of them, without it the list. */
function byId<Operation>(one: Operation, list: Operation): Choice<Operation> {
  return (request) => (request.query.has("id") ? one : list);
}

const BUCKET_SUBRESOURCES: SubresourceTable<BucketOperation> = {
  abac: { GET: "GetBucketAbac", PUT: "PutBucketAbac" },
  accelerate: {
    GET: "GetBucketAccelerateConfiguration",
    PUT: "PutBucketAccelerateConfiguration",
  },
  acl: { GET: "GetBucketAcl", PUT: "PutBucketAcl" },
  analytics: {
    GET: byId("GetBucketAnalyticsConfiguration", "ListBucketAnalyticsConfigurations"),
    PUT: "PutBucketAnalyticsConfiguration",
    DELETE: "DeleteBucketAnalyticsConfiguration",
  },
  cors: { GET: "GetBucketCors", PUT: "PutBucketCors", DELETE: "DeleteBucketCors" },
  delete: { POST: "DeleteObjects" },
  encryption: {
    GET: "GetBucketEncryption",
    PUT: "PutBucketEncryption",
    DELETE: "DeleteBucketEncryption",
  },
  events: { GET: "ListenBucketNotification" },
  "intelligent-tiering": {
    GET: byId(
      "GetBucketIntelligentTieringConfiguration",
      "ListBucketIntelligentTieringConfigurations",
    ),
    PUT: "PutBucketIntelligentTieringConfiguration",
    DELETE: "DeleteBucketIntelligentTieringConfiguration",
  },
  inventory: {
    GET: byId("GetBucketInventoryConfiguration", "ListBucketInventoryConfigurations"),
    PUT: "PutBucketInventoryConfiguration",
    DELETE: "DeleteBucketInventoryConfiguration",
  },
  lifecycle: {
    GET: "GetBucketLifecycleConfiguration",
    PUT: "PutBucketLifecycleConfiguration",
    DELETE: "DeleteBucketLifecycle",
  },
  location: { GET: "GetBucketLocation" },
  logging: { GET: "GetBucketLogging", PUT: "PutBucketLogging" },
  metadataConfiguration: {
    GET: "GetBucketMetadataConfiguration",
    POST: "CreateBucketMetadataConfiguration",
    DELETE: "DeleteBucketMetadataConfiguration",
  },
  metadataInventoryTable: { PUT: "UpdateBucketMetadataInventoryTableConfiguration" },
  metadataJournalTable: { PUT: "UpdateBucketMetadataJournalTableConfiguration" },
  metadataTable: {
    GET: "GetBucketMetadataTableConfiguration",
    POST: "CreateBucketMetadataTableConfiguration",
    DELETE: "DeleteBucketMetadataTableConfiguration",
  },
  metrics: {
    GET: byId("GetBucketMetricsConfiguration", "ListBucketMetricsConfigurations"),
    PUT: "PutBucketMetricsConfiguration",
    DELETE: "DeleteBucketMetricsConfiguration",
  },
  notification: {
    GET: "GetBucketNotificationConfiguration",
    PUT: "PutBucketNotificationConfiguration",
  },
  "object-lock": { GET: "GetObjectLockConfiguration", PUT: "PutObjectLockConfiguration" },
  ownershipControls: {
    GET: "GetBucketOwnershipControls",
    PUT: "PutBucketOwnershipControls",
    DELETE: "DeleteBucketOwnershipControls",
  },
  policy: { GET: "GetBucketPolicy", PUT: "PutBucketPolicy", DELETE: "DeleteBucketPolicy" },
  policyStatus: { GET: "GetBucketPolicyStatus" },
  publicAccessBlock: {
    GET: "GetPublicAccessBlock",
    PUT: "PutPublicAccessBlock",
    DELETE: "DeletePublicAccessBlock",
  },
  replication: {
    GET: "GetBucketReplication",
    PUT: "PutBucketReplication",
    DELETE: "DeleteBucketReplication",
  },
  requestPayment: { GET: "GetBucketRequestPayment", PUT: "PutBucketRequestPayment" },
  session: { GET: "CreateSession" },
  tagging: { GET: "GetBucketTagging", PUT: "PutBucketTagging", DELETE: "DeleteBucketTagging" },
  uploads: { GET: "ListMultipartUploads" },
  versioning: { GET: "GetBucketVersioning", PUT: "PutBucketVersioning" },
  versions: { GET: "ListObjectVersions" },
  website: { GET: "GetBucketWebsite", PUT: "PutBucketWebsite", DELETE: "DeleteBucketWebsite" },
};

const BUCKET_DEFAULTS: MethodTable<BucketOperation> = {
  GET: ({ query }) => (query.get("list-type") === "2" ? "ListObjectsV2" : "ListObjects"),
  HEAD: "HeadBucket",
  PUT: "CreateBucket",
  POST: "PostObject",
  DELETE: "DeleteBucket",
};

function detectBucketOperation(request: DetectableRequest): BucketOperation {
  if (request.method === "OPTIONS") return "CorsPreflight";
  const name = onlySubresource(BUCKET_SUBRESOURCES, request);
  const table = name === undefined ? BUCKET_DEFAULTS : (BUCKET_SUBRESOURCES[name] ?? {});
  return choose(table, request, name?.toUpperCase() ?? "BUCKET");
}

const OBJECT_SUBRESOURCES: SubresourceTable<ObjectOperation> = {
  acl: { GET: "GetObjectAcl", PUT: "PutObjectAcl" },
  attributes: { GET: "GetObjectAttributes" },
  encryption: { PUT: "UpdateObjectEncryption" },
  lambdaArn: { GET: "GetObjectLambda" },
  "legal-hold": { GET: "GetObjectLegalHold", PUT: "PutObjectLegalHold" },
  renameObject: { PUT: "RenameObject" },
  restore: { POST: "RestoreObject" },
  retention: { GET: "GetObjectRetention", PUT: "PutObjectRetention" },
  select: { POST: "SelectObjectContent" },
  tagging: { GET: "GetObjectTagging", PUT: "PutObjectTagging", DELETE: "DeleteObjectTagging" },
  torrent: { GET: "GetObjectTorrent" },
  uploadId: {
    GET: "ListParts",
    PUT: (request) => detectPartUpload(request),
    POST: "CompleteMultipartUpload",
    DELETE: "AbortMultipartUpload",
  },
  uploads: { POST: "CreateMultipartUpload" },
};

const OBJECT_DEFAULTS: MethodTable<ObjectOperation> = {
  GET: "GetObject",
  HEAD: "HeadObject",
  PUT: (request) => detectObjectWrite(request),
  DELETE: "DeleteObject",
};

function detectObjectOperation(request: DetectableRequest): ObjectOperation {
  if (request.method === "OPTIONS") return "CorsPreflight";
  const name = onlySubresource(OBJECT_SUBRESOURCES, request);
  const table = name === undefined ? OBJECT_DEFAULTS : (OBJECT_SUBRESOURCES[name] ?? {});
  return choose(table, request, name?.toUpperCase() ?? "OBJECT");
}

function detectPartUpload({ query, headers }: DetectableRequest): ObjectOperation {
  if (!query.has("partNumber")) {
    throw new S3Error("InvalidArgument", {
      message: "A part is uploaded with both partNumber and uploadId.",
      details: [["ArgumentName", "partNumber"]],
    });
  }
  return headers.get("x-amz-copy-source") === undefined ? "UploadPart" : "UploadPartCopy";
}

function detectObjectWrite({ query, headers }: DetectableRequest): ObjectOperation {
  if (query.has("partNumber")) {
    throw new S3Error("InvalidArgument", {
      message: "A part is uploaded with both partNumber and uploadId.",
      details: [["ArgumentName", "uploadId"]],
    });
  }
  if (headers.get("x-amz-copy-source") !== undefined) return "CopyObject";
  if (headers.get("x-amz-write-offset-bytes") !== undefined) return "AppendObject";
  const extract = headers.get("x-amz-meta-snowball-auto-extract");
  return extract?.toLowerCase() === "true" ? "PutObjectExtract" : "PutObject";
}

/** Every parameter that chooses an operation. */
export const SUBRESOURCES: readonly string[] = [
  ...Object.keys(BUCKET_SUBRESOURCES),
  ...Object.keys(OBJECT_SUBRESOURCES),
];

/** The one sub-resource that the query names, if any. */
function onlySubresource<Operation>(
  table: SubresourceTable<Operation>,
  request: DetectableRequest,
): string | undefined {
  let found: string | undefined;
  for (const [name] of request.query.entries()) {
    if (!Object.hasOwn(table, name) || name === found) continue;
    if (found !== undefined) {
      throw new S3Error("InvalidArgument", {
        message: `Conflicting query string parameters: ${found}, ${name}`,
        details: [["ArgumentName", "ResourceType"]],
      });
    }
    found = name;
  }
  return found;
}

function choose<Operation extends string>(
  table: MethodTable<Operation>,
  request: DetectableRequest,
  resourceType: string,
): Operation {
  const choice = isMethod(request.method) ? table[request.method] : undefined;
  if (choice === undefined) throw methodNotAllowed(request.method, resourceType);
  return typeof choice === "function" ? choice(request) : choice;
}

const METHODS: ReadonlySet<string> = new Set<Method>(["GET", "HEAD", "PUT", "POST", "DELETE"]);

function isMethod(method: string): method is Method {
  return METHODS.has(method);
}

function methodNotAllowed(method: string, resourceType: string): S3Error {
  return new S3Error("MethodNotAllowed", {
    details: [
      ["Method", method],
      ["ResourceType", resourceType],
    ],
  });
}
