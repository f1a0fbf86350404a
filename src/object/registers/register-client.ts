/**
 * The registers of a node whose process is the only proposer: the engine for single keys, one
 * drive's rows for ranges.
 *
 * Rows of one member are chosen and current but for keys with an accept in flight. The engine lists
 * those; the list is taken before and after the range is read, and every key in either is read
 * through its register, so a page is as strict as that many single reads.
 */
import type {
  ChangeFunction,
  RegisterReading,
  UpdateOutcome,
} from "../../../cluster/register/register-contract.ts";
import { type Ballot, equalBallots } from "../../base/ballot.ts";
import { compareBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/store-error.ts";
import type { Drive, RangeRow } from "../../store/drive.ts";
import type { CensusPage, Registers, RowPage, RowQuery } from "../contract/registers.ts";
import { groupOfKey } from "../records/key-group.ts";
import { isVisible } from "../records/list-row.ts";
import { deriveRows } from "./derive-rows.ts";

/** What the client needs of the register engine. */
export interface ClientEngine {
  read(key: Uint8Array): Promise<RegisterReading>;
  update<Answer>(key: Uint8Array, change: ChangeFunction<Answer>): Promise<UpdateOutcome<Answer>>;
  purge(key: Uint8Array): Promise<boolean>;
  listUnsettled(): Uint8Array[];
}

export type RowDrive = Pick<Drive, "id" | "range" | "read">;

export interface RegisterClientModules {
  readonly engine: ClientEngine;
  /** The members of the registers at this moment: each has every settled row. */
  members(): readonly RowDrive[];
}

/** A key in flight, as the row that belongs there now. */
interface SettledRow {
  readonly head: number;
  readonly key: Buffer;
  /** Undefined: blank. */
  readonly value: Uint8Array | undefined;
}

const NO_RESULT = new Uint8Array(0);

export class RegisterClient implements Registers {
  readonly #modules: RegisterClientModules;
  #turn = 0;

  constructor(modules: RegisterClientModules) {
    this.#modules = modules;
  }

  async read(key: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.#modules.engine.read(key)).body;
  }

  update<Answer>(key: Uint8Array, change: ChangeFunction<Answer>): Promise<UpdateOutcome<Answer>> {
    return this.#modules.engine.update(key, change);
  }

  prepareAhead(): undefined {
    // A sole proposer does not prepare.
  }

  /**
   * Settling after a start leaves promises above tombstones, and a purge that was cut off leaves them
   * on some members only; neither can be purged. Written once more they stand alike on all.
   */
  async purge(key: Uint8Array): Promise<boolean> {
    const { engine } = this.#modules;
    if (await engine.purge(key)) return true;
    if (!(await this.#isUneven(key))) return false;
    const outcome = await engine.update(key, (body) =>
      body === undefined
        ? { kind: "write", body, result: NO_RESULT }
        : { kind: "keep", answer: undefined },
    );
    return outcome.kind === "written" && engine.purge(key);
  }

  fenceBucket(): Promise<void> {
    return Promise.resolve();
  }

  /** All members answer and nothing is in flight, yet they do not hold the same settled cell. */
  async #isUneven(key: Uint8Array): Promise<boolean> {
    const { engine, members } = this.#modules;
    const name = textOf(Buffer.from(key));
    if (engine.listUnsettled().some((other) => textOf(Buffer.from(other)) === name)) return false;
    const replies = await Promise.all(members().map((drive) => drive.read(key)));
    let first: Ballot | undefined;
    let uneven = false;
    for (const reply of replies) {
      if (!reply.ok) return false;
      first ??= reply.accepted;
      uneven ||= !equalBallots(first, reply.accepted);
      uneven ||= reply.value !== undefined && !equalBallots(reply.promised, reply.accepted);
    }
    return uneven;
  }

  /**
   * Keys in flight are read, which settles them; what only a drive has that is no member is dropped
   * when that drive comes back.
   */
  async census(query: RowQuery): Promise<CensusPage> {
    return { ...(await this.rows(query)), complete: true };
  }

  async rows(query: RowQuery): Promise<RowPage> {
    const members = this.#modules.members();
    const start = this.#turn++;
    for (let attempt = 0; attempt < members.length; attempt++) {
      const drive = members[(start + attempt) % members.length];
      const page = drive === undefined ? undefined : await this.#rowsOf(drive, query);
      if (page !== undefined) return page;
    }
    throw new StoreError({ code: "no-quorum", needed: 1, got: 0 });
  }

  /** Undefined when the drive does not answer. */
  async #rowsOf(drive: RowDrive, query: RowQuery): Promise<RowPage | undefined> {
    const before = this.#inFlight(query, []);
    const reply = await drive.range({ table: "list", ...query });
    if (!reply.ok) return undefined;
    const page = { rows: reply.rows, exhausted: reply.exhausted, resume: reply.resume };
    const keys = this.#inFlight(query, before).filter((key) => isBefore(key.relative, page));
    if (keys.length === 0) return page;
    const settled = await Promise.all(keys.map((key) => this.#settledRow(key)));
    if (query.delimiter === undefined) return replaceRows(page, settled, query.visibleOnly);
    return this.#replaceGroups(drive, query, page, settled);
  }

  /** Keys in flight now that the query may be about, and those of an earlier list. */
  #inFlight(query: RowQuery, earlier: readonly KeyInRange[]): KeyInRange[] {
    const found = new Map(earlier.map((key) => [textOf(key.whole), key]));
    for (const whole of this.#modules.engine.listUnsettled()) {
      const key = inRange(Buffer.from(whole), query);
      if (key !== undefined) found.set(textOf(key.whole), key);
    }
    return [...found.values()];
  }

  async #settledRow({ whole, relative, head }: KeyInRange): Promise<SettledRow> {
    const { ballot, body } = await this.#modules.engine.read(whole);
    const derived = ballot.clock === 0 ? [] : deriveRows(whole, body, ballot);
    const value = derived.find(({ table }) => table === "list")?.value;
    return { head, key: relative, value };
  }

  /**
   * With a delimiter: a group is there when a settled row in it says so, or a key in flight that is
   * visible now. A group that the drive shows only because of a key in flight has to be looked into.
   */
  async #replaceGroups(
    drive: RowDrive,
    query: RowQuery,
    page: RowPage,
    settled: readonly SettledRow[],
  ): Promise<RowPage | undefined> {
    const single: SettledRow[] = [];
    const groups = new Map<string, { group: Buffer; members: SettledRow[] }>();
    for (const row of settled) {
      const group = groupOfKey(row.key, query.prefix, query.delimiter);
      if (group === undefined) {
        single.push(row);
        continue;
      }
      const known = groups.get(textOf(group)) ?? { group, members: [] };
      known.members.push(row);
      groups.set(textOf(group), known);
    }
    const folded: FoldedGroup[] = [];
    for (const { group, members } of groups.values()) {
      const shown = members.some((row) => isShown(row, query.visibleOnly));
      const there = shown || (await this.#isGroupThere(drive, query, group));
      if (there === undefined) return undefined;
      folded.push({ group, there });
    }
    return foldGroups(replaceRows(page, single, query.visibleOnly), folded);
  }

  async #isGroupThere(
    drive: RowDrive,
    query: RowQuery,
    group: Buffer,
  ): Promise<boolean | undefined> {
    const { delimiter: _, ...undelimited } = query;
    let from: Uint8Array = group;
    for (;;) {
      const inside = { ...undelimited, prefix: group, from, fromExclusive: false, limit: 1 };
      const page = await this.#rowsOf(drive, inside);
      if (page === undefined) return undefined;
      if (page.rows.length > 0) return true;
      if (page.exhausted || page.resume === undefined) return false;
      from = page.resume;
    }
  }
}

