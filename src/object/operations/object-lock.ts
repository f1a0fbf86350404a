/**
 * Object lock: what keeps a version from being deleted, and who may change that. Pure functions over
 * the headers stored with a version, called inside the change of the register, so that no delete
 * slips in between a lock and its check.
 *
 * A lock belongs to one version. Its headers are only ever stored in buckets that have a lock
 * configuration, which cannot be taken away again.
 */
import type { StoreErrorData } from "../../base/store-error.ts";
import type { Bucket, StoredHeaders } from "../contract/object-store.ts";

/** The name of the configuration among a bucket's documents. */
export const LOCK_DOCUMENT = "object-lock";

export const LOCK_MODE_HEADER = "x-amz-object-lock-mode";
export const LOCK_UNTIL_HEADER = "x-amz-object-lock-retain-until-date";
export const LEGAL_HOLD_HEADER = "x-amz-object-lock-legal-hold";

export const LOCK_MODES = ["GOVERNANCE", "COMPLIANCE"] as const;
export type LockMode = (typeof LOCK_MODES)[number];

export interface Retention {
  readonly mode: LockMode;
  readonly untilMs: number;
}

/** What new versions get that bring no retention of their own. */
export interface DefaultRetention {
  readonly mode: LockMode;
  readonly unit: "days" | "years";
  readonly count: number;
}

export interface LockConfiguration {
  readonly defaultRetention?: DefaultRetention;
}

/** Who asks for a change that a lock may forbid. */
export interface LockOverride {
  readonly nowMs: number;
  /** Asked for and allowed: GOVERNANCE does not hold. */
  readonly bypassGovernance: boolean;
}

export const DAY_MS = 86_400_000;
/** AWS counts a year as 365 days. */
const YEAR_DAYS = 365;
const LOCKED: StoreErrorData = { code: "object-locked" };

export function encodeLockConfiguration(configuration: LockConfiguration): string {
  return JSON.stringify({ version: 1, ...configuration });
}

/** Undefined: the bucket has no object lock. */
export function lockConfigurationOf(
  bucket: Pick<Bucket, "documents">,
): LockConfiguration | undefined {
  const text = bucket.documents[LOCK_DOCUMENT];
  // Written by encodeLockConfiguration and nothing else.
  return text === undefined ? undefined : (JSON.parse(text) as LockConfiguration);
}

export function retentionOf(headers: StoredHeaders): Retention | undefined {
  const mode = LOCK_MODES.find((name) => name === headers[LOCK_MODE_HEADER]);
  const untilMs = Number(headers[LOCK_UNTIL_HEADER]);
  return mode === undefined || !Number.isSafeInteger(untilMs) ? undefined : { mode, untilMs };
}

/** Undefined takes the retention away. */
export function withRetention(
  headers: StoredHeaders,
  retention: Retention | undefined,
): StoredHeaders {
  const { [LOCK_MODE_HEADER]: _mode, [LOCK_UNTIL_HEADER]: _until, ...others } = headers;
  if (retention === undefined) return others;
  return {
    ...others,
    [LOCK_MODE_HEADER]: retention.mode,
    [LOCK_UNTIL_HEADER]: String(retention.untilMs),
  };
}

export function hasLegalHold(headers: StoredHeaders): boolean {
  return headers[LEGAL_HOLD_HEADER] === "ON";
}

/** The headers of a new version: with the bucket's default when they say nothing themselves. */
export function withDefaultRetention(
  headers: StoredHeaders,
  bucket: Pick<Bucket, "documents">,
  nowMs: number,
): StoredHeaders {
  if (bucket.documents[LOCK_DOCUMENT] === undefined) return headers;
  const byDefault = lockConfigurationOf(bucket)?.defaultRetention;
  if (byDefault === undefined || retentionOf(headers) !== undefined) return headers;
  const days = byDefault.unit === "years" ? byDefault.count * YEAR_DAYS : byDefault.count;
  return withRetention(headers, { mode: byDefault.mode, untilMs: nowMs + days * DAY_MS });
}

/** Undefined when a version with these headers may be deleted. */
export function checkUnlocked(
  headers: StoredHeaders,
  override: LockOverride,
): StoreErrorData | undefined {
  if (hasLegalHold(headers)) return LOCKED;
  const retention = retentionOf(headers);
  return retention !== undefined && holds(retention, override) ? LOCKED : undefined;
}

/**
 * Undefined when the retention may become `wanted` (undefined: none). What holds may be made longer
 * by anybody; anything else only where it does not hold for the caller.
 */
export function checkRetentionChange(
  headers: StoredHeaders,
  wanted: Retention | undefined,
  override: LockOverride,
): StoreErrorData | undefined {
  const present = retentionOf(headers);
  if (present === undefined || !holds(present, override)) return undefined;
  const longer = wanted !== undefined && wanted.untilMs >= present.untilMs;
  return longer && wanted.mode === present.mode ? undefined : LOCKED;
}

function holds(retention: Retention, override: LockOverride): boolean {
  if (retention.untilMs <= override.nowMs) return false;
  return retention.mode === "COMPLIANCE" || !override.bypassGovernance;
}
