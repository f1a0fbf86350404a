/**
 * The administration API under `/minio/admin/v3/`: authenticate → route → authorise → read the body →
 * act. One authentication for all routes, and default deny: a route without a permission does not
 * compile, a path without a route is refused.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { readBody } from "../http/read-body.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../http/request.ts";
import { requireAdmin } from "./admin-access.ts";
import type { AdminAnswer, AdminCaller, AdminContext, AdminModules } from "./admin-context.ts";
import { AdminError, toAdminError } from "./admin-error.ts";
import { ADMIN_ROUTES, type AdminRoute, KMS_ROUTES } from "./admin-routes.ts";
import { encryptBody } from "./body-encryption.ts";

export interface AdminHandlerModules extends AdminModules {
  /** Throws AdminError unless the request is signed by a known key in its headers. */
  authenticate(request: HttpRequest): AdminCaller;
}

export const ADMIN_PATH = "/minio/admin/";
const KMS_PATH = "/minio/kms/";
/** The routes below each path. */
const TABLES: ReadonlyArray<readonly [path: string, table: ReadonlyMap<string, AdminRoute>]> = [
  [`${ADMIN_PATH}v3/`, ADMIN_ROUTES],
  [`${KMS_PATH}v1/`, KMS_ROUTES],
];
/** As MinIO: 256 KiB and what encryption adds. */
export const ADMIN_BODY_BYTES_MAX = 262_272;

export function isAdminPath(rawPath: string): boolean {
  return rawPath.startsWith(ADMIN_PATH) || rawPath.startsWith(KMS_PATH);
}

export function createAdminHandler(modules: AdminHandlerModules): HttpHandler {
  return async (request, response) => {
    try {
      await run(request, response, modules);
    } catch (error) {
      const failure = toAdminError(error);
      const fields = { requestId: request.id, path: request.rawPath, code: failure.code };
      if (failure.status >= 500) {
        const cause = failure.cause instanceof Error ? failure.cause : failure;
        modules.log.error("administration failed", { ...fields, reason: cause.message });
      } else {
        modules.log.debug("administration refused", fields);
      }
      sendFailure(failure, request, response);
    }
  };
}

async function run(
  request: HttpRequest,
  response: HttpResponse,
  modules: AdminHandlerModules,
): Promise<void> {
  const who = modules.authenticate(request);
  const route = findRoute(request);
  if ("action" in route.permission) requireAdmin(who, route.permission.action);
  const body = await verifiedBody(request, who, route.bodyBytesMax ?? ADMIN_BODY_BYTES_MAX);
  const query = new URLSearchParams(request.rawQuery);
  const context: AdminContext = { ...modules, who, secure: request.secure, query, body };
  const answer = await route.handle(context);
  if (request.method !== "GET") {
    const { accessKey } = who;
    modules.log.info("administration", {
      requestId: request.id,
      route: request.rawPath,
      accessKey,
    });
  }
  await send(answer, response, context);
}

function findRoute(request: HttpRequest): AdminRoute {
  const { rawPath } = request;
  const [path, table] = TABLES.find(([start]) => rawPath.startsWith(start)) ?? [];
  const route = table?.get(rawPath.slice(path?.length).replace(/\/$/, ""));
  if (route === undefined || route.method !== request.method) {
    const message = "This server does not have this version or part of the administration API.";
    throw new AdminError(426, "XMinioAdminVersionMismatch", message);
  }
  return route;
}

/** The signature covers the digest of the body, and so the body. */
async function verifiedBody(
  request: HttpRequest,
  who: AdminCaller,
  bytesMax: number,
): Promise<Buffer> {
  const body = await readBody(request, bytesMax);
  const digest = createHash("sha256").update(body).digest();
  const promised = Buffer.from(who.sha256, "hex");
  if (promised.length === digest.length && timingSafeEqual(promised, digest)) return body;
  throw new AdminError(400, "XAmzContentSHA256Mismatch", "The body is not what was signed.");
}

async function send(
  answer: AdminAnswer,
  response: HttpResponse,
  context: AdminContext,
): Promise<void> {
  if (answer.kind === "empty") {
    response.send(answer.status ?? 200, []);
    return;
  }
  if (answer.kind === "bytes") {
    response.send(200, [["Content-Type", answer.contentType]], answer.value);
    return;
  }
  const text = JSON.stringify(answer.value);
  if (answer.kind === "json") {
    response.send(200, [["Content-Type", "application/json"]], text);
    return;
  }
  const { who, random } = context;
  const sealed = await encryptBody(who.secretKey, Buffer.from(text), random);
  const headers = [["Content-Type", "application/octet-stream"]] as const;
  response.send(answer.status ?? 200, headers, sealed);
}

function sendFailure(failure: AdminError, request: HttpRequest, response: HttpResponse): void {
  if (response.started) {
    response.abort();
    return;
  }
  const text = JSON.stringify({
    Code: failure.code,
    Message: failure.message,
    Resource: request.rawPath,
    RequestId: request.id,
    HostId: "",
  });
  response.send(failure.status, [["Content-Type", "application/json"]], text);
}
