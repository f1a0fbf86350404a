/**
 * One replica's share of a register: its cell, the cell's bytes, and the acceptor's decisions.
 *
 * Pure: the drive makes the returned cell (or floor) durable BEFORE it answers (core-design rule 1)
 * and answers reads from durable cells only (rule 1b). The same functions decide on a drive and in
 * the simulator.
 *
 * What holds of every cell (I5): its promised and accepted ballots never decrease, and promised is
 * never below accepted. A key without a cell stands for a cell whose promise is the floor of its
 * partition: `purge` drops a tombstone and raises the floor to the tombstone's ballot, so nothing
 * that was proposed before the tombstone can come back (rule 6).
 *
 * Bytes (docs/FORMATS.md "Register cell"): version u8, promised 16, accepted 16, value.
 */
import {
  BALLOT_BYTES,
  type Ballot,
  compareBallots,
  equalBallots,
  readBallot,
  writeBallot,
  ZERO_BALLOT,
} from "./ballot.ts";
import { asBuffer } from "./bytes.ts";
import { StoreError } from "./store-error.ts";

/** A key is opaque here; the object layer's longest is bucket id, shard and 1024 bytes of name. */
export const REGISTER_KEY_BYTES_MAX = 1100;

export interface RegisterCell {
  readonly promised: Ballot;
  /** ZERO_BALLOT while nothing was accepted; `value` is then empty. */
  readonly accepted: Ballot;
  readonly value: Uint8Array;
}

/** The acceptor has promised or accepted a ballot that forbids this one. */
export interface BallotRefusal {
  readonly ok: false;
  readonly reason: "ballot";
  /** The ballot to beat. */
  readonly promised: Ballot;
}

/** There is no cell, and the floor forbids this ballot. */
export interface FloorRefusal {
  readonly ok: false;
  readonly reason: "floor";
  /** The ballot to beat. */
  readonly floor: Ballot;
}

export type AcceptorRefusal = BallotRefusal | FloorRefusal;

export interface CellChange {
  readonly ok: true;
  /** Store this before answering. */
  readonly cell: RegisterCell;
}

export interface CellRemoval {
  readonly ok: true;
  /** Delete the cell and store this floor, in one transaction, before answering. */
  readonly floor: Ballot;
}

const CELL_VERSION = 1;
const HEADER_BYTES = 1 + 2 * BALLOT_BYTES;
const NO_VALUE = new Uint8Array(0);

/** Prepare: promises to accept nothing below `ballot`, if nothing at or above it was promised. */
export function decidePrepare(
  cell: RegisterCell | undefined,
  floor: Ballot,
  ballot: Ballot,
): CellChange | AcceptorRefusal {
  if (cell === undefined) {
    if (compareBallots(ballot, floor) <= 0) return { ok: false, reason: "floor", floor };
    return { ok: true, cell: { promised: ballot, accepted: ZERO_BALLOT, value: NO_VALUE } };
  }
  if (compareBallots(ballot, cell.promised) <= 0) return refuse(cell);
  return { ok: true, cell: { promised: ballot, accepted: cell.accepted, value: cell.value } };
}

/**
 * Accept: takes `value` at `ballot`, unless something higher was promised. Accepting the same
 * ballot again is allowed: one ballot carries one value.
 */
export function decideAccept(
  cell: RegisterCell | undefined,
  floor: Ballot,
  ballot: Ballot,
  value: Uint8Array,
): CellChange | AcceptorRefusal {
  if (cell === undefined) {
    if (compareBallots(ballot, floor) <= 0) return { ok: false, reason: "floor", floor };
  } else if (compareBallots(ballot, cell.promised) < 0) {
    return refuse(cell);
  }
  return { ok: true, cell: { promised: ballot, accepted: ballot, value } };
}

