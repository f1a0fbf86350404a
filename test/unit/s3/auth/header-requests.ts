/** Requests signed in the header, good and bad, and what the authenticator says to them. */
import type { S3Error } from "../../../../src/s3/s3-error.ts";
import { refusal } from "../refusal.ts";
import {
  authenticator,
  type HeaderFields,
  PLAIN_HEADERS,
  request,
  type SignInput,
  sign,
} from "./signed-requests.ts";

export const LINE = "GET /key";
export const SCOPE = "20130524/us-east-1/s3/aws4_request";
export const SIGNED = "host;x-amz-content-sha256;x-amz-date";
export const ZEROS = "0".repeat(64);

export function signed(input: Partial<SignInput> = {}) {
  return sign({ line: LINE, headers: PLAIN_HEADERS, ...input });
}

export function refused(input: Partial<SignInput>, settings = {}): S3Error {
  return refusal(() => authenticator(settings).authenticate(signed(input)));
}

export function withAuthorization(authorization: string, headers: HeaderFields = PLAIN_HEADERS) {
  return refusal(() => authenticator().authenticate(request(LINE, { ...headers, authorization })));
}

export function detail(error: S3Error, name: string): string | number | undefined {
  return error.details.find(([candidate]) => candidate === name)?.[1];
}
