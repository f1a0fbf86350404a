/**
 * A page of rows as one run of bytes, the form in which it leaves the drive's thread; the other side
 * takes it apart only when somebody looks.
 *
 * Row: head u16, key bytes, value bytes or "absent" (a common prefix).
 */
import { ByteReader, ByteWriter } from "./byte-writer.ts";
import type { RangeReply, RangeRow } from "./drive.ts";

export interface PackedRange {
  readonly ok: true;
  readonly count: number;
  readonly rows: Uint8Array;
  readonly exhausted: boolean;
  readonly resume: Uint8Array | undefined;
}

const BYTES_PER_ROW_EXPECTED = 160;
const ROWS_EXPECTED_MAX = 400;

export class RowPacker {
  readonly #writer: ByteWriter;
  #count = 0;

  constructor(rowsExpected: number) {
    const rows = Math.min(rowsExpected, ROWS_EXPECTED_MAX);
    this.#writer = new ByteWriter(rows * BYTES_PER_ROW_EXPECTED);
  }

  get count(): number {
    return this.#count;
  }

  add(head: number, key: Uint8Array, value: Uint8Array | undefined): void {
    this.#writer.u16(head);
    this.#writer.bytes(key);
    this.#writer.optionalBytes(value);
    this.#count += 1;
  }

  finish(): Uint8Array {
    return this.#writer.view();
  }
}

/** The reply of the drive contract; rows are views of the packed bytes. */
export function unpackRange(packed: PackedRange): RangeReply {
  const { exhausted, resume } = packed;
  let rows: readonly RangeRow[] | undefined;
  return {
    ok: true,
    get rows() {
      rows ??= unpackRows(packed);
      return rows;
    },
    exhausted,
    ...(resume === undefined ? {} : { resume }),
  };
}

function unpackRows(packed: PackedRange): RangeRow[] {
  const reader = new ByteReader(packed.rows);
  const rows: RangeRow[] = [];
  for (let index = 0; index < packed.count; index++) {
    const head = reader.u16();
    const key = reader.bytes();
    const value = reader.optionalBytes();
    rows.push(value === undefined ? { key, head } : { key, head, value });
  }
  return rows;
}
