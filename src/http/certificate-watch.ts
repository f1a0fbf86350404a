/**
 * Looks at a certificate directory from time to time and hands over a new set when it has changed
 * and is sound. A change that is not sound is told and the set in use stays: half-written pairs are
 * ordinary while somebody replaces them.
 */
import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { StoreError } from "../base/store-error.ts";
import {
  type CertificateOptions,
  type CertificateSet,
  type CertificateSource,
  fingerprintOf,
  loadCertificates,
} from "./certificates.ts";

export interface CertificateWatchOptions extends CertificateOptions {
  readonly intervalMs: number;
}

export interface CertificateWatchModules {
  readonly clock: Clock;
  readonly log: Logger;
}

export class CertificateWatch implements CertificateSource {
  readonly #options: CertificateWatchOptions;
  readonly #modules: CertificateWatchModules;
  readonly #listeners: Array<(next: CertificateSet) => void> = [];
  #current: CertificateSet | undefined;
  #fingerprint = "";
  /** What was refused last, so that it is told once and not at every look. */
  #refused = "";
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: CertificateWatchOptions, modules: CertificateWatchModules) {
    this.#options = options;
    this.#modules = modules;
  }

  get current(): CertificateSet {
    if (this.#current !== undefined) return this.#current;
    throw new StoreError({ code: "internal", message: "certificates were not loaded yet" });
  }

  onChange(listener: (next: CertificateSet) => void): void {
    this.#listeners.push(listener);
  }

  /** Loads the directory; rejects with the precise reason when that is not possible. */
  async start(): Promise<void> {
    this.#fingerprint = await fingerprintOf(this.#options.directory);
    this.#use(await loadCertificates(this.#options, this.#modules.clock.nowMs()));
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Looks now (also for SIGHUP). True when a new set is in use. */
  async reload(): Promise<boolean> {
    const { log, clock } = this.#modules;
    let fingerprint = "";
    try {
      fingerprint = await fingerprintOf(this.#options.directory);
      if (fingerprint === this.#fingerprint) return false;
      const next = await loadCertificates(this.#options, clock.nowMs());
      this.#fingerprint = fingerprint;
      this.#use(next);
      for (const listener of this.#listeners) listener(next);
      log.info("certificates reloaded", { directory: this.#options.directory });
      return true;
    } catch (error) {
      if (fingerprint === this.#refused) return false;
      this.#refused = fingerprint;
      log.error("certificates not reloaded, the ones in use stay", { error: String(error) });
      return false;
    }
  }

  #use(next: CertificateSet): void {
    this.#current = next;
    for (const warning of next.warnings) this.#modules.log.warn("certificate", { warning });
  }

  #schedule(): void {
    this.#timer = this.#modules.clock.after(this.#options.intervalMs, () => {
      this.reload().then(
        () => {
          if (!this.#stopped) this.#schedule();
        },
        () => {},
      );
    });
  }
}
