/**
 * The columns of a table that are being filled: how many entries each drive has there and should
 * have, kept up to date with every entry that changes hands.
 */
import { HOLE, type SlotTable } from "./slot-table.ts";

/** A range of columns and how many of its entries each drive should get. */
export interface Section {
  readonly from: number;
  readonly to: number;
  readonly quotas: Int32Array;
}

export class SectionState {
  readonly table: SlotTable;
  readonly section: Section;
  readonly driveCount: number;
  readonly #before: Int32Array;
  readonly #loads: Int32Array;
  /** How many entries of each column each drive has, drive × slots + slot. */
  readonly #columnLoads: Int32Array;
  /** Entries of each drive within the section, in no order. */
  readonly #entriesOf: number[][];
  /** Where an entry is in its drive's list. */
  readonly #placeOf: Int32Array;
  /** Drives below their quota, in no order. */
  readonly #needy: number[] = [];
  readonly #needyPlace: Int32Array;

  constructor(table: SlotTable, section: Section) {
    const driveCount = table.topology.weights.length;
    this.table = table;
    this.section = section;
    this.driveCount = driveCount;
    this.#before = table.entries.slice();
    this.#loads = new Int32Array(driveCount);
    this.#columnLoads = new Int32Array(driveCount * table.slots);
    this.#entriesOf = Array.from({ length: driveCount }, () => []);
    this.#placeOf = new Int32Array(table.entries.length);
    this.#needyPlace = new Int32Array(driveCount).fill(-1);
    for (let partition = 0; partition < table.partitions; partition++) {
      for (const entry of this.entriesOfRow(partition)) {
        const drive = table.driveAt(entry);
        if (drive !== HOLE) this.#add(entry, drive);
      }
    }
    for (let drive = 0; drive < driveCount; drive++) this.#updateNeed(drive);
  }

  get needy(): readonly number[] {
    return this.#needy;
  }

  /** Entries that the drive lacks; below zero: has too many. */
  need(drive: number): number {
    return (this.section.quotas[drive] ?? 0) - (this.#loads[drive] ?? 0);
  }

  quota(drive: number): number {
    return this.section.quotas[drive] ?? 0;
  }

  columnLoad(drive: number, slot: number): number {
    return this.#columnLoads[drive * this.table.slots + slot] ?? 0;
  }

  entriesOf(drive: number): readonly number[] {
    return this.#entriesOf[drive] ?? [];
  }

  entriesOfRow(partition: number): number[] {
    const { from, to } = this.section;
    const start = partition * this.table.slots;
    return Array.from({ length: to - from }, (_, index) => start + from + index);
  }

  /** Whether a drive that has too many holds the entry. */
  isSurplus(entry: number): boolean {
    const drive = this.table.driveAt(entry);
    return drive !== HOLE && this.need(drive) < 0;
  }

  /** Whether somebody else has the entry now than at the beginning. */
  isFresh(entry: number): boolean {
    return this.#before[entry] !== this.table.entries[entry];
  }

  /** Gives an entry to a drive. */
  put(entry: number, drive: number): void {
    const before = this.table.driveAt(entry);
    if (before !== HOLE) {
      this.#remove(entry, before);
      this.#updateNeed(before);
    }
    this.table.entries[entry] = drive;
    this.#add(entry, drive);
    this.#updateNeed(drive);
  }

  /** Lets two entries of one partition change their drives. */
  swap(entry: number, other: number): void {
    const drive = this.table.driveAt(entry);
    const otherDrive = this.table.driveAt(other);
    this.#remove(entry, drive);
    this.#remove(other, otherDrive);
    this.table.entries[entry] = otherDrive;
    this.table.entries[other] = drive;
    this.#add(entry, otherDrive);
    this.#add(other, drive);
  }

  #add(entry: number, drive: number): void {
    const list = this.#entriesOf[drive] ?? [];
    this.#placeOf[entry] = list.length;
    list.push(entry);
    this.#count(entry, drive, 1);
  }

  #remove(entry: number, drive: number): void {
    const list = this.#entriesOf[drive] ?? [];
    const place = this.#placeOf[entry] ?? 0;
    const last = list.pop() ?? entry;
    if (last !== entry) {
      list[place] = last;
      this.#placeOf[last] = place;
    }
    this.#count(entry, drive, -1);
  }

  #count(entry: number, drive: number, change: number): void {
    const { slots } = this.table;
    const column = drive * slots + (entry % slots);
    this.#loads[drive] = (this.#loads[drive] ?? 0) + change;
    this.#columnLoads[column] = (this.#columnLoads[column] ?? 0) + change;
  }

  #updateNeed(drive: number): void {
    const place = this.#needyPlace[drive] ?? -1;
    if (this.need(drive) > 0) {
      if (place >= 0) return;
      this.#needyPlace[drive] = this.#needy.length;
      this.#needy.push(drive);
      return;
    }
    if (place < 0) return;
    const last = this.#needy.pop() ?? drive;
    this.#needyPlace[drive] = -1;
    if (last === drive) return;
    this.#needy[place] = last;
    this.#needyPlace[last] = place;
  }
}
