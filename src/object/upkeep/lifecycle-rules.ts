/**
 * Lifecycle rules and what they make of a key: pure functions over the versions of a record, so that
 * the register's change can decide on what is there at that very moment.
 *
 * As in S3 a version falls due at the first midnight (UTC) after its days are over. A shorter day,
 * for tests, is not rounded.
 */

import type { Bucket, StoredHeaders } from "../contract/object-store.ts";
import { DAY_MS } from "../operations/object-lock.ts";

/** The name of the rules among a bucket's documents. */
export const LIFECYCLE_DOCUMENT = "lifecycle";

export interface LifecycleTag {
  readonly key: string;
  readonly value: string;
}

export interface LifecycleFilter {
  readonly prefix?: string;
  readonly tags?: readonly LifecycleTag[];
  /** Exclusive. */
  readonly bytesAbove?: number;
  /** Exclusive. */
  readonly bytesBelow?: number;
}

export interface LifecycleRule {
  readonly id: string;
  readonly enabled: boolean;
  readonly filter: LifecycleFilter;
  /** How the filter was written, so that it can be given back so. */
  readonly filterForm: "prefix" | "filter" | "and" | "none";
  readonly expiration?: {
    readonly days?: number;
    readonly dateMs?: number;
    /** Removes delete markers that hide nothing any more. */
    readonly loneMarkers?: boolean;
    /** With the current version all others go too. */
    readonly allVersions?: boolean;
  };
  readonly noncurrent?: { readonly days?: number; readonly newerKept?: number };
  readonly abortUploadsDays?: number;
  /** Removes delete markers and all they hide, so many days after they were made. */
  readonly markerDays?: number;
}

export interface LifecycleConfiguration {
  readonly rules: readonly LifecycleRule[];
  readonly updatedMs: number;
}

export function encodeLifecycle(configuration: LifecycleConfiguration): string {
  return JSON.stringify({ version: 1, ...configuration });
}

const PARSED = new WeakMap<object, LifecycleConfiguration>();

/** Undefined: the bucket has none. Parsed once for each state of the bucket. */
export function lifecycleOf(bucket: Pick<Bucket, "documents">): LifecycleConfiguration | undefined {
  const text = bucket.documents[LIFECYCLE_DOCUMENT];
  if (text === undefined) return undefined;
  let parsed = PARSED.get(bucket.documents);
  if (parsed === undefined) {
    // Written by encodeLifecycle and nothing else.
    parsed = JSON.parse(text) as LifecycleConfiguration;
    PARSED.set(bucket.documents, parsed);
  }
  return parsed;
}

/** When `days` after `fromMs` are over. */
export function dueAfterDays(fromMs: number, days: number, dayMs: number): number {
  const endMs = fromMs + days * dayMs;
  return dayMs === DAY_MS ? Math.ceil(endMs / DAY_MS) * DAY_MS : endMs;
}

/** A version as rules see it. */
export interface LifecycleVersion {
  readonly deleteMarker: boolean;
  readonly mtimeMs: number;
  /** When it came: later than `mtimeMs` where its writer brought that along. */
  readonly writtenMs: number;
  readonly bytes: number;
  /** Asked only where a rule has tags. */
  tags(): readonly LifecycleTag[];
}

export interface LifecycleClock {
  readonly nowMs: number;
  readonly dayMs: number;
}

export interface LifecycleDecision {
  /** Hide the current version behind a delete marker, or remove it where there are no versions. */
  readonly expireCurrent: boolean;
  /** Positions of versions to remove for ever, newest first. */
  readonly remove: readonly number[];
}

/** What the rules do to a key whose versions are these, newest first. */
export function decideLifecycle(
  rules: readonly LifecycleRule[],
  key: string,
  versions: readonly LifecycleVersion[],
  clock: LifecycleClock,
): LifecycleDecision {
  const remove = new Set<number>();
  let expireCurrent = false;
  for (const rule of rules) {
    if (!rule.enabled || !key.startsWith(rule.filter.prefix ?? "")) continue;
    const outcome = decideCurrent(rule, versions, clock);
    expireCurrent ||= outcome === "hide";
    for (const index of [
      ...removedWithCurrent(outcome, versions),
      ...dueNoncurrent(rule, versions, clock),
    ]) {
      remove.add(index);
    }
  }
  return { expireCurrent: expireCurrent && !remove.has(0), remove: [...remove].sort(ascending) };
}

function removedWithCurrent(
  outcome: CurrentOutcome,
  versions: readonly LifecycleVersion[],
): Iterable<number> {
  if (outcome === "remove-all") return versions.keys();
  return outcome === "remove" ? [0] : [];
}

