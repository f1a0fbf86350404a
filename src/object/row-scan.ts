/** Walks listing rows page by page until the caller has enough. */
import { compareBytes } from "../base/bytes.ts";
import type { RangeRow } from "../store/drive.ts";
import type { Registers, RowQuery } from "./registers.ts";

/** Rows looked at in one question to a drive: bounds the time one question takes. */
const SCAN_ROWS_MAX = 4000;
/** Rows in one answer. */
export const PAGE_ROWS_MAX = 1000;

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

export async function* scanRows(
  registers: Registers,
  query: RowScanQuery,
): AsyncGenerator<RangeRow, void, undefined> {
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
    for (const row of page.rows) {
      // A group that a page ended in may show up on the next one again.
      if (row.value === undefined) {
        if (group !== undefined && compareBytes(row.key, group) === 0) continue;
        group = row.key;
      }
      yield row;
    }
    if (page.exhausted || page.resume === undefined) return;
    from = page.resume;
    fromExclusive = false;
  }
}
