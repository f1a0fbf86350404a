/**
 * Cross-origin requests: preflights, and the headers that tell a browser which pages may see an
 * answer. A preflight is sent without keys, so it is answered before anybody is known; it tells what
 * the bucket's rules say about the origin, as AWS does, and nothing else.
 */

import { StoreError } from "../base/store-error.ts";
import type { HttpHeaders } from "../http/headers.ts";
import type { ObjectStore } from "../object/contract/object-store.ts";
import type { S3Address } from "./address.ts";
import {
  CORS_DOCUMENT,
  type CorsConfiguration,
  type CorsRequest,
  corsHeaders,
  findCorsRule,
} from "./documents/cors.ts";
import { readDocument } from "./documents/document.ts";
import type { HeaderList } from "./respond.ts";
import { S3Error } from "./s3-error.ts";

/** Header names that one preflight may ask for. */
export const PREFLIGHT_HEADERS_MAX = 100;

const REQUEST_METHOD = "access-control-request-method";
const REQUEST_HEADERS = "access-control-request-headers";

/** The headers that go with any answer to the request; none without an origin or a rule for it. */
export async function crossOriginHeaders(
  store: Pick<ObjectStore, "bucket">,
  address: S3Address,
  request: { readonly method: string; readonly headers: HttpHeaders },
): Promise<HeaderList> {
  const origin = request.headers.get("origin");
  if (origin === undefined || address.kind === "service") return [];
  const configuration = await corsOf(store, address.bucket);
  if (configuration === undefined) return [];
  const method = request.headers.get(REQUEST_METHOD) ?? request.method;
  const question: CorsRequest = { origin, method, headers: [] };
  const rule = findCorsRule(configuration, question);
  return rule === undefined ? [] : corsHeaders(rule, question);
}

/** The answer's headers to OPTIONS; throws where no rule allows what the page is about to do. */
export async function preflightHeaders(
  store: Pick<ObjectStore, "bucket">,
  address: S3Address,
  headers: HttpHeaders,
): Promise<HeaderList> {
  const origin = headers.get("origin");
  const method = headers.get(REQUEST_METHOD);
  if (origin === undefined || method === undefined) {
    throw new S3Error("BadRequest", {
      message: "Insufficient information. Origin request header needed.",
    });
  }
  const configuration =
    address.kind === "service" ? undefined : await corsOf(store, address.bucket);
  if (configuration === undefined) {
    throw forbidden("CORSResponse: CORS is not enabled for this bucket.");
  }
  const question: CorsRequest = { origin, method, headers: requestedHeaders(headers) };
  const rule = findCorsRule(configuration, question);
  if (rule === undefined) {
    throw forbidden(
      "CORSResponse: This CORS request is not allowed. This is usually because the evalution of " +
        "Origin, request method / Access-Control-Request-Method or " +
        "Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    );
  }
  return corsHeaders(rule, question);
}

function requestedHeaders(headers: HttpHeaders): readonly string[] {
  const names = (headers.get(REQUEST_HEADERS) ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
  if (names.length > PREFLIGHT_HEADERS_MAX) throw new S3Error("BadRequest");
  return names;
}

/** Undefined also without the bucket: whether it exists is not told to strangers. */
async function corsOf(
  store: Pick<ObjectStore, "bucket">,
  name: string,
): Promise<CorsConfiguration | undefined> {
  try {
    return readDocument<CorsConfiguration>(await store.bucket(name), CORS_DOCUMENT);
  } catch (error) {
    if (error instanceof StoreError && error.code === "no-such-bucket") return undefined;
    throw error;
  }
}

function forbidden(message: string): S3Error {
  return new S3Error("AccessForbidden", { message });
}
