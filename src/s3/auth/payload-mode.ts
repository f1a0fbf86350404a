/** What `x-amz-content-sha256` may say. Anything else is refused by name. */
import { invalidArgument, S3Error } from "../s3-error.ts";

export const UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";
export const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

export type ContentSha256 =
  | { readonly kind: "unsigned" }
  | { readonly kind: "digest"; readonly sha256: string }
  | { readonly kind: "chunked-unsigned" }
  | { readonly kind: "chunked-signed"; readonly trailer: boolean };

const DIGEST = /^[0-9a-fA-F]{64}$/;
const ASYMMETRIC = /^STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD(?:-TRAILER)?$/;

export function parseContentSha256(value: string): ContentSha256 {
  if (DIGEST.test(value)) return { kind: "digest", sha256: value.toLowerCase() };
  switch (value) {
    case UNSIGNED_PAYLOAD:
      return { kind: "unsigned" };
    case "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
      return { kind: "chunked-unsigned" };
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
      return { kind: "chunked-signed", trailer: false };
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
      return { kind: "chunked-signed", trailer: true };
    default:
  }
  if (ASYMMETRIC.test(value)) {
    throw new S3Error("NotImplemented", { message: `${value} is not implemented.` });
  }
  throw invalidArgument(
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
    "x-amz-content-sha256",
    value,
  );
}
