/** Time as a collaborator, so that the simulator can own it. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since 1970-01-01T00:00Z. May jump. */
  nowMs(): number;
  /** Milliseconds that never go back, for durations. */
  monotonicMs(): number;
  /** Calls once after `delayMs`; does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
}

/** Resolves after `delayMs` on the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
