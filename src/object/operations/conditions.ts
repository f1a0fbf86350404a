/**
 * Preconditions of reads, writes and deletes, evaluated against one version. Pure. One function for
 * all writers, so that no path forgets them.
 */
import type { StoreErrorData } from "../../base/store-error.ts";
import type { DeleteConditions, ReadConditions } from "../contract/conditions.ts";
import { NULL_VERSION } from "../contract/object-store.ts";
import type { VersionSummary } from "../records/stored-version.ts";

const ANY = "*";

/**
 * A delete marker on top counts as absent. Undefined when the write may go on. Only renames bring
 * times: nothing that is there was modified after any.
 */
export function checkWriteConditions(
  conditions: ReadConditions,
  latest: VersionSummary | undefined,
): StoreErrorData | undefined {
  const { ifMatch, ifNoneMatch, ifModifiedSinceMs, ifUnmodifiedSinceMs } = conditions;
  const live = latest === undefined || latest.deleteMarker ? undefined : latest;
  if (ifMatch !== undefined) {
    if (live === undefined) return { code: "no-such-key" };
    if (!matches(ifMatch, live.etag)) return failed("If-Match");
  }
  if (ifNoneMatch !== undefined && live !== undefined && matches(ifNoneMatch, live.etag)) {
    return failed("If-None-Match");
  }
  if (ifModifiedSinceMs !== undefined && !isModifiedSince(live, ifModifiedSinceMs)) {
    return failed("If-Modified-Since");
  }
  if (ifUnmodifiedSinceMs !== undefined && isModifiedSince(live, ifUnmodifiedSinceMs)) {
    return failed("If-Unmodified-Since");
  }
  return undefined;
}

function isModifiedSince(version: VersionSummary | undefined, timeMs: number): boolean {
  return version !== undefined && seconds(version.mtimeMs) > seconds(timeMs);
}

/** In the order of RFC 9110 §13.2.2. Undefined when the version may be read. */
export function checkReadConditions(
  conditions: ReadConditions,
  version: VersionSummary,
): StoreErrorData | undefined {
  const { ifMatch, ifNoneMatch, ifModifiedSinceMs, ifUnmodifiedSinceMs } = conditions;
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, version.etag)) return failed("If-Match");
  } else if (ifUnmodifiedSinceMs !== undefined) {
    if (seconds(version.mtimeMs) > seconds(ifUnmodifiedSinceMs)) {
      return failed("If-Unmodified-Since");
    }
  }
  if (ifNoneMatch !== undefined) {
    return matches(ifNoneMatch, version.etag) ? notModified(version) : undefined;
  }
  if (ifModifiedSinceMs !== undefined && seconds(version.mtimeMs) <= seconds(ifModifiedSinceMs)) {
    return notModified(version);
  }
  return undefined;
}

/**
 * `target` is the version named by the request, or the latest. With If-Match a missing object is
 * an error; the other conditions are met by nothing being there.
 */
export function checkDeleteConditions(
  conditions: DeleteConditions,
  target: VersionSummary | undefined,
): StoreErrorData | undefined {
  const { ifMatch, ifMatchLastModifiedMs, ifMatchBytes } = conditions;
  if (ifMatch !== undefined) {
    if (target === undefined) return { code: "no-such-key" };
    if (target.deleteMarker || !matches([ifMatch], target.etag)) return failed("If-Match");
  }
  if (target === undefined) return undefined;
  if (
    ifMatchLastModifiedMs !== undefined &&
    seconds(ifMatchLastModifiedMs) !== seconds(target.mtimeMs)
  ) {
    return failed("x-amz-if-match-last-modified-time");
  }
  if (ifMatchBytes !== undefined && ifMatchBytes !== target.contentBytes) {
    return failed("x-amz-if-match-size");
  }
  return undefined;
}

function matches(etags: readonly string[], etag: string): boolean {
  return etags.some((candidate) => candidate === ANY || candidate === etag);
}

function failed(condition: string): StoreErrorData {
  return { code: "precondition-failed", condition };
}

function notModified(version: VersionSummary): StoreErrorData {
  const { etag, mtimeMs, versionId } = version;
  return {
    code: "not-modified",
    etag,
    mtimeMs,
    versionId: versionId === NULL_VERSION ? undefined : versionId,
  };
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
