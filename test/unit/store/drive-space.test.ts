import { test } from "tap";
import { GIB, KIB, MIB, TIB } from "../../../src/base/bytes.ts";
import { DriveSpace } from "../../../src/store/drive-space.ts";

function createSpace(): DriveSpace {
  return new DriveSpace({ reserveBytesMin: GIB, reserveShare: 0.01, reserveShareMax: 0.05 });
}

test("DriveSpace: the reserve is the larger of minimum and share, capped on small drives", async (t) => {
  const space = createSpace();
  for (const [totalBytes, reserveBytes] of [
    [10 * TIB, 0.1 * TIB],
    [50 * GIB, GIB],
    [4 * GIB, 0.2 * GIB],
    [100 * MIB, 5 * MIB],
  ] as const) {
    space.look({ totalBytes, freeBytes: totalBytes });
    t.ok(Math.abs(space.reserveBytes - reserveBytes) < 1, `${totalBytes}`);
  }
});

test("DriveSpace: counts what was written and promised since the last look", async (t) => {
  const space = createSpace();
  space.look({ totalBytes: 100 * MIB, freeBytes: 10 * MIB });
  t.ok(space.fits(5 * MIB));
  t.notOk(space.fits(5 * MIB + 1));
  space.wrote(MIB);
  t.equal(space.freeBytes, 9 * MIB);
  space.promise(3 * MIB);
  t.ok(space.fits(MIB));
  t.notOk(space.fits(MIB + KIB));
  space.release(3 * MIB);
  space.look({ totalBytes: 100 * MIB, freeBytes: 9 * MIB });
  t.ok(space.fits(4 * MIB));
});
