/** How the administration API says no: JSON with MinIO's codes, which `mc` shows and scripts know. */
import { StoreError } from "../base/store-error.ts";
import { IamError, type IamErrorCode } from "../iam/store/iam-error.ts";

export class AdminError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "AdminError";
    this.status = status;
    this.code = code;
  }
}

export function badRequest(message: string): AdminError {
  return new AdminError(400, "XMinioAdminInvalidArgument", message);
}

export const ACCESS_DENIED: readonly [number, string, string] = [
  403,
  "AccessDenied",
  "Access Denied.",
];

const IAM_ERRORS: Readonly<Record<IamErrorCode, readonly [status: number, code: string]>> = {
  "no-such-account": [404, "XMinioAdminNoSuchAccount"],
  "no-such-user": [404, "XMinioAdminNoSuchUser"],
  "no-such-group": [404, "XMinioAdminNoSuchGroup"],
  "no-such-policy": [404, "XMinioAdminNoSuchPolicy"],
  "no-such-key": [404, "XMinioAdminServiceAccountNotFound"],
  "account-exists": [409, "XMinioAdminAccountExists"],
  "key-exists": [409, "XMinioAdminAccessKeyInUse"],
  "no-such-kms-key": [404, "kms:KeyNotFound"],
  "kms-key-exists": [409, "kms:KeyAlreadyExists"],
  "name-exists": [409, "XMinioAdminNameInUse"],
  "delete-conflict": [409, "XMinioAdminDeleteConflict"],
  "policy-in-use": [400, "XMinioAdminPolicyInUse"],
  "group-not-empty": [400, "XMinioAdminGroupNotEmpty"],
  "built-in": [400, "XMinioAdminPolicyInUse"],
  "invalid-name": [400, "XMinioAdminInvalidAccessKey"],
  "invalid-secret": [400, "XMinioAdminInvalidSecretKey"],
  "invalid-policy": [400, "XMinioMalformedIAMPolicy"],
  "invalid-expiry": [400, "XMinioInvalidExpiry"],
  "too-many": [400, "XMinioAdminLimitExceeded"],
  "no-change": [400, "XMinioAdminPolicyChangeAlreadyApplied"],
  sealed: [500, "InternalError"],
  corrupt: [500, "InternalError"],
};

/** The one translation; what is not known is an InternalError without its text. */
export function toAdminError(error: unknown): AdminError {
  if (error instanceof AdminError) return error;
  if (error instanceof IamError) {
    const [status, code] = IAM_ERRORS[error.code];
    const message = status < 500 ? error.message : INTERNAL;
    return new AdminError(status, code, message, { cause: error });
  }
  if (error instanceof StoreError) return fromStoreError(error);
  return new AdminError(500, "InternalError", INTERNAL, { cause: error });
}

const INTERNAL = "We encountered an internal error, please try again.";

function fromStoreError(error: StoreError): AdminError {
  if (error.code === "entity-too-large") {
    return new AdminError(400, "XMinioAdminConfigTooLarge", "The request is too large.");
  }
  if (error.code === "incomplete-body" || error.code === "client-gone") {
    return new AdminError(400, "IncompleteBody", "The request ended early.");
  }
  const message = "The server cannot answer now, please try again.";
  return new AdminError(503, "XMinioServerNotInitialized", message, { cause: error });
}

/** Refusals that are about the bucket that was named. */
export async function naming<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.data.code === "invalid-argument") throw badRequest(error.data.message);
    if (error.code !== "no-such-bucket") throw error;
    throw new AdminError(404, "NoSuchBucket", "The specified bucket does not exist.");
  }
}
