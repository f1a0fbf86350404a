/** Walks listing rows page by page until the caller has enough. */
import { compareBytes } from "../../base/bytes.ts";
import type { RangeRow } from "../../store/drive.ts";
import type { Registers, RowQuery } from "../contract/registers.ts";

/** Rows looked at in one question to a drive: bounds the time one question takes. */
export const SCAN_ROWS_MAX = 4000;
/** Rows in one answer. */
export const PAGE_ROWS_MAX = 1024;

export type RowScanQuery = Omit<RowQuery, "limit" | "scanMax"> & {
  /** Rows that one question asks for. */
  readonly pageRows: number;
};

const NOTHING = new Uint8Array(0);

/** A scan from the beginning of the heads. */
export function scanAll(heads: readonly Uint8Array[], visibleOnly: boolean): RowScanQuery {
  return {
    heads,
    from: NOTHING,
    fromExclusive: false,
    prefix: NOTHING,
    visibleOnly,
    pageRows: PAGE_ROWS_MAX,
  };
}

/** Row by row; see scanPages. */
export async function* scanRows(
  registers: Registers,
  query: RowScanQuery,
): AsyncGenerator<RangeRow, void, undefined> {
  for await (const rows of scanPages(registers, query)) yield* rows;
}

/** Page by page, for scans where a promise for each row would be most of the cost. */
export async function* scanPages(
  registers: Registers,
  query: RowScanQuery,
): AsyncGenerator<readonly RangeRow[], void, undefined> {
  let { from, fromExclusive } = query;
  const { pageRows, ...rest } = query;
  const limit = Math.min(pageRows, PAGE_ROWS_MAX);
  let group: Uint8Array | undefined;
  for (;;) {
    const page = await registers.rows({
      ...rest,
      from,
      fromExclusive,
      limit,
      scanMax: SCAN_ROWS_MAX,
    });
    yield withoutGroup(page.rows, group);
    if (page.exhausted || page.resume === undefined) return;
    group = page.rows.findLast(({ value }) => value === undefined)?.key ?? group;
    from = page.resume;
    fromExclusive = false;
  }
}

/** A group that a page ended in may show up on the next one again. */
function withoutGroup(
  rows: readonly RangeRow[],
  group: Uint8Array | undefined,
): readonly RangeRow[] {
  if (group === undefined) return rows;
  return rows.filter(({ key, value }) => value !== undefined || compareBytes(key, group) !== 0);
}
