/** Sizes as text. */
import fc from "fast-check";
import { test } from "tap";
import { formatBytesText, parseBytesText } from "../../../config/bytes-text.ts";

test("parseBytesText: reads binary and decimal units, with or without a space", async (t) => {
  const cases: ReadonlyArray<readonly [string, number]> = [
    ["0", 0],
    ["4096", 4096],
    ["16KiB", 16_384],
    ["512 MiB", 512 * 1024 ** 2],
    ["1.5GiB", 1.5 * 1024 ** 3],
    ["2TiB", 2 * 1024 ** 4],
    ["10GB", 10e9],
    ["1gib", 1024 ** 3],
    [" 7B ", 7],
  ];
  for (const [text, bytes] of cases) t.equal(parseBytesText(text), bytes, text);
});

test("parseBytesText: refuses what is ambiguous, broken or beyond exact numbers", async (t) => {
  for (const text of [
    "",
    "1G",
    "1K",
    "-1",
    "1.5",
    "0.3KiB",
    "GiB",
    "1 GiB x",
    "1e9",
    "0x10",
    "99999TiB",
  ]) {
    t.equal(parseBytesText(text), undefined, text);
  }
});

test("formatBytesText: is read back as the same number", async (t) => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), fc.constantFrom(1, 1024, 1024 ** 2), (count, unit) => {
      const bytes = count * unit;
      return parseBytesText(formatBytesText(bytes)) === bytes;
    }),
  );
  t.equal(formatBytesText(1024 ** 3), "1GiB");
  t.equal(formatBytesText(1536), "1536B");
});
