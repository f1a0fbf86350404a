import { argon2id } from "@noble/hashes/argon2.js";
import { test } from "tap";
import { createDeferred, type Deferred } from "../../../src/base/deferred.ts";
import { ARGON2_WAITING_MAX, argon2InWorker, createArgon2Queue } from "../../../src/node/argon2.ts";

const SALT = Buffer.alloc(32, 7);

test("argon2InWorker: derives what MinIO's clients derive", async (t) => {
  const expected = argon2id("a-secret", SALT, { t: 1, m: 65_536, p: 4, dkLen: 32 });
  t.ok(Buffer.from(await argon2InWorker("a-secret", SALT)).equals(expected));
});

test("createArgon2Queue: derives one at a time and refuses one too many", async (t) => {
  const begun: Array<Deferred<Uint8Array>> = [];
  const queue = createArgon2Queue(() => {
    const deferred = createDeferred<Uint8Array>();
    begun.push(deferred);
    return deferred.promise;
  });
  const waiting = Array.from({ length: ARGON2_WAITING_MAX }, () => queue("a-secret", SALT));
  while (begun.length < 1) await Promise.resolve();
  t.equal(begun.length, 1);
  t.throws(() => queue("a-secret", SALT), { code: "SlowDown", status: 503 });
  begun[0]?.reject(new Error("failed"));
  await t.rejects(async () => void (await waiting[0]), { message: "failed" });
  for (let index = 1; index < waiting.length; index++) {
    while (begun.length <= index) await Promise.resolve();
    begun[index]?.resolve(Uint8Array.of(index));
    t.equal((await waiting[index])?.[0], index, "a failure does not hold up the others");
  }
  const again = queue("a-secret", SALT);
  while (begun.length <= ARGON2_WAITING_MAX) await Promise.resolve();
  begun.at(-1)?.resolve(SALT);
  t.equal((await again).length, 32);
});
