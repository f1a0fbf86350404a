/**
 * Where data goes: which geometry and which drive for each slot. Pure functions of the drives' state
 * at the start of a write; see docs/decisions/0003-degraded-geometry.md for the reasons.
 *
 * A node's drives are a table that only grows. Data takes a window of up to 16 of them, in table
 * order, that begins at a place derived from its id, so that first slots and parity spread evenly.
 */
import type { DataId } from "../../base/ids.ts";
import { StoreError } from "../../base/store-error.ts";
import type { StorageClass } from "../contract/data.ts";

/** As many slots as one data item may have. */
export const SLOTS_MAX = 16;

/** A drive as placement sees it. */
export interface PlacementDrive {
  readonly index: number;
  readonly online: boolean;
  /** Takes no new data. */
  readonly full: boolean;
}

/** Parity shards wanted per storage class; undefined means the default for the number of drives. */
export type ParitySettings = Readonly<Record<StorageClass, number | undefined>>;

export interface Placement {
  readonly k: number;
  readonly m: number;
  /** Per slot, the index of its drive in the node's table. */
  readonly drives: readonly number[];
  /** Bit s is set when slot s has no drive that takes data now: only a name for the healer. */
  readonly missing: number;
}

/** Says where new data goes. Throws as `placeInOrder` does. */
export type PlaceNewData = (dataId: DataId, storageClass: StorageClass) => Placement;

export interface PlacementRequest {
  readonly dataId: DataId;
  readonly storageClass: StorageClass;
  readonly parity: ParitySettings;
  /** Every drive of the node, in table order. */
  readonly drives: readonly PlacementDrive[];
}

/** Shards that must be durable before a write is acknowledged: one can be lost, where one can. */
export function shardsRequired(k: number, m: number): number {
  return m === 0 ? k : k + 1;
}

/** Parity of a full-strength write over `slots` drives. At most half of them. */
export function parityFor(
  slots: number,
  storageClass: StorageClass,
  settings: ParitySettings,
): number {
  const wanted = settings[storageClass] ?? defaultParity(slots, storageClass);
  return Math.min(wanted, Math.floor(slots / 2));
}

function defaultParity(slots: number, storageClass: StorageClass): number {
  if (slots === 1) return 0;
  if (storageClass === "REDUCED_REDUNDANCY") return 1;
  if (slots <= 3) return 1;
  if (slots <= 5) return 2;
  return slots <= 7 ? 3 : 4;
}

/** The slots of new data of a single node. Throws no-quorum, or drive-full: see `placeInOrder`. */
export function placeData(request: PlacementRequest): Placement {
  const { drives, dataId, storageClass, parity } = request;
  const slots = Math.min(SLOTS_MAX, drives.length);
  const m = parityFor(slots, storageClass, parity);
  return placeInOrder(rotate(drives, dataId), { k: slots - m, m });
}

/**
 * The slots of new data: the first k + m drives of the order, and those after them instead of drives
 * that take no data. Throws no-quorum, or drive-full when space is what is wanting.
 */
export function placeInOrder(
  order: readonly PlacementDrive[],
  { k, m }: { readonly k: number; readonly m: number },
): Placement {
  const usable = order.filter((drive) => drive.online && !drive.full);
  if (usable.length >= shardsRequired(k, m)) {
    return fillSlots(k, m, order.slice(0, k + m), usable);
  }
  if (usable.length >= 2) return degrade(m, usable);
  const needed = Math.min(2, order.length);
  const online = order.filter((drive) => drive.online).length;
  if (online >= needed) throw new StoreError({ code: "drive-full" });
  throw new StoreError({ code: "no-quorum", needed, got: usable.length });
}

/** Each slot its own drive where that takes data, and otherwise a handoff outside the window. */
function fillSlots(
  k: number,
  m: number,
  window: readonly PlacementDrive[],
  usable: readonly PlacementDrive[],
): Placement {
  const inWindow = new Set(window);
  const handoffs = usable.filter((drive) => !inWindow.has(drive));
  let missing = 0;
  const drives = window.map((drive, slot) => {
    if (drive.online && !drive.full) return drive.index;
    const handoff = handoffs.shift();
    if (handoff !== undefined) return handoff.index;
    missing |= 1 << slot;
    return drive.index;
  });
  return { k, m, drives, missing };
}

/** All the drives there are, with as much of the class's parity as half of them can be. */
function degrade(parity: number, usable: readonly PlacementDrive[]): Placement {
  const drives = usable.slice(0, SLOTS_MAX).map((drive) => drive.index);
  const m = Math.max(1, Math.min(parity, Math.floor(drives.length / 2)));
  return { k: drives.length - m, m, drives, missing: 0 };
}

/** The table begun at the data's place; the id is random, so its first digits are a fair hash. */
function rotate(drives: readonly PlacementDrive[], dataId: DataId): PlacementDrive[] {
  const start = Number.parseInt(dataId.slice(0, 8), 16) % drives.length;
  return [...drives.slice(start), ...drives.slice(0, start)];
}
