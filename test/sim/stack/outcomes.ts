/** What an answer of the store means for the history of a key. */
import { StoreError, type StoreErrorCode } from "../../../src/base/store-error.ts";

/** Answers after which a write certainly has had, and will have, no effect. */
const NOTHING_HAPPENED: ReadonlySet<StoreErrorCode> = new Set<StoreErrorCode>([
  "no-such-bucket",
  "no-such-upload",
  "bucket-exists",
  "bucket-not-empty",
  "stale-bucket",
  "conditional-conflict",
  "no-quorum",
  "busy",
  "deadline",
  "drive-full",
  "data-unavailable",
  "invalid-part",
  "not-modified",
]);
const CONDITION_FAILED: ReadonlySet<StoreErrorCode> = new Set<StoreErrorCode>([
  "precondition-failed",
  "no-such-key",
]);

export type Verdict = "nothing" | "condition" | "unknown" | "bug";

export function verdictOf(error: unknown): Verdict {
  if (!(error instanceof StoreError)) return "bug";
  const { code } = error;
  if (code === "unknown-outcome") return "unknown";
  if (CONDITION_FAILED.has(code)) return "condition";
  return NOTHING_HAPPENED.has(code) ? "nothing" : "bug";
}

export function codeOf(error: unknown): StoreErrorCode | undefined {
  return error instanceof StoreError ? error.code : undefined;
}
