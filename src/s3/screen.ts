/**
 * Headers that change what a write means and that are not implemented: refused by name with 501
 * instead of being ignored, because ignoring encryption or a lock would betray the client.
 */
import type { HttpHeaders } from "../http/headers.ts";
import { S3Error } from "./s3-error.ts";

const ENCRYPTION = [
  "x-amz-server-side-encryption",
  "x-amz-server-side-encryption-aws-kms-key-id",
  "x-amz-server-side-encryption-context",
  "x-amz-server-side-encryption-bucket-key-enabled",
  "x-amz-server-side-encryption-customer-algorithm",
  "x-amz-server-side-encryption-customer-key",
  "x-amz-server-side-encryption-customer-key-md5",
];
const COPY_ENCRYPTION = [
  "x-amz-copy-source-server-side-encryption-customer-algorithm",
  "x-amz-copy-source-server-side-encryption-customer-key",
  "x-amz-copy-source-server-side-encryption-customer-key-md5",
];
const LOCK = [
  "x-amz-object-lock-mode",
  "x-amz-object-lock-retain-until-date",
  "x-amz-object-lock-legal-hold",
  "x-amz-bypass-governance-retention",
];
const GRANTS = [
  "x-amz-grant-full-control",
  "x-amz-grant-read",
  "x-amz-grant-read-acp",
  "x-amz-grant-write",
  "x-amz-grant-write-acp",
];

/** What each kind of request may not carry yet. */
const UNSUPPORTED = {
  write: [...ENCRYPTION, ...LOCK, ...GRANTS],
  copy: [...ENCRYPTION, ...COPY_ENCRYPTION, ...LOCK, ...GRANTS],
  read: ENCRYPTION.slice(4),
  createBucket: GRANTS,
} as const satisfies Record<string, readonly string[]>;

/** Canned ACLs that mean what every object has anyway: its owner controls it, nobody else. */
const HARMLESS_ACLS: ReadonlySet<string> = new Set([
  "private",
  "bucket-owner-full-control",
  "bucket-owner-read",
]);

/** Throws NotImplemented for the first header that asks for something missing. */
export function screenHeaders(headers: HttpHeaders, kind: keyof typeof UNSUPPORTED): void {
  for (const name of UNSUPPORTED[kind]) {
    if (headers.has(name)) throw missing(name);
  }
  if (kind === "read") return;
  const acl = headers.get("x-amz-acl");
  if (acl !== undefined && !HARMLESS_ACLS.has(acl)) throw missing("x-amz-acl");
  if (headers.get("x-amz-bucket-object-lock-enabled")?.toLowerCase() === "true") {
    throw missing("x-amz-bucket-object-lock-enabled");
  }
}

function missing(name: string): S3Error {
  return new S3Error("NotImplemented", {
    message: "A header you provided implies functionality that is not implemented.",
    details: [["Header", name]],
  });
}
