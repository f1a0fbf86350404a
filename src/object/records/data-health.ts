/** How urgently data needs repair: the number of shards that may still be lost. */
import type { ShardedData } from "../contract/data.ts";

/** Nothing to repair. */
export const HEALTHY = 255;

/**
 * The worst of several data items; HEALTHY when all have what they were meant to have. `degraded`
 * data was meant to have a larger geometry.
 */
export function urgencyOf(items: readonly ShardedData[], degraded: boolean): number {
  let urgency = HEALTHY;
  for (const data of items) {
    if (!degraded && data.missing === 0) continue;
    urgency = Math.min(urgency, Math.max(0, data.m - countMissing(data)));
  }
  return urgency;
}

export function countMissing(data: ShardedData): number {
  let count = 0;
  for (let bits = data.missing; bits !== 0; bits &= bits - 1) count += 1;
  return count;
}
