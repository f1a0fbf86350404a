/** Errors as AWS's IAM words them. */
import { StoreError } from "../../base/store-error.ts";
import { IamError, type IamErrorCode } from "../../iam/store/iam-error.ts";
import { S3Error } from "../s3-error.ts";
import { xmlDocument } from "../xml.ts";

export const IAM_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/";

const STATUS = {
  AccessDenied: 403,
  DeleteConflict: 409,
  EntityAlreadyExists: 409,
  ExpiredToken: 403,
  InvalidAction: 400,
  InvalidClientTokenId: 403,
  LimitExceeded: 409,
  MalformedPolicyDocument: 400,
  NoSuchEntity: 404,
  NotImplemented: 501,
  ServiceFailure: 500,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  UnmodifiableEntity: 400,
  ValidationError: 400,
} as const satisfies Record<string, number>;
export type IamQueryErrorCode = keyof typeof STATUS;

export class IamQueryError extends Error {
  readonly code: IamQueryErrorCode;
  readonly status: number;

  constructor(code: IamQueryErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = "IamQueryError";
    this.code = code;
    this.status = STATUS[code];
  }
}

const FROM_S3: Readonly<Record<string, IamQueryErrorCode>> = {
  ExpiredToken: "ExpiredToken",
  InvalidAccessKeyId: "InvalidClientTokenId",
  InvalidToken: "InvalidClientTokenId",
  SignatureDoesNotMatch: "SignatureDoesNotMatch",
};

const FROM_STORE: Readonly<Record<IamErrorCode, IamQueryErrorCode>> = {
  "no-such-account": "NoSuchEntity",
  "no-such-user": "NoSuchEntity",
  "no-such-group": "NoSuchEntity",
  "no-such-policy": "NoSuchEntity",
  "no-such-key": "NoSuchEntity",
  "account-exists": "EntityAlreadyExists",
  "key-exists": "EntityAlreadyExists",
  "name-exists": "EntityAlreadyExists",
  "no-such-kms-key": "NoSuchEntity",
  "kms-key-exists": "EntityAlreadyExists",
  "delete-conflict": "DeleteConflict",
  "policy-in-use": "DeleteConflict",
  "group-not-empty": "DeleteConflict",
  "built-in": "UnmodifiableEntity",
  "invalid-name": "ValidationError",
  "invalid-secret": "ValidationError",
  "invalid-policy": "MalformedPolicyDocument",
  "invalid-expiry": "ValidationError",
  "too-many": "LimitExceeded",
  "no-change": "NoSuchEntity",
  sealed: "ServiceFailure",
  corrupt: "ServiceFailure",
};

/** The one translation; what is not known is a ServiceFailure without its text. */
export function toIamQueryError(error: unknown): IamQueryError {
  if (error instanceof IamQueryError) return error;
  if (error instanceof IamError) {
    const code = FROM_STORE[error.code];
    return new IamQueryError(code, STATUS[code] < 500 ? error.message : FAILURE, error);
  }
  if (error instanceof StoreError && error.code === "entity-too-large") {
    return new IamQueryError("ValidationError", "The form is too large.", error);
  }
  if (error instanceof S3Error && error.status < 500) {
    return new IamQueryError(FROM_S3[error.code] ?? "AccessDenied", error.message, error);
  }
  if (error instanceof S3Error || error instanceof StoreError) {
    return new IamQueryError("ServiceUnavailable", "Please try again.", error);
  }
  return new IamQueryError("ServiceFailure", FAILURE, error);
}

const FAILURE = "We encountered an internal error.";

export function renderIamError(error: IamQueryError, requestId: string): string {
  return xmlDocument(
    "ErrorResponse",
    (xml) => {
      xml.group("Error", (group) => {
        group.element("Type", error.status < 500 ? "Sender" : "Receiver");
        group.element("Code", error.code);
        group.element("Message", error.message);
      });
      xml.element("RequestId", requestId);
    },
    IAM_NAMESPACE,
  );
}
