/**
 * Which shards of one data item to read, for the length of one read: what is known of each slot at
 * the start, and what reading teaches. A slot that answered "missing" is not asked for every stripe.
 *
 * Slots known to be bad stay as a last resort: a shard that was late at commit may be whole by now.
 */
import { countBits } from "../../base/bits.ts";
import type { DriveRefusal } from "../../store/drive.ts";
import type { DamageReport, ShardedData } from "../contract/data.ts";
import type { DriveTable } from "./data-drives.ts";

/** Sets of slots are bit masks. */
export type SlotMask = number;

/** How little one would like to ask a slot; 0 is gladly. */
const SLOW = 1;
const OFFLINE = 2;
const MISSING = 3;

/** Reads of one drive that may be hedged and unanswered before it counts as slow for all. */
const HEDGED_MAX = 4;

export class StripeSlots {
  readonly data: ShardedData;
  readonly #reluctance: number[];
  readonly #onDamage: (report: DamageReport) => void;
  readonly #remote: SlotMask;
  #reported: SlotMask = 0;

  constructor(data: ShardedData, drives: DriveTable, onDamage: (report: DamageReport) => void) {
    this.data = data;
    this.#onDamage = onDamage;
    this.#reluctance = data.drives.map((index, slot) => {
      if ((data.missing & (1 << slot)) !== 0) return MISSING;
      if (!drives.isOnline(index)) return OFFLINE;
      return drives.hedgedCount(index) >= HEDGED_MAX ? SLOW : 0;
    });
    this.#remote = data.drives.reduce((mask, index, slot) => {
      return drives.isRemote(index) ? mask | (1 << slot) : mask;
    }, 0);
  }

  /** True when none of the slots is known to be bad or slow. */
  areGood(slots: SlotMask): boolean {
    return this.#reluctance.every((reluctance, slot) => {
      return (slots & (1 << slot)) === 0 || reluctance === 0;
    });
  }

  /** How many of the slots are on other nodes. */
  remoteCount(slots: SlotMask): number {
    return countBits(slots & this.#remote);
  }

  /**
   * The best `count` slots outside `without`, those of this node first and data before parity;
   * undefined when there are fewer.
   */
  pick(count: number, without: SlotMask): SlotMask | undefined {
    const candidates = this.#reluctance
      .map((reluctance, slot) => ({
        reluctance,
        remote: (this.#remote >> slot) & 1,
        bit: 1 << slot,
      }))
      .filter(({ bit }) => (without & bit) === 0)
      .sort((left, right) => left.reluctance - right.reluctance || left.remote - right.remote);
    if (candidates.length < count) return undefined;
    return candidates.slice(0, count).reduce((mask, { bit }) => mask | bit, 0);
  }

  /** True when `count` slots outside `without` can be asked with good hope. */
  hasGood(count: number, without: SlotMask): boolean {
    const good = this.#reluctance.filter((reluctance, slot) => {
      return reluctance <= SLOW && (without & (1 << slot)) === 0;
    });
    return good.length >= count;
  }

  noteSlow(slot: number): void {
    this.#raise(slot, SLOW);
  }

  noteCorrupt(slots: readonly number[]): void {
    for (const slot of slots) this.#report(slot, "corrupt");
  }

  noteRefusal(slot: number, reason: DriveRefusal["reason"]): void {
    switch (reason) {
      case "corrupt":
        this.#report(slot, "corrupt");
        break;
      case "missing":
        this.#raise(slot, MISSING);
        this.#report(slot, "missing");
        break;
      case "unavailable":
        this.#raise(slot, OFFLINE);
        this.#report(slot, "unavailable");
        break;
      case "busy":
      case "full":
        this.#raise(slot, SLOW);
        break;
    }
  }

  #raise(slot: number, reluctance: number): void {
    this.#reluctance[slot] = Math.max(reluctance, this.#reluctance[slot] ?? 0);
  }

  /** Once for each slot; what the record says is missing is known already. */
  #report(slot: number, cause: DamageReport["cause"]): void {
    const bit = 1 << slot;
    if (((this.#reported | this.data.missing) & bit) !== 0) return;
    this.#reported |= bit;
    this.#onDamage({ data: this.data, slots: [slot], cause });
  }
}

export function slotsOf(mask: SlotMask): number[] {
  const slots: number[] = [];
  for (let slot = 0; mask >> slot !== 0; slot++) {
    if ((mask & (1 << slot)) !== 0) slots.push(slot);
  }
  return slots;
}
