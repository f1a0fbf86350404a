/**
 * What the replicas of one head show of a key, together: it is there, it is not, or only a closer
 * look can tell.
 *
 * A key is there under a ballot when replicas that are an accept quorum and a prepare quorum show it
 * under that ballot: a newer value chosen before they were asked would have been shown by one of
 * them. It is not there when such replicas show nothing: a chosen value would have been shown by one
 * of them. "Nothing" may be a row that the query does not want, a tombstone or a marker.
 *
 * A common prefix is there when the same replicas agree on its witness, the first key behind it.
 *
 * Pure.
 */
import { BALLOT_BYTES } from "../../base/ballot.ts";
import { equalBytes } from "../../base/bytes.ts";
import type { RangeRow } from "../../store/drive.ts";

export interface ShownQuorums {
  isAcceptQuorum(mask: number): boolean;
  isPrepareQuorum(mask: number): boolean;
}

/** What the replicas of a head show for one key; by index in their set. */
export interface Shown {
  readonly key: Uint8Array;
  readonly rows: (RangeRow | undefined)[];
}

export type Judgement =
  | { readonly kind: "there"; readonly row: RangeRow }
  | { readonly kind: "absent" }
  | { readonly kind: "disputed" };

const ABSENT: Judgement = { kind: "absent" };
const DISPUTED: Judgement = { kind: "disputed" };
/** Behind the flags of a listing row. */
const BALLOT_AT = 1;

/** `answered`: the replicas that have shown all they have around this key. */
export function judgeShown(shown: Shown, answered: number, quorums: ShownQuorums): Judgement {
  let showing = 0;
  for (let index = 0; index < shown.rows.length; index++) {
    const row = shown.rows[index];
    const bit = 1 << index;
    if (row === undefined || (showing & bit) !== 0) continue;
    const same = maskOfSame(shown.rows, index, row);
    showing |= same;
    if (isQuorum(same, quorums)) return { kind: "there", row };
  }
  return isQuorum(answered & ~showing, quorums) ? ABSENT : DISPUTED;
}

function maskOfSame(
  rows: readonly (RangeRow | undefined)[],
  first: number,
  wanted: RangeRow,
): number {
  let mask = 1 << first;
  for (let index = first + 1; index < rows.length; index++) {
    const row = rows[index];
    if (row !== undefined && isSame(row, wanted)) mask |= 1 << index;
  }
  return mask;
}

/** Under one ballot, or with one witness. */
export function isSame(left: RangeRow, right: RangeRow): boolean {
  if (left.witness !== undefined && right.witness !== undefined) {
    return (
      equalBytes(left.witness.key, right.witness.key) &&
      isSameBallot(left.witness.value, right.witness.value)
    );
  }
  if (left.value === undefined || right.value === undefined) return false;
  return isSameBallot(left.value, right.value);
}

function isSameBallot(left: Uint8Array, right: Uint8Array): boolean {
  const end = BALLOT_AT + BALLOT_BYTES;
  return equalBytes(left.subarray(BALLOT_AT, end), right.subarray(BALLOT_AT, end));
}

function isQuorum(mask: number, quorums: ShownQuorums): boolean {
  return quorums.isAcceptQuorum(mask) && quorums.isPrepareQuorum(mask);
}
