/**
 * Gives the entries of some columns of a layout's table to drives until each drive has its quota:
 * holes first to whom the ring prefers, then entries of drives that have too many, and where that
 * gets stuck a chain of moves is searched. Nothing else moves.
 *
 * Every entry is filled in the end. Quotas are met whenever the search finds a way.
 */
import { assert } from "../../src/base/assert.ts";
import { ChainSearch } from "./chain-search.ts";
import { evenColumns } from "./even-columns.ts";
import type { NodeRing } from "./node-ring.ts";
import { type Exchange, exchangeInRows, swapForOthers } from "./row-exchange.ts";
import type { SectionState } from "./section-state.ts";
import { HOLE, type SlotTable } from "./slot-table.ts";

export class SectionFiller {
  readonly #state: SectionState;
  readonly #table: SlotTable;

  constructor(state: SectionState) {
    this.#state = state;
    this.#table = state.table;
  }

  fill(ring: NodeRing): void {
    const chains = new ChainSearch(this.#state);
    if (this.#state.needy.length > 0) this.#fillByRing(ring);
    this.#fillHoles(chains);
    this.#relieveAll(chains);
    evenColumns(this.#state);
  }

  /** For columns that are full: moves only what their quotas require. */
  correct(): void {
    this.#relieveAll(new ChainSearch(this.#state));
  }

  /** Evens out the replicas by exchanges within partitions. */
  exchange(kind: Exchange): void {
    exchangeInRows(this.#state, kind);
    swapForOthers(this.#state, (drive) => this.#giveAway(drive));
  }

  #relieveAll(chains: ChainSearch): void {
    for (let drive = 0; drive < this.#state.driveCount; drive++) {
      while (this.#state.need(drive) < 0 && this.#relieve(drive, chains));
    }
  }

  /** Walks the partitions; in each, nodes that need slots take some in the order of the ring. */
  #fillByRing(ring: NodeRing): void {
    for (let partition = 0; partition < this.#table.partitions; partition++) {
      const entries = this.#state.entriesOfRow(partition);
      const holes = entries.filter((it) => this.#table.driveAt(it) === HOLE);
      if (holes.length > 0) this.#fillRow(partition, holes, ring.candidates(partition));
      const surplus = entries.filter((it) => this.#state.isSurplus(it));
      if (surplus.length > 0) this.#fillRow(partition, surplus, ring.candidates(partition));
    }
  }

  /** Nodes that have fewer slots of the partition come first. */
  #fillRow(partition: number, openAtFirst: readonly number[], nodes: ArrayLike<number>): void {
    let open = openAtFirst;
    for (let level = 0; level < this.#table.nodeSlotsMax; level++) {
      for (let place = 0; place < nodes.length && open.length > 0; place++) {
        const node = nodes[place] ?? 0;
        if (this.#table.slotsOfNode(partition, node) > level) continue;
        const entry = this.#placeOnNode(node, open);
        if (entry === undefined) continue;
        open = open.filter(
          (it) => it !== entry && (this.#table.driveAt(it) === HOLE || this.#state.isSurplus(it)),
        );
      }
      if (open.length === 0) return;
    }
  }

  /** Gives the best open entry to the drive of the node that needs it most; the entry, if one. */
  #placeOnNode(node: number, open: readonly number[]): number | undefined {
    let needed = 0;
    let chosen: number | undefined;
    for (const drive of this.#table.topology.drivesOfNode[node] ?? []) {
      const need = this.#state.need(drive);
      if (need <= needed) continue;
      needed = need;
      chosen = drive;
    }
    if (chosen === undefined) return undefined;
    const entry = this.#bestEntry(chosen, open);
    if (entry !== undefined) this.#state.put(entry, chosen);
    return entry;
  }

  /** Among those that the drive fits in, the entry in whose column it has the least. */
  #bestEntry(drive: number, open: readonly number[]): number | undefined {
    let least = Number.POSITIVE_INFINITY;
    let best: number | undefined;
    for (const entry of open) {
      const load = this.#state.columnLoad(drive, entry % this.#table.slots);
      if (load >= least || !this.#table.fits(entry, drive)) continue;
      least = load;
      best = entry;
    }
    return best;
  }

  #fillHoles(chains: ChainSearch): void {
    for (let partition = 0; partition < this.#table.partitions; partition++) {
      for (const entry of this.#state.entriesOfRow(partition)) {
        if (this.#table.driveAt(entry) === HOLE) this.#fillHole(entry, chains);
      }
    }
  }

  #fillHole(entry: number, chains: ChainSearch): void {
    if (this.#giveToNeedy(entry) || chains.run(HOLE, [entry])) return;
    let drive = this.#leastLoaded(entry);
    if (drive === undefined) {
      // The later columns hold what this one needs: they are filled anew.
      this.#table.clearBehind(entry, this.#state.section.to);
      drive = this.#leastLoaded(entry);
    }
    assert(drive !== undefined, "a partition that is not full can be filled up");
    this.#state.put(entry, drive);
  }

  /** Takes an entry away from a drive that has too many, if another can take it. */
  #relieve(drive: number, chains: ChainSearch): boolean {
    return this.#giveAway(drive) || chains.run(drive, this.#state.entriesOf(drive));
  }

  #giveAway(drive: number): boolean {
    const entries = this.#state.entriesOf(drive);
    const first = scramble(drive) % entries.length;
    for (let step = 0; step < entries.length; step++) {
      if (this.#giveToNeedy(entries[(first + step) % entries.length] ?? 0)) return true;
    }
    return false;
  }

  /** Gives an entry to a drive below its quota, if possible of a node that is not there yet. */
  #giveToNeedy(entry: number): boolean {
    const { needy } = this.#state;
    const partition = Math.floor(entry / this.#table.slots);
    const first = needy.length === 0 ? 0 : scramble(entry) % needy.length;
    let fewest = Number.POSITIVE_INFINITY;
    let chosen: number | undefined;
    for (let step = 0; step < needy.length && fewest > 0; step++) {
      const drive = needy[(first + step) % needy.length] ?? 0;
      const there = this.#table.slotsOfNode(partition, this.#table.topology.nodeOf[drive] ?? 0);
      if (there >= fewest || !this.#table.fits(entry, drive)) continue;
      fewest = there;
      chosen = drive;
    }
    if (chosen === undefined) return false;
    this.#state.put(entry, chosen);
    return true;
  }

  #leastLoaded(entry: number): number | undefined {
    let most = Number.NEGATIVE_INFINITY;
    let chosen: number | undefined;
    for (let drive = 0; drive < this.#state.driveCount; drive++) {
      const room = this.#state.need(drive) / (1 + this.#state.quota(drive));
      if (room <= most || !this.#table.fits(entry, drive)) continue;
      most = room;
      chosen = drive;
    }
    return chosen;
  }
}

/** A number that looks random, so that nobody is always asked first. */
function scramble(value: number): number {
  const mixed = Math.imul(value + 1, 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
