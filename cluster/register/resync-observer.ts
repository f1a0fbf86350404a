/**
 * Comparing an observer with a member, cell by cell in key order, and bringing every key on which
 * they differ up to date. Accepts sent meanwhile reach the observer by themselves.
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
  resync(key: Uint8Array): Promise<void>;
}

/** A blank key that no register uses: carries the floor of a drive. */
const PROBE_KEY = new Uint8Array(1);

/** Throws StoreError `data-unavailable` when a drive stops answering: begin again. */
export async function resyncObserver(modules: ResyncModules): Promise<void> {
  await raiseFloor(modules);
  let after: Uint8Array | undefined;
  for (;;) {
    const [ours, theirs] = await Promise.all([
      modules.listCells(modules.member, after),
      modules.listCells(modules.observer, after),
    ]);
    if (!ours.ok || !theirs.ok) throw interrupted();
    const end = comparableEnd(ours, theirs);
    await inBatches(differingKeys(ours, theirs, end), modules.resync);
    if (end === undefined) return;
    after = end;
  }
}

/** An observer's floor is as old as its absence; rule 7 needs that of the members. */
async function raiseFloor({ member, observer }: ResyncModules): Promise<void> {
  const reply = await member.read(PROBE_KEY);
  if (!reply.ok) throw interrupted();
  const raised = await observer.discard(PROBE_KEY, reply.floor, []);
  if (!raised.ok) throw interrupted();
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
