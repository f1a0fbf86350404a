/**
 * One life of a simulated process: everything that happens in it is an event of the world that comes
 * in through `post`. A process that was stopped (SIGSTOP) meets its events all at once when it goes
 * on; to one that is dead nothing happens any more, so what it was waiting for never settles.
 */
import type { Clock, Timer } from "../../../src/base/clock.ts";
import type { World } from "../register/world.ts";

/** 2023-11-14, so that wall clocks show something sensible. */
const WALL_START_MS = 1_700_000_000_000;

/** The clocks of a machine, which outlive its processes. */
export interface MachineClocks {
  /** By how much the wall clock is off. */
  offsetMs: number;
  /** What was leapt over, by all clocks: time in which nothing happened. */
  leptMs: number;
}

export class Life {
  alive = true;
  readonly clock: Clock;
  readonly #world: World;
  #backlog: (() => void)[] | undefined;

  constructor(world: World, clocks: MachineClocks) {
    this.#world = world;
    this.clock = {
      nowMs: () => WALL_START_MS + world.nowMs + clocks.leptMs + clocks.offsetMs,
      monotonicMs: () => world.nowMs + clocks.leptMs,
      after: (delayMs, callback) => this.post(delayMs, callback),
    };
  }

  get isPaused(): boolean {
    return this.#backlog !== undefined;
  }

  post(delayMs: number, run: () => void): Timer {
    let cancelled = false;
    const happen = (): void => {
      if (cancelled || !this.alive) return;
      if (this.#backlog === undefined) run();
      else this.#backlog.push(happen);
    };
    const event = this.#world.after(delayMs, happen);
    return {
      cancel: () => {
        cancelled = true;
        event.cancel();
      },
    };
  }

  /** What reaches it at this very moment, or when it goes on. */
  meet(run: () => void): void {
    if (!this.alive) return;
    if (this.#backlog === undefined) run();
    else this.post(0, run);
  }

  /** Resolves after a while, if the process lives to see it. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.post(delayMs, resolve));
  }

  stand(): void {
    this.#backlog ??= [];
  }

  goOn(): void {
    const backlog = this.#backlog ?? [];
    this.#backlog = undefined;
    for (const happen of backlog) this.#world.after(0, happen);
  }

  end(): void {
    this.alive = false;
    this.#backlog = undefined;
  }
}
