/**
 * Registers in memory, the slow obvious twin: one map from key to body, rows derived and sorted at
 * every question. Outcomes can be made unknown, applied or not, to play what a crash leaves.
 */
import type {
  ChangeFunction,
  RegisterChange,
  UpdateOutcome,
} from "../../../cluster/register/register-contract.ts";
import type { Ballot } from "../../../src/base/ballot.ts";
import { afterPrefix } from "../../../src/base/bytes.ts";
import { type KvRow, ROW_VISIBLE } from "../../../src/base/kv-row.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import type {
  CensusPage,
  Registers,
  RowPage,
  RowQuery,
} from "../../../src/object/contract/registers.ts";
import { deriveRows, purgedRows } from "../../../src/object/registers/derive-rows.ts";
import type { RangeRow } from "../../../src/store/drive.ts";

export type Fault = "none" | "lost" | "applied-but-unknown" | "refused";

interface Cell {
  readonly key: Buffer;
  readonly body: Buffer | undefined;
}

export class MemoryRegisters implements Registers {
  readonly cells = new Map<string, Cell>();
  /** table → hex key → row. */
  readonly tables = new Map<string, Map<string, KvRow>>();
  /** Asked before every update; lets a test cut the next one. */
  nextFault: (key: Uint8Array) => Fault = () => "none";
  updates = 0;
  #clock = 1;

  read(key: Uint8Array): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#cell(key)?.body);
  }

  async update<Answer>(
    key: Uint8Array,
    change: ChangeFunction<Answer>,
  ): Promise<UpdateOutcome<Answer>> {
    const fault = this.nextFault(key);
    if (fault === "refused") throw new StoreError({ code: "no-quorum", needed: 3, got: 2 });
    await Promise.resolve();
    const first = change(this.#cell(key)?.body);
    const wanted = first instanceof Promise ? await this.#decide(key, change) : first;
    if (wanted.kind === "keep") return { kind: "kept", answer: wanted.answer };
    if (wanted.kind === "refuse") return { kind: "refused", answer: wanted.answer };
    if (fault === "lost") throw new StoreError({ code: "unknown-outcome" });
    this.updates += 1;
    const ballot: Ballot = { clock: this.#clock++, proposer: 1, incarnation: 1 };
    const body = wanted.body === undefined ? undefined : Buffer.from(wanted.body);
    this.cells.set(hex(key), { key: Buffer.from(key), body });
    for (const row of deriveRows(key, body, ballot)) this.#store(row);
    if (fault === "applied-but-unknown") throw new StoreError({ code: "unknown-outcome" });
    return { kind: "written", ballot, result: Buffer.from(wanted.result) };
  }

  /** Asks again when the register changed while the function made up its mind. */
  async #decide<Answer>(
    key: Uint8Array,
    change: ChangeFunction<Answer>,
  ): Promise<RegisterChange<Answer>> {
    for (;;) {
      const before = this.#cell(key);
      const wanted = change(before?.body);
      if (!(wanted instanceof Promise)) return wanted;
      const decided = await wanted;
      if (this.#cell(key) === before) return decided;
    }
  }

  prepareAhead(): undefined {
    // One caller at a time: there is nobody to ask.
  }

  rows(query: RowQuery): Promise<RowPage> {
    const rows: RangeRow[] = [];
    let scanned = 0;
    let lastGroup: Buffer | undefined;
    for (const { head, key, value } of this.#matching(query)) {
      if (lastGroup !== undefined && key.subarray(0, lastGroup.length).equals(lastGroup)) continue;
      lastGroup = undefined;
      if (rows.length >= query.limit || scanned >= query.scanMax) {
        return Promise.resolve({ rows, exhausted: false, resume: key });
      }
      scanned += 1;
      if (query.visibleOnly && ((value[0] ?? 0) & ROW_VISIBLE) === 0) continue;
      const at =
        query.delimiter === undefined ? -1 : key.indexOf(query.delimiter, query.prefix.length);
      if (at < 0) {
        rows.push({ head, key, value });
      } else {
        lastGroup = key.subarray(0, at + (query.delimiter?.length ?? 0));
        rows.push({ head, key: lastGroup });
      }
    }
    return Promise.resolve({ rows, exhausted: true, resume: undefined });
  }

  async census(query: RowQuery): Promise<CensusPage> {
    return { ...(await this.rows(query)), complete: true };
  }

  fenceBucket(): Promise<void> {
    return Promise.resolve();
  }

  purge(key: Uint8Array): Promise<boolean> {
    const cell = this.#cell(key);
    if (cell === undefined || cell.body !== undefined) return Promise.resolve(false);
    this.cells.delete(hex(key));
    for (const row of purgedRows(key)) this.#store(row);
    return Promise.resolve(true);
  }

  /** Rows of a table in key order. */
  table(name: string): { key: Buffer; value: Buffer }[] {
    const rows = [...(this.tables.get(name)?.values() ?? [])];
    return rows
      .map(({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value ?? []) }))
      .sort((left, right) => left.key.compare(right.key));
  }

  #cell(key: Uint8Array): Cell | undefined {
    return this.cells.get(hex(key));
  }

  #store(row: KvRow): void {
    let table = this.tables.get(row.table);
    if (table === undefined) {
      table = new Map();
      this.tables.set(row.table, table);
    }
    if (row.value === undefined) table.delete(hex(row.key));
    else table.set(hex(row.key), row);
  }

  *#matching(query: RowQuery): Generator<{ head: number; key: Buffer; value: Buffer }> {
    const found: { head: number; key: Buffer; value: Buffer }[] = [];
    const end = afterPrefix(query.prefix);
    for (const { key, value } of this.table("list")) {
      query.heads.forEach((head, index) => {
        if (!key.subarray(0, head.length).equals(head)) return;
        const relative = key.subarray(head.length);
        const order = relative.compare(query.from);
        if (order < 0 || (order === 0 && query.fromExclusive)) return;
        if (relative.compare(query.prefix) < 0) return;
        if (end !== undefined && relative.compare(end) >= 0) return;
        found.push({ head: index, key: relative, value });
      });
    }
    yield* found.sort((left, right) => left.key.compare(right.key));
  }
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString("hex");
}
