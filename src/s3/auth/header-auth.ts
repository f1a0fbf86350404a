/** Signature V4 in the Authorization header. */
import { formatAmzDate, formatIsoDate, parseAmzDate, parseHttpDate } from "../dates.ts";
import { S3Error } from "../s3-error.ts";
import { canonicalQuery } from "./canonical-request.ts";
import { type CredentialScope, parseCredential } from "./credential-scope.ts";
import {
  CLOCK_SKEW_MS_MAX,
  checkScope,
  checkSignedHeaders,
  type ScopeErrors,
  SIGNATURE_ALGORITHM,
  SIGNATURE_LENGTH,
  SIGNED_HEADERS_MAX,
  type SignatureClaim,
} from "./signature.ts";
import type { SignedRequest } from "./signed-request.ts";

const MALFORMED = "The authorization header is malformed";
const SCOPE_ERRORS: ScopeErrors = { code: "AuthorizationHeaderMalformed", prefix: MALFORMED };

export interface HeaderAuthOptions {
  readonly region: string | undefined;
  readonly regionless?: boolean | undefined;
  readonly service?: string | undefined;
  readonly nowMs: number;
}

/** Everything about the claim but the signature itself is checked here. */
export function readHeaderClaim(
  request: SignedRequest,
  authorization: string,
  options: HeaderAuthOptions,
): SignatureClaim {
  const claimed = readClaimant(authorization);
  const { credential, signedHeaders } = claimed;
  const { timestamp, timeMs } = readRequestTime(request);
  const { region, regionless, service } = options;
  checkScope(request, credential, { region, regionless, service, timestamp }, SCOPE_ERRORS);
  checkSkew(timestamp, timeMs, options.nowMs);
  checkSignedHeaders(request, signedHeaders);
  const payloadHash = request.headers.get("x-amz-content-sha256");
  if (payloadHash === undefined) {
    throw new S3Error("InvalidRequest", {
      message: "Missing required header for this request: x-amz-content-sha256",
    });
  }
  return {
    credential,
    timestamp,
    signature: claimed.signature,
    sessionToken: request.headers.get("x-amz-security-token"),
    signedHeaders,
    signedHeadersText: claimed.signedHeadersText,
    canonicalQuery: canonicalQuery(request.rawQuery),
    payloadHash,
  };
}

/** Who claims to have signed, and what: the same for many requests of one client. */
interface Claimant {
  readonly credential: CredentialScope;
  readonly signedHeaders: readonly string[];
  readonly signedHeadersText: string;
}

/** How many claimants are remembered; when they are too many all are forgotten. */
export const CLAIMANTS_MAX = 1024;
/** Longer texts than nearly all clients send are read anew each time. */
const CLAIMANT_LENGTH_MAX = 1024;
const SIGNATURE_LABEL = "Signature=";
/** By the text before the signature. What is kept is syntax: nothing here says that it is true. */
const claimants = new Map<string, Claimant>();

function readClaimant(authorization: string): Claimant & { readonly signature: string } {
  const end = authorization.length - SIGNATURE_LENGTH;
  const usual = end <= CLAIMANT_LENGTH_MAX && authorization.endsWith(SIGNATURE_LABEL, end);
  if (!usual) return parseClaimant(authorization);
  const before = authorization.slice(0, end);
  const signature = authorization.slice(end);
  const known = claimants.get(before);
  if (known !== undefined && !signature.includes(",")) {
    const { credential, signedHeaders, signedHeadersText } = known;
    return { credential, signedHeaders, signedHeadersText, signature };
  }
  const parsed = parseClaimant(authorization);
  if (parsed.signature !== signature) return parsed;
  if (claimants.size >= CLAIMANTS_MAX) claimants.clear();
  const { credential, signedHeaders, signedHeadersText } = parsed;
  claimants.set(before, { credential, signedHeaders, signedHeadersText });
  return parsed;
}

function parseClaimant(authorization: string): Claimant & { readonly signature: string } {
  const fields = parseAuthorization(authorization);
  const credential = parseCredential(fields.credential);
  if (credential === undefined) {
    throw malformed(
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  const signedHeaders = fields.signedHeaders.split(";");
  if (signedHeaders.length > SIGNED_HEADERS_MAX) throw malformed("too many signed headers.");
  const { signature } = fields;
  return { credential, signedHeaders, signedHeadersText: fields.signedHeaders, signature };
}

interface AuthorizationFields {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
}

/** `AWS4-HMAC-SHA256 Credential=…,SignedHeaders=…,Signature=…`, in any order, spaces allowed. */
function parseAuthorization(authorization: string): AuthorizationFields {
  const usual = USUAL_FIELDS.exec(authorization);
  if (usual !== null) {
    const [, credential = "", signedHeaders = "", signature = ""] = usual;
    return { credential, signedHeaders, signature };
  }
  const fields = new Map<string, string>();
  const text = authorization.slice(SIGNATURE_ALGORITHM.length).trim();
  const parts = text.split(",", MAX_FIELDS + 1);
  for (const part of parts) {
    const equals = part.indexOf("=");
    const name = part.slice(0, Math.max(equals, 0)).trim();
    if (equals < 0 || fields.has(name)) throw malformed(THREE_COMPONENTS);
    fields.set(name, part.slice(equals + 1).trim());
  }
  const credential = fields.get("Credential");
  const signedHeaders = fields.get("SignedHeaders");
  const signature = fields.get("Signature");
  if (!credential || !signedHeaders || !signature || parts.length !== MAX_FIELDS) {
    throw malformed(THREE_COMPONENTS);
  }
  return { credential, signedHeaders, signature };
}

/** What nearly every client sends, taken apart at once; all else goes the long way. */
const USUAL_FIELDS =
  /^AWS4-HMAC-SHA256 Credential=([^, ]+), ?SignedHeaders=([^, ]+), ?Signature=([^, ]+)$/;
const MAX_FIELDS = 3;
const THREE_COMPONENTS =
  "the authorization header requires three components: Credential, SignedHeaders, and Signature.";

function malformed(text: string): S3Error {
  return new S3Error("AuthorizationHeaderMalformed", { message: `${MALFORMED}; ${text}` });
}

/** x-amz-date, or Date where a client cannot set that. */
export function readRequestTime(request: SignedRequest): { timestamp: string; timeMs: number } {
  const text = request.headers.get("x-amz-date") ?? request.headers.get("date") ?? "";
  const exact = parseAmzDate(text);
  if (exact !== undefined) return { timestamp: text, timeMs: exact };
  const timeMs = parseHttpDate(text);
  if (timeMs === undefined) throw undated();
  return { timestamp: formatAmzDate(timeMs), timeMs };
}

export function undated(): S3Error {
  return new S3Error("AccessDenied", {
    message: "AWS authentication requires a valid Date or x-amz-date header",
  });
}

export function checkSkew(timestamp: string, timeMs: number, nowMs: number): void {
  if (Math.abs(nowMs - timeMs) <= CLOCK_SKEW_MS_MAX) return;
  throw new S3Error("RequestTimeTooSkewed", {
    details: [
      ["RequestTime", timestamp],
      ["ServerTime", formatIsoDate(nowMs)],
      ["MaxAllowedSkewMilliseconds", CLOCK_SKEW_MS_MAX],
    ],
  });
}
