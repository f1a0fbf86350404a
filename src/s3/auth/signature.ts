/**
 * Checking one Signature V4, wherever it came from: credential scope, signed headers, access key,
 * session token, signature. Each check refuses with the answer that AWS gives.
 */
import { hash, timingSafeEqual } from "node:crypto";
import { QueryParameters } from "../query.ts";
import { S3Error, type S3ErrorOptions } from "../s3-error.ts";
import type { S3ErrorCode } from "../s3-error-codes.ts";
import { type CanonicalParts, canonicalRequest } from "./canonical-request.ts";
import type { CredentialScope } from "./credential-scope.ts";
import type { Credential, CredentialSource } from "./credentials.ts";
import { redactCanonicalRequest } from "./redact.ts";
import type { SignedRequest } from "./signed-request.ts";
import type { SigningKey, SigningKeyCache } from "./signing-key.ts";

export const SIGNATURE_ALGORITHM = "AWS4-HMAC-SHA256";
/** How far the clocks of client and server may differ. */
export const CLOCK_SKEW_MS_MAX = 15 * 60 * 1000;
export const SIGNED_HEADERS_MAX = 100;

/** What the request claims, already parsed. */
export interface SignatureClaim extends CanonicalParts {
  readonly credential: CredentialScope;
  /** As in the request or made from its Date, `20130524T000000Z`. */
  readonly timestamp: string;
  readonly signature: string;
  readonly sessionToken: string | undefined;
}

export interface SignatureModules<Identity> {
  readonly credentials: CredentialSource<Identity>;
  readonly signingKeys: SigningKeyCache;
}

export interface VerifiedSignature<Identity> {
  readonly credential: Credential<Identity>;
  readonly signingKey: SigningKey;
}

export function verifySignature<Identity>(
  request: SignedRequest,
  claim: SignatureClaim,
  modules: SignatureModules<Identity>,
): VerifiedSignature<Identity> {
  const credential = modules.credentials.lookup(claim.credential.accessKey, claim.sessionToken);
  if (credential === undefined) {
    throw new S3Error("InvalidAccessKeyId", {
      details: [["AWSAccessKeyId", claim.credential.accessKey]],
    });
  }
  const canonical = canonicalRequest(request, claim);
  const stringToSign = `${SIGNATURE_ALGORITHM}\n${claim.timestamp}\n${claim.credential.scope}\n${hash("sha256", canonical, "hex")}`;
  const signingKey = modules.signingKeys.get(credential, claim.credential);
  if (!equalSignatures(signingKey.sign(stringToSign), claim.signature)) {
    throw signatureMismatch(claim, stringToSign, canonical);
  }
  checkProblem(credential);
  checkSessionToken(credential, claim.sessionToken);
  return { credential, signingKey };
}

/** Of a signature in hexadecimal. */
export const SIGNATURE_LENGTH = 64;
const SIGNATURE_SHAPE = /^[0-9a-f]{64}$/;
const expectedBytes = Buffer.alloc(SIGNATURE_LENGTH);
const providedBytes = Buffer.alloc(SIGNATURE_LENGTH);

/** Constant time for everything that has the shape of a signature. */
export function equalSignatures(expected: string, provided: string): boolean {
  if (!SIGNATURE_SHAPE.test(provided)) return false;
  expectedBytes.write(expected, 0, SIGNATURE_LENGTH, "latin1");
  providedBytes.write(provided, 0, SIGNATURE_LENGTH, "latin1");
  return timingSafeEqual(expectedBytes, providedBytes);
}

/** After the signature, so that nobody else learns which keys there are. */
export function checkProblem({ accessKey, problem, sessionToken }: Credential): void {
  if (problem === undefined) return;
  if (problem === "expired" && sessionToken !== undefined) throw new S3Error("ExpiredToken");
  throw new S3Error("InvalidAccessKeyId", {
    message:
      problem === "expired"
        ? "The access key you provided has expired."
        : "Your account is disabled; please contact your administrator.",
    details: [["AWSAccessKeyId", accessKey]],
  });
}

/** Temporary credentials need their token; a token for others is a mistake worth telling. */
export function checkSessionToken(credential: Credential, provided: string | undefined): void {
  const expected = credential.sessionToken;
  if (expected === undefined && provided === undefined) return;
  if (expected !== undefined && provided !== undefined) {
    const left = Buffer.from(hash("sha256", expected, "hex"));
    const right = Buffer.from(hash("sha256", provided, "hex"));
    if (timingSafeEqual(left, right)) return;
  }
  throw new S3Error("InvalidToken");
}

