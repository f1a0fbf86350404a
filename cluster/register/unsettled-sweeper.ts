/**
 * Sole proposer: settles in the background what no operation settles, so that the set of unsettled
 * keys stays small. One timer, running only while there are such keys.
 */
import type { Timer } from "../../src/base/clock.ts";
import type { Proposer } from "./proposer.ts";
import type { UnsettledKey } from "./unsettled-keys.ts";

/** Keys settled at the same time. */
const SETTLING_MAX = 16;

export interface SweeperModules {
  /** An operation is in progress on this key and will settle it. */
  isBusy(text: string): boolean;
  settle(key: Uint8Array): Promise<void>;
}

export class UnsettledSweeper {
  readonly #proposer: Proposer;
  readonly #modules: SweeperModules;
  #timer: Timer | undefined;
  #settling = 0;
  #laggardSoughtMs = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(proposer: Proposer, modules: SweeperModules) {
    this.#proposer = proposer;
    this.#modules = modules;
  }

  /** Starts the timer if there is something to wait for. */
  wake(): void {
    if (this.#timer !== undefined || this.#stopped || this.#proposer.unsettled.size === 0) return;
    const { clock } = this.#proposer.modules;
    this.#timer = clock.after(this.#proposer.options.roundMs, () => {
      this.#timer = undefined;
      this.#sweep();
      this.wake();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #sweep(): void {
    const { unsettled, options, modules } = this.#proposer;
    const now = modules.clock.monotonicMs();
    for (const known of unsettled.values()) {
      if (this.#settling >= SETTLING_MAX) break;
      if (known.sentMs + options.roundMs > now || this.#modules.isBusy(known.text)) continue;
      known.sentMs = now;
      this.#settle(known);
    }
  }

  /**
   * Too many keys are unsettled: the replica that most of them wait for is not keeping up. Looked at
   * once per hedge delay, however many operations are refused meanwhile.
   */
  reportLaggard(): void {
    const { modules, options } = this.#proposer;
    const now = modules.clock.monotonicMs();
    if (now < this.#laggardSoughtMs + options.hedgeMs) return;
    this.#laggardSoughtMs = now;
    const worst = this.#worstLaggard();
    if (worst !== undefined) modules.onReplicaUnavailable(worst);
  }

  #settle(known: UnsettledKey): void {
    this.#settling++;
    this.#modules
      .settle(known.key)
      .catch((error: unknown) => {
        this.#proposer.modules.log.debug("a key could not be settled yet", { error });
      })
      .finally(() => {
        this.#settling--;
      });
  }

  #worstLaggard(): string | undefined {
    const lacking = new Map<string, number>();
    for (const { round } of this.#proposer.unsettled.values()) {
      if (round === undefined) continue;
      for (const [index, replica] of round.sentTo.replicas.entries()) {
        if ((round.okMask & (1 << index)) !== 0) continue;
        lacking.set(replica.id, (lacking.get(replica.id) ?? 0) + 1);
      }
    }
    let worst: string | undefined;
    for (const [id, count] of lacking) {
      if (count > (lacking.get(worst ?? "") ?? 0)) worst = id;
    }
    return worst;
  }
}