function ascending(one: number, other: number): number {
  return one - other;
}

type CurrentOutcome = "keep" | "hide" | "remove" | "remove-all";

function decideCurrent(
  rule: LifecycleRule,
  versions: readonly LifecycleVersion[],
  clock: LifecycleClock,
): CurrentOutcome {
  const current = versions[0];
  if (current === undefined) return "keep";
  if (current.deleteMarker) return decideMarker(rule, versions, clock);
  if (!matchesFilter(rule.filter, current) || !isExpired(rule, current, clock)) return "keep";
  return rule.expiration?.allVersions === true ? "remove-all" : "hide";
}

/** A marker that hides nothing goes; one that hides something only by the rule made for that. */
function decideMarker(
  rule: LifecycleRule,
  versions: readonly LifecycleVersion[],
  clock: LifecycleClock,
): CurrentOutcome {
  const marker = versions[0];
  if (marker === undefined || !matchesFilter(rule.filter, marker)) return "keep";
  const { expiration, markerDays } = rule;
  if (markerDays !== undefined) {
    const dueMs = dueAfterDays(marker.mtimeMs, markerDays, clock.dayMs);
    if (dueMs <= clock.nowMs) return "remove-all";
  }
  if (versions.length > 1 || expiration === undefined) return "keep";
  if (expiration.loneMarkers === true) return "remove";
  return isExpired(rule, marker, clock) ? "remove" : "keep";
}

function isExpired(
  { expiration }: LifecycleRule,
  version: LifecycleVersion,
  clock: LifecycleClock,
): boolean {
  if (expiration?.dateMs !== undefined) return expiration.dateMs <= clock.nowMs;
  if (expiration?.days === undefined) return false;
  return dueAfterDays(version.mtimeMs, expiration.days, clock.dayMs) <= clock.nowMs;
}

/** A version is noncurrent since the one above it came. */
function dueNoncurrent(
  { noncurrent, filter }: LifecycleRule,
  versions: readonly LifecycleVersion[],
  clock: LifecycleClock,
): readonly number[] {
  if (noncurrent === undefined) return [];
  const due: number[] = [];
  let newer = 0;
  for (const [index, version] of versions.entries()) {
    const successor = versions[index - 1];
    if (successor === undefined || !matchesFilter(filter, version)) continue;
    newer += 1;
    if (newer <= (noncurrent.newerKept ?? 0)) continue;
    const dueMs = dueAfterDays(successor.writtenMs, noncurrent.days ?? 0, clock.dayMs);
    if (dueMs <= clock.nowMs) due.push(index);
  }
  return due;
}

export function matchesFilter(
  filter: LifecycleFilter,
  version: Pick<LifecycleVersion, "bytes" | "tags" | "deleteMarker">,
): boolean {
  const { tags = [], bytesAbove, bytesBelow } = filter;
  // A marker has neither tags nor a size: only rules that ask for neither mean it.
  if (version.deleteMarker) {
    return tags.length === 0 && bytesAbove === undefined && bytesBelow === undefined;
  }
  if (bytesAbove !== undefined && version.bytes <= bytesAbove) return false;
  if (bytesBelow !== undefined && version.bytes >= bytesBelow) return false;
  if (tags.length === 0) return true;
  const own = version.tags();
  return tags.every(({ key, value }) => own.some((tag) => tag.key === key && tag.value === value));
}

/** The rule that will expire a current version first, and when: the header `x-amz-expiration`. */
export function nextExpiration(
  rules: readonly LifecycleRule[],
  key: string,
  version: LifecycleVersion,
): { readonly ruleId: string; readonly atMs: number } | undefined {
  let first: { readonly ruleId: string; readonly atMs: number } | undefined;
  for (const rule of rules) {
    const { expiration, filter, id } = rule;
    if (!rule.enabled || expiration === undefined || !key.startsWith(filter.prefix ?? "")) continue;
    if (!matchesFilter(filter, version)) continue;
    const { days, dateMs } = expiration;
    const atMs =
      dateMs ?? (days === undefined ? undefined : dueAfterDays(version.mtimeMs, days, DAY_MS));
    if (atMs !== undefined && (first === undefined || atMs < first.atMs)) {
      first = { ruleId: id, atMs };
    }
  }
  return first;
}

/** `a=b&c=d` as it is stored with an object. */
export function tagsOf(headers: StoredHeaders): readonly LifecycleTag[] {
  const text = headers["x-amz-tagging"];
  if (text === undefined || text === "") return [];
  return [...new URLSearchParams(text)].map(([key, value]) => ({ key, value }));
}
