/** Errors as the Security Token Service words them. */
import { StoreError } from "../../base/store-error.ts";
import { S3Error } from "../s3-error.ts";
import { xmlDocument } from "../xml.ts";

export const STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/";

const STATUS = {
  AccessDenied: 403,
  ExpiredToken: 400,
  InternalError: 500,
  InvalidAction: 400,
  InvalidClientTokenId: 403,
  InvalidParameterValue: 400,
  MalformedPolicyDocument: 400,
  MissingParameter: 400,
  NotImplemented: 501,
  PackedPolicyTooLarge: 400,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
} as const satisfies Record<string, number>;
export type StsErrorCode = keyof typeof STATUS;

export class StsError extends Error {
  readonly code: StsErrorCode;
  readonly status: number;

  constructor(code: StsErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = "StsError";
    this.code = code;
    this.status = STATUS[code];
  }
}

const FROM_S3: Readonly<Record<string, StsErrorCode>> = {
  ExpiredToken: "ExpiredToken",
  InvalidAccessKeyId: "InvalidClientTokenId",
  InvalidToken: "InvalidClientTokenId",
  SignatureDoesNotMatch: "SignatureDoesNotMatch",
};

export function toStsError(error: unknown): StsError {
  if (error instanceof StsError) return error;
  if (error instanceof StoreError && error.code === "entity-too-large") {
    return new StsError("InvalidParameterValue", "The form is too large.", error);
  }
  if (error instanceof S3Error && error.status < 500) {
    return new StsError(FROM_S3[error.code] ?? "AccessDenied", error.message, error);
  }
  if (error instanceof S3Error || error instanceof StoreError) {
    return new StsError("ServiceUnavailable", "Please try again.", error);
  }
  return new StsError("InternalError", "We encountered an internal error.", error);
}

export function renderStsError(error: StsError, requestId: string): string {
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
    STS_NAMESPACE,
  );
}
