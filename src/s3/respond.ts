/** Answers: the headers every one carries, XML bodies, and errors. */
import { StoreError } from "../base/store-error.ts";
import type { HttpRequest, HttpResponse } from "../http/request.ts";
import type { ServiceContext } from "./context.ts";
import { type ErrorContext, renderError, type S3Error, toS3Error } from "./s3-error.ts";
import { renderHtmlError } from "./website/html-error.ts";

export type HeaderList = Array<readonly [name: string, value: string]>;

const SERVER = ["Server", "Ringfort"] as const;
const NO_SNIFFING = ["X-Content-Type-Options", "nosniff"] as const;
const VARY = ["Vary", "Origin"] as const;

/** The headers that come with every answer, errors included. */
export function commonHeaders(requestId: string, hostId: string): HeaderList {
  return [SERVER, ["x-amz-request-id", requestId], ["x-amz-id-2", hostId], NO_SNIFFING, VARY];
}

function headersOf(context: ServiceContext, more: HeaderList): HeaderList {
  const headers = commonHeaders(context.request.id, context.options.hostId);
  if (context.cors.length > 0) headers.push(...context.cors);
  headers.push(...more);
  return headers;
}

export function sendEmpty(context: ServiceContext, status: number, headers: HeaderList = []): void {
  context.response.send(status, headersOf(context, headers));
}

export function sendXml(context: ServiceContext, body: string, headers: HeaderList = []): void {
  context.response.send(
    200,
    headersOf(context, [["Content-Type", "application/xml"], ...headers]),
    body,
  );
}

/** 201 with a document that says what was made. */
export function sendCreated(context: ServiceContext, body: string, headers: HeaderList): void {
  context.response.send(
    201,
    headersOf(context, [["Content-Type", "application/xml"], ...headers]),
    body,
  );
}

/** A text of another type than XML. */
export function sendDocument(context: ServiceContext, body: string, contentType: string): void {
  context.response.send(200, headersOf(context, [["Content-Type", contentType]]), body);
}

/** One-shot answer with bytes. */
export function sendBytes(
  context: ServiceContext,
  status: number,
  headers: HeaderList,
  body: Uint8Array,
): void {
  context.response.send(status, headersOf(context, headers), body);
}

/** Starts an answer whose body follows in pieces, or, to HEAD, is only declared. */
export function beginBytes(
  context: ServiceContext,
  status: number,
  headers: HeaderList,
  contentLength: number,
): void {
  context.response.begin(status, headersOf(context, headers), contentLength);
}

/** Starts an answer of unknown length. */
export function beginStream(context: ServiceContext, headers: HeaderList): void {
  context.response.begin(200, headersOf(context, headers), undefined);
}

/** Answers a request that nobody has looked at: too many are being served. */
export function sendBusy(request: HttpRequest, response: HttpResponse, hostId: string): void {
  const place = { requestId: request.id, hostId, resource: request.rawPath };
  const busy = toS3Error(new StoreError({ code: "busy" }));
  sendError(busy, { request, response, cors: [], ...place });
}

export interface ErrorPlace extends ErrorContext {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly cors: HeaderList;
  /** Answer with a page instead of XML: a visitor of a website. */
  readonly html?: boolean;
}

/**
 * Answers an error: XML, but for HEAD and 304, which carry none and say the code in headers as
 * MinIO's clients expect. An answer already begun is broken off, so that nobody takes it for whole.
 */
export function sendError(error: S3Error, place: ErrorPlace): void {
  const { request, response } = place;
  if (response.started) {
    response.abort();
    return;
  }
  const headers: HeaderList = [
    ...commonHeaders(place.requestId, place.hostId),
    ...place.cors,
    ...error.headers.map(([name, value]) => [name, value] as const),
  ];
  if (error.status === 304) {
    response.send(304, headers);
    return;
  }
  if (place.html === true) {
    headers.push(["x-amz-error-code", error.code], ["x-amz-error-message", error.message]);
    headers.push(["Content-Type", "text/html; charset=utf-8"]);
    response.send(error.status, headers, renderHtmlError(error, place));
    return;
  }
  if (request.method === "HEAD") {
    headers.push(["x-minio-error-code", error.code], ["x-minio-error-desc", `"${error.message}"`]);
    response.send(error.status, headers);
    return;
  }
  headers.push(["Content-Type", "application/xml"]);
  response.send(error.status, headers, renderError(error, place));
}
