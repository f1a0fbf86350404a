import fc from "fast-check";
import { test } from "tap";
import {
  BALLOT_BYTES,
  compareBallots,
  nextClock,
  readBallot,
  writeBallot,
} from "../../../src/base/ballot.ts";

const ballots = fc.record({
  clock: fc.maxSafeNat(),
  proposer: fc.nat(0xffffffff),
  incarnation: fc.nat(0xffffffff),
});

test("ballot: the order of the bytes is the order of the ballots, and nothing is lost", async (t) => {
  fc.assert(
    fc.property(ballots, ballots, (left, right) => {
      const leftBytes = Buffer.alloc(BALLOT_BYTES);
      const rightBytes = Buffer.alloc(BALLOT_BYTES);
      writeBallot(leftBytes, 0, left);
      writeBallot(rightBytes, 0, right);
      t.strictSame(readBallot(leftBytes, 0), { ...left });
      return (
        Math.sign(Buffer.compare(leftBytes, rightBytes)) === Math.sign(compareBallots(left, right))
      );
    }),
  );
});

test("nextClock: is newer than what was seen, even when the wall clock jumps back", async (t) => {
  const first = nextClock(0, 1_000_000);
  t.ok(nextClock(first, 10) > first);
  t.ok(nextClock(first, 2_000_000) > first);
});
