import fc from "fast-check";
import { test } from "tap";
import { type Ballot, compareBallots, ZERO_BALLOT } from "../../../src/base/ballot.ts";
import {
  decideAccept,
  decideInstall,
  decidePrepare,
  decidePurge,
  decodeCell,
  encodeCell,
  type RegisterCell,
  UNREADABLE,
} from "../../../src/base/register-cell.ts";

const ballots = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 2 }))
  .map(([clock, proposer]): Ballot => ({ clock, proposer, incarnation: 1 }));
const steps = fc.array(
  fc.record({
    kind: fc.constantFrom("prepare" as const, "accept" as const, "purge" as const),
    ballot: ballots,
    value: fc.uint8Array({ maxLength: 4 }),
  }),
  { maxLength: 40 },
);

test("acceptor decisions: promised, accepted and floor never go down (I5)", async (t) => {
  fc.assert(
    fc.property(steps, (sequence) => {
      let cell: RegisterCell | undefined;
      let floor = ZERO_BALLOT;
      let promisedSoFar = ZERO_BALLOT;
      for (const { kind, ballot, value } of sequence) {
        const promisedBefore = cell?.promised ?? floor;
        const floorBefore = floor;
        const acceptedBefore = cell?.accepted;
        if (kind === "purge") {
          const decision = decidePurge(cell, floor, ballot);
          if (decision.ok) {
            cell = undefined;
            floor = decision.floor;
          }
        } else {
          const decision =
            kind === "prepare"
              ? decidePrepare(cell, floor, ballot)
              : decideAccept(cell, floor, ballot, value);
          const high = kind === "prepare" ? 1 : 0;
          const mayPass = compareBallots(ballot, promisedBefore) >= (cell === undefined ? 1 : high);
          if (decision.ok !== mayPass) return false;
          if (decision.ok) cell = decision.cell;
        }
        const promised = cell?.promised ?? floor;
        if (compareBallots(promised, promisedSoFar) < 0) return false;
        promisedSoFar = promised;
        if (compareBallots(floor, floorBefore) < 0) return false;
        if (cell !== undefined && compareBallots(cell.promised, cell.accepted) < 0) return false;
        if (cell && acceptedBefore && compareBallots(cell.accepted, acceptedBefore) < 0)
          return false;
      }
      return true;
    }),
    { numRuns: 3000 },
  );
  t.pass("no counterexample");
});

test("decidePurge: only of exactly the tombstone that was seen, and what was promised since stays", async (t) => {
  const one = { clock: 1, proposer: 1, incarnation: 1 };
  const two = { clock: 2, proposer: 1, incarnation: 1 };
  const value = new Uint8Array([1]);
  const accepted = { promised: one, accepted: one, value };
  t.strictSame(decidePurge(accepted, ZERO_BALLOT, one), { ok: true, floor: one });
  t.strictSame(
    decidePurge({ promised: two, accepted: one, value }, ZERO_BALLOT, one),
    { ok: false, reason: "ballot", promised: two },
    "a promise would be forgotten",
  );
  t.strictSame(decidePurge({ promised: two, accepted: two, value }, ZERO_BALLOT, one), {
    ok: false,
    reason: "ballot",
    promised: two,
  });
  t.strictSame(decidePurge(accepted, two, one), { ok: true, floor: two }, "the floor stays");
  t.strictSame(decidePurge(undefined, two, one), { ok: true, floor: two }, "repeated");
  t.strictSame(decidePurge(undefined, one, two), { ok: false, reason: "floor", floor: one });
});

test("acceptor decisions: nothing proposed before the tombstone passes the floor", async (t) => {
  const floor = { clock: 5, proposer: 2, incarnation: 1 };
  const older = { clock: 5, proposer: 1, incarnation: 9 };
  const newer = { clock: 5, proposer: 2, incarnation: 2 };
  for (const ballot of [older, floor]) {
    const refusal = { ok: false, reason: "floor", floor };
    t.strictSame(decidePrepare(undefined, floor, ballot), refusal);
    t.strictSame(decideAccept(undefined, floor, ballot, new Uint8Array(1)), refusal);
  }
  t.ok(decidePrepare(undefined, floor, newer).ok);
  t.ok(decideAccept(undefined, floor, newer, new Uint8Array(1)).ok);
});

test("decideInstall: takes a chosen value over anything but a newer one, and keeps the promise", async (t) => {
  const [one, two, three] = [1, 2, 3].map((clock) => ({ clock, proposer: 1, incarnation: 1 }));
  const value = new Uint8Array([7]);
  if (one === undefined || two === undefined || three === undefined) throw new Error("three");
  const installed = { ok: true, cell: { promised: two, accepted: two, value } };
  t.strictSame(decideInstall(undefined, one, two, value), installed);
  for (const floor of [two, three]) {
    const refusal = { ok: false, reason: "floor", floor };
    t.strictSame(decideInstall(undefined, floor, two, value), refusal, "collected meanwhile");
    t.strictSame(decideInstall(UNREADABLE, floor, two, value), installed, "never collected");
  }
  t.strictSame(decideInstall({ promised: three, accepted: one, value }, three, two, value), {
    ok: true,
    cell: { promised: three, accepted: two, value },
  });
  t.strictSame(decideInstall({ promised: three, accepted: three, value }, one, two, value), {
    ok: false,
    reason: "ballot",
    promised: three,
  });
});

test("encodeCell, decodeCell: round trip; malformed bytes are corrupt, never something else", async (t) => {
  const cells = fc
    .tuple(ballots, ballots, fc.uint8Array({ minLength: 1, maxLength: 50 }))
    .map(([left, right, value]): RegisterCell => {
      const ordered = compareBallots(left, right) >= 0;
      return { promised: ordered ? left : right, accepted: ordered ? right : left, value };
    });
  fc.assert(
    fc.property(cells, (cell) => {
      const back = decodeCell(encodeCell(cell));
      t.strictSame(back.promised, cell.promised);
      t.strictSame(back.accepted, cell.accepted);
      return Buffer.compare(back.value, cell.value) === 0;
    }),
    { numRuns: 50 },
  );
  const promiseOnly = {
    promised: { clock: 1, proposer: 1, incarnation: 1 },
    accepted: ZERO_BALLOT,
  };
  t.strictSame(
    decodeCell(encodeCell({ ...promiseOnly, value: new Uint8Array(0) })).accepted,
    ZERO_BALLOT,
  );
  const good = encodeCell({
    ...promiseOnly,
    accepted: promiseOnly.promised,
    value: Buffer.from("v"),
  });
  const bad = new Map([
    ["short", good.subarray(0, 32)],
    ["version", patch(good, 0, 9)],
    ["promised below accepted", patch(good, 8, 0)],
    ["value without a ballot", encodeCell({ ...promiseOnly, value: Buffer.from("v") })],
    ["clock beyond 2^53", patch(good, 1, 0xff)],
  ]);
  for (const [what, bytes] of bad) {
    t.throws(() => decodeCell(bytes), /^corrupt/, what);
  }
});

function patch(bytes: Uint8Array, offset: number, value: number): Uint8Array {
  const copy = Buffer.from(bytes);
  copy[offset] = value;
  return copy;
}
