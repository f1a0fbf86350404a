/**
 * Watches how long the front's event loop is held up: the one number that tells whether somebody
 * computes or waits where nobody may. Logged when it is high, and in detail logs always,
 * every ten seconds and at the end.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";

const RESOLUTION_MS = 5;
const INTERVAL_MS = 10_000;
/** Above this, clients feel it. */
const WORRY_MS = 100;

export interface LoopMonitor {
  stop(): void;
}

export function startLoopMonitor({ clock, log }: { clock: Clock; log: Logger }): LoopMonitor {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let timer: Timer | undefined;
  const report = (): void => {
    if (histogram.count === 0) return;
    const p99Ms = histogram.percentile(99) / 1e6 - RESOLUTION_MS;
    const maxMs = histogram.max / 1e6 - RESOLUTION_MS;
    histogram.reset();
    const fields = { p99Ms: round(p99Ms), maxMs: round(maxMs) };
    if (p99Ms > WORRY_MS) log.warn("the front is held up", fields);
    else log.debug("event loop delay of the front", fields);
  };
  const tick = (): void => {
    report();
    timer = clock.after(INTERVAL_MS, tick);
  };
  timer = clock.after(INTERVAL_MS, tick);
  return {
    stop() {
      timer?.cancel();
      report();
      histogram.disable();
    },
  };
}

function round(value: number): number {
  return Math.max(0, Math.round(value * 10) / 10);
}
