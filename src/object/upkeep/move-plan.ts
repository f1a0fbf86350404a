/** Which shards of an item a change of the ring moves, and where to. */
import type { DataId } from "../../base/ids.ts";
import type { ShardedData } from "../contract/data.ts";
import type { PlacementDrive } from "../data/data-placement.ts";
import type { RebuildTarget } from "../data/data-rebuilder.ts";

/** Where data belongs now. */
export interface MoverPlacement {
  /** Drives in the order in which the item's slots have them, then those that stand in. */
  orderFor(dataId: DataId): readonly number[];
  /** The drive is being emptied. */
  isLeaving(driveIndex: number): boolean;
  /**
   * Whether data that could stay where it is waits for a drive that is away. False while a change is
   * given up: nobody can give that up in turn, and a drive that is gone for good can only be
   * removed when it is over.
   */
  readonly waits: boolean;
  /**
   * Whether data on a drive that leaves, which no drive that answers could take, is written anew for
   * the drives that are there: nobody is waited for any longer.
   */
  readonly rewrites: boolean;
}

/** What has to happen to one item. */
export interface MovePlan {
  readonly moves: readonly RebuildTarget[];
  /** Something cannot be moved now and has to be. */
  readonly blocked: boolean;
  /** There are not enough drives for all its shards: it is written anew. */
  readonly anew: boolean;
}

/** A slot that has to leave, and whose drive in the layout cannot take it. */
const ELSEWHERE = -1;

/**
 * Every slot to its drive in the layout, as far as that takes data and is not held by a slot that
 * cannot move itself: two shards never share a drive. `leavingOnly`: what could stay stays.
 */
export function planMoves(
  data: ShardedData,
  placement: MoverPlacement,
  states: readonly PlacementDrive[],
  leavingOnly: boolean,
): MovePlan {
  const order = placement.orderFor(data.dataId);
  const leaves = data.drives.some((drive) => placement.isLeaving(drive));
  if (data.drives.length > order.length) return { moves: [], blocked: false, anew: leaves };
  const usable = new Map(states.map((state) => [state.index, state]));
  const takes = (index: number): boolean => {
    const state = usable.get(index);
    return state?.online === true && !state.full;
  };
  const mayStay = (own: number): boolean => !placement.isLeaving(own);
  let blocked = false;
  let stranded = false;
  const goals = data.drives.map((own, slot) => {
    const wanted = order[slot] ?? own;
    const isMissing = (data.missing & (1 << slot)) !== 0;
    if (own === wanted || (mayStay(own) && (leavingOnly || isMissing))) return own;
    if (takes(wanted)) return wanted;
    if (!mayStay(own)) return ELSEWHERE;
    // A full drive is no reason to wait; one that is away will be back, or is taken out.
    blocked ||= placement.waits && usable.get(wanted)?.online !== true;
    return own;
  });
  giveWay(data.drives, goals, mayStay);
  const taken = new Set([...data.drives, ...goals]);
  const homes = new Set(order.slice(0, data.drives.length));
  const isFree = (index: number): boolean => takes(index) && !taken.has(index);
  // Better not where another slot belongs; but that one may be meant to stay where it is.
  const spare = (): number | undefined =>
    order.find((index) => isFree(index) && !homes.has(index)) ?? order.find(isFree);
  const moves: RebuildTarget[] = [];
  data.drives.forEach((own, slot) => {
    let goal = goals[slot] ?? own;
    if (goal === own) return;
    if (goal === ELSEWHERE) goal = spare() ?? own;
    stranded ||= goal === own;
    taken.add(goal);
    if (goal !== own) moves.push({ slot, driveIndex: goal });
  });
  if (stranded && placement.rewrites) return { moves: [], blocked: false, anew: true };
  return { moves, blocked: blocked || stranded, anew: false };
}

/** Slots whose goal another one keeps stay, too, or go elsewhere; again, until none has to. */
function giveWay(
  drives: readonly number[],
  goals: number[],
  mayStay: (drive: number) => boolean,
): void {
  for (let changed = true; changed; ) {
    changed = false;
    const kept = new Set(drives.filter((own, slot) => goals[slot] === own));
    for (const [slot, own] of drives.entries()) {
      const goal = goals[slot] ?? own;
      if (goal === own || goal === ELSEWHERE || !kept.has(goal)) continue;
      goals[slot] = mayStay(own) ? own : ELSEWHERE;
      changed = true;
    }
  }
}
