/**
 * Ballots order the proposals of one register: (hybrid logical clock, proposer, incarnation).
 *
 * The clock is a safe integer: milliseconds × 1024 + counter (good until the year 2248), so a ballot
 * is always newer than what its proposer has seen. The incarnation is persisted and raised at every
 * start, so that no ballot is reused after amnesia (core-design rule 8).
 * Bytes (FORMATS.md): clock u64, proposer u32, incarnation u32, all big-endian, so that byte order
 * is ballot order.
 */

export interface Ballot {
  readonly clock: number;
  readonly proposer: number;
  readonly incarnation: number;
}

export const BALLOT_BYTES = 16;
export const ZERO_BALLOT: Ballot = { clock: 0, proposer: 0, incarnation: 0 };
const CLOCK_TICKS_PER_MS = 1024;
const TWO_32 = 2 ** 32;

export function compareBallots(left: Ballot, right: Ballot): number {
  return (
    left.clock - right.clock ||
    left.proposer - right.proposer ||
    left.incarnation - right.incarnation
  );
}

export function equalBallots(left: Ballot, right: Ballot): boolean {
  return compareBallots(left, right) === 0;
}

export function writeBallot(target: Buffer, offset: number, ballot: Ballot): void {
  target.writeUInt32BE(Math.floor(ballot.clock / TWO_32), offset);
  target.writeUInt32BE(ballot.clock % TWO_32, offset + 4);
  target.writeUInt32BE(ballot.proposer, offset + 8);
  target.writeUInt32BE(ballot.incarnation, offset + 12);
}

export function readBallot(source: Buffer, offset: number): Ballot {
  return {
    clock: source.readUInt32BE(offset) * TWO_32 + source.readUInt32BE(offset + 4),
    proposer: source.readUInt32BE(offset + 8),
    incarnation: source.readUInt32BE(offset + 12),
  };
}

/** The next clock value after everything seen so far, at least the wall clock. */
export function nextClock(seen: number, nowMs: number): number {
  return Math.max(seen + 1, nowMs * CLOCK_TICKS_PER_MS);
}
