import { test } from "tap";
import { copyShortLived, takeShortLived } from "../../../src/base/short-lived.ts";

test("takeShortLived: cuts do not overlap, whatever their sizes", (t) => {
  const cuts = Array.from({ length: 400 }, (_, index) => {
    const cut = takeShortLived((index * 997) % 40_000);
    return cut.fill(index & 0xff);
  });
  cuts.forEach((cut, index) => {
    t.equal(cut.length, (index * 997) % 40_000);
    t.ok(cut.every((byte) => byte === (index & 0xff)));
  });
  t.end();
});

test("takeShortLived: small cuts share memory, large ones have their own", (t) => {
  const [first, second] = [takeShortLived(100), takeShortLived(100)];
  t.equal(first.buffer, second.buffer);
  t.equal(takeShortLived(100_000).buffer.byteLength, 100_000);
  t.end();
});

test("copyShortLived: has the same bytes in other memory", (t) => {
  const bytes = Buffer.from("some bytes");
  const copy = copyShortLived(bytes);
  bytes.fill(0);
  t.equal(copy.toString(), "some bytes");
  t.end();
});
