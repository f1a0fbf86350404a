/**
 * Signature Version 2, in the Authorization header and in presigned URLs: what boto3 and older
 * clients still presign with unless they are told otherwise ("Signing and Authenticating REST
 * Requests" of the S3 developer guide, 2006-03-01; docs/decisions/0033).
 *
 * It signs less than Version 4 does: no payload, no host, of the headers only `x-amz-*`, of the
 * parameters only those listed. So whatever chooses the operation must be among these, and a header
 * of MinIO's, which no such signature covers, is refused.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { bucketOfHost } from "../address.ts";
import { formatIsoDate } from "../dates.ts";
import { SUBRESOURCES } from "../detect.ts";
import { QueryParameters } from "../query.ts";
import { invalidArgument, S3Error } from "../s3-error.ts";
import type { Credential, CredentialSource } from "./credentials.ts";
import { checkSkew, readRequestTime, undated } from "./header-auth.ts";
import { redactCanonicalRequest } from "./redact.ts";
import { checkProblem, checkSessionToken } from "./signature.ts";
import type { SignedRequest } from "./signed-request.ts";

/** The parameters that make a request presigned this way. */
export const VERSION_TWO_PARAMETERS = ["AWSAccessKeyId", "Signature", "Expires"] as const;

export interface VersionTwoModules<Identity> {
  readonly credentials: CredentialSource<Identity>;
  readonly nowMs: number;
  /** Domains whose sub-domains name buckets: their names are part of what is signed. */
  readonly domains: readonly string[];
}

/** `AWS AccessKey:Signature` */
const AUTHORIZATION = /^AWS ([^:\s]{1,128}):([A-Za-z0-9+/]{27}=)$/;

export function verifyVersionTwoHeader<Identity>(
  request: SignedRequest,
  authorization: string,
  modules: VersionTwoModules<Identity>,
): Credential<Identity> {
  const [, accessKey, signature] = AUTHORIZATION.exec(authorization) ?? [];
  if (accessKey === undefined || signature === undefined) {
    throw invalidArgument(
      "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
      "Authorization",
      "AWS",
    );
  }
  const { timestamp, timeMs } = readRequestTime(request);
  // AWS takes a time before the epoch for none at all.
  if (timeMs < 0) throw undated();
  checkSkew(timestamp, timeMs, modules.nowMs);
  const dated = request.headers.get("x-amz-date") === undefined;
  const date = dated ? (request.headers.get("date") ?? "") : "";
  return verify(request, { accessKey, signature, date }, modules);
}

export function verifyVersionTwoQuery<Identity>(
  request: SignedRequest,
  query: QueryParameters,
  modules: VersionTwoModules<Identity>,
): Credential<Identity> {
  const [accessKey, signature, date] = VERSION_TWO_PARAMETERS.map((name) => onlyValue(query, name));
  if (!accessKey || !signature || !date) {
    throw new S3Error("AccessDenied", {
      message:
        "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
    });
  }
  if (!/^\d{1,12}$/.test(date)) {
    throw new S3Error("AccessDenied", {
      message: `Invalid date (should be seconds since epoch): ${date.slice(0, 64)}`,
    });
  }
  const expiresMs = Number(date) * 1000;
  const credential = verify(request, { accessKey, signature, date }, modules);
  // After the signature: only who was given the URL learns when it ended.
  if (modules.nowMs > expiresMs) {
    throw new S3Error("AccessDenied", {
      message: "Request has expired",
      details: [
        ["Expires", formatIsoDate(expiresMs)],
        ["ServerTime", formatIsoDate(modules.nowMs)],
      ],
    });
  }
  return credential;
}

interface VersionTwoClaim {
  readonly accessKey: string;
  readonly signature: string;
  /** The Date header, or when a presigned URL expires. */
  readonly date: string;
}

