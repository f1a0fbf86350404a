/**
 * The columns of a layout in sections that are even by themselves, and what each drive should get
 * of each: what is read first (the data slots), the metadata replicas, the slots that existing data
 * has, and the rest.
 */
import { quotasOf } from "./quotas.ts";
import { evenShares, shareOfColumns } from "./shares.ts";
import type { SlotTable } from "./slot-table.ts";
import type { SlotCaps, Topology } from "./topology.ts";

/** Columns that are even by themselves. */
export interface EvenColumns {
  readonly from: number;
  readonly to: number;
  /** Even share of each drive in these columns. */
  readonly shares: Float64Array;
  /** … and in these and all before. */
  readonly sharesSoFar: Float64Array;
  /** … and in all columns. */
  readonly sharesOfAll: Float64Array;
}

/** Whole slots: a share is rounded down or up. */
const TOLERANCE = 1 - 1e-6;
/** In sections that others follow, which make up for it. */
const LOOSE_TOLERANCE = 1.5;

/** Sections that end at these columns. */
export function cutSections(table: SlotTable, cuts: readonly number[]): EvenColumns[] {
  const shares = evenShares(table);
  const sections: EvenColumns[] = [];
  let from = 0;
  for (const to of [...new Set(cuts)].sort((a, b) => a - b)) {
    if (to <= from || to > table.slots) continue;
    const sharesSoFar = shareOfColumns(table, shares, to);
    const before = sections.at(-1)?.sharesSoFar;
    const own = sharesSoFar.map((share, drive) => share - (before?.[drive] ?? 0));
    sections.push({ from, to, shares: own, sharesSoFar, sharesOfAll: shares.all });
    from = to;
  }
  return sections;
}

/** How many entries of the section each drive should have. The sections before it are final. */
export function sectionQuotas(table: SlotTable, section: EvenColumns): Int32Array {
  const { topology, partitions } = table;
  const { from, to, sharesSoFar, sharesOfAll } = section;
  const before = table.loads(0, from);
  const held = table.loads(from, to);
  const all = table.loads(0, table.slots);
  const drives = [...sharesSoFar].map((share, drive) => ({
    share: share - (before[drive] ?? 0),
    held: held[drive] ?? 0,
    surplus: (all[drive] ?? 0) - (sharesOfAll[drive] ?? 0),
    most: partitions - (before[drive] ?? 0),
  }));
  return quotasOf({
    topology,
    drives,
    most: roomIn(topology, table.capsOf(to), partitions, before),
    total: partitions * (to - from),
    tolerance: to === table.slots ? TOLERANCE : LOOSE_TOLERANCE,
  });
}

/** What nodes and zones may get beyond what they have. */
function roomIn(
  topology: Topology,
  caps: SlotCaps,
  partitions: number,
  loads: Int32Array,
): SlotCaps {
  const node = caps.node.map((cap) => cap * partitions);
  const zone = caps.zone.map((cap) => cap * partitions);
  for (const [drive, load] of loads.entries()) {
    const itsNode = topology.nodeOf[drive] ?? 0;
    const itsZone = topology.zoneOf[drive] ?? 0;
    node[itsNode] = (node[itsNode] ?? 0) - load;
    zone[itsZone] = (zone[itsZone] ?? 0) - load;
  }
  return { node, zone };
}
