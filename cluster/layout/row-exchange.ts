/**
 * Evens out the metadata replicas where zones leave no other way: a drive with too few takes a
 * replica's slot, and who had it goes to a slot behind the replicas in the same partition. That moves
 * two slots where one would do, so it is done only for drives that are noticeably off.
 */
import type { SectionState } from "./section-state.ts";
import { HOLE } from "./slot-table.ts";

/** Part of a quota that replicas may be off. */
const REPLICA_TOLERANCE = 0.02;

/** How the holder of an entry gets another one. */
export type Exchange =
  /** It changes places with the drive that takes its entry: nothing changes for all columns. */
  | "swap"
  /** It may also take the place of a third one. */
  | "displace";

export function exchangeInRows(state: SectionState, kind: Exchange): void {
  for (let partition = 0; partition < state.table.partitions; partition++) {
    if (state.needy.length === 0) return;
    const entries = state.entriesOfRow(partition);
    for (let step = 0; step < entries.length; step++) {
      // Another column first in each partition, so that none is changed more than others.
      const entry = entries[(partition + step) % entries.length] ?? 0;
      if (state.isSurplus(entry)) exchange(state, entry, kind);
    }
  }
}

function exchange(state: SectionState, entry: number, kind: Exchange): void {
  const { table } = state;
  const holder = table.driveAt(entry);
  for (const drive of state.needy) {
    if (!isOff(state, holder) && !isOff(state, drive)) continue;
    const other = placeFor(state, entry, drive, kind);
    if (other === undefined) continue;
    table.entries[other] = holder;
    state.put(entry, drive);
    return;
  }
}

/**
 * What exchanges could not do in one step: a drive that has enough takes a slot by a swap, and gives
 * another one to a drive that has too few. `relieve` tries the latter.
 */
export function swapForOthers(state: SectionState, relieve: (drive: number) => boolean): void {
  const { table, section } = state;
  for (let partition = 0; partition < table.partitions; partition++) {
    if (!state.needy.some((drive) => isOff(state, drive))) return;
    const behind = (partition + 1) * table.slots;
    for (const entry of state.entriesOfRow(partition)) {
      for (let other = partition * table.slots + section.to; other < behind; other++) {
        if (state.isSurplus(entry) && trySwap(state, entry, other, relieve)) break;
      }
    }
  }
}

function trySwap(
  state: SectionState,
  entry: number,
  other: number,
  relieve: (drive: number) => boolean,
): boolean {
  const { table } = state;
  const holder = table.driveAt(entry);
  const drive = table.driveAt(other);
  if (drive === HOLE || placeFor(state, entry, drive, "swap") !== other) return false;
  table.entries[other] = holder;
  state.put(entry, drive);
  if (state.need(drive) >= 0 || relieve(drive)) return true;
  state.put(entry, holder);
  table.entries[other] = drive;
  return false;
}

/** Where the holder of the entry can go so that the drive fits in its place. */
function placeFor(
  state: SectionState,
  entry: number,
  drive: number,
  kind: Exchange,
): number | undefined {
  const { table, section } = state;
  const start = entry - (entry % table.slots);
  const holder = table.driveAt(entry);
  for (let other = start + section.to; other < start + table.slots; other++) {
    const displaced = table.driveAt(other);
    if (displaced === HOLE || (kind === "swap" && displaced !== drive)) continue;
    table.entries[other] = holder;
    const fits = table.fits(entry, drive);
    table.entries[other] = displaced;
    if (fits) return other;
  }
  return undefined;
}

function isOff(state: SectionState, drive: number): boolean {
  return Math.abs(state.need(drive)) > 1 + REPLICA_TOLERANCE * state.quota(drive);
}
