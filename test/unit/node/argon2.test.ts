import { argon2id } from "@noble/hashes/argon2.js";
import { test } from "tap";
import { ARGON2_WAITING_MAX, argon2InWorker } from "../../../src/node/argon2.ts";

test("argon2InWorker: derives what MinIO's clients derive, in a thread, a bounded number at once", async (t) => {
  const salt = Buffer.alloc(32, 7);
  const derived = argon2InWorker("a-secret", salt);
  const expected = argon2id("a-secret", salt, { t: 1, m: 65_536, p: 4, dkLen: 32 });
  t.ok(Buffer.from(await derived).equals(expected));
  const salts = Array.from({ length: ARGON2_WAITING_MAX }, () => Uint8Array.from(salt));
  const waiting = salts.map((one) => argon2InWorker("a-secret", one));
  t.throws(() => argon2InWorker("a-secret", salt), { code: "SlowDown", status: 503 });
  t.ok(Buffer.from((await waiting[0]) ?? []).equals(expected));
  await Promise.all(waiting);
  t.ok(Buffer.from(await argon2InWorker("a-secret", salt)).equals(expected), "free again");
});
