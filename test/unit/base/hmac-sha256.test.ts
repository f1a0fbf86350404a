import { createHmac } from "node:crypto";
import fc from "fast-check";
import { test } from "tap";
import { hmacSha256 } from "../../../src/base/hmac-sha256.ts";

test("hmacSha256: is the HMAC of its parts together, long messages too", async (t) => {
  const key = fc.uint8Array({ maxLength: 64 });
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.integer({ min: 0, max: 5000 }).map((length) => new Uint8Array(length).fill(length)),
  );
  fc.assert(
    fc.property(key, fc.array(part, { maxLength: 3 }), (secret, parts) => {
      const expected = createHmac("sha256", secret).update(Buffer.concat(parts)).digest();
      t.ok(hmacSha256(secret, ...parts).equals(expected));
    }),
    { seed: 31, numRuns: 200 },
  );
});

test("hmacSha256: the test case 2 of RFC 4231", async (t) => {
  const digest = hmacSha256(Buffer.from("Jefe"), Buffer.from("what do ya want for nothing?"));
  t.equal(
    digest.toString("hex"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
});

test("hmacSha256: refuses a key longer than a block", async (t) => {
  t.throws(() => hmacSha256(new Uint8Array(65)), /at most one block/);
});
