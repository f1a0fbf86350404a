import { xxh3 as native } from "@node-rs/xxhash";
import { test } from "tap";
import { toHex } from "../../../src/base/bytes.ts";
import { xxh3 } from "../../../src/codec/xxh3.ts";
import { fillPattern } from "../../support/kernel-memory.ts";

function nativeHex(bytes: Uint8Array): string {
  return native.xxh128(bytes).toString(16).padStart(32, "0");
}

test("xxh3: agrees with the native library on every length up to 1100 and around blocks", async (t) => {
  const bytes = Buffer.alloc(5000);
  fillPattern(bytes, 7);
  const lengths = Array.from({ length: 1100 }, (_, length) => length);
  for (const length of [...lengths, 2047, 2048, 2049, 3072, 3073, 4999, 5000]) {
    const input = bytes.subarray(0, length);
    if (toHex(xxh3(input)) !== nativeHex(input)) t.fail(`length ${length}`);
  }
  t.equal(toHex(xxh3(Buffer.alloc(0))), "99aa06d3014798d86001c324468d497f");
});
