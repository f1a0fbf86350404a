/**
 * Every implemented operation by name. The tables are total: an operation that is neither here nor
 * in `not-implemented.ts` does not compile.
 */
import type { BucketContext, ObjectContext, ServiceContext } from "./context.ts";
import type { NotImplementedOperation } from "./not-implemented.ts";
import { getBucketAcl, getObjectAcl, putBucketAcl, putObjectAcl } from "./operations/acl.ts";
import { getObjectOrMember } from "./operations/archive-members.ts";
import {
  bucketTaggingHandlers,
  corsHandlers,
  deleteBucketLifecycle,
  encryptionHandlers,
  getBucketLifecycle,
  ownershipHandlers,
  publicAccessHandlers,
  putBucketLifecycle,
  websiteHandlers,
} from "./operations/bucket-documents.ts";
import { getBucketLogging, putBucketLogging } from "./operations/bucket-logging.ts";
import {
  deleteBucketPolicy,
  getBucketPolicy,
  getBucketPolicyStatus,
  putBucketPolicy,
} from "./operations/bucket-policy.ts";
import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  getBucketVersioning,
  headBucket,
  listBuckets,
  putBucketVersioning,
} from "./operations/buckets.ts";
import { copyObject, uploadPartCopy } from "./operations/copy-object.ts";
import { deleteObjects } from "./operations/delete-objects.ts";
import {
  alwaysAbsent,
  deleteAbsent,
  emptyList,
  getBucketAccelerate,
  putBucketAccelerate,
} from "./operations/fixed-documents.ts";
import { deleteObjectOrBelow } from "./operations/force-delete.ts";
import { getObjectAttributes } from "./operations/get-object-attributes.ts";
import { listMultipartUploads, listParts } from "./operations/list-multipart.ts";
import { listObjectVersions } from "./operations/list-object-versions.ts";
import { listObjectsV1, listObjectsV2 } from "./operations/list-objects.ts";
import { listenBucketNotification, listenNotification } from "./operations/listen.ts";
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  uploadPart,
} from "./operations/multipart.ts";
import { getBucketNotification, putBucketNotification } from "./operations/notification.ts";
import { updateObjectEncryption } from "./operations/object-encryption.ts";
import {
  getObjectLegalHold,
  getObjectLockConfiguration,
  getObjectRetention,
  putObjectLegalHold,
  putObjectLockConfiguration,
  putObjectRetention,
} from "./operations/object-lock.ts";
import {
  deleteObjectTagging,
  getObjectTagging,
  putObjectTagging,
} from "./operations/object-tagging.ts";
import { putObject } from "./operations/put-object.ts";
import { putObjectExtract } from "./operations/put-object-extract.ts";
import { renameObject } from "./operations/rename-object.ts";
import { getBucketRequestPayment, putBucketRequestPayment } from "./operations/request-payment.ts";
import { restoreObject } from "./operations/restore-object.ts";
import type { BucketOperation, ObjectOperation, ServiceOperation } from "./s3-operations.ts";

type Handlers<Name extends string, Context> = {
  readonly [N in Exclude<Name, NotImplementedOperation>]: (context: Context) => Promise<void>;
};

export const SERVICE_HANDLERS: Handlers<ServiceOperation, ServiceContext> = {
  ListBuckets: listBuckets,
  ListenNotification: listenNotification,
};

