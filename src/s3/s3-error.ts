/**
 * How a failure is answered: one error class for the S3 layer, one translation of everything else
 * into it, one rendering as XML.
 *
 * An error that nothing here knows becomes InternalError; its text stays in `cause` for the log and
 * never reaches the client.
 */
import {
  type EncryptionProblem,
  StoreError,
  type StoreErrorCode,
  type StoreErrorData,
} from "../base/store-error.ts";
import { formatHttpDate } from "./dates.ts";
import { isS3ErrorCode, S3_ERRORS, type S3ErrorCode } from "./s3-error-codes.ts";
import { xmlDocument } from "./xml.ts";

export interface S3ErrorOptions {
  readonly message?: string;
  /** Extra elements of the XML body, in order. */
  readonly details?: ReadonlyArray<readonly [name: string, value: string | number]>;
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>;
  readonly cause?: unknown;
}

export class S3Error extends Error {
  readonly code: S3ErrorCode;
  readonly status: number;
  readonly details: ReadonlyArray<readonly [name: string, value: string | number]>;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;

  constructor(code: S3ErrorCode, options: S3ErrorOptions = {}) {
    const [status, message] = S3_ERRORS[code];
    super(options.message ?? message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "S3Error";
    this.code = code;
    this.status = status;
    this.details = options.details ?? [];
    this.headers = options.headers ?? [];
  }
}

/** 400 InvalidArgument naming the argument, as AWS words it. */
export function invalidArgument(message: string, name: string, value: string): S3Error {
  return new S3Error("InvalidArgument", {
    message,
    details: [
      ["ArgumentName", name],
      ["ArgumentValue", value],
    ],
  });
}

/** The one translation into an S3 answer. */
export function toS3Error(error: unknown): S3Error {
  if (error instanceof S3Error) return error;
  if (error instanceof StoreError) return fromStoreError(error.data, error);
  return new S3Error("InternalError", { cause: error });
}

export interface ErrorContext {
  readonly requestId: string;
  readonly hostId: string;
  /** The path of the request, undecoded. */
  readonly resource: string;
  readonly bucket?: string | undefined;
  readonly key?: string | undefined;
}

/** The XML body. Answers to HEAD and 304 carry none: the caller knows the method. */
export function renderError(error: S3Error, context: ErrorContext): string {
  return xmlDocument(
    "Error",
    (xml) => {
      xml.element("Code", error.code);
      xml.element("Message", error.message);
      for (const [name, value] of error.details) xml.element(name, value);
      xml.optional("Key", context.key);
      xml.optional("BucketName", context.bucket);
      xml.element("Resource", context.resource);
      xml.element("RequestId", context.requestId);
      xml.element("HostId", context.hostId);
    },
    "",
  );
}

type Translations = {
  readonly [Code in StoreErrorCode]: (
    data: Extract<StoreErrorData, { readonly code: Code }>,
    cause: StoreError,
  ) => S3Error;
};

const RETRY_AFTER_SECONDS = "1";

function retryLater(code: "ServiceUnavailable" | "SlowDown", cause: StoreError): S3Error {
  return new S3Error(code, { cause, headers: [["Retry-After", RETRY_AFTER_SECONDS]] });
}

function markerHeaders(
  marker: { readonly versionId: string; readonly mtimeMs: number } | undefined,
): Array<[string, string]> {
  if (marker === undefined) return [["x-amz-delete-marker", "false"]];
  return [
    ["x-amz-delete-marker", "true"],
    ["x-amz-version-id", marker.versionId],
    ["Last-Modified", formatHttpDate(marker.mtimeMs)],
  ];
}

function digestMismatch(data: Extract<StoreErrorData, { code: "digest-mismatch" }>): S3Error {
  if (data.digest === "md5") return new S3Error("BadDigest");
  if (data.digest === "sha256") return new S3Error("XAmzContentSHA256Mismatch");
  const name = (data.algorithm ?? "checksum").toUpperCase();
  const message = `The ${name} you specified did not match the calculated checksum.`;
  return new S3Error("BadDigest", { message });
}

function notModified(data: Extract<StoreErrorData, { code: "not-modified" }>): S3Error {
  const headers: Array<[string, string]> = [
    ["ETag", `"${data.etag}"`],
    ["Last-Modified", formatHttpDate(data.mtimeMs)],
  ];
  if (data.versionId !== undefined) headers.push(["x-amz-version-id", data.versionId]);
  return new S3Error("NotModified", { headers });
}

function namedByCaller(data: { readonly s3Code: string; readonly message: string }): S3Error {
  const code = isS3ErrorCode(data.s3Code) ? data.s3Code : "InvalidRequest";
  return new S3Error(code, data.message === "" ? {} : { message: data.message });
}

const MIN_PART_BYTES = 5 * 1024 * 1024;

const ENCRYPTION_ERRORS: Readonly<
  Record<EncryptionProblem, readonly [code: S3ErrorCode, message: string]>
> = {
  "key-required": [
    "InvalidRequest",
    "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
  ],
  "key-wrong": [
    "InvalidRequest",
    "The provided encryption parameters did not match the ones used originally.",
  ],
  "key-not-applicable": [
    "InvalidRequest",
    "The encryption parameters are not applicable to this object.",
  ],
  "not-encrypted": ["InvalidRequest", "The object is not encrypted; copy it to encrypt it."],
  "no-such-key": ["KMS.NotFoundException", "The key id does not name a key."],
  "no-default-key": [
    "InvalidArgument",
    "Server Side Encryption with KMS managed key requires HTTP header x-amz-server-side-encryption-aws-kms-key-id",
  ],
  "no-service": ["NotImplemented", "Server side encryption specified but KMS is not configured"],
  "service-unavailable": ["ServiceUnavailable", "The key management service does not answer."],
};

/**
 * What became of the request is unknown, or the data is there and cannot be reached: 503, which
 * every SDK retries. Never a 4xx, which would claim knowledge (invariants a and b).
 */
const TRANSLATIONS: Translations = {
  "no-such-bucket": () => new S3Error("NoSuchBucket"),
  "no-such-key": (data) => new S3Error("NoSuchKey", { headers: markerHeaders(data.deleteMarker) }),
  "no-such-version": () => new S3Error("NoSuchVersion"),
  "no-such-upload": () => new S3Error("NoSuchUpload"),
  "method-not-allowed": (data) =>
    new S3Error("MethodNotAllowed", {
      headers: [...markerHeaders(data.deleteMarker), ["Allow", "DELETE"]],
    }),
  "bucket-exists": () => new S3Error("BucketAlreadyOwnedByYou"),
  "bucket-not-empty": () => new S3Error("BucketNotEmpty"),
  "precondition-failed": (data) =>
    new S3Error("PreconditionFailed", { details: [["Condition", data.condition]] }),
  "not-modified": notModified,
  "conditional-conflict": () => new S3Error("ConditionalRequestConflict"),
  "digest-mismatch": digestMismatch,
  "incomplete-body": () => new S3Error("IncompleteBody"),
  "entity-too-large": (data) =>
    new S3Error("EntityTooLarge", { details: [["MaxSizeAllowed", data.bytesMax]] }),
  "entity-too-small": (data) =>
    new S3Error("EntityTooSmall", {
      details: [
        ["ProposedSize", data.bytes],
        ["MinSizeAllowed", MIN_PART_BYTES],
        ["PartNumber", data.partNumber],
        ["ETag", data.etag],
      ],
    }),
  "invalid-part": (data) =>
    new S3Error("InvalidPart", { details: [["PartNumber", data.partNumber]] }),
  "invalid-part-order": () => new S3Error("InvalidPartOrder"),
  "range-not-satisfiable": (data) =>
    new S3Error("InvalidRange", {
      details: [["ActualObjectSize", data.size]],
      headers: [["Content-Range", `bytes */${data.size}`]],
    }),
  "invalid-part-number": () => new S3Error("InvalidPart"),
  "invalid-argument": (data) => new S3Error("InvalidArgument", { message: data.message }),
  "quota-exceeded": () => new S3Error("XMinioAdminBucketQuotaExceeded"),
  "too-many-versions": () => new S3Error("MaxVersionsExceeded"),
  "object-locked": () =>
    new S3Error("AccessDenied", {
      message: "Access Denied because object protected by object lock.",
    }),
  encryption: (data, cause) => {
    const [code, message] = ENCRYPTION_ERRORS[data.problem];
    return new S3Error(code, { message, cause });
  },
  refused: namedByCaller,
  "payload-rejected": namedByCaller,
  "client-gone": () => new S3Error("ClientDisconnected"),
  "no-quorum": (_data, cause) => retryLater("ServiceUnavailable", cause),
  "stale-bucket": (_data, cause) => retryLater("ServiceUnavailable", cause),
  "unknown-outcome": (_data, cause) => retryLater("ServiceUnavailable", cause),
  "data-unavailable": (_data, cause) => retryLater("ServiceUnavailable", cause),
  "drive-faulty": (_data, cause) => retryLater("ServiceUnavailable", cause),
  "drive-full": (_data, cause) => new S3Error("XMinioStorageFull", { cause }),
  corrupt: (_data, cause) => new S3Error("InternalError", { cause }),
  busy: (_data, cause) => retryLater("SlowDown", cause),
  deadline: (_data, cause) => retryLater("ServiceUnavailable", cause),
  "shutting-down": (_data, cause) => retryLater("ServiceUnavailable", cause),
  internal: (_data, cause) => new S3Error("InternalError", { cause }),
};

function fromStoreError(data: StoreErrorData, cause: StoreError): S3Error {
  // The table is total over the codes; only the pairing of code and data is lost on the compiler.
  const translate = TRANSLATIONS[data.code] as (data: StoreErrorData, cause: StoreError) => S3Error;
  return translate(data, cause);
}
