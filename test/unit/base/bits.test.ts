import { test } from "tap";
import { countBits } from "../../../src/base/bits.ts";

test("countBits: agrees with counting one by one", async (t) => {
  for (const mask of [0, 1, 0b1011, 0x7fffffff, 0x55555555, -1]) {
    let count = 0;
    for (let bit = 0; bit < 32; bit++) count += (mask >>> bit) & 1;
    t.equal(countBits(mask), count, String(mask));
  }
});
