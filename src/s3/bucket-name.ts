/**
 * Bucket names: AWS's rules for general purpose buckets. The name is branded by its parser, so that
 * an unchecked string cannot be used as one.
 */
import { S3Error } from "./s3-error.ts";

declare const brand: unique symbol;
export type BucketName = string & { readonly [brand]: "BucketName" };

const SHAPE = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const BAD_NEIGHBOURS = /\.\.|\.-|-\./;
const IP_ADDRESS = /^\d{1,3}(?:\.\d{1,3}){3}$/;
/** Prefixes and suffixes that AWS keeps for itself (access points, directory buckets …). */
const RESERVED = /^(?:xn--|sthree-|amzn-s3-demo-)|(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/;
/** Paths of our own on the same port, so never a bucket. */
const OWN_PATHS = new Set(["minio"]);

/** Whether the name may be given to a new bucket. */
export function isCreatableBucketName(name: string): boolean {
  return isBucketName(name) && !RESERVED.test(name);
}

/** Whether a bucket of this name can exist. */
export function isBucketName(name: string): name is BucketName {
  if (!SHAPE.test(name) || BAD_NEIGHBOURS.test(name)) return false;
  return !IP_ADDRESS.test(name) && !OWN_PATHS.has(name);
}

export function parseBucketName(name: string): BucketName {
  if (isBucketName(name)) return name;
  throw new S3Error("InvalidBucketName", { details: [["BucketName", name]] });
}
