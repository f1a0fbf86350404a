/**
 * Loads one stripe into a buffer of the arena so that the wanted blocks are there and good: reads
 * only them when they are well, otherwise any k, verifies, and rebuilds what is missing.
 *
 * A drive that takes longer than it usually does is hedged: a second attempt without it, into a
 * buffer of its own, because the late answer may still be written into the first. Whichever attempt
 * is done first wins; the other's buffer goes back when all its reads have answered.
 */

import type { Arena, Stripe } from "../../actors/arena.ts";
import type { DecodeRequest, SealedFrames } from "../../actors/codec-messages.ts";
import type { CodecPool } from "../../actors/codec-pool.ts";
import { countBits } from "../../base/bits.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { StoreError } from "../../base/store-error.ts";
import { type StripeGeometry, stripeFileOffset } from "../../codec/stripe.ts";
import type { DriveTable } from "./data-drives.ts";
import { blockPlace } from "./stripe-places.ts";
import { type SlotMask, type StripeSlots, slotsOf } from "./stripe-slots.ts";

export interface StripeReaderModules {
  readonly arena: Arena;
  readonly codec: CodecPool;
  readonly drives: DriveTable;
  readonly clock: Clock;
}

export interface StripeWanted {
  readonly stripeIndex: number;
  readonly geometry: StripeGeometry;
  /** Slots that are to be good. */
  readonly wanted: SlotMask;
  /**
   * "rebuild" makes trailers, too, and reads none of the wanted slots; "verify" reads every one of
   * them that there is, makes none, and takes as long as the slowest drive.
   */
  readonly purpose: "decode" | "rebuild" | "verify";
  /** Frames to open once their blocks are good. */
  readonly open?: SealedFrames;
}

/** What one attempt has learnt. */
interface KnownSlots {
  /** Read, and not found corrupt. */
  good: SlotMask;
  /** Refused, corrupt, or not to be asked. */
  bad: SlotMask;
}

export class StripeLoad {
  readonly #modules: StripeReaderModules;
  readonly #slots: StripeSlots;
  readonly #stripe: StripeWanted;
  readonly #resolve: (stripe: Stripe) => void;
  readonly #reject: (error: unknown) => void;
  #settled = false;
  #attempts = 0;
  /** Runs while an attempt reads and no other was started beside it. */
  #hedgeTimer: Timer | undefined;
  #hedged = false;

  private constructor(
    modules: StripeReaderModules,
    slots: StripeSlots,
    stripe: StripeWanted,
    settle: { resolve: (stripe: Stripe) => void; reject: (error: unknown) => void },
  ) {
    this.#modules = modules;
    this.#slots = slots;
    this.#stripe = stripe;
    this.#resolve = settle.resolve;
    this.#reject = settle.reject;
  }

  /** Takes `buffer` over; what it resolves with, that buffer or another, is the caller's again. */
  static start(
    modules: StripeReaderModules,
    slots: StripeSlots,
    stripe: StripeWanted,
    buffer: Stripe,
  ): Promise<Stripe> {
    return new Promise((resolve, reject) => {
      const load = new StripeLoad(modules, slots, stripe, { resolve, reject });
      load.#attempt(buffer, 0);
    });
  }

