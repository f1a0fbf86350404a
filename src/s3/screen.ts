/**
 * Headers that change what a write means and that are not implemented: refused by name with 501
 * instead of being ignored, because ignoring encryption would betray the client.
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
/** What each kind of request may not carry yet. */
const UNSUPPORTED = {
  write: ENCRYPTION,
  copy: [...ENCRYPTION, ...COPY_ENCRYPTION],
  read: ENCRYPTION.slice(4),
} as const satisfies Record<string, readonly string[]>;

/** Throws NotImplemented for the first header that asks for something missing. */
export function screenHeaders(headers: HttpHeaders, kind: keyof typeof UNSUPPORTED): void {
  for (const name of UNSUPPORTED[kind]) {
    if (headers.has(name)) throw missing(name);
  }
}

function missing(name: string): S3Error {
  return new S3Error("NotImplemented", {
    message: "A header you provided implies functionality that is not implemented.",
    details: [["Header", name]],
  });
}
