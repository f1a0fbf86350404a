import fc from "fast-check";
import { test } from "tap";
import { parseMoment } from "../../../../src/iam/policy/moment.ts";

test("parseMoment: agrees with the platform on ISO times", async () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true }),
      (date) => {
        return parseMoment(date.toISOString()) === date.getTime();
      },
    ),
    { numRuns: 1000, seed: 7 },
  );
});

test("parseMoment: reads the short forms, offsets and seconds since 1970", async (t) => {
  t.equal(parseMoment("2026"), Date.UTC(2026, 0));
  t.equal(parseMoment("2026-02"), Date.UTC(2026, 1));
  t.equal(parseMoment("2026-02-28"), Date.UTC(2026, 1, 28));
  t.equal(parseMoment("2026-02-28T12:30"), Date.UTC(2026, 1, 28, 12, 30));
  t.equal(parseMoment("2026-02-28T12:30:15.5+02:00"), Date.UTC(2026, 1, 28, 10, 30, 15, 500));
  t.equal(parseMoment("2024-02-29"), Date.UTC(2024, 1, 29));
  t.equal(parseMoment("1700000000"), 1_700_000_000_000);
});

test("parseMoment: refuses what is no time", async (t) => {
  for (const text of [
    "",
    "now",
    "26-01-01",
    "2026-13-01",
    "2026-00-01",
    "2026-01-32",
    "2025-02-29",
    "2026-01-01T24:00Z",
    "2026-01-01T12:60Z",
    "2026-01-01 12:00",
    "2026-01-01Z",
    "0x1234567",
    "1e9",
    "12",
  ]) {
    t.equal(parseMoment(text), undefined, text);
  }
});
