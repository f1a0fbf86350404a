/**
 * Brings drives back that failed or went away: pulled and plugged in again, hung and woken up,
 * refused a write once. Each is let go of first, which ends when nothing that was asked of it can
 * have any effect any more; then it is looked for and opened anew, again and again with back-off.
 *
 * What it missed meanwhile, and whether what it holds is true, is for the layers above: they see it
 * go and come, and count on nothing that they have not compared.
 */
import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { DriveStatus } from "./drive.ts";

export interface ReturnLimits {
  /** Before the first attempt; doubled with each that fails. */
  readonly reopenMsMin: number;
  /** The longest between two attempts. Back-off starts anew when a drive was well for as long. */
  readonly reopenMsMax: number;
}

export interface ReturnModules {
  readonly clock: Clock;
  readonly log: Logger;
}

/** A drive as far as it is brought back. */
export interface ReturningDrive {
  readonly id: string;
  status(): Pick<DriveStatus, "state" | "path">;
  onStateChange(callback: () => void): void;
  /** Resolves when nothing that was asked of it can have any effect; rejects when that cannot be. */
  release(): Promise<void>;
  /** Afterwards it is online. Rejects with an error that says why it cannot be used. */
  reopen(): Promise<void>;
}

interface Watched {
  readonly drive: ReturningDrive;
  /** Somebody else has its place: nobody looks for it any more. */
  forgotten: boolean;
  waitMs: number;
  onlineSinceMs: number;
  /** Why it could not be used the last time: said once. */
  problem: string | undefined;
  returning: boolean;
}

export class DriveReturns {
  readonly #limits: ReturnLimits;
  readonly #modules: ReturnModules;
  readonly #watched = new Map<string, Watched>();
  readonly #attempts = new Set<Promise<void>>();
  readonly #waiting = new Map<Timer, () => void>();
  #stopped = false;

  constructor(limits: ReturnLimits, modules: ReturnModules) {
    this.#limits = limits;
    this.#modules = modules;
  }

  /** From now on the drive is brought back whenever it is not online. */
  watch(drive: ReturningDrive): void {
    const watched: Watched = {
      drive,
      forgotten: false,
      waitMs: this.#limits.reopenMsMin,
      onlineSinceMs: this.#modules.clock.monotonicMs(),
      problem: undefined,
      returning: false,
    };
    this.#watched.set(drive.id, watched);
    drive.onStateChange(() => this.#look(watched));
    this.#look(watched);
  }

  /** The drive is not brought back any more. */
  forget(drive: ReturningDrive): void {
    const watched = this.#watched.get(drive.id);
    if (watched !== undefined) watched.forgotten = true;
    this.#watched.delete(drive.id);
  }

  /** Resolves when no attempt is under way; none is begun after. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const [timer, wake] of this.#waiting) {
      timer.cancel();
      wake();
    }
    await Promise.all(this.#attempts);
  }

  #look(watched: Watched): void {
    if (watched.returning || watched.forgotten || this.#stopped) return;
    if (watched.drive.status().state === "online") return;
    watched.returning = true;
    const attempt = this.#bringBack(watched).finally(() => {
      this.#attempts.delete(attempt);
      watched.returning = false;
      // It may have failed again in the moment it came back.
      if (watched.problem !== GIVEN_UP) this.#look(watched);
    });
    this.#attempts.add(attempt);
  }

  async #bringBack(watched: Watched): Promise<void> {
    const { drive } = watched;
    const { clock, log } = this.#modules;
    const { reopenMsMin, reopenMsMax } = this.#limits;
    if (clock.monotonicMs() - watched.onlineSinceMs >= reopenMsMax) watched.waitMs = reopenMsMin;
    try {
      await drive.release();
    } catch (error) {
      log.error("a drive stays out until the next start", { drive: drive.id, error });
      watched.problem = GIVEN_UP;
      return;
    }
    while (!this.#stopped && !watched.forgotten) {
      await this.#sleep(watched.waitMs);
      if (this.#stopped || watched.forgotten) return;
      watched.waitMs = Math.min(reopenMsMax, watched.waitMs * 2);
      if (await this.#isReopened(watched)) return;
    }
  }

  async #isReopened(watched: Watched): Promise<boolean> {
    const { drive } = watched;
    const { clock, log } = this.#modules;
    try {
      await drive.reopen();
      watched.onlineSinceMs = clock.monotonicMs();
      watched.problem = undefined;
      return true;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== watched.problem) {
        log.warn("a drive cannot be used yet", {
          drive: drive.id,
          path: drive.status().path,
          problem,
        });
      }
      watched.problem = problem;
      return false;
    }
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#modules.clock.after(delayMs, () => {
        this.#waiting.delete(timer);
        resolve();
      });
      this.#waiting.set(timer, resolve);
    });
  }
}

const GIVEN_UP = "it cannot be let go of";
