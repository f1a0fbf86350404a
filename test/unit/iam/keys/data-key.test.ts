import { createDecipheriv, createHmac } from "node:crypto";
import { test } from "tap";
import { openDataKey, sealDataKey } from "../../../../src/iam/keys/data-key.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const NAMED = Buffer.alloc(32, 1);
const PLAIN = Buffer.alloc(32, 2);
const CONTEXT = { photos: "photos/cat", team: "pets" };
const CORRUPT = { code: "corrupt" };

test("sealDataKey: is what docs/FORMATS.md says", async (t) => {
  const sealed = sealDataKey(NAMED, PLAIN, CONTEXT, new SeededRandom(1));
  t.equal(sealed.length, 81);
  t.equal(sealed[0], 1);
  const key = createHmac("sha256", NAMED)
    .update("ringfort/1/data-key/")
    .update(sealed.subarray(1, 33))
    .digest();
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.alloc(12))
    .setAAD(Buffer.from('{"photos":"photos/cat","team":"pets"}'))
    .setAuthTag(sealed.subarray(65));
  t.same(Buffer.concat([decipher.update(sealed.subarray(33, 65)), decipher.final()]), PLAIN);
});

test("openDataKey: opens with the key and context that sealed it, in any order of names", async (t) => {
  const sealed = sealDataKey(NAMED, PLAIN, CONTEXT, new SeededRandom(1));
  t.same(openDataKey(NAMED, sealed, { team: "pets", photos: "photos/cat" }), PLAIN);
  t.throws(() => openDataKey(Buffer.alloc(32, 3), sealed, CONTEXT), CORRUPT);
  t.throws(() => openDataKey(NAMED, sealed, {}), CORRUPT);
  t.throws(() => openDataKey(NAMED, sealed, { ...CONTEXT, team: "pet" }), CORRUPT);
  t.throws(() => openDataKey(NAMED, sealed, { ...CONTEXT, more: "" }), CORRUPT);
  t.throws(() => openDataKey(NAMED, sealed.subarray(1), CONTEXT), CORRUPT);
});

test("openDataKey: a flipped bit anywhere is noticed", async (t) => {
  const sealed = sealDataKey(NAMED, PLAIN, CONTEXT, new SeededRandom(1));
  for (let bit = 0; bit < sealed.length * 8; bit += 5) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    t.throws(() => openDataKey(NAMED, changed, CONTEXT), CORRUPT);
  }
});
