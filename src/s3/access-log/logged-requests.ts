/**
 * The places in the life of a request where the bucket's log takes part: it begins when the caller is
 * known and allowed, or when it is not, and ends behind the answer.
 */
import { StoreError } from "../../base/store-error.ts";
import type { HttpRequest, HttpResponse } from "../../http/request.ts";
import type { Bucket, ObjectStore } from "../../object/contract/object-store.ts";
import type { ServiceContext } from "../context.ts";
import type { S3Error } from "../s3-error.ts";
import type { S3Operation } from "../s3-operations.ts";
import type { Trace } from "../trace.ts";
import type { AccessLog } from "./access-log.ts";

export interface LogModules {
  readonly accessLog?: AccessLog;
  readonly store: ObjectStore;
}

/**
 * From here on the answer is watched, where the bucket is logged. Undefined when there is nothing to
 * wait for: the bucket is at hand, as it is for nearly every request.
 */
export function beginLog(
  trace: Trace,
  context: ServiceContext,
  { accessLog, store }: LogModules,
): Promise<void> | undefined {
  const { address, access } = trace;
  if (accessLog === undefined || address === undefined || address.kind === "service") {
    return undefined;
  }
  const watch = (bucket: Bucket | undefined): void => {
    const logged = bucket && accessLog.begin(bucket, context);
    if (logged === undefined) return;
    trace.logged = logged;
    Object.assign(context, { response: logged.response, deletions: logged.deletions });
  };
  if (access?.bucket === undefined) return findBucket(store, address.bucket).then(watch);
  watch(access.bucket);
  return undefined;
}

/** Undefined when there is none; the operation itself says so. */
async function findBucket(store: ObjectStore, name: string): Promise<Bucket | undefined> {
  try {
    return await store.bucket(name);
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

/** A request that got nowhere is in the log of its bucket as well. */
export async function logRefused(
  trace: Trace,
  {
    request,
    response,
    modules,
  }: {
    readonly request: HttpRequest;
    readonly response: HttpResponse;
    readonly modules: LogModules;
  },
): Promise<void> {
  const { address } = trace;
  const { accessLog } = modules;
  if (accessLog === undefined || address === undefined || address.kind === "service") return;
  trace.logged = await accessLog.beginRefused(address.bucket, { request, response });
}

export async function finishLog(
  trace: Trace,
  {
    request,
    failure,
    accessLog,
  }: {
    readonly request: HttpRequest;
    readonly failure: S3Error | undefined;
    readonly accessLog: AccessLog;
  },
): Promise<void> {
  const { address, operation, auth, startMs, access, logged, website } = trace;
  if (address === undefined) return;
  const copied = failure === undefined && operation !== undefined && COPIES.has(operation);
  if (logged === undefined && !copied) return;
  const aclRequired = access?.usedList === true;
  const errorCode = failure?.code;
  const finished = { request, address, operation, auth, startMs, errorCode, aclRequired, website };
  if (logged !== undefined) accessLog.end({ ...finished, logged });
  if (copied) await accessLog.endCopy(finished);
}

const COPIES: ReadonlySet<S3Operation> = new Set<S3Operation>(["CopyObject", "UploadPartCopy"]);