interface FoldedGroup {
  readonly group: Buffer;
  readonly there: boolean;
}

interface KeyInRange {
  readonly whole: Buffer;
  readonly relative: Buffer;
  readonly head: number;
}

function inRange(whole: Buffer, query: RowQuery): KeyInRange | undefined {
  const head = query.heads.findIndex(
    (candidate) => whole.length >= candidate.length && startsWith(whole, candidate),
  );
  if (head < 0) return undefined;
  const relative = whole.subarray(query.heads[head]?.length ?? 0);
  const order = compareBytes(relative, query.from);
  if (order < 0 || (order === 0 && query.fromExclusive)) return undefined;
  return startsWith(relative, query.prefix) ? { whole, relative, head } : undefined;
}

function startsWith(bytes: Buffer, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && bytes.subarray(0, prefix.length).equals(prefix);
}

function isBefore(key: Uint8Array, page: RowPage): boolean {
  return page.exhausted || page.resume === undefined || compareBytes(key, page.resume) < 0;
}

function isSame(row: SettledRow, head: number, key: Uint8Array): boolean {
  return row.head === head && compareBytes(row.key, key) === 0;
}

function isShown(row: SettledRow, visibleOnly: boolean): boolean {
  return row.value !== undefined && (!visibleOnly || isVisible(row.value));
}

/** The page with the rows of the keys in flight as they are now. */
function replaceRows(page: RowPage, settled: readonly SettledRow[], visibleOnly: boolean): RowPage {
  if (settled.length === 0) return page;
  const rows = page.rows.filter(
    ({ head, key, value }) => value === undefined || !settled.some((row) => isSame(row, head, key)),
  );
  for (const row of settled) {
    const { head, key, value } = row;
    if (value !== undefined && isShown(row, visibleOnly)) rows.push({ head, key, value });
  }
  return { ...page, rows: rows.sort(compareRows) };
}

/** The page with or without the groups that keys in flight fold into. */
function foldGroups(page: RowPage, groups: readonly FoldedGroup[]): RowPage {
  const rows = page.rows.filter(
    ({ key, value }) =>
      value !== undefined || !groups.some(({ group }) => compareBytes(group, key) === 0),
  );
  for (const { group, there } of groups) if (there) rows.push({ head: 0, key: group });
  return { ...page, rows: rows.sort(compareRows) };
}

function compareRows(left: RangeRow, right: RangeRow): number {
  return compareBytes(left.key, right.key) || left.head - right.head;
}

function textOf(key: Buffer): string {
  return key.toString("latin1");
}