/** PostObject is dispatched by itself: its context is in its body. */
export const BUCKET_HANDLERS: Handlers<Exclude<BucketOperation, "PostObject">, BucketContext> = {
  CreateBucket: createBucket,
  DeleteBucket: deleteBucket,
  DeleteBucketAnalyticsConfiguration: alwaysAbsent("NoSuchConfiguration"),
  DeleteBucketCors: corsHandlers.delete,
  DeleteBucketEncryption: encryptionHandlers.delete,
  DeleteBucketIntelligentTieringConfiguration: alwaysAbsent("NoSuchConfiguration"),
  DeleteBucketInventoryConfiguration: alwaysAbsent("NoSuchConfiguration"),
  DeleteBucketLifecycle: deleteBucketLifecycle,
  DeleteBucketMetricsConfiguration: alwaysAbsent("NoSuchConfiguration"),
  DeleteBucketOwnershipControls: ownershipHandlers.delete,
  DeleteBucketPolicy: deleteBucketPolicy,
  DeleteBucketReplication: deleteAbsent,
  DeleteBucketTagging: bucketTaggingHandlers.delete,
  DeleteBucketWebsite: websiteHandlers.delete,
  DeleteObjects: deleteObjects,
  DeletePublicAccessBlock: publicAccessHandlers.delete,
  GetBucketAccelerateConfiguration: getBucketAccelerate,
  GetBucketAcl: getBucketAcl,
  GetBucketAnalyticsConfiguration: alwaysAbsent("NoSuchConfiguration"),
  GetBucketCors: corsHandlers.get,
  GetBucketEncryption: encryptionHandlers.get,
  GetBucketIntelligentTieringConfiguration: alwaysAbsent("NoSuchConfiguration"),
  GetBucketInventoryConfiguration: alwaysAbsent("NoSuchConfiguration"),
  GetBucketLifecycleConfiguration: getBucketLifecycle,
  GetBucketLocation: getBucketLocation,
  GetBucketLogging: getBucketLogging,
  GetBucketMetricsConfiguration: alwaysAbsent("NoSuchConfiguration"),
  GetBucketNotificationConfiguration: getBucketNotification,
  GetBucketOwnershipControls: ownershipHandlers.get,
  GetBucketPolicy: getBucketPolicy,
  GetBucketPolicyStatus: getBucketPolicyStatus,
  GetBucketReplication: alwaysAbsent("ReplicationConfigurationNotFoundError"),
  GetBucketRequestPayment: getBucketRequestPayment,
  GetBucketTagging: bucketTaggingHandlers.get,
  GetBucketVersioning: getBucketVersioning,
  GetBucketWebsite: websiteHandlers.get,
  GetObjectLockConfiguration: getObjectLockConfiguration,
  GetPublicAccessBlock: publicAccessHandlers.get,
  HeadBucket: headBucket,
  ListBucketAnalyticsConfigurations: emptyList("ListBucketAnalyticsConfigurationResult"),
  ListBucketIntelligentTieringConfigurations: emptyList(
    "ListBucketIntelligentTieringConfigurationsOutput",
  ),
  ListBucketInventoryConfigurations: emptyList("ListInventoryConfigurationsResult"),
  ListBucketMetricsConfigurations: emptyList("ListMetricsConfigurationsResult"),
  ListMultipartUploads: listMultipartUploads,
  ListenBucketNotification: listenBucketNotification,
  ListObjects: listObjectsV1,
  ListObjectsV2: listObjectsV2,
  ListObjectVersions: listObjectVersions,
  PutBucketAccelerateConfiguration: putBucketAccelerate,
  PutBucketAcl: putBucketAcl,
  PutBucketCors: corsHandlers.put,
  PutBucketLifecycleConfiguration: putBucketLifecycle,
  PutBucketEncryption: encryptionHandlers.put,
  PutBucketLogging: putBucketLogging,
  PutBucketNotificationConfiguration: putBucketNotification,
  PutBucketOwnershipControls: ownershipHandlers.put,
  PutBucketRequestPayment: putBucketRequestPayment,
  PutBucketPolicy: putBucketPolicy,
  PutBucketTagging: bucketTaggingHandlers.put,
  PutBucketVersioning: putBucketVersioning,
  PutBucketWebsite: websiteHandlers.put,
  PutObjectLockConfiguration: putObjectLockConfiguration,
  PutPublicAccessBlock: publicAccessHandlers.put,
};

export const OBJECT_HANDLERS: Handlers<ObjectOperation, ObjectContext> = {
  AbortMultipartUpload: abortMultipartUpload,
  CompleteMultipartUpload: completeMultipartUpload,
  CopyObject: copyObject,
  CreateMultipartUpload: createMultipartUpload,
  DeleteObject: deleteObjectOrBelow,
  DeleteObjectTagging: deleteObjectTagging,
  GetObject: getObjectOrMember,
  GetObjectAcl: getObjectAcl,
  GetObjectAttributes: getObjectAttributes,
  GetObjectLegalHold: getObjectLegalHold,
  GetObjectRetention: getObjectRetention,
  GetObjectTagging: getObjectTagging,
  HeadObject: getObjectOrMember,
  ListParts: listParts,
  PutObject: putObject,
  PutObjectAcl: putObjectAcl,
  PutObjectExtract: putObjectExtract,
  PutObjectLegalHold: putObjectLegalHold,
  PutObjectRetention: putObjectRetention,
  PutObjectTagging: putObjectTagging,
  RenameObject: renameObject,
  GetObjectTorrent: alwaysAbsent("NoSuchKey"),
  RestoreObject: restoreObject,
  UpdateObjectEncryption: updateObjectEncryption,
  UploadPart: uploadPart,
  UploadPartCopy: uploadPartCopy,
};
