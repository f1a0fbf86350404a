/** Durations as text. */
import fc from "fast-check";
import { test } from "tap";
import { formatDurationText, parseDurationText } from "../../../config/duration-text.ts";

test("parseDurationText: reads units and their sums", async (t) => {
  const cases: ReadonlyArray<readonly [string, number]> = [
    ["0", 0],
    ["500ms", 500],
    ["10s", 10_000],
    ["1.5s", 1500],
    ["1.1s", 1100],
    ["1h30m", 5_400_000],
    ["7d", 604_800_000],
    ["2h45m30s", 9_930_000],
  ];
  for (const [text, ms] of cases) t.equal(parseDurationText(text), ms, text);
});

test("parseDurationText: refuses numbers without unit, unknown units and fractions of a ms", async (t) => {
  for (const text of ["", "10", "s", "-1s", "1y", "0.5ms", "1h 30m", "1,5s"]) {
    t.equal(parseDurationText(text), undefined, text);
  }
});

test("formatDurationText: is read back as the same number", async (t) => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), (ms) => parseDurationText(formatDurationText(ms)) === ms),
  );
  t.equal(formatDurationText(5_400_000), "1h30m");
  t.equal(formatDurationText(0), "0s");
});
