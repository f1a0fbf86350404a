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

/**
 * What the work comes to, or what `late` makes of it when that takes longer; `late` may throw. The work
 * itself goes on.
 */
export function withDeadline<T>(
  { clock, deadlineMs }: { readonly clock: Clock; readonly deadlineMs: number },
  work: Promise<T>,
  late: () => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(deadlineMs, () => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    });
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
