/**
 * The registers of a node that found too few of its drives to write: answers only what is certain
 * from those that are there, and refuses every change before anything was done.
 *
 * Ranges are read from every member, row by row compared, and each row is confirmed by a read of its
 * register; that is slow, and right for a state that an operator is about to end.
 */
import type { AgreedReader } from "../../../cluster/register/agreed-reader.ts";
import { mergeRange, type RangePage } from "../../../cluster/register/merge-range.ts";
import { StoreError } from "../../base/store-error.ts";
import type { Drive, RangeRow } from "../../store/drive.ts";
import type { CensusPage, Registers, RowPage, RowQuery } from "../contract/registers.ts";
import { groupOfKey } from "../records/key-group.ts";
import { isVisible, rowBallot } from "../records/list-row.ts";
import { deriveRows } from "./derive-rows.ts";

export interface ReadOnlyModules {
  readonly reader: AgreedReader;
  readonly members: readonly Pick<Drive, "range">[];
  /** How many drives it would take to write. */
  readonly needed: number;
}

export class ReadOnlyRegisters implements Registers {
  readonly #modules: ReadOnlyModules;

  constructor(modules: ReadOnlyModules) {
    this.#modules = modules;
  }

  async read(key: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.#modules.reader.read(key)).body;
  }

  update(): Promise<never> {
    const { needed, members } = this.#modules;
    return Promise.reject(new StoreError({ code: "no-quorum", needed, got: members.length }));
  }

  prepareAhead(): undefined {
    // Nothing is written.
  }

  purge(): Promise<boolean> {
    return Promise.resolve(false);
  }

  fenceBucket(): Promise<void> {
    return Promise.resolve();
  }

  async census(query: RowQuery): Promise<CensusPage> {
    return { ...(await this.rows(query)), complete: false };
  }

  async rows(query: RowQuery): Promise<RowPage> {
    const { delimiter, visibleOnly: _, ...rest } = query;
    const pages = await Promise.all(
      this.#modules.members.map((member) =>
        member.range({ table: "list", ...rest, visibleOnly: false }),
      ),
    );
    const everyone = 2 ** pages.length - 1;
    const merged = mergeRange(
      pages.map((page) => (page.ok ? toPage(page.rows, page.resume) : undefined)),
      {
        isAcceptQuorum: (mask) => mask === everyone,
        isPrepareQuorum: (mask) => mask === everyone,
      },
    );
    if (merged === undefined) throw unavailable("a drive does not answer");
    const rows: RangeRow[] = [];
    for (const item of merged.items) {
      if (item.kind === "disputed") throw unavailable("the drives disagree on a key");
      const { row } = item.entry;
      const confirmed = await this.#confirm(query, row);
      if (confirmed !== undefined) fold(rows, { ...row, value: confirmed }, query, delimiter);
    }
    const { resume } = merged;
    return { rows, exhausted: resume === undefined, resume };
  }

  /** The row's value, when the query wants it. */
  async #confirm(query: RowQuery, { head, key }: RangeRow): Promise<Uint8Array | undefined> {
    const whole = Buffer.concat([query.heads[head] ?? Buffer.alloc(0), key]);
    const { ballot, body } = await this.#modules.reader.read(whole);
    const derived = deriveRows(whole, body, ballot).find(({ table }) => table === "list");
    if (derived?.value === undefined) return undefined;
    return query.visibleOnly && !isVisible(derived.value) ? undefined : derived.value;
  }
}

function toPage(rows: readonly RangeRow[], resume: Uint8Array | undefined): RangePage<RangeRow> {
  return {
    entries: rows.flatMap((row) =>
      row.value === undefined ? [] : [{ key: row.key, ballot: rowBallot(row.value), row }],
    ),
    resume,
  };
}

/** Adds a row, or the group it folds into when that is not the last one already. */
function fold(
  rows: RangeRow[],
  row: RangeRow,
  query: RowQuery,
  delimiter: Uint8Array | undefined,
): void {
  const group = groupOfKey(Buffer.from(row.key), query.prefix, delimiter);
  if (group === undefined) {
    rows.push(row);
    return;
  }
  const last = rows.at(-1);
  if (last?.value === undefined && last !== undefined && group.equals(last.key)) return;
  rows.push({ head: row.head, key: group });
}

function unavailable(message: string): StoreError {
  return new StoreError({ code: "data-unavailable", message });
}
