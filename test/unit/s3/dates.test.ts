import fc from "fast-check";
import { test } from "tap";
import {
  formatAmzDate,
  formatHttpDate,
  formatIsoDate,
  parseAmzDate,
  parseHttpDate,
  parseIsoDate,
} from "../../../src/s3/dates.ts";

const moment = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });

test("dates: formats agree with the engine's own Date over every year to 9999", async (t) => {
  fc.assert(
    fc.property(moment, (timeMs) => {
      const twin = new Date(timeMs);
      t.equal(formatIsoDate(timeMs), twin.toISOString());
      t.equal(formatHttpDate(timeMs), twin.toUTCString());
      t.equal(formatAmzDate(timeMs), twin.toISOString().replace(/\.\d+|[-:]/g, ""));
    }),
    { numRuns: 300 },
  );
});

test("dates: parsers read back what the formats wrote", async (t) => {
  fc.assert(
    fc.property(moment, (timeMs) => {
      const seconds = Math.floor(timeMs / 1000) * 1000;
      t.equal(parseIsoDate(formatIsoDate(timeMs)), timeMs);
      t.equal(parseHttpDate(formatHttpDate(timeMs)), seconds);
      t.equal(parseAmzDate(formatAmzDate(timeMs)), seconds);
    }),
    { numRuns: 300 },
  );
});

test("parseHttpDate: reads the three formats of RFC 9110", async (t) => {
  const expected = Date.UTC(1994, 10, 6, 8, 49, 37);
  t.equal(parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
  t.equal(parseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT"), expected);
  t.equal(parseHttpDate("Sun Nov  6 08:49:37 1994"), expected);
});

test("parseIsoDate: reads dates, fractions and offsets", async (t) => {
  t.equal(parseIsoDate("2024-02-29"), Date.UTC(2024, 1, 29));
  t.equal(parseIsoDate("2024-02-29T10:00:00.5Z"), Date.UTC(2024, 1, 29, 10, 0, 0, 500));
  t.equal(parseIsoDate("2024-02-29T10:00:00+02:30"), Date.UTC(2024, 1, 29, 7, 30));
  t.equal(parseIsoDate("2024-02-29T10:00Z"), Date.UTC(2024, 1, 29, 10));
});

for (const text of [
  "",
  "20130230T000000Z",
  "20231301T000000Z",
  "20130524T240000Z",
  "20130524T006000Z",
  "20130524T000000",
  "20130524t000000z",
  "2013-05-24T00:00:00Z",
  " 20130524T000000Z",
  "20130524T000000Z\n",
]) {
  test(`parseAmzDate: refuses ${JSON.stringify(text)}`, async (t) => {
    t.equal(parseAmzDate(text), undefined);
  });
}

for (const text of [
  "",
  "0",
  "Sun, 06 Nov 1994 08:49:37",
  "Sun, 31 Nov 1994 08:49:37 GMT",
  "Sun, 06 Foo 1994 08:49:37 GMT",
  "Sun, 06 Nov 1994 25:49:37 GMT",
  "1994-11-06T08:49:37Z",
  "Sun, 29 Feb 2023 00:00:00 GMT",
]) {
  test(`parseHttpDate: refuses ${JSON.stringify(text)}`, async (t) => {
    t.equal(parseHttpDate(text), undefined);
  });
}
