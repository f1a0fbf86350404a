/** The real clock. */
import { performance } from "node:perf_hooks";
import type { Clock, Timer } from "../base/clock.ts";

/** Node's timers fire at once when asked for more than this, so longer waits are taken in steps. */
const STEP_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, callback) => startTimer(delayMs, callback),
};

function startTimer(delayMs: number, callback: () => void): Timer {
  let timer: NodeJS.Timeout;
  const step = (restMs: number): void => {
    const stepMs = Math.min(restMs, STEP_MS_MAX);
    timer = setTimeout(() => (restMs > stepMs ? step(restMs - stepMs) : callback()), stepMs);
    timer.unref();
  };
  step(delayMs);
  return { cancel: () => clearTimeout(timer) };
}