/** Accept only where nothing was accepted before; otherwise refused like a ballot that is too low. */
export function decideFirstAccept(
  cell: RegisterCell | undefined,
  floor: Ballot,
  ballot: Ballot,
  value: Uint8Array,
): CellChange | AcceptorRefusal {
  if (cell !== undefined && !equalBallots(cell.accepted, ZERO_BALLOT)) return refuse(cell);
  return decideAccept(cell, floor, ballot, value);
}

/**
 * Purge of the tombstone accepted at `ballot`, which the proposer has seen on ALL replicas. Refused
 * when anything happened to the cell since: a promise given after the tombstone would be forgotten
 * with the cell. Repeating it is harmless.
 */
export function decidePurge(
  cell: RegisterCell | undefined,
  floor: Ballot,
  ballot: Ballot,
): CellRemoval | AcceptorRefusal {
  if (cell === undefined) {
    if (compareBallots(ballot, floor) > 0) return { ok: false, reason: "floor", floor };
    return { ok: true, floor };
  }
  if (!equalBallots(cell.accepted, ballot) || !equalBallots(cell.promised, ballot)) {
    return refuse(cell);
  }
  return { ok: true, floor: compareBallots(ballot, floor) > 0 ? ballot : floor };
}

/** There is a record, and its cell cannot be read. */
export const UNREADABLE = "unreadable";

/**
 * Install of a value known to be CHOSEN at `ballot` without this replica's vote: brings up to date
 * an observer that was away or a member whose cell cannot be read. Only a cell that is newer is
 * kept. A key without a record may have been deleted and collected since the install was sent, so
 * the floor holds for it; a record that cannot be read was not collected.
 */
export function decideInstall(
  cell: RegisterCell | typeof UNREADABLE | undefined,
  floor: Ballot,
  ballot: Ballot,
  value: Uint8Array,
): CellChange | AcceptorRefusal {
  if (cell === undefined && compareBallots(ballot, floor) <= 0) {
    return { ok: false, reason: "floor", floor };
  }
  if (cell === undefined || cell === UNREADABLE) {
    return { ok: true, cell: { promised: ballot, accepted: ballot, value } };
  }
  if (compareBallots(cell.accepted, ballot) > 0) return refuse(cell);
  const promised = compareBallots(cell.promised, ballot) > 0 ? cell.promised : ballot;
  return { ok: true, cell: { promised, accepted: ballot, value } };
}

function refuse(cell: RegisterCell): BallotRefusal {
  return { ok: false, reason: "ballot", promised: cell.promised };
}

export function encodeCell(cell: RegisterCell): Buffer {
  const bytes = Buffer.allocUnsafe(cellBytes(cell));
  writeCell(bytes, 0, cell);
  return bytes;
}

export function cellBytes(cell: RegisterCell): number {
  return HEADER_BYTES + cell.value.length;
}

export function writeCell(target: Buffer, offset: number, cell: RegisterCell): void {
  target[offset] = CELL_VERSION;
  writeBallot(target, offset + 1, cell.promised);
  writeBallot(target, offset + 1 + BALLOT_BYTES, cell.accepted);
  target.set(cell.value, offset + HEADER_BYTES);
}

/** The value is a view of `bytes`, not a copy. Throws StoreError `corrupt` on anything malformed. */
export function decodeCell(bytes: Uint8Array): RegisterCell {
  const source = asBuffer(bytes);
  if (source.length < HEADER_BYTES) throw corruptCell("shorter than its header");
  if (source[0] !== CELL_VERSION) throw corruptCell(`unknown version ${source[0]}`);
  const promised = readBallot(source, 1);
  const accepted = readBallot(source, 1 + BALLOT_BYTES);
  if (compareBallots(promised, accepted) < 0) throw corruptCell("promised below accepted");
  if (!Number.isSafeInteger(promised.clock)) throw corruptCell("ballot clock out of range");
  const value = bytes.subarray(HEADER_BYTES);
  if (accepted.clock === 0 && value.length > 0) throw corruptCell("value without a ballot");
  return { promised, accepted, value };
}

function corruptCell(why: string): StoreError {
  return new StoreError({ code: "corrupt", what: `register cell: ${why}` });
}
