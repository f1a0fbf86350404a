/**
 * Data that no record refers to is not kept for ever: the sweeper deletes it after a grace time. So
 * whoever commits it must not come late, whatever it was that held him up: a process that was stopped
 * between writing and committing would acknowledge an object whose shards are gone.
 *
 * The change of the register asks, after its replicas have promised: what was promised before the
 * sweeper fenced the register cannot be accepted any more, and what was promised after comes later
 * than the limit, which is a third of the grace time. Both clocks are asked, because one stands still
 * while a machine sleeps and the other may be set back.
 */
import type { Clock } from "../../base/clock.ts";

/** From before the first shard is durable to the promise of the record's replicas. */
export const COMMIT_WITHIN_MS: number = 20 * 60_000;

export interface Moment {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
}

/** Undefined: there are no shards. */
export function isTooLate(clock: Clock, since: Moment | undefined, withinMs: number): boolean {
  if (since === undefined) return false;
  const elapsedMs = clock.monotonicMs() - since.monotonicMs;
  return Math.max(elapsedMs, clock.nowMs() - since.nowMs) > withinMs;
}
