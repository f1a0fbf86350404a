/**
 * One line of a bucket's access log, in AWS's format of 26 fields. What a client chose itself stands
 * in quotes or percent-encoded, so that no request can end its line or move a field; secrets of a
 * presigned URL are left out.
 */

import type { SignatureForm } from "../auth/auth-result.ts";
import { formatIsoDate } from "../dates.ts";

export interface LogEntry {
  readonly bucketOwner: string;
  readonly bucket: string;
  readonly timeMs: number;
  readonly remoteAddress: string;
  /** Canonical id of an account, ARN of one of its users; undefined for callers without keys. */
  readonly requester: string | undefined;
  readonly requestId: string;
  readonly operation: string;
  readonly key: string | undefined;
  /** `GET /bucket/key?query` as on the wire; undefined in lines about a part of a request. */
  readonly requestLine: string | undefined;
  readonly status: number | undefined;
  readonly errorCode: string | undefined;
  readonly bytesSent: number | undefined;
  readonly objectBytes: number | undefined;
  readonly totalMs: number | undefined;
  readonly turnAroundMs: number | undefined;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
  readonly versionId: string | undefined;
  readonly hostId: string;
  readonly signed: SignatureForm | undefined;
  readonly hostHeader: string | undefined;
  /** A list was needed to allow it. */
  readonly aclRequired: boolean;
}

const NONE = "-";
const AUTH_TYPES = { header: "AuthHeader", query: "QueryString", form: "PostPolicy" } as const;

export function formatLogLine(entry: LogEntry): string {
  const { signed } = entry;
  const fields = [
    entry.bucketOwner,
    entry.bucket,
    `[${formatLogTime(entry.timeMs)}]`,
    text(entry.remoteAddress),
    text(entry.requester),
    entry.requestId,
    entry.operation,
    text(entry.key),
    quoted(entry.requestLine === undefined ? undefined : withoutSecrets(entry.requestLine)),
    count(entry.status),
    entry.errorCode ?? NONE,
    // AWS writes no zero.
    count(entry.bytesSent === 0 ? undefined : entry.bytesSent),
    count(entry.objectBytes),
    count(entry.totalMs),
    count(entry.turnAroundMs),
    quoted(entry.referer),
    quoted(entry.userAgent),
    text(entry.versionId),
    entry.hostId,
    signed === undefined ? NONE : `SigV${signed.signatureVersion}`,
    NONE,
    signed === undefined ? NONE : AUTH_TYPES[signed.via],
    text(entry.hostHeader),
    NONE,
    NONE,
    entry.aclRequired ? "Yes" : NONE,
  ];
  return `${fields.join(" ")}\n`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `06/Feb/2019:00:00:38 +0000`, of an ISO date's digits. */
function formatLogTime(timeMs: number): string {
  const iso = formatIsoDate(timeMs);
  const month = MONTHS[Number(iso.slice(5, 7)) - 1] ?? "";
  return `${iso.slice(8, 10)}/${month}/${iso.slice(0, 4)}:${iso.slice(11, 19)} +0000`;
}

function count(value: number | undefined): string {
  return value === undefined ? NONE : String(Math.max(0, Math.round(value)));
}

/** Printable ASCII but for space, quote, percent, backslash and brackets. */
const NOT_PLAIN = /[^!#$&-Z^-~]/;

/** A field without quotes: nothing in it looks like the end of the field. */
function text(value: string | undefined): string {
  if (value === undefined || value === "") return NONE;
  if (!NOT_PLAIN.test(value)) return value;
  return Array.from(value, (one) => (NOT_PLAIN.test(one) ? encode(one) : one)).join("");
}

function encode(character: string): string {
  return [...Buffer.from(character)].map(percent).join("");
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const NOT_QUOTABLE = /[\u0000-\u001f"\\\u007f]/g;

function quoted(value: string | undefined): string {
  return value === undefined ? '"-"' : `"${value.replace(NOT_QUOTABLE, encode)}"`;
}

/** Whoever reads the log must not be able to use the URL again. */
const SECRETS = /([?&](?:X-Amz-(?:Signature|Security-Token)|Signature)=)[^& ]*/gi;

function withoutSecrets(requestLine: string): string {
  return requestLine.replace(SECRETS, "$1REDACTED");
}
