/** Walks all records that refer to data on drives, in key order, in bounded steps. */
import { type ObjectRow, readObjectRow, readPartRow } from "./list-row.ts";
import { OBJECT_TAG, PART_TAG } from "./register-keys.ts";
import type { Registers } from "./registers.ts";

/** Where a walk stands: the next register key to look at, or the end. */
export type WalkPosition = Uint8Array | "end";

export const WALK_START: WalkPosition = new Uint8Array(0);

export interface WalkStep {
  /** Keys of records with sharded data. */
  readonly keys: readonly Buffer[];
  readonly next: WalkPosition;
  /** Rows passed. */
  readonly rows: number;
}

const TAGS = [OBJECT_TAG, PART_TAG];
const NOTHING = new Uint8Array(0);

/** One page of rows from `position` on. */
export async function walkRecords(
  registers: Registers,
  position: Uint8Array,
  rowsMax: number,
): Promise<WalkStep> {
  const tag = TAGS.find((candidate) => position.length === 0 || candidate >= (position[0] ?? 0));
  if (tag === undefined) return { keys: [], next: "end", rows: 0 };
  const head = Buffer.of(tag);
  const inside = position[0] === tag;
  const page = await registers.rows({
    heads: [head],
    from: inside ? position.subarray(1) : NOTHING,
    fromExclusive: false,
    prefix: NOTHING,
    visibleOnly: false,
    limit: rowsMax,
    scanMax: rowsMax,
  });
  const keys: Buffer[] = [];
  for (const { key, value } of page.rows) {
    if (value !== undefined && hasShards(tag, value)) keys.push(Buffer.concat([head, key]));
  }
  const { resume } = page;
  if (!page.exhausted && resume !== undefined) {
    return { keys, next: Buffer.concat([head, resume]), rows: page.rows.length };
  }
  const following = TAGS[TAGS.indexOf(tag) + 1];
  return {
    keys,
    next: following === undefined ? "end" : Buffer.of(following),
    rows: page.rows.length,
  };
}

/** How many rows a whole walk passes. */
export async function countRows(registers: Registers, rowsPerStep: number): Promise<number> {
  let count = 0;
  let position: WalkPosition = WALK_START;
  while (position !== "end") {
    const step: WalkStep = await walkRecords(registers, position, rowsPerStep);
    count += step.rows;
    position = step.next;
  }
  return count;
}

function hasShards(tag: number, row: Uint8Array): boolean {
  if (row.length <= EMPTY_ROW_BYTES) return false;
  if (tag === PART_TAG) return readPartRow(row).part?.data.kind === "shards";
  const { versions, more }: ObjectRow = readObjectRow(row);
  return more || versions.some((version) => version.sharded);
}

/** Flags and ballot. */
const EMPTY_ROW_BYTES = 17;
