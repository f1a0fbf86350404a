/**
 * What a write stores beside the bytes, from the headers of the request: metadata, tags, locks, the
 * access control list. One function for all writers, so that none forgets a part.
 */
import type { HttpHeaders } from "../http/headers.ts";
import type { Bucket, StoredHeaders } from "../object/contract/object-store.ts";
import {
  LEGAL_HOLD_HEADER,
  LOCK_DOCUMENT,
  LOCK_MODE_HEADER,
  LOCK_MODES,
  LOCK_UNTIL_HEADER,
  withRetention,
} from "../object/operations/object-lock.ts";
import { newObjectAcl, parseAclHeaders, withAcl } from "./access-lists.ts";
import type { ServiceContext } from "./context.ts";
import { parseIsoDate } from "./dates.ts";
import { formatTaggingHeader, parseTaggingHeader } from "./documents/tagging.ts";
import { type ParsedHeaders, parseStoredHeaders } from "./metadata-headers.ts";
import { callerAccount } from "./owner.ts";
import { invalidArgument, S3Error } from "./s3-error.ts";

const TAGGING_HEADER = "x-amz-tagging";

type WriteContext = Pick<ServiceContext, "headers" | "auth" | "accounts" | "clock">;

/** Everything of a new object that its headers say. */
export function parseObjectHeaders(context: WriteContext, bucket: Bucket): ParsedHeaders {
  const parsed = parseStoredHeaders(context.headers);
  const tagged = { ...parsed.headers, ...parseTags(context.headers) };
  return { ...parsed, headers: withAccess(tagged, context, bucket) };
}

/** Locks and access list belong to the new object alone: a copy does not inherit them. */
export function withAccess(
  headers: StoredHeaders,
  context: WriteContext,
  bucket: Bucket,
): StoredHeaders {
  const locked = { ...headers, ...parseLockHeaders(context, bucket) };
  const request = parseAclHeaders(context.headers, context.accounts);
  const acl = newObjectAcl(request, callerAccount(context.auth), bucket);
  return acl === undefined ? locked : withAcl(locked, acl, bucket);
}

/** `x-amz-tagging`, checked and in its stored form; empty when there is none. */
export function parseTags(headers: HttpHeaders): StoredHeaders {
  const text = headers.get(TAGGING_HEADER);
  if (text === undefined) return {};
  const tags = formatTaggingHeader(parseTaggingHeader(text));
  return tags === "" ? {} : { [TAGGING_HEADER]: tags };
}

function parseLockHeaders({ headers, clock }: WriteContext, bucket: Bucket): StoredHeaders {
  const mode = headers.get(LOCK_MODE_HEADER);
  const until = headers.get(LOCK_UNTIL_HEADER);
  const hold = headers.get(LEGAL_HOLD_HEADER);
  if (mode === undefined && until === undefined && hold === undefined) return {};
  requireLock(bucket);
  return { ...parseRetentionHeaders(mode, until, clock.nowMs()), ...parseHold(hold) };
}

/** Throws InvalidRequest in a bucket without object lock. */
export function requireLock(bucket: Bucket): void {
  if (bucket.documents[LOCK_DOCUMENT] !== undefined) return;
  throw new S3Error("InvalidRequest", { message: "Bucket is missing Object Lock Configuration" });
}

function parseRetentionHeaders(
  modeText: string | undefined,
  untilText: string | undefined,
  nowMs: number,
): StoredHeaders {
  if (modeText === undefined && untilText === undefined) return {};
  if (modeText === undefined || untilText === undefined) {
    throw new S3Error("InvalidArgument", {
      message:
        "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
    });
  }
  const mode = LOCK_MODES.find((name) => name === modeText);
  if (mode === undefined)
    throw invalidArgument("Unknown wormMode directive.", LOCK_MODE_HEADER, modeText);
  const untilMs = parseIsoDate(untilText);
  if (untilMs === undefined) {
    throw invalidArgument(
      "The retain until date must be provided in ISO 8601 format",
      LOCK_UNTIL_HEADER,
      untilText,
    );
  }
  checkFuture(untilMs, nowMs, untilText);
  return withRetention({}, { mode, untilMs });
}

/** A retention that is over when it begins is a mistake. */
export function checkFuture(untilMs: number, nowMs: number, text: string): void {
  if (untilMs > nowMs) return;
  throw invalidArgument("The retain until date must be in the future!", LOCK_UNTIL_HEADER, text);
}

function parseHold(text: string | undefined): StoredHeaders {
  if (text === undefined) return {};
  if (text === "ON") return { [LEGAL_HOLD_HEADER]: text };
  if (text === "OFF") return {};
  throw invalidArgument("Legal Hold must be either of 'ON' or 'OFF'", LEGAL_HOLD_HEADER, text);
}
