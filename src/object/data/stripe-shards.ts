/**
 * The shard files of one data item while it is written: each block goes to all live slots at once,
 * and a slot that refuses or lags is dropped to "missing" as long as enough others live.
 *
 * A lagging slot stops holding the upload back, yet the stripe is given up only after every slot
 * has replied: until then its drive may still read the bytes.
 */
import { countBits } from "../../base/bits.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { DataId } from "../../base/ids.ts";
import { StoreError } from "../../base/store-error.ts";
import type { BlockPlace, Done, DriveRefusal, ShardSpec, ShardWriter } from "../../store/drive.ts";
import type { DriveTable } from "./data-drives.ts";
import { type Placement, shardsRequired } from "./data-placement.ts";

export interface ShardSetLimits {
  /** A slot may be this much later with a block than enough others before it is dropped. */
  readonly lagGraceMs: number;
  /** After enough slots are durable, how long the rest may take to be so too. */
  readonly finishGraceMs: number;
}

export interface ShardSetOptions {
  readonly dataId: DataId;
  readonly placement: Placement;
  readonly stripeDataBytes: number;
  readonly ownerKey: Uint8Array;
  readonly fileBytes: number | undefined;
  /** Called once when too few slots are left; `abort` is then up to the owner. */
  readonly onLost: (error: StoreError) => void;
}

export interface ShardSetModules {
  readonly drives: DriveTable;
  readonly clock: Clock;
}

/** One stripe on its way to the drives. */
export interface StripeAppend {
  /** Per slot; those of slots that are not live are ignored. */
  readonly places: readonly BlockPlace[];
  /** Every live slot has written its block: the next stripe may take its place in the window. */
  onSettled(): void;
  /** Nobody reads the stripe's memory any more. */
  onFree(): void;
}

interface Pending {
  readonly append: StripeAppend;
  /** Live slots that have not replied. */
  waiting: number;
  /** Replies that will come, those of dropped slots included. */
  outstanding: number;
  /** When so few were waiting that they could be spared. */
  sparableSinceMs: number | undefined;
}

interface Slot {
  readonly bit: number;
  readonly driveIndex: number;
  readonly writer: ShardWriter;
  /** Appends without a reply. */
  appending: number;
  /** Dropped because it lagged. */
  late: boolean;
}

export class ShardSet {
  readonly #options: ShardSetOptions;
  readonly #limits: ShardSetLimits;
  readonly #clock: Clock;
  readonly #drives: DriveTable;
  readonly #required: number;
  readonly #slots: (Slot | undefined)[];
  readonly #pending = new Set<Pending>();
  #live = 0;
  #durable = 0;
  #fullRefusals = 0;
  #lagTimer: Timer | undefined;
  #graceTimer: Timer | undefined;
  #onDurable: ((missing: number) => void) | undefined;
  #closed = false;

