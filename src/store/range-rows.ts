/**
 * A page of rows as one run of bytes, the form in which it leaves the drive's thread; the other side
 * takes it apart only when somebody looks.
 *
 * Row: head u16, key bytes, value bytes or "absent" (a common prefix). With the highest bit of the
 * head set it is a common prefix with its witness: key and value are the witness's, and behind them
 * follows the length of the prefix, u16.
 */
import { ByteReader, ByteWriter } from "./byte-writer.ts";
import type { RangeReply, RangeRow, RowWitness } from "./drive.ts";

export interface PackedRange {
  readonly ok: true;
  readonly count: number;
  readonly rows: Uint8Array;
  readonly exhausted: boolean;
  readonly resume: Uint8Array | undefined;
}

/** A reply that can be passed on without being looked at. */
export interface UnpackedRange extends RangeReply {
  readonly packed: PackedRange;
}

const BYTES_PER_ROW_EXPECTED = 160;
const ROWS_EXPECTED_MAX = 32;
const WITNESSED = 0x8000;

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

  /** A common prefix of `groupBytes`, with its witness. */
  addGroup(head: number, witness: RowWitness, groupBytes: number): void {
    this.#writer.u16(head | WITNESSED);
    this.#writer.bytes(witness.key);
    this.#writer.optionalBytes(witness.value);
    this.#writer.u16(groupBytes);
    this.#count += 1;
  }

  finish(): Uint8Array {
    return this.#writer.view();
  }
}

/** The reply of the drive contract; rows are views of the packed bytes. */
export function unpackRange(packed: PackedRange): UnpackedRange {
  return new LazyRange(packed);
}

/** A class, because a literal with a getter keeps the page until a full collection (served-request.ts). */
class LazyRange implements UnpackedRange {
  readonly ok = true;
  readonly packed: PackedRange;
  readonly exhausted: boolean;
  readonly resume?: Uint8Array;
  #rows: readonly RangeRow[] | undefined;

  constructor(packed: PackedRange) {
    this.packed = packed;
    this.exhausted = packed.exhausted;
    if (packed.resume !== undefined) this.resume = packed.resume;
  }

  get rows(): readonly RangeRow[] {
    this.#rows ??= unpackRows(this.packed);
    return this.#rows;
  }
}

/** The packed form, which a reply that came from a drive's thread still has. */
export function packRange(reply: RangeReply): PackedRange {
  if ("packed" in reply) return (reply as UnpackedRange).packed; // nobody else has the property
  const packer = new RowPacker(reply.rows.length);
  for (const { head, key, value, witness } of reply.rows) {
    if (witness === undefined) packer.add(head, key, value);
    else packer.addGroup(head, witness, key.length);
  }
  const { exhausted, resume } = reply;
  return { ok: true, count: packer.count, rows: packer.finish(), exhausted, resume };
}

const NO_VALUE = new Uint8Array(0);

function unpackRows(packed: PackedRange): RangeRow[] {
  const reader = new ByteReader(packed.rows);
  const rows: RangeRow[] = [];
  for (let index = 0; index < packed.count; index++) {
    const head = reader.u16();
    const key = reader.bytes();
    const value = reader.optionalBytes();
    if ((head & WITNESSED) !== 0) {
      const witness = { key, value: value ?? NO_VALUE };
      rows.push({ key: key.subarray(0, reader.u16()), head: head & ~WITNESSED, witness });
      continue;
    }
    rows.push(value === undefined ? { key, head } : { key, head, value });
  }
  return rows;
}