  #attempt(buffer: Stripe, avoid: SlotMask): void {
    this.#attempts++;
    this.#read(buffer, avoid).then(
      (done) => this.#onAttempt(buffer, done),
      (error) => this.#onAttempt(buffer, error),
    );
  }

  /** `outcome` is true, false for an attempt that was overtaken, or an error. */
  #onAttempt(buffer: Stripe, outcome: unknown): void {
    this.#attempts--;
    if (outcome === true && !this.#settled) {
      this.#settled = true;
      this.#hedgeTimer?.cancel();
      this.#resolve(buffer);
      return;
    }
    this.#modules.arena.release(buffer);
    if (this.#settled || this.#attempts > 0) return;
    this.#settled = true;
    this.#hedgeTimer?.cancel();
    this.#reject(outcome);
  }

  /** False when another attempt was done before. */
  async #read(buffer: Stripe, avoid: SlotMask): Promise<boolean> {
    const { wanted, purpose } = this.#stripe;
    const known: KnownSlots = { good: 0, bad: purpose === "rebuild" ? avoid | wanted : avoid };
    while (!this.#settled) {
      const ask = this.#choose(known);
      if (ask !== 0) await this.#readSlots(buffer, ask, known);
      else if (await this.#decode(buffer, known)) return !this.#settled;
    }
    return false;
  }

  /** Slots to read next, 0 when those that are there suffice. */
  #choose({ good, bad }: KnownSlots): SlotMask {
    const { wanted, geometry, purpose } = this.#stripe;
    const lacking = geometry.k - countBits(good);
    const direct = wanted & ~good;
    if (purpose === "verify") return direct & ~bad;
    if ((wanted & bad) === 0 && this.#slots.areGood(direct)) {
      return this.#nearest(direct, lacking, good | bad);
    }
    if (lacking <= 0) return 0;
    const picked = this.#slots.pick(lacking, good | bad);
    if (picked !== undefined) return picked;
    const left = geometry.k + geometry.m - countBits(bad);
    const message = `${left} of ${geometry.k} shards needed can be read`;
    throw new StoreError({ code: "data-unavailable", message });
  }

  /**
   * What is wanted, or any that suffice to compute it when fewer of them come over the network: a
   * byte of a link costs both ends many times the processor time that decoding it does.
   */
  #nearest(direct: SlotMask, lacking: number, without: SlotMask): SlotMask {
    const around = lacking <= 0 ? 0 : this.#slots.pick(lacking, without);
    if (around === undefined || !this.#slots.areGood(around)) return direct;
    return this.#slots.remoteCount(around) < this.#slots.remoteCount(direct) ? around : direct;
  }

  async #readSlots(buffer: Stripe, ask: SlotMask, known: KnownSlots): Promise<void> {
    const { clock, drives } = this.#modules;
    const startMs = clock.monotonicMs();
    let waiting = ask;
    let hedged: SlotMask = 0;
    this.#armHedge(ask, () => {
      hedged = this.#startHedge(waiting);
    });
    await Promise.all(
      slotsOf(ask).map(async (slot) => {
        const index = this.#driveOf(slot);
        const reply = await this.#readSlot(buffer, slot, index);
        waiting &= ~(1 << slot);
        drives.recordRead(index, clock.monotonicMs() - startMs);
        if ((hedged & (1 << slot)) !== 0) drives.addHedged(index, -1);
        if (reply.ok) {
          known.good |= 1 << slot;
        } else {
          known.bad |= 1 << slot;
          this.#slots.noteRefusal(slot, reply.reason);
        }
      }),
    );
    this.#hedgeTimer?.cancel();
  }

  #readSlot(buffer: Stripe, slot: number, driveIndex: number) {
    const { data } = this.#slots;
    const drive = this.#modules.drives.get(driveIndex);
    if (drive === undefined) return { ok: false, reason: "unavailable" } as const;
    return drive.readBlock({
      dataId: data.dataId,
      slot,
      fileOffset: stripeFileOffset(data, this.#stripe.stripeIndex),
      place: blockPlace(buffer.offset, this.#stripe.geometry, slot),
    });
  }

  /** Once per stripe, and only when others could be asked. */
  #armHedge(ask: SlotMask, onLate: () => void): void {
    const { clock, drives } = this.#modules;
    const { geometry, purpose } = this.#stripe;
    if (this.#hedged || geometry.m === 0 || purpose === "verify") return;
    const delays = slotsOf(ask).map((slot) => drives.hedgeDelayMs(this.#driveOf(slot)));
    this.#hedgeTimer = clock.after(Math.max(...delays), onLate);
  }

  /** Starts a second attempt without the late slots, if that is possible; returns those it hedges. */
  #startHedge(late: SlotMask): SlotMask {
    const { arena, drives } = this.#modules;
    const { geometry, wanted, purpose } = this.#stripe;
    const without = purpose === "rebuild" ? late | wanted : late;
    if (this.#settled || !this.#slots.hasGood(geometry.k, without)) return 0;
    // A hedge is a luxury: it does not wait for memory.
    const buffer = arena.tryAcquire("read");
    if (buffer === undefined) return 0;
    this.#hedged = true;
    for (const slot of slotsOf(late)) {
      this.#slots.noteSlow(slot);
      drives.addHedged(this.#driveOf(slot), 1);
    }
    this.#attempt(buffer, late);
    return late;
  }

  #driveOf(slot: number): number {
    return this.#slots.data.drives[slot] ?? -1;
  }

  /** True when the wanted blocks are good now; otherwise corrupt ones were found out. */
  async #decode(buffer: Stripe, known: KnownSlots): Promise<boolean> {
    const { geometry, stripeIndex, wanted, purpose, open } = this.#stripe;
    const loaded: DecodeRequest = {
      offset: buffer.offset,
      length: geometry.dataBytes,
      k: geometry.k,
      m: geometry.m,
      dataId: this.#slots.data.dataId,
      stripeIndex,
      present: slotsOf(known.good),
      wanted: purpose === "verify" ? [] : slotsOf(wanted),
      ...(open === undefined ? {} : { open }),
    };
    const { codec } = this.#modules;
    const result = await (purpose === "rebuild" ? codec.rebuild(loaded) : codec.decode(loaded));
    this.#slots.noteCorrupt(result.corrupt);
    for (const slot of result.corrupt) {
      known.bad |= 1 << slot;
      known.good &= ~(1 << slot);
    }
    return result.ok;
  }
}
