/** Which permission of which access control list covers an action. */
import type { AclPermission } from "./acl.ts";

export interface AclNeed {
  readonly list: "bucket" | "object";
  readonly permission: AclPermission;
}

/** By action in lower case. Actions that are not here no list ever allows. */
const NEEDS: ReadonlyMap<string, AclNeed> = new Map([
  need("s3:ListBucket", "bucket", "READ"),
  need("s3:ListBucketVersions", "bucket", "READ"),
  need("s3:ListBucketMultipartUploads", "bucket", "READ"),
  need("s3:PutObject", "bucket", "WRITE"),
  need("s3:DeleteObject", "bucket", "WRITE"),
  need("s3:AbortMultipartUpload", "bucket", "WRITE"),
  need("s3:ListMultipartUploadParts", "bucket", "WRITE"),
  need("s3:GetBucketAcl", "bucket", "READ_ACP"),
  need("s3:PutBucketAcl", "bucket", "WRITE_ACP"),
  need("s3:GetObject", "object", "READ"),
  need("s3:GetObjectVersion", "object", "READ"),
  need("s3:GetObjectAttributes", "object", "READ"),
  need("s3:GetObjectVersionAttributes", "object", "READ"),
  need("s3:GetObjectTorrent", "object", "READ"),
  need("s3:GetObjectAcl", "object", "READ_ACP"),
  need("s3:GetObjectVersionAcl", "object", "READ_ACP"),
  need("s3:PutObjectAcl", "object", "WRITE_ACP"),
  need("s3:PutObjectVersionAcl", "object", "WRITE_ACP"),
]);

/** `action` in lower case. */
export function aclNeedOf(action: string): AclNeed | undefined {
  return NEEDS.get(action);
}

function need(action: string, list: AclNeed["list"], permission: AclPermission): [string, AclNeed] {
  return [action.toLowerCase(), { list, permission }];
}
