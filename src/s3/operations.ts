/**
 * Every implemented operation by name. The tables are total: an operation that is neither here nor
 * in `not-implemented.ts` does not compile.
 */
import type { BucketContext, ObjectContext, ServiceContext } from "./context.ts";
import type { NotImplementedOperation } from "./not-implemented.ts";
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
import { deleteObject, deleteObjects } from "./operations/delete-objects.ts";
import { getObject, headObject } from "./operations/get-object.ts";
import { getObjectAttributes } from "./operations/get-object-attributes.ts";
import { listMultipartUploads, listParts } from "./operations/list-multipart.ts";
import { listObjectVersions } from "./operations/list-object-versions.ts";
import { listObjectsV1, listObjectsV2 } from "./operations/list-objects.ts";
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  uploadPart,
} from "./operations/multipart.ts";
import { putObject } from "./operations/put-object.ts";
import type { BucketOperation, ObjectOperation, ServiceOperation } from "./s3-operations.ts";

type Handlers<Name extends string, Context> = {
  readonly [N in Exclude<Name, NotImplementedOperation>]: (context: Context) => Promise<void>;
};

export const SERVICE_HANDLERS: Handlers<ServiceOperation, ServiceContext> = {
  ListBuckets: listBuckets,
};

export const BUCKET_HANDLERS: Handlers<BucketOperation, BucketContext> = {
  CreateBucket: createBucket,
  DeleteBucket: deleteBucket,
  DeleteObjects: deleteObjects,
  GetBucketLocation: getBucketLocation,
  GetBucketVersioning: getBucketVersioning,
  HeadBucket: headBucket,
  ListMultipartUploads: listMultipartUploads,
  ListObjects: listObjectsV1,
  ListObjectsV2: listObjectsV2,
  ListObjectVersions: listObjectVersions,
  PutBucketVersioning: putBucketVersioning,
};

export const OBJECT_HANDLERS: Handlers<ObjectOperation, ObjectContext> = {
  AbortMultipartUpload: abortMultipartUpload,
  CompleteMultipartUpload: completeMultipartUpload,
  CopyObject: copyObject,
  CreateMultipartUpload: createMultipartUpload,
  DeleteObject: deleteObject,
  GetObject: getObject,
  GetObjectAttributes: getObjectAttributes,
  HeadObject: headObject,
  ListParts: listParts,
  PutObject: putObject,
  UploadPart: uploadPart,
  UploadPartCopy: uploadPartCopy,
};
