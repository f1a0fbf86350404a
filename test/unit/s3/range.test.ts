import fc from "fast-check";
import { test } from "tap";
import { parseCopyRange, resolveRange } from "../../../src/s3/range.ts";
import { S3Error } from "../../../src/s3/s3-error.ts";
import { refusal } from "./refusal.ts";

for (const [header, bytes, expected] of [
  [undefined, 10, undefined],
  ["bytes=0-9", 10, { offset: 0, length: 10 }],
  ["bytes=0-0", 10, { offset: 0, length: 1 }],
  ["bytes=9-", 10, { offset: 9, length: 1 }],
  ["bytes=5-100", 10, { offset: 5, length: 5 }],
  ["bytes=0-99999999999999999999999", 10, { offset: 0, length: 10 }],
  ["bytes=-3", 10, { offset: 7, length: 3 }],
  ["bytes=-30", 10, { offset: 0, length: 10 }],
  ["Bytes=1-2", 10, { offset: 1, length: 2 }],
  // Malformed or several: ignored.
  ["bytes=5-2", 10, undefined],
  ["bytes=-", 10, undefined],
  ["bytes=", 10, undefined],
  ["bytes=a-b", 10, undefined],
  ["bytes=0-1,3-4", 10, undefined],
  ["items=0-1", 10, undefined],
  ["0-1", 10, undefined],
  ["bytes 0-1", 10, undefined],
  ["bytes=1.5-2", 10, undefined],
  ["", 10, undefined],
  ["bytes=5-2", 0, undefined],
] as const) {
  test(`resolveRange: ${header} of ${bytes}`, async (t) => {
    t.strictSame(resolveRange(header, bytes), expected);
  });
}

for (const [header, bytes] of [
  ["bytes=10-", 10],
  ["bytes=10-20", 10],
  ["bytes=-0", 10],
  ["bytes=0-", 0],
  ["bytes=-5", 0],
  ["bytes=99999999999999999999-", 10],
] as const) {
  test(`resolveRange: ${header} of ${bytes} cannot be satisfied`, async (t) => {
    const error = refusal(() => resolveRange(header, bytes));
    t.match(error, { status: 416, code: "InvalidRange" });
    t.strictSame(error.headers, [["Content-Range", `bytes */${bytes}`]]);
    t.strictSame(error.details, [
      ["RangeRequested", header],
      ["ActualObjectSize", bytes],
    ]);
  });
}

test("resolveRange: what it selects always lies inside", async (t) => {
  const header = fc.oneof(
    fc.string(),
    fc.tuple(fc.nat(), fc.nat()).map(([first, last]) => `bytes=${first}-${last}`),
    fc.nat().map((length) => `bytes=-${length}`),
  );
  fc.assert(
    fc.property(header, fc.nat(), (text, bytes) => {
      try {
        const range = resolveRange(text, bytes);
        if (range === undefined) return true;
        return range.offset >= 0 && range.length > 0 && range.offset + range.length <= bytes;
      } catch (error) {
        return error instanceof S3Error;
      }
    }),
  );
  t.pass();
});

test("parseCopyRange: needs both ends", async (t) => {
  t.equal(parseCopyRange(undefined), undefined);
  t.strictSame(parseCopyRange("bytes=3-5"), { offset: 3, length: 3 });
  for (const header of [
    "",
    "bytes=3-",
    "bytes=-3",
    "bytes=5-3",
    "bytes=0-1,2-3",
    "Bytes=0-1",
    "0-1",
    "bytes=0-9999999999999999",
    "bytes=0-99999999999999999",
  ]) {
    t.match(
      refusal(() => parseCopyRange(header)),
      { code: "InvalidArgument" },
      header,
    );
  }
});