function signatureMismatch(
  claim: SignatureClaim,
  stringToSign: string,
  canonical: string,
): S3Error {
  const shown = redactCanonicalRequest(canonical);
  return new S3Error("SignatureDoesNotMatch", {
    details: [
      ["AWSAccessKeyId", claim.credential.accessKey],
      ["StringToSign", stringToSign],
      ["SignatureProvided", claim.signature],
      ["StringToSignBytes", spacedHex(stringToSign)],
      ["CanonicalRequest", shown],
      ["CanonicalRequestBytes", spacedHex(shown)],
    ],
  });
}

function spacedHex(text: string): string {
  return Buffer.from(text, "utf8")
    .toString("hex")
    .replace(/..(?!$)/g, "$& ");
}

/** How a mistake in the credential is worded depends on where the credential stands. */
export interface ScopeErrors {
  readonly code: S3ErrorCode;
  readonly prefix: string;
}

export interface ScopeExpectations {
  /** The region that this service answers for; undefined: any. */
  readonly region: string | undefined;
  /** Clients of the administration API leave the region empty. */
  readonly regionless?: boolean | undefined;
  /** "s3" unless it is said. */
  readonly service?: string | undefined;
  readonly timestamp: string;
}

export function checkScope(
  request: SignedRequest,
  scope: CredentialScope,
  expected: ScopeExpectations,
  errors: ScopeErrors,
): void {
  if (scope.accessKey === "") {
    throw scopeError(errors, "a non-empty Access Key (AKID) must be provided in the credential.");
  }
  if (scope.terminal !== "aws4_request") {
    const text = `incorrect terminal "${scope.terminal}". This endpoint uses "aws4_request".`;
    throw scopeError(errors, text);
  }
  const { service = "s3" } = expected;
  if (scope.service !== service) {
    const text = `incorrect service "${scope.service}". This endpoint belongs to "${service}".`;
    throw scopeError(errors, text);
  }
  if (scope.region === "" && expected.regionless !== true) {
    throw scopeError(errors, "a non-empty region must be provided in the credential.");
  }
  if (scope.date !== expected.timestamp.slice(0, 8)) {
    const text = `invalid credential date "${scope.date}". This date is not the same as X-Amz-Date: "${expected.timestamp}".`;
    throw scopeError(errors, text);
  }
  const region = scope.region === "" ? undefined : expected.region;
  if (region === undefined || scope.region === region || isRegionFree(request)) return;
  const text = `the region '${scope.region}' is wrong; expecting '${region}'`;
  throw scopeError(errors, text, [["Region", region]]);
}

function scopeError(
  errors: ScopeErrors,
  text: string,
  details: S3ErrorOptions["details"] = [],
): S3Error {
  const headers = details
    .filter(([name]) => name === "Region")
    .map(([, region]) => ["x-amz-bucket-region", String(region)] as const);
  return new S3Error(errors.code, { message: `${errors.prefix}; ${text}`, details, headers });
}

/** Clients that do not know the region yet ask with these two. */
function isRegionFree(request: SignedRequest): boolean {
  if (request.method !== "GET") return false;
  if (request.rawPath === "/" || request.rawPath === "//") return true;
  return QueryParameters.parse(request.rawQuery).has("location");
}

/** Covered by the signature without being signed headers: the payload line and the timestamp. */
const COVERED_OTHERWISE = new Set(["x-amz-content-sha256", "x-amz-date"]);

/** Headers that change what a request does: nobody on the way may add one. */
const MUST_BE_SIGNED = /^x-(?:amz|minio)-/;

/** `host` and every header of AWS's and MinIO's must be signed. */
export function checkSignedHeaders(request: SignedRequest, signedHeaders: readonly string[]): void {
  const missing: string[] = [];
  if (!signedHeaders.includes("host")) missing.push("host");
  for (const [name] of request.headers.entries()) {
    if (!name.startsWith("x-") || !MUST_BE_SIGNED.test(name)) continue;
    if (signedHeaders.includes(name)) continue;
    if (!COVERED_OTHERWISE.has(name)) missing.push(name);
  }
  if (missing.length === 0) return;
  throw new S3Error("AccessDenied", {
    message: "There were headers present in the request which were not signed",
    details: [["HeadersNotSigned", missing.join(", ")]],
  });
}
