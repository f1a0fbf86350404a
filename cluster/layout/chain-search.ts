/**
 * Finds a way for an entry to a drive below its quota when no such drive fits in it: somebody takes
 * the entry, somebody else what he gives up for it, and so on. Breadth first, so that as few entries
 * as possible change hands. No partition is touched twice, so that each step can be judged by the
 * table as it is.
 */
import type { SectionState } from "./section-state.ts";
import { HOLE } from "./slot-table.ts";

/** Placements tried in one section before the search gives up: seconds, in clusters nobody has. */
const TRIALS_MAX = 50_000_000;
interface Search {
  /** Who gives an entry away; HOLE for an entry that nobody holds. */
  readonly root: number;
  /** Drives that were not reached yet. */
  readonly unseen: number[];
  /** Those that were, in order. */
  readonly queue: number[];
}

export class ChainSearch {
  readonly #state: SectionState;
  /** Per drive: the entry that it would take in the chain under search. */
  readonly #via: Int32Array;
  /** Drives from which an earlier search found no way. */
  readonly #hopeless: Uint8Array;
  #trials = 0;

  constructor(state: SectionState) {
    this.#state = state;
    this.#via = new Int32Array(state.driveCount);
    this.#hopeless = new Uint8Array(state.driveCount);
  }

  /** Makes the moves of a chain that ends in one of the root's entries; false when there is none. */
  run(root: number, rootEntries: readonly number[]): boolean {
    if (this.#state.needy.length === 0) return false;
    const search: Search = { root, unseen: [], queue: [] };
    for (let drive = 0; drive < this.#state.driveCount; drive++) {
      if (drive !== root && this.#hopeless[drive] === 0) search.unseen.push(drive);
    }
    if (this.#expand(root, rootEntries, search)) return true;
    for (const drive of search.queue) {
      if (this.#trials > TRIALS_MAX) return false;
      if (this.#expand(drive, this.#state.entriesOf(drive), search)) return true;
    }
    for (const drive of search.queue) this.#hopeless[drive] = 1;
    return false;
  }

  /** Reaches whoever could take one of the holder's entries. True when the chain is complete. */
  #expand(holder: number, entries: readonly number[], search: Search): boolean {
    const { root, unseen, queue } = search;
    const rows = this.#rowsOfChain(holder, root);
    for (const entry of entries) {
      if (unseen.length === 0) return false;
      if (rows.includes(this.#rowOf(entry))) continue;
      this.#trials += unseen.length;
      for (let place = unseen.length - 1; place >= 0; place--) {
        const drive = unseen[place] ?? 0;
        if (!this.#state.table.fits(entry, drive)) continue;
        this.#via[drive] = entry;
        if (this.#state.need(drive) > 0) {
          this.#apply(drive, root);
          return true;
        }
        queue.push(drive);
        unseen[place] = unseen.at(-1) ?? 0;
        unseen.pop();
      }
    }
    return false;
  }

  /** Partitions that the chain up to this drive changes. */
  #rowsOfChain(last: number, root: number): number[] {
    const rows: number[] = [];
    for (let drive = last; drive !== root && drive !== HOLE; ) {
      const entry = this.#via[drive] ?? 0;
      rows.push(this.#rowOf(entry));
      drive = this.#state.table.driveAt(entry);
    }
    return rows;
  }

  #rowOf(entry: number): number {
    return Math.floor(entry / this.#state.table.slots);
  }

  #apply(last: number, root: number): void {
    const { table } = this.#state;
    let taker = last;
    for (;;) {
      const entry = this.#via[taker] ?? 0;
      const holder = table.driveAt(entry);
      this.#state.put(entry, taker);
      if (holder === root || holder === HOLE) return;
      taker = holder;
    }
  }
}
