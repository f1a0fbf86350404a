/**
 * `x-minio-source-mtime` and `x-minio-source-etag`: what an object was elsewhere, told by whoever
 * copies it here (MinIO's replication, migrations). Only callers with s3:ReplicateObject may say so,
 * a delete marker's time needs s3:ReplicateDelete (access/operation-access.ts).
 */
import type { SourceFacts } from "../object/contract/object-store.ts";
import { CLOCK_SKEW_MS_MAX } from "./auth/signature.ts";
import { unquoteTag } from "./conditions.ts";
import type { ServiceContext } from "./context.ts";
import { parseIsoDate } from "./dates.ts";
import { invalidArgument } from "./s3-error.ts";

export const SOURCE_MTIME_HEADER = "x-minio-source-mtime";
export const SOURCE_ETAG_HEADER = "x-minio-source-etag";

type FactsContext = Pick<ServiceContext, "headers" | "clock">;

/** Undefined when the request says nothing of a source. */
export function parseSourceFacts(context: FactsContext): SourceFacts | undefined {
  const mtimeMs = parseSourceTime(context);
  const etag = parseSourceEtag(context);
  if (mtimeMs === undefined && etag === undefined) return undefined;
  return {
    ...(mtimeMs === undefined ? {} : { mtimeMs }),
    ...(etag === undefined ? {} : { etag }),
  };
}

/** To the millisecond; a time that is still to come would keep caches and rules waiting for it. */
export function parseSourceTime({ headers, clock }: FactsContext): number | undefined {
  const text = headers.get(SOURCE_MTIME_HEADER);
  if (text === undefined || text === "") return undefined;
  const timeMs = parseIsoDate(text);
  if (timeMs === undefined || timeMs < 0) {
    throw invalidArgument("The source time must be in RFC 3339 format", SOURCE_MTIME_HEADER, text);
  }
  if (timeMs > clock.nowMs() + CLOCK_SKEW_MS_MAX) {
    throw invalidArgument("The source time must not be in the future", SOURCE_MTIME_HEADER, text);
  }
  return timeMs;
}

const MD5_HEX = /^[0-9a-f]{32}$/i;
const MULTIPART = /^[0-9a-f]{32}-\d{1,5}$/i;

/** That of an object of parts comes by itself when the same parts are uploaded. */
function parseSourceEtag({ headers }: FactsContext): Uint8Array | undefined {
  const text = headers.get(SOURCE_ETAG_HEADER);
  if (text === undefined || text === "") return undefined;
  const etag = unquoteTag(text.trim());
  if (MD5_HEX.test(etag)) return Buffer.from(etag, "hex");
  const message = MULTIPART.test(etag)
    ? "The ETag of an object of several parts is that of the parts: upload the same parts"
    : "The source ETag must be 32 hexadecimal digits";
  throw invalidArgument(message, SOURCE_ETAG_HEADER, text);
}
