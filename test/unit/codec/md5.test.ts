import { createHash } from "node:crypto";
import { test } from "tap";
import { MD5_STATE_BYTES, md5Final, md5Init, md5Update } from "../../../src/codec/md5.ts";
import { fillPattern } from "../../support/kernel-memory.ts";

test("md5: agrees with OpenSSL however the input is cut", async (t) => {
  const bytes = Buffer.alloc(300);
  fillPattern(bytes, 3);
  for (let length = 0; length <= bytes.length; length++) {
    const state = Buffer.alloc(MD5_STATE_BYTES, 0xee);
    md5Init(state);
    const cut = (length * 7) % (length + 1);
    md5Update(state, bytes.subarray(0, cut));
    md5Update(state, bytes.subarray(cut, length));
    const expected = createHash("md5").update(bytes.subarray(0, length)).digest("hex");
    if (md5Final(state).toString("hex") !== expected) t.fail(`length ${length}`);
  }
});
