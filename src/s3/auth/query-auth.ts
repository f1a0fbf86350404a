/** Signature V4 in the query string: presigned URLs. */
import { formatIsoDate, parseAmzDate } from "../dates.ts";
import type { QueryParameters } from "../query.ts";
import { S3Error } from "../s3-error.ts";
import { canonicalQuery } from "./canonical-request.ts";
import { parseCredential } from "./credential-scope.ts";
import { UNSIGNED_PAYLOAD } from "./payload-mode.ts";
import {
  CLOCK_SKEW_MS_MAX,
  checkScope,
  checkSignedHeaders,
  type ScopeErrors,
  SIGNATURE_ALGORITHM,
  SIGNED_HEADERS_MAX,
  type SignatureClaim,
} from "./signature.ts";
import type { SignedRequest } from "./signed-request.ts";

/** The parameters that make a request presigned; all must be there, each once. */
export const QUERY_AUTH_PARAMETERS = [
  "X-Amz-Algorithm",
  "X-Amz-Credential",
  "X-Amz-Signature",
  "X-Amz-Date",
  "X-Amz-SignedHeaders",
  "X-Amz-Expires",
] as const;

export const PRESIGNED_SECONDS_MAX = 7 * 24 * 60 * 60;

const CREDENTIAL_ERROR = "Error parsing the X-Amz-Credential parameter";
const SCOPE_ERRORS: ScopeErrors = {
  code: "AuthorizationQueryParametersError",
  prefix: CREDENTIAL_ERROR,
};

export interface QueryAuthOptions {
  readonly region: string | undefined;
  readonly nowMs: number;
}

/** Everything about the claim but the signature itself is checked here. */
export function readQueryClaim(
  request: SignedRequest,
  query: QueryParameters,
  options: QueryAuthOptions,
): SignatureClaim {
  const parameters = readParameters(query);
  if (parameters["X-Amz-Algorithm"] !== SIGNATURE_ALGORITHM) {
    throw parametersError(`X-Amz-Algorithm only supports "${SIGNATURE_ALGORITHM}"`);
  }
  const credential = parseCredential(parameters["X-Amz-Credential"]);
  if (credential === undefined) {
    throw parametersError(
      `${CREDENTIAL_ERROR}; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`,
    );
  }
  const timestamp = parameters["X-Amz-Date"];
  const timeMs = parseAmzDate(timestamp);
  if (timeMs === undefined) {
    throw parametersError(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`);
  }
  checkScope(request, credential, { region: options.region, timestamp }, SCOPE_ERRORS);
  checkValidity(timeMs, readExpires(parameters["X-Amz-Expires"]), options.nowMs);
  const signedHeadersText = parameters["X-Amz-SignedHeaders"];
  const signedHeaders = signedHeadersText.split(";");
  if (signedHeaders.length > SIGNED_HEADERS_MAX) throw parametersError("Too many signed headers.");
  checkSignedHeaders(request, signedHeaders);
  return {
    credential,
    timestamp,
    signature: parameters["X-Amz-Signature"],
    sessionToken: query.get("X-Amz-Security-Token") ?? request.headers.get("x-amz-security-token"),
    signedHeaders,
    signedHeadersText,
    canonicalQuery: canonicalQuery(request.rawQuery, "X-Amz-Signature"),
    payloadHash: signedPayloadHash(request, query, signedHeaders),
  };
}

type AuthParameters = Readonly<Record<(typeof QUERY_AUTH_PARAMETERS)[number], string>>;

function readParameters(query: QueryParameters): AuthParameters {
  const found: Record<string, string> = {};
  for (const [name, value] of query.entries()) {
    if (!QUERY_AUTH_PARAMETERS.some((known) => known === name)) continue;
    if (found[name] !== undefined) throw parametersError(`${name} must be given once.`);
    found[name] = value;
  }
  return {
    "X-Amz-Algorithm": required(found["X-Amz-Algorithm"]),
    "X-Amz-Credential": required(found["X-Amz-Credential"]),
    "X-Amz-Signature": required(found["X-Amz-Signature"]),
    "X-Amz-Date": required(found["X-Amz-Date"]),
    "X-Amz-SignedHeaders": required(found["X-Amz-SignedHeaders"]),
    "X-Amz-Expires": required(found["X-Amz-Expires"]),
  };
}

function required(value: string | undefined): string {
  if (value !== undefined && value !== "") return value;
  throw parametersError(
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
  );
}

function readExpires(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) throw parametersError("X-Amz-Expires should be a number");
  const seconds = Number(text);
  if (seconds < 0) throw validityError("X-Amz-Expires must be non-negative");
  if (seconds === 0) throw validityError("X-Amz-Expires must be at least 1 second");
  if (seconds > PRESIGNED_SECONDS_MAX) {
    throw validityError(
      `X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ${PRESIGNED_SECONDS_MAX} seconds`,
    );
  }
  return seconds;
}

function checkValidity(timeMs: number, expiresSeconds: number, nowMs: number): void {
  if (timeMs - nowMs > CLOCK_SKEW_MS_MAX) {
    throw new S3Error("AccessDenied", { message: "Request is not yet valid" });
  }
  const expiresMs = timeMs + expiresSeconds * 1000;
  if (nowMs <= expiresMs) return;
  throw new S3Error("AccessDenied", {
    message: "Request has expired",
    details: [
      ["X-Amz-Expires", expiresSeconds],
      ["Expires", formatIsoDate(expiresMs)],
      ["ServerTime", formatIsoDate(nowMs)],
    ],
  });
}

/** A digest counts only where the signature covers it: as a parameter or as a signed header. */
function signedPayloadHash(
  request: SignedRequest,
  query: QueryParameters,
  signedHeaders: readonly string[],
): string {
  const parameter = query.get("X-Amz-Content-Sha256");
  if (parameter !== undefined) return parameter;
  const signed = signedHeaders.includes("x-amz-content-sha256");
  return (signed ? request.headers.get("x-amz-content-sha256") : undefined) ?? UNSIGNED_PAYLOAD;
}

function parametersError(message: string): S3Error {
  return new S3Error("AuthorizationQueryParametersError", { message });
}

/** A number, but no time during which a link can be valid (decisions/0035). */
function validityError(message: string): S3Error {
  return new S3Error("AccessDenied", { message });
}
