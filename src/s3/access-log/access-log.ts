/**
 * Server access logging: turns finished requests to buckets that are logged into lines for the spool.
 * What a bucket's configuration says when the request ends is what counts.
 */
import type { Clock } from "../../base/clock.ts";
import { StoreError } from "../../base/store-error.ts";
import type { HttpRequest } from "../../http/request.ts";
import type { Bucket, ObjectStore } from "../../object/contract/object-store.ts";
import { bucketOwnerOf } from "../access-lists.ts";
import type { AccountDirectory, Identity } from "../accounts.ts";
import type { S3Address } from "../address.ts";
import type { AuthResult } from "../auth/auth-result.ts";
import { redactQuery } from "../auth/redact.ts";
import { parseCopySource } from "../copy-source.ts";
import { formatIsoDate } from "../dates.ts";
import { readDocument } from "../documents/document.ts";
import { LOGGING_DOCUMENT, type LoggingConfiguration } from "../documents/logging.ts";
import type { S3Operation } from "../s3-operations.ts";
import type { LogDestination, LogLine } from "./log-chunk.ts";
import { formatLogLine, type LogEntry } from "./log-line.ts";
import type { LogSource } from "./log-permission.ts";
import { BATCH_DELETE_NAME, COPY_SOURCE_NAMES, logOperation } from "./operation-names.ts";
import { RecordedResponse } from "./recorded-response.ts";

export interface AccessLogOptions {
  readonly region: string | undefined;
  readonly hostId: string;
}

export interface AccessLogModules {
  readonly spool: { add(destination: LogDestination, line: LogLine): void };
  readonly store: Pick<ObjectStore, "bucket">;
  readonly accounts: AccountDirectory;
  readonly clock: Clock;
}

/** One key of a DeleteObjects request. */
export interface LoggedDeletion {
  readonly key: string;
  readonly versionId: string | undefined;
  readonly status: number;
  readonly errorCode: string | undefined;
}

/** What is known of a request to a logged bucket, growing while it is served. */
export interface LoggedRequest {
  readonly bucket: Bucket;
  readonly response: RecordedResponse;
  readonly deletions: LoggedDeletion[];
}

export interface FinishedRequest {
  readonly logged: LoggedRequest;
  readonly request: HttpRequest;
  readonly address: S3Address;
  readonly operation: S3Operation | undefined;
  readonly auth: AuthResult<Identity> | undefined;
  readonly startMs: number;
  readonly errorCode: string | undefined;
  readonly aclRequired: boolean;
  /** A visit to the bucket's website. */
  readonly website?: boolean;
}

type Answer = Pick<
  RecordedResponse,
  "status" | "bytesSent" | "beganMs" | "declaredBytes" | "header"
>;

/** Reading the source of a copy answers nobody. */
const COPIED: Answer = {
  status: 200,
  bytesSent: 0,
  beganMs: undefined,
  declaredBytes: undefined,
  header: () => undefined,
};

/** Names of logged buckets that are remembered for requests that are refused at the door. */
export const LOGGED_NAMES_MAX = 10_000;
const DEFAULT_REGION = "us-east-1";

export class AccessLog {
  readonly #options: AccessLogOptions;
  readonly #modules: AccessLogModules;
  readonly #names = new Set<string>();

