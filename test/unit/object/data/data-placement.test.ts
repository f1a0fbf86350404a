import fc from "fast-check";
import { test } from "tap";
import { type DataId, parseDataId } from "../../../../src/base/ids.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import {
  type PlacementDrive,
  parityFor,
  placeData,
  shardsRequired,
} from "../../../../src/object/data/data-placement.ts";

const DEFAULTS = { STANDARD: undefined, REDUCED_REDUNDANCY: undefined };

function idOf(start: number): DataId {
  return parseDataId(start.toString(16).padStart(8, "0").padEnd(32, "0")) as DataId;
}

/** One letter a drive: o online, f full, x offline. */
function drivesOf(states: string): PlacementDrive[] {
  return [...states].map((state, index) => ({
    index,
    online: state !== "x",
    full: state === "f",
  }));
}

function place(states: string, options: { start?: number; parity?: number } = {}) {
  const { k, m, drives, missing } = placeData({
    dataId: idOf(options.start ?? 0),
    storageClass: "STANDARD",
    parity: { ...DEFAULTS, STANDARD: options.parity },
    drives: drivesOf(states),
  });
  return `${k}+${m} on ${drives.join(",")} missing ${missing.toString(2)}`;
}

test("parityFor: the defaults by number of drives, and at most half of them", async (t) => {
  const standard = Array.from({ length: 16 }, (_, index) =>
    parityFor(index + 1, "STANDARD", DEFAULTS),
  );
  t.strictSame(standard, [0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
  t.equal(parityFor(1, "REDUCED_REDUNDANCY", DEFAULTS), 0);
  t.equal(parityFor(8, "REDUCED_REDUNDANCY", DEFAULTS), 1);
  t.equal(parityFor(5, "STANDARD", { ...DEFAULTS, STANDARD: 4 }), 2);
  t.equal(parityFor(8, "STANDARD", { ...DEFAULTS, STANDARD: 0 }), 0);
});

test("placeData: the slots begin at a drive derived from the id, in table order", async (t) => {
  t.equal(place("oooo"), "2+2 on 0,1,2,3 missing 0");
  t.equal(place("oooo", { start: 3 }), "2+2 on 3,0,1,2 missing 0");
  t.equal(place("o"), "1+0 on 0 missing 0");
  t.equal(
    place("o".repeat(20), { start: 18 }),
    "12+4 on 18,19,0,1,2,3,4,5,6,7,8,9,10,11,12,13 missing 0",
  );
});

test("placeData: a drive that takes no data is replaced by one outside the window, or missing", async (t) => {
  t.equal(place("oxoo"), "2+2 on 0,1,2,3 missing 10");
  t.equal(place("oofo", { start: 2 }), "2+2 on 2,3,0,1 missing 1");
  const handed = place(`ox${"o".repeat(14)}xo`);
  t.equal(handed, "12+4 on 0,17,2,3,4,5,6,7,8,9,10,11,12,13,14,15 missing 0");
});

test("placeData: too few drives for k + 1 shrink the geometry and keep a spare", async (t) => {
  t.equal(place("ooxx"), "1+1 on 0,1 missing 0");
  t.equal(place("xoxo", { start: 2 }), "1+1 on 3,1 missing 0");
  t.equal(place("ooooxxxx"), "2+2 on 0,1,2,3 missing 0");
  t.equal(place("oooxxx", { parity: 2 }), "2+1 on 0,1,2 missing 0");
  t.equal(place("oox", { parity: 0 }), "1+1 on 0,1 missing 0", "a spare even where none was asked");
});

test("placeData: refuses one drive of several, naming space when space is what is wanting", async (t) => {
  const refusals: [string, StoreError][] = [
    ["oxxx", new StoreError({ code: "no-quorum", needed: 2, got: 1 })],
    ["xx", new StoreError({ code: "no-quorum", needed: 2, got: 0 })],
    ["x", new StoreError({ code: "no-quorum", needed: 1, got: 0 })],
    ["f", new StoreError({ code: "drive-full" })],
    ["offf", new StoreError({ code: "drive-full" })],
    ["fxxx", new StoreError({ code: "no-quorum", needed: 2, got: 0 })],
  ];
  for (const [states, error] of refusals) t.throws(() => place(states), error, states);
});

test("placeData: whatever the drives' states, slots are distinct and enough of them take data", async (t) => {
  const states = fc.string({
    unit: fc.constantFrom("o", "o", "o", "f", "x"),
    minLength: 1,
    maxLength: 24,
  });
  fc.assert(
    fc.property(
      states,
      fc.nat(1000),
      fc.option(fc.nat(8), { nil: undefined }),
      (text, start, parity) => {
        const drives = drivesOf(text);
        try {
          const placed = placeData({
            dataId: idOf(start),
            storageClass: "STANDARD",
            parity: { ...DEFAULTS, STANDARD: parity },
            drives,
          });
          const live = placed.drives.filter((index, slot) => {
            const usable = drives[index]?.online === true && !drives[index].full;
            const missing = (placed.missing & (1 << slot)) !== 0;
            if (usable === missing) throw new Error("missing is exactly what takes no data");
            return usable;
          });
          return (
            placed.drives.length === placed.k + placed.m &&
            new Set(placed.drives).size === placed.drives.length &&
            live.length >= shardsRequired(placed.k, placed.m)
          );
        } catch (error) {
          const usable = drives.filter(({ online, full }) => online && !full).length;
          return (
            error instanceof StoreError && usable < 2 && !(usable === 1 && drives.length === 1)
          );
        }
      },
    ),
  );
  t.pass();
});
