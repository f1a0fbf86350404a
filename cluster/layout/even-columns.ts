/**
 * Evens out the single columns of a section, so that each drive holds about as many first shards as
 * last ones. Only entries that change hands anyway are exchanged, within their partition.
 */
import type { SectionState } from "./section-state.ts";

const PASSES = 2;

export function evenColumns(state: SectionState): void {
  for (let pass = 0; pass < PASSES; pass++) {
    for (let partition = 0; partition < state.table.partitions; partition++) {
      const fresh = state.entriesOfRow(partition).filter((entry) => state.isFresh(entry));
      for (let first = 0; first < fresh.length; first++) {
        for (let second = first + 1; second < fresh.length; second++) {
          swapIfMoreEven(state, fresh[first] ?? 0, fresh[second] ?? 0);
        }
      }
    }
  }
}

function swapIfMoreEven(state: SectionState, first: number, second: number): void {
  const { table } = state;
  const firstSlot = first % table.slots;
  const secondSlot = second % table.slots;
  const firstDrive = table.driveAt(first);
  const secondDrive = table.driveAt(second);
  const now = state.columnLoad(firstDrive, firstSlot) + state.columnLoad(secondDrive, secondSlot);
  const then = state.columnLoad(firstDrive, secondSlot) + state.columnLoad(secondDrive, firstSlot);
  if (now > then + 2) state.swap(first, second);
}
