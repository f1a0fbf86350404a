/**
 * The life of an S3 request: authenticate → address → detect → authorise → run → answer.
 *
 * Nothing is looked up before the caller is known and allowed, so no answer tells a stranger what
 * exists; but for the CORS rules of the bucket, which are there to be told to browsers. Whatever
 * fails on the way is answered here, once, by one table of errors.
 */

import { assertNever } from "../base/assert.ts";
import { ByteBudget } from "../base/byte-budget.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { EventSink } from "../events/event-hub.ts";
import type { HttpHeaders } from "../http/headers.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../http/request.ts";
import { ANONYMOUS } from "../iam/access/caller.ts";
import type { ObjectStore } from "../object/contract/object-store.ts";
import { checkTerms, hasTerms } from "./access/bucket-terms.ts";
import { type AccessTarget, RequestAccess } from "./access/request-access.ts";
import { RequestValues } from "./access/request-values.ts";
import type { AccessLog } from "./access-log/access-log.ts";
import { beginLog, finishLog, logRefused } from "./access-log/logged-requests.ts";
import type { AccountDirectory, Identity } from "./accounts.ts";
import { bucketOfHost, parseAddress, type S3Address } from "./address.ts";
import { memberAddress } from "./archive/archive-address.ts";
import type { AuthResult } from "./auth/auth-result.ts";
import { Authenticator } from "./auth/authenticate.ts";
import type { CredentialSource } from "./auth/credentials.ts";
import { effectiveHeaders } from "./auth/hoisted-headers.ts";
import type { BucketContext, DocumentDigester, S3Options, ServiceContext } from "./context.ts";
import { crossOriginHeaders, preflightHeaders } from "./cross-origin.ts";
import { detectOperation } from "./detect.ts";
import { authenticateForm } from "./form/form-auth.ts";
import { isNotImplemented, notImplemented } from "./not-implemented.ts";
import { BUCKET_DOCUMENT_BYTES_MAX } from "./operations/bucket-documents.ts";
import { formHeaders, formKey, postObject, readPostForm } from "./operations/post-object.ts";
import { BUCKET_HANDLERS, OBJECT_HANDLERS, SERVICE_HANDLERS } from "./operations.ts";
import { QueryParameters } from "./query.ts";
import { commonHeaders, sendError } from "./respond.ts";
import { S3Error, toS3Error } from "./s3-error.ts";
import type { BucketOperation, ObjectOperation, S3Operation } from "./s3-operations.ts";
import type { Trace } from "./trace.ts";
import { DOCUMENTS_BYTES_MAX, readVerifiedBody } from "./verified-body.ts";
import { serveWebsite } from "./website/serve-website.ts";