function verify<Identity>(
  request: SignedRequest,
  claim: VersionTwoClaim,
  { credentials, domains }: VersionTwoModules<Identity>,
): Credential<Identity> {
  const query = QueryParameters.parse(request.rawQuery);
  const amazon = amazonHeaders(request, query);
  const token = amazon.get("x-amz-security-token");
  const credential = credentials.lookup(claim.accessKey, token);
  if (credential === undefined) {
    throw new S3Error("InvalidAccessKeyId", { details: [["AWSAccessKeyId", claim.accessKey]] });
  }
  const stringToSign = (path: string) => textToSign(request, claim, { amazon, query, path });
  const expected = pathsToSign(request, domains).map(stringToSign);
  const sign = (text: string) =>
    createHmac("sha1", credential.secretKey).update(text).digest("base64");
  if (!expected.some((text) => equalText(sign(text), claim.signature))) {
    throw new S3Error("SignatureDoesNotMatch", {
      details: [
        ["AWSAccessKeyId", claim.accessKey],
        ["StringToSign", redactCanonicalRequest(expected[0] ?? "")],
        ["SignatureProvided", claim.signature],
      ],
    });
  }
  checkProblem(credential);
  checkSessionToken(credential, token);
  return credential;
}

interface SignedFields {
  readonly amazon: ReadonlyMap<string, string>;
  readonly query: QueryParameters;
  readonly path: string;
}

function textToSign(
  { method, headers }: SignedRequest,
  { date }: VersionTwoClaim,
  { amazon, query, path }: SignedFields,
): string {
  return [
    method,
    headers.get("content-md5") ?? query.get("content-md5") ?? "",
    headers.get("content-type") ?? query.get("content-type") ?? "",
    date,
    ...[...amazon].map(([name, value]) => `${name}:${value}`),
    `${path}${signedParameters(query)}`,
  ].join("\n");
}

/**
 * Every `x-amz-` header by its name, values of repeated ones joined. Presigned URLs carry them as
 * parameters, which count as headers here as they do for the operation.
 */
function amazonHeaders(request: SignedRequest, query: QueryParameters): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name] of request.headers.entries()) {
    if (name.startsWith("x-minio-")) throw notSigned(name);
    if (!name.startsWith("x-amz-")) continue;
    found.set(name, (request.headers.get(name) ?? "").trim().replace(/\r?\n\s+/g, " "));
  }
  for (const [parameter, value] of query.entries()) {
    const name = parameter.toLowerCase();
    if (name.startsWith("x-minio-")) throw notSigned(name);
    if (!name.startsWith("x-amz-")) continue;
    // Two values of one name: nobody could say which of them the operation will follow.
    if (found.has(name) && found.get(name) !== value) throw notSigned(name);
    found.set(name, value);
  }
  return new Map([...found].sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Parameters that are signed beside the sub-resources, because they choose what is answered. */
const SIGNED_PARAMETERS: ReadonlySet<string> = new Set([
  ...SUBRESOURCES,
  "partNumber",
  "uploadId",
  "versionId",
  "response-cache-control",
  "response-content-disposition",
  "response-content-encoding",
  "response-content-language",
  "response-content-type",
  "response-expires",
]);

/**
 * The path as it was sent, after the bucket that the host names. Some clients (boto3) end a bucket's
 * path in a slash when they sign and not when they send.
 */
function pathsToSign(request: SignedRequest, domains: readonly string[]): readonly string[] {
  const bucket = bucketOfHost(request.headers.get("host") ?? "", domains);
  const path = `${bucket === undefined ? "" : `/${bucket}`}${request.rawPath}`;
  return /^\/[^/]+$/.test(path) ? [path, `${path}/`] : [path];
}

/** `?acl&versionId=1`: decoded and sorted. */
function signedParameters(query: QueryParameters): string {
  const signed = query.entries().filter(([name]) => SIGNED_PARAMETERS.has(name));
  if (signed.length === 0) return "";
  const sorted = [...signed].sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
  return `?${sorted.map(([name, value]) => (value === "" ? name : `${name}=${value}`)).join("&")}`;
}

function onlyValue(query: QueryParameters, name: string): string | undefined {
  const values = query.entries().filter(([known]) => known === name);
  return values.length === 1 ? values[0]?.[1] : undefined;
}

function equalText(expected: string, provided: string): boolean {
  const left = Buffer.from(expected);
  const right = Buffer.from(provided);
  return left.length === right.length && timingSafeEqual(left, right);
}

function notSigned(name: string): S3Error {
  return new S3Error("AccessDenied", {
    message: "There were headers present in the request which were not signed",
    details: [["HeadersNotSigned", name]],
  });
}