  constructor(options: ShardSetOptions, limits: ShardSetLimits, modules: ShardSetModules) {
    const { placement } = options;
    this.#options = options;
    this.#limits = limits;
    this.#clock = modules.clock;
    this.#drives = modules.drives;
    this.#required = shardsRequired(placement.k, placement.m);
    this.#slots = placement.drives.map((driveIndex, slot) => {
      const bit = 1 << slot;
      const drive = modules.drives.get(driveIndex);
      if (drive === undefined || (placement.missing & bit) !== 0) return undefined;
      this.#live |= bit;
      const writer = drive.createShard(shardSpec(options, slot));
      return { bit, driveIndex, writer, appending: 0, late: false };
    });
  }

  get liveCount(): number {
    return countBits(this.#live);
  }

  append(append: StripeAppend): void {
    const waiting = this.#live;
    const pending: Pending = {
      append,
      waiting,
      outstanding: countBits(waiting),
      sparableSinceMs: undefined,
    };
    this.#pending.add(pending);
    this.#slots.forEach((slot, index) => {
      const place = append.places[index];
      if (slot === undefined || place === undefined || (waiting & slot.bit) === 0) return;
      slot.appending++;
      void slot.writer.append(place).then((reply) => this.#onAppended(pending, slot, reply));
    });
    this.#watchForLag();
  }

  /** Makes what was appended durable; `onDurable` hears which slots are missing. */
  finish(onDurable: (missing: number) => void): void {
    this.#onDurable = onDurable;
    // Not waiting for the appends: a drive finishes a file after what was asked of it before.
    for (const slot of this.#slots) {
      if (slot !== undefined) this.#finishSlot(slot);
    }
  }

  /** Deletes what was written. Replies still to come only free their stripes. */
  abort(): void {
    if (this.#closed) return;
    this.#close();
    for (const slot of this.#slots) {
      if (slot !== undefined && (this.#live & slot.bit) !== 0) slot.writer.abort();
    }
  }

  #onAppended(pending: Pending, slot: Slot, reply: Done | DriveRefusal): void {
    pending.outstanding--;
    slot.appending--;
    if (slot.late) this.#drives.addLate(slot.driveIndex, -1);
    if (!reply.ok) this.#drop(slot, reply.reason);
    this.#settle(pending, slot.bit);
    if (pending.outstanding === 0) pending.append.onFree();
  }

  #settle(pending: Pending, bit: number): void {
    if ((pending.waiting & bit) === 0) return;
    pending.waiting &= ~bit;
    if (pending.waiting === 0) {
      this.#pending.delete(pending);
      pending.append.onSettled();
    } else if (pending.sparableSinceMs === undefined && this.#canSpare(pending.waiting)) {
      pending.sparableSinceMs = this.#clock.monotonicMs();
    }
  }

  #canSpare(slots: number): boolean {
    return countBits(slots) <= this.liveCount - this.#required;
  }

  #drop(slot: Slot, reason: DriveRefusal["reason"] | "lag"): void {
    if ((this.#live & slot.bit) === 0 || this.#closed) return;
    this.#live &= ~slot.bit;
    if (reason === "full") this.#fullRefusals++;
    slot.writer.abort();
    for (const pending of this.#pending) this.#settle(pending, slot.bit);
    if (this.liveCount < this.#required) this.#lose();
    else this.#checkDurable();
  }

  #lose(): void {
    const got = this.liveCount;
    const spaceIsWanting = got + this.#fullRefusals >= this.#required;
    this.#options.onLost(
      new StoreError(
        spaceIsWanting
          ? { code: "drive-full" }
          : { code: "no-quorum", needed: this.#required, got },
      ),
    );
  }

  /** One timer looks after all stripes of the upload. */
  #watchForLag(): void {
    if (this.#lagTimer !== undefined || this.#closed) return;
    this.#lagTimer = this.#clock.after(this.#limits.lagGraceMs, () => {
      this.#lagTimer = undefined;
      const latestMs = this.#clock.monotonicMs() - this.#limits.lagGraceMs;
      for (const pending of this.#pending) {
        if ((pending.sparableSinceMs ?? Number.POSITIVE_INFINITY) <= latestMs)
          this.#dropLate(pending);
      }
      if (this.#pending.size > 0) this.#watchForLag();
    });
  }

  #dropLate(pending: Pending): void {
    if (!this.#canSpare(pending.waiting)) return;
    for (const slot of this.#slots) {
      if (slot === undefined || (pending.waiting & slot.bit) === 0) continue;
      this.#markLate(slot);
      this.#drop(slot, "lag");
    }
  }

  /** Its appends are not waited for any more, and still hold their stripes. */
  #markLate(slot: Slot): void {
    slot.late = true;
    this.#drives.addLate(slot.driveIndex, slot.appending);
  }

  #finishSlot(slot: Slot): void {
    if (this.#closed || (this.#live & slot.bit) === 0) return;
    void slot.writer.finish().then((reply) => {
      if (!reply.ok) {
        this.#drop(slot, reply.reason);
        return;
      }
      // A slot that was dropped meanwhile is being deleted, whatever its drive says.
      this.#durable |= slot.bit & this.#live;
      this.#checkDurable();
    });
  }

  /** All live slots, or enough of them and the grace time over. */
  #checkDurable(): void {
    if (this.#onDurable === undefined || this.#closed) return;
    if (this.#durable === this.#live) {
      this.#complete();
    } else if (countBits(this.#durable) >= this.#required) {
      this.#graceTimer ??= this.#clock.after(this.#limits.finishGraceMs, () => this.#complete());
    }
  }

  #complete(): void {
    if (this.#closed) return;
    // A slot that is late by the grace time counts as missing; should it finish later, the healer
    // finds a good shard and only clears the bit.
    for (const slot of this.#slots) {
      if (slot !== undefined && (this.#live & ~this.#durable & slot.bit) !== 0)
        this.#markLate(slot);
    }
    this.#close();
    this.#onDurable?.(((1 << this.#slots.length) - 1) & ~this.#durable);
  }

  #close(): void {
    this.#closed = true;
    this.#lagTimer?.cancel();
    this.#graceTimer?.cancel();
  }
}

function shardSpec(options: ShardSetOptions, slot: number): ShardSpec {
  const { dataId, placement, stripeDataBytes, ownerKey, fileBytes } = options;
  return {
    dataId,
    slot,
    k: placement.k,
    m: placement.m,
    stripeDataBytes,
    ownerKey,
    ...(fileBytes === undefined ? {} : { fileBytes }),
  };
}