export interface S3Modules {
  readonly store: ObjectStore;
  readonly events: EventSink;
  readonly digester: DocumentDigester;
  readonly credentials: CredentialSource<Identity>;
  readonly accounts: AccountDirectory;
  /** Writes down the requests to buckets that are logged. */
  readonly accessLog?: AccessLog;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The handler of everything on the S3 port that is not health, metrics or administration. */
export function createS3Handler(options: S3Options, modules: S3Modules): HttpHandler {
  const authenticator = new Authenticator<Identity>(
    {
      region: options.region,
      // Where every region is accepted, so is none: some clients have none to name.
      regionless: options.region === undefined,
      versionTwo: options.signatureVersionTwo ? { domains: options.domains } : undefined,
    },
    { credentials: modules.credentials, clock: modules.clock },
  );
  const documents = new ByteBudget(DOCUMENTS_BYTES_MAX);
  return async (request, response) => {
    const trace: Trace = {
      operation: undefined,
      address: undefined,
      cors: [],
      access: undefined,
      auth: undefined,
      logged: undefined,
      website: false,
      startMs: modules.clock.nowMs(),
    };
    let failure: S3Error | undefined;
    try {
      await run({ request, response, trace, options, modules, authenticator, documents });
    } catch (error) {
      failure = toS3Error(await shown(error, trace.access));
      report(failure, { request, trace, log: modules.log });
      if (trace.logged === undefined) await logRefused(trace, { request, response, modules });
      const shownTo = trace.logged?.response ?? response;
      sendError(failure, errorPlace(request, shownTo, { trace, options }));
    }
    if (modules.accessLog !== undefined) {
      await finishLog(trace, { request, failure, accessLog: modules.accessLog });
    }
  };
}

/** The error that the caller may see; asking for it may fail itself. */
async function shown(error: unknown, access: RequestAccess | undefined): Promise<unknown> {
  if (access === undefined) return error;
  try {
    return await access.disclose(error);
  } catch (failure) {
    return failure;
  }
}

interface Run {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly trace: Trace;
  readonly options: S3Options;
  readonly modules: S3Modules;
  readonly authenticator: Authenticator<Identity>;
  readonly documents: ByteBudget;
}

async function run(begun: Run): Promise<void> {
  const { request, response, trace, options, modules, authenticator } = begun;
  const { store } = modules;
  const host = request.headers.get("host");
  if (options.websiteDomains.length > 0) {
    const site = bucketOfHost(host ?? "", options.websiteDomains);
    if (site !== undefined) return await runWebsite(begun);
  }
  const address = parseAddress(host, request.rawPath, options.domains);
  trace.address = address;
  if (request.method === "OPTIONS") {
    trace.operation = "CorsPreflight";
    const headers = await preflightHeaders(store, address, request.headers);
    response.send(200, [...commonHeaders(request.id, options.hostId), ...headers]);
    return;
  }
  if (request.headers.has("origin")) {
    trace.cors = await crossOriginHeaders(store, address, request);
  }
  const auth = authenticator.authenticate(request);
  trace.auth = auth;
  const query = QueryParameters.parse(request.rawQuery);
  const headers = effectiveHeaders(request.headers, query, auth);
  const operation = detectOperation(address, { method: request.method, query, headers });
  trace.operation = operation;
  const { place, member } = memberAddress(operation, address, headers);
  const asked: Asked = { request, auth, headers, query, target: targetOf(place) };
  const access = accessOf(asked, { options, modules });
  const context = contextOf(begun, { auth, headers, query, access });
  if (operation === "PostObject" && address.kind === "bucket") {
    await runForm({ ...context, bucketName: address.bucket }, { trace, modules });
    return;
  }
  await access.authorise(operation, () =>
    readVerifiedBody(context, BUCKET_DOCUMENT_BYTES_MAX, { digestRequired: false }),
  );
  trace.access = access;
  const beginning = beginLog(trace, context, modules);
  if (beginning !== undefined) await beginning;
  if (hasTerms(context) && (await checkTerms(context, address))) {
    trace.cors = [...trace.cors, CHARGED];
    Object.assign(context, { cors: trace.cors });
  }
  if (isNotImplemented(operation)) throw notImplemented(operation);
  if (member !== undefined) Object.assign(context, { member });
  await runOperation(operation, place, context);
}

const CHARGED = ["x-amz-request-charged", "requester"] as const;

function contextOf(
  { request, response, trace, options, modules, documents }: Run,
  asked: Pick<ServiceContext, "auth" | "headers" | "query" | "access">,
): ServiceContext {
  const { store, events, digester, accounts, credentials, clock, log } = modules;
  const { auth, headers, query, access } = asked;
  return {
    request,
    response,
    headers,
    query,
    auth,
    access,
    store,
    events,
    digester,
    documents,
    accounts,
    credentials,
    clock,
    log,
    options,
    cors: trace.cors,
  };
}

/**
 * The host names the website of a bucket: visitors are anonymous, whatever credentials and
 * parameters they send, and can only read.
 */
async function runWebsite(begun: Run): Promise<void> {
  const { request, response, trace, options, modules } = begun;
  const { store } = modules;
  trace.website = true;
  const address = parseAddress(
    request.headers.get("host"),
    request.rawPath,
    options.websiteDomains,
  );
  trace.address = address;
  if (address.kind === "service") throw new S3Error("NoSuchWebsiteConfiguration");
  if (request.method === "OPTIONS") {
    trace.operation = "CorsPreflight";
    const headers = await preflightHeaders(store, address, request.headers);
    response.send(200, [...commonHeaders(request.id, options.hostId), ...headers]);
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw new S3Error("MethodNotAllowed", {
      details: [["Method", request.method]],
      headers: [["Allow", "GET, HEAD, OPTIONS"]],
    });
  }
  trace.operation = request.method === "GET" ? "GetObject" : "HeadObject";
  if (request.headers.has("origin")) {
    trace.cors = await crossOriginHeaders(store, address, request);
  }
  const { bucket } = address;
  const { headers } = request;
  const asked = { request, auth: VISITOR, headers, query: QueryParameters.empty };
  const accessTo = (key: string) =>
    accessOf({ ...asked, target: { bucket, key } }, { options, modules });
  const key = address.kind === "object" ? address.key : "";
  trace.auth = VISITOR;
  const context = contextOf(begun, { ...asked, access: accessTo(key) });
  await beginLog(trace, context, modules);
  await serveWebsite({ context: Object.assign(context, { bucketName: bucket }), key, accessTo });
}

const VISITOR: AuthResult<Identity> = { kind: "anonymous", payload: { kind: "unsigned" } };

interface Asked {
  readonly request: HttpRequest;
  readonly auth: AuthResult<Identity>;
  readonly headers: HttpHeaders;
  readonly query: QueryParameters;
  readonly target: AccessTarget;
}

function accessOf(
  { request, auth, headers, query, target }: Asked,
  { options, modules }: { readonly options: S3Options; readonly modules: S3Modules },
): RequestAccess {
  const caller = auth.kind === "signed" ? auth.identity.caller : ANONYMOUS;
  const values = new RequestValues({
    caller,
    auth,
    connection: request,
    headers,
    query,
    nowMs: modules.clock.nowMs(),
    region: options.region,
  });
  return new RequestAccess({ caller, values, facts: { headers, query }, target }, modules);
}

function targetOf(address: S3Address): AccessTarget {
  switch (address.kind) {
    case "service":
      return { bucket: undefined };
    case "bucket":
      return { bucket: address.bucket };
    case "object":
      return { bucket: address.bucket, key: address.key };
  }
}

/**
 * A form carries key and signature inside its body, so that much of it is read before anything is
 * known; authentication and authorisation follow as for every request. What it may do is what the
 * same PutObject may do, and the form's policy besides.
 */
async function runForm(
  context: BucketContext,
  { trace, modules }: { readonly trace: Trace; readonly modules: S3Modules },
): Promise<void> {
  const { request, query, options, bucketName } = context;
  if (context.auth.kind === "signed") {
    throw new S3Error("InvalidRequest", { message: "A form is signed by its policy alone." });
  }
  const form = await readPostForm(request);
  const auth = authenticateForm(form.fields, modules.credentials);
  const key = formKey(form);
  trace.address = { kind: "object", bucket: bucketName, key };
  const headers = formHeaders(form.fields);
  const target = targetOf(trace.address);
  const access = accessOf({ request, auth, headers, query, target }, { options, modules });
  trace.auth = auth;
  await access.authorise("PutObject");
  trace.access = access;
  const writing = { ...context, access, auth, key, headers };
  await beginLog(trace, writing, modules);
  await postObject(writing, form);
}

/** Detection only names operations that fit the address, so the casts below cannot lie. */
function runOperation(
  operation: S3Operation,
  address: S3Address,
  context: ServiceContext,
): Promise<void> {
  switch (address.kind) {
    case "service":
      return SERVICE_HANDLERS[operation as keyof typeof SERVICE_HANDLERS](context);
    case "bucket": {
      const handler = BUCKET_HANDLERS[operation as BucketOperation & keyof typeof BUCKET_HANDLERS];
      // Grown in place: copying an object of that many fields takes longer than the rest of this.
      return handler(Object.assign(context, { bucketName: address.bucket }));
    }
    case "object": {
      const handler = OBJECT_HANDLERS[operation as ObjectOperation & keyof typeof OBJECT_HANDLERS];
      return handler(Object.assign(context, { bucketName: address.bucket, key: address.key }));
    }
    default:
      return assertNever(address, "address");
  }
}

function errorPlace(
  request: HttpRequest,
  response: HttpResponse,
  { trace, options }: { readonly trace: Trace; readonly options: S3Options },
) {
  const { address } = trace;
  return {
    request,
    response,
    cors: trace.cors,
    html: trace.website,
    requestId: request.id,
    hostId: options.hostId,
    resource: request.rawPath,
    bucket: address === undefined || address.kind === "service" ? undefined : address.bucket,
    key: address?.kind === "object" ? address.key : undefined,
  };
}

/** Failures of ours are logged with their cause; a client's mistakes only in detail logs. */
function report(
  error: S3Error,
  { request, trace, log }: { request: HttpRequest; trace: Trace; log: Logger },
): void {
  const fields = {
    requestId: request.id,
    operation: trace.operation,
    code: error.code,
    status: error.status,
  };
  if (error.status < 500 || error.code === "NotImplemented") {
    log.debug("request refused", fields);
    return;
  }
  const cause = error.cause instanceof Error ? error.cause : undefined;
  log.error("request failed", { ...fields, reason: cause?.message, stack: cause?.stack });
}