  constructor(options: AccessLogOptions, modules: AccessLogModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Undefined where the bucket is not logged. */
  begin(bucket: Bucket, { request, response }: Pick<Exchange, "request" | "response">) {
    if (bucket.documents[LOGGING_DOCUMENT] === undefined) return undefined;
    if (this.#names.size < LOGGED_NAMES_MAX) this.#names.add(bucket.name);
    const recorded = new RecordedResponse(response, this.#modules.clock, request.method);
    return { bucket, response: recorded, deletions: [] } satisfies LoggedRequest;
  }

  /**
   * The same for a request that was refused before its bucket was looked up. Only names that are
   * known to be logged are looked up: strangers must not make the server read.
   */
  async beginRefused(name: string, exchange: Exchange): Promise<LoggedRequest | undefined> {
    if (!this.#names.has(name)) return undefined;
    const bucket = await this.#find(name);
    if (bucket === undefined) this.#names.delete(name);
    return bucket === undefined ? undefined : this.begin(bucket, exchange);
  }

  end(finished: FinishedRequest): void {
    const { logged } = finished;
    const entry = this.#entryOf(finished, logged.bucket, logged.response);
    this.#write(logged.bucket, entry);
    for (const deletion of logged.deletions) {
      this.#write(logged.bucket, deletionEntry(entry, deletion));
    }
  }

  /** The log of the bucket that a copy has read from. */
  async endCopy(finished: Omit<FinishedRequest, "logged">): Promise<void> {
    const operation = finished.operation && COPY_SOURCE_NAMES[finished.operation];
    const text = finished.request.headers.get("x-amz-copy-source");
    if (operation === undefined || text === undefined) return;
    const { bucket: name, key, versionId } = parseCopySource(text);
    const bucket = this.#names.has(name) ? await this.#find(name) : undefined;
    if (bucket === undefined) return;
    const entry = this.#entryOf(finished, bucket, COPIED);
    this.#write(bucket, { ...entry, operation, key, versionId });
  }

  #write(bucket: Bucket, entry: LogEntry): void {
    const target = readDocument<LoggingConfiguration>(bucket, LOGGING_DOCUMENT);
    if (target === undefined) return;
    const source = this.#sourceOf(bucket);
    const region = this.#options.region ?? DEFAULT_REGION;
    const simple = target.keyFormat === "simple";
    const destination: LogDestination = {
      bucket: target.bucket,
      prefix: target.prefix,
      partition: simple ? "" : `${source.accountId}/${region}/${bucket.name}/`,
      day: target.keyFormat === "EventTime" ? formatIsoDate(entry.timeMs).slice(0, 10) : undefined,
    };
    this.#modules.spool.add(destination, { source, text: formatLogLine(entry) });
  }

  #sourceOf(bucket: Bucket): LogSource {
    const canonicalId = bucketOwnerOf(bucket);
    const accountId = this.#modules.accounts.idOf(canonicalId) ?? "";
    return { bucket: bucket.name, accountId, canonicalId };
  }

  #entryOf(finished: Omit<FinishedRequest, "logged">, bucket: Bucket, response: Answer): LogEntry {
    const { request, address, auth, startMs } = finished;
    const isObject = address.kind === "object";
    const endMs = this.#modules.clock.nowMs();
    const query = request.rawQuery === "" ? "" : `?${redactQuery(request.rawQuery)}`;
    const began = response.beganMs;
    return {
      bucketOwner: bucketOwnerOf(bucket),
      bucket: bucket.name,
      timeMs: startMs,
      remoteAddress: request.remoteAddress,
      requester: requesterOf(auth),
      requestId: request.id,
      operation:
        finished.website === true
          ? `WEBSITE.${request.method}.OBJECT`
          : logOperation(finished.operation, request, isObject),
      key: isObject ? address.key : undefined,
      requestLine: `${request.method} ${request.rawPath}${query} HTTP/1.1`,
      status: response.status,
      errorCode: finished.errorCode,
      bytesSent: response.bytesSent,
      objectBytes: objectBytes(finished, response),
      totalMs: endMs - startMs,
      turnAroundMs: began === undefined ? undefined : began - startMs,
      referer: request.headers.get("referer"),
      userAgent: request.headers.get("user-agent"),
      versionId: response.header("x-amz-version-id"),
      hostId: this.#options.hostId,
      signed: auth?.kind === "signed" ? auth : undefined,
      hostHeader: request.headers.get("host"),
      aclRequired: finished.aclRequired,
    };
  }

  async #find(name: string): Promise<Bucket | undefined> {
    try {
      return await this.#modules.store.bucket(name);
    } catch (error) {
      if (error instanceof StoreError) return undefined;
      throw error;
    }
  }
}

interface Exchange {
  readonly request: HttpRequest;
  readonly response: ConstructorParameters<typeof RecordedResponse>[0];
}

/** As in AWS: who stands for an account by its canonical id, its users by their names. */
function requesterOf(auth: AuthResult<Identity> | undefined): string | undefined {
  if (auth?.kind !== "signed") return undefined;
  const { caller, canonicalId } = auth.identity;
  return caller.accountRoot ? canonicalId : (caller.arns[0] ?? canonicalId);
}

/** Of what was read or written; undefined for everything else. */
function objectBytes(
  { operation, request }: Pick<FinishedRequest, "operation" | "request">,
  response: Answer,
): number | undefined {
  if (operation === "GetObject" || operation === "HeadObject") {
    if (response.status !== 200 && response.status !== 206) return undefined;
    const total = response.header("content-range")?.split("/")[1];
    return total === undefined ? response.declaredBytes : Number(total);
  }
  if (operation !== "PutObject" && operation !== "UploadPart") return undefined;
  const decoded = request.headers.get("x-amz-decoded-content-length");
  return decoded !== undefined && /^\d{1,15}$/.test(decoded)
    ? Number(decoded)
    : request.contentLength;
}

function deletionEntry(request: LogEntry, deletion: LoggedDeletion): LogEntry {
  return {
    ...request,
    operation: BATCH_DELETE_NAME,
    key: deletion.key,
    versionId: deletion.versionId,
    status: deletion.status,
    errorCode: deletion.errorCode,
    requestLine: undefined,
    bytesSent: undefined,
    totalMs: undefined,
    turnAroundMs: undefined,
  };
}
