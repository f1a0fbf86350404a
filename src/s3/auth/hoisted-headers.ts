/**
 * Presigned URLs carry `x-amz-*` headers as parameters: who made the URL chose them, who uses it
 * cannot know them. They count like headers; a header that is there wins, because in a presigned
 * request it had to be signed too.
 */
import { HttpHeaders } from "../../http/headers.ts";
import type { QueryParameters } from "../query.ts";
import type { AuthResult } from "./auth-result.ts";

/**
 * Parameters of the authentication itself, and those that must come with the body. A customer's key
 * comes in a header or not at all: URLs are kept in histories and logs.
 */
const NOT_HOISTED =
  /^x-amz-(?:(?:copy-source-)?server-side-encryption-customer-key|algorithm|credential|signature|date|signedheaders|expires|security-token|content-sha256|decoded-content-length|trailer)$/;

/**
 * The CRCs of no bytes. SDKs sign them into URLs for uploads because they have no body yet, and AWS
 * does not hold the body against them; any other checksum was meant and counts.
 */
const CHECKSUM_OF_NOTHING = /^A+=+$/;

function isAccidental(name: string, value: string, query: QueryParameters): boolean {
  if (name.startsWith("x-amz-checksum-")) return CHECKSUM_OF_NOTHING.test(value);
  if (name !== "x-amz-sdk-checksum-algorithm") return false;
  const promised = query.get(`x-amz-checksum-${value.toLowerCase()}`);
  return promised !== undefined && CHECKSUM_OF_NOTHING.test(promised);
}

export function effectiveHeaders(
  headers: HttpHeaders,
  query: QueryParameters,
  auth: AuthResult,
): HttpHeaders {
  if (auth.kind !== "signed" || auth.via !== "query") return headers;
  const hoisted: string[] = [];
  for (const [parameter, value] of query.entries()) {
    const name = parameter.toLowerCase();
    if (!name.startsWith("x-amz-") || NOT_HOISTED.test(name) || headers.has(name)) continue;
    if (isAccidental(name, value, query)) continue;
    hoisted.push(name, value);
  }
  if (hoisted.length === 0) return headers;
  return new HttpHeaders([...[...headers.entries()].flat(), ...hoisted]);
}
