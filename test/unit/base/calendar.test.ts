/** The calendar against the engine's own, which the product layers may not use. */
import fc from "fast-check";
import { test } from "tap";
import { civilFromDays, DAY_MS, daysFromCivil, isRealDate } from "../../../src/base/calendar.ts";

/** Years 1 to 9999: what the formats of S3 can write. */
const DAYS = fc.integer({ min: daysFromCivil({ year: 1, month: 1, day: 1 }), max: 2_932_896 });

test("civilFromDays: gives the date that the engine's calendar gives, and back", async (t) => {
  fc.assert(
    fc.property(DAYS, (days) => {
      const date = new Date(days * DAY_MS);
      const civil = civilFromDays(days);
      return (
        civil.year === date.getUTCFullYear() &&
        civil.month === date.getUTCMonth() + 1 &&
        civil.day === date.getUTCDate() &&
        isRealDate(civil) &&
        daysFromCivil(civil) === days
      );
    }),
    { seed: 20, numRuns: 2000 },
  );
  t.pass("2,000 days");
});

test("isRealDate: knows the leap years and refuses what no calendar has", async (t) => {
  t.ok(isRealDate({ year: 2000, month: 2, day: 29 }), "divisible by 400");
  t.notOk(isRealDate({ year: 1900, month: 2, day: 29 }), "divisible by 100 only");
  t.ok(isRealDate({ year: 2024, month: 2, day: 29 }), "divisible by 4");
  t.notOk(isRealDate({ year: 2023, month: 2, day: 29 }));
  for (const [month, day] of [
    [0, 1],
    [13, 1],
    [1, 0],
    [1, 32],
    [4, 31],
  ] as const) {
    t.notOk(isRealDate({ year: 2023, month, day }), `${month}-${day}`);
  }
});
