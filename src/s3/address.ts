/**
 * Which bucket and key a request means, by path (`/bucket/key`) or by host (`bucket.domain/key`).
 * Path style always works; host style for the configured domains.
 */
import { type BucketName, parseBucketName } from "./bucket-name.ts";
import { type ObjectKey, parseObjectKey } from "./object-key.ts";
import { percentDecode } from "./percent.ts";
import { S3Error } from "./s3-error.ts";

export type S3Address =
  | { readonly kind: "service" }
  | { readonly kind: "bucket"; readonly bucket: BucketName }
  | { readonly kind: "object"; readonly bucket: BucketName; readonly key: ObjectKey };

/** Decoded path and host of one request; throws S3Error when it addresses nothing. */
export function parseAddress(
  host: string | undefined,
  rawPath: string,
  domains: readonly string[],
): S3Address {
  const path = decodePath(rawPath);
  const hostBucket = domains.length === 0 ? undefined : bucketOfHost(host ?? "", domains);
  if (hostBucket !== undefined) return addressOf(hostBucket, path.slice(1));
  // Some clients ask for "//" when they list buckets.
  if (path === "/" || path === "//") return { kind: "service" };
  const slash = path.indexOf("/", 1);
  if (slash < 0) return addressOf(path.slice(1), "");
  return addressOf(path.slice(1, slash), path.slice(slash + 1));
}

function addressOf(bucketText: string, keyText: string): S3Address {
  const bucket = parseBucketName(bucketText);
  if (keyText === "") return { kind: "bucket", bucket };
  return { kind: "object", bucket, key: parseObjectKey(keyText) };
}

/** Paths of one request line are at most this long; a key of 1,024 bytes fits thrice-escaped. */
export const PATH_LENGTH_MAX = 8192;

function decodePath(rawPath: string): string {
  const path = rawPath.length > PATH_LENGTH_MAX ? undefined : percentDecode(rawPath, "literal");
  if (path === undefined || !path.startsWith("/")) throw new S3Error("InvalidURI");
  return path;
}

/** The label before a configured domain; undefined for the domain itself and for other hosts. */
export function bucketOfHost(host: string, domains: readonly string[]): string | undefined {
  const name = hostName(host);
  for (const domain of domains) {
    if (name.length <= domain.length + 1 || !name.endsWith(domain)) continue;
    const dot = name.length - domain.length - 1;
    if (name[dot] === ".") return name.slice(0, dot);
  }
  return undefined;
}

/** Host names compare without case and without port. */
function hostName(host: string): string {
  const lower = host.toLowerCase();
  if (lower.startsWith("[")) return lower;
  const colon = lower.lastIndexOf(":");
  return colon < 0 ? lower : lower.slice(0, colon);
}
