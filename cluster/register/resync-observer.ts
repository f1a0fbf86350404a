/**
 * Comparing an observer with a member, cell by cell in key order, and bringing every key on which
 * they differ up to date. Accepts sent meanwhile reach the observer by themselves; what it was sent
 * before it became one has to be answered first, or it would change a cell compared already.
 *
 * Floors are left as they are: an operation holds its key's lane through its retries, so a sole
 * proposer collects no tombstone between two of them, and rule 7 has nothing to tell.
 */
import { type Ballot, equalBallots } from "../../src/base/ballot.ts";
import { compareBytes } from "../../src/base/bytes.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { inBatches } from "./batches.ts";
import { nameKey } from "./key-name.ts";
import type { MemberDrive } from "./member-drive.ts";
import type { Refusal } from "./replica.ts";

export interface CellPage {
  readonly ok: true;
  /** In key order, each key once. */
  readonly cells: ReadonlyArray<{ readonly key: Uint8Array; readonly accepted: Ballot }>;
  /** Nothing follows. */
  readonly complete: boolean;
}

export interface ResyncModules {
  readonly observer: MemberDrive;
  readonly member: MemberDrive;
  listCells(drive: MemberDrive, after: Uint8Array | undefined): Promise<CellPage | Refusal>;
  readonly engine: ResyncEngine;
}

export interface ResyncEngine {
  /** Resolves when a drive will change nothing any more by what it was sent up to now. */
  answered(driveId: string): Promise<void>;
  resync(key: Uint8Array, observerId: string): Promise<void>;
}

/** Throws StoreError `data-unavailable` when a drive stops answering: begin again. */
export async function resyncObserver(modules: ResyncModules): Promise<void> {
  const { engine, observer } = modules;
  await engine.answered(observer.id);
  let after: Uint8Array | undefined;
  for (;;) {
    const [ours, theirs] = await Promise.all([
      modules.listCells(modules.member, after),
      modules.listCells(modules.observer, after),
    ]);
    if (!ours.ok || !theirs.ok || isStuck(ours) || isStuck(theirs)) throw interrupted();
    const end = comparableEnd(ours, theirs);
    const differing = differingKeys(ours, theirs, end);
    await inBatches(differing, (key) => engine.resync(key, observer.id));
    if (end === undefined) return;
    after = end;
  }
}

/** A page that neither gets anywhere nor ends would be taken for the end. */
function isStuck(page: CellPage): boolean {
  return !page.complete && page.cells.length === 0;
}

/** The last key up to which both pages say everything; undefined when that is the end. */
function comparableEnd(ours: CellPage, theirs: CellPage): Uint8Array | undefined {
  let end: Uint8Array | undefined;
  for (const page of [ours, theirs]) {
    const last = page.cells.at(-1)?.key;
    if (page.complete || last === undefined) continue;
    if (end === undefined || compareBytes(last, end) < 0) end = last;
  }
  return end;
}

/** Keys up to `end` that only one of the pages has, or that they have under different ballots. */
function differingKeys(
  ours: CellPage,
  theirs: CellPage,
  end: Uint8Array | undefined,
): Uint8Array[] {
  const differing: Uint8Array[] = [];
  const unmatched = new Map<string, CellPage["cells"][number]>();
  for (const cell of upTo(ours, end)) unmatched.set(nameKey(cell.key).text, cell);
  for (const cell of upTo(theirs, end)) {
    const { text } = nameKey(cell.key);
    const other = unmatched.get(text);
    unmatched.delete(text);
    if (other === undefined || !equalBallots(other.accepted, cell.accepted)) {
      differing.push(cell.key);
    }
  }
  for (const cell of unmatched.values()) differing.push(cell.key);
  return differing;
}

function upTo(page: CellPage, end: Uint8Array | undefined): CellPage["cells"] {
  if (end === undefined) return page.cells;
  return page.cells.filter((cell) => compareBytes(cell.key, end) <= 0);
}

function interrupted(): StoreError {
  return new StoreError({
    code: "data-unavailable",
    message: "a drive stopped answering while another was brought up to date",
  });
}
