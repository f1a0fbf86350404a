/**
 * Makes room in partitions that have more on one node or zone than they should: after a node joined,
 * or another node's drive came to the place of one that was replaced.
 */
import type { EvenColumns } from "./sections.ts";
import { HOLE, type SlotTable } from "./slot-table.ts";

/** Makes holes where a partition has too much on one node or zone: of who has most too many. */
export function evictCrowded(table: SlotTable, sections: readonly EvenColumns[]): void {
  const surplus = sections.map(({ from, to, shares }) => {
    const loads = table.loads(from, to);
    return shares.map((share, drive) => (loads[drive] ?? 0) - share);
  });
  const surplusOfSlot = sections.flatMap(({ from, to }, index) =>
    Array.from({ length: to - from }, () => surplus[index] ?? new Float64Array()),
  );
  for (let start = 0; start < table.entries.length; start += table.slots) {
    for (;;) {
      const crowded = mostCrowded(table, start, surplusOfSlot);
      if (crowded === undefined) break;
      const drive = table.driveAt(crowded);
      const own = surplusOfSlot[crowded - start];
      if (own !== undefined) own[drive] = (own[drive] ?? 0) - 1;
      table.entries[crowded] = HOLE;
    }
  }
}

function mostCrowded(
  table: SlotTable,
  start: number,
  surplusOfSlot: readonly Float64Array[],
): number | undefined {
  let most = Number.NEGATIVE_INFINITY;
  let crowded: number | undefined;
  const { slots } = table;
  for (let step = 0; step < slots; step++) {
    // Another column first in each partition, so that none is emptied more than others.
    const slot = (start / slots + step) % slots;
    const surplus = surplusOfSlot[slot] ?? [];
    const drive = table.driveAt(start + slot);
    if (drive === HOLE || (surplus[drive] ?? 0) <= most) continue;
    if (table.fits(start + slot, drive)) continue;
    most = surplus[drive] ?? 0;
    crowded = start + slot;
  }
  return crowded;
}
