/** A page of the rows that one drive has of a table, whatever they belong to: for walking through. */
import type { Drive, RangeQuery } from "../../store/drive.ts";

export interface DriveRowsQuery {
  readonly from: Uint8Array;
  readonly fromExclusive?: boolean;
  readonly limit: number;
}

const NOTHING = new Uint8Array(0);

export function readDriveRows(
  drive: Pick<Drive, "range">,
  table: RangeQuery["table"],
  { from, fromExclusive = false, limit }: DriveRowsQuery,
): ReturnType<Drive["range"]> {
  return drive.range({
    table,
    heads: [NOTHING],
    from,
    fromExclusive,
    prefix: NOTHING,
    visibleOnly: false,
    limit,
    scanMax: limit,
  });
}
