/** Errors after which the register certainly was not changed, and never will be by this attempt. */
import { StoreError, type StoreErrorCode } from "../../base/store-error.ts";

const NOT_COMMITTED: ReadonlySet<StoreErrorCode> = new Set<StoreErrorCode>([
  "no-such-bucket",
  "stale-bucket",
  "no-such-key",
  "no-such-upload",
  "precondition-failed",
  "conditional-conflict",
  "too-many-versions",
  "quota-exceeded",
  "object-locked",
  "refused",
  "no-quorum",
  "busy",
  "deadline",
  "shutting-down",
  "drive-full",
  "invalid-argument",
]);

/** Unknown outcomes keep their data: the record may refer to it. The sweeper finds out. */
export function isCertainlyNotCommitted(error: unknown): boolean {
  return error instanceof StoreError && NOT_COMMITTED.has(error.code);
}
