import { createCipheriv, pbkdf2Sync } from "node:crypto";
import { argon2id } from "@noble/hashes/argon2.js";
import { test } from "tap";
import { type Argon2, decryptBody, encryptBody } from "../../../src/admin/body-encryption.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const random = new SeededRandom(5);
/** Cheaper than the real one, and as good for the format. */
const argon2: Argon2 = (password, salt) =>
  Promise.resolve(argon2id(password, salt, { t: 1, m: 64, p: 1, dkLen: 32 }));

/** The format once more, written down another way: the whole text in one go, ciphers by id. */
async function obviouslySealed(password: string, plain: Buffer, id: 0 | 1 | 2): Promise<Buffer> {
  const salt = random.bytes(32);
  const nonce = random.bytes(8);
  const key =
    id === 2 ? pbkdf2Sync(password, salt, 8192, 32, "sha256") : await argon2(password, salt);
  const seal = (index: number, associated: Buffer, text: Buffer): Buffer => {
    const counter = Buffer.alloc(4);
    counter.writeUInt32LE(index);
    const iv = Buffer.concat([nonce, counter]);
    const options = { authTagLength: 16 };
    const cipher =
      id === 1
        ? createCipheriv("chacha20-poly1305", key, iv, options)
        : createCipheriv("aes-256-gcm", key, iv, options);
    cipher.setAAD(associated, { plaintextLength: text.length });
    return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  };
  const tag = seal(0, Buffer.alloc(0), Buffer.alloc(0));
  const out = [salt, Buffer.of(id), nonce];
  let index = 1;
  let rest = plain;
  do {
    const fragment = rest.subarray(0, 16_384);
    rest = rest.subarray(16_384);
    out.push(
      seal(index++, Buffer.concat([Buffer.of(rest.length === 0 ? 0x80 : 0), tag]), fragment),
    );
  } while (rest.length > 0);
  return Buffer.concat(out);
}

const SIZES = [0, 1, 16_383, 16_384, 16_385, 32_768, 40_000];

test("decryptBody: opens what clients seal, in all three forms and at every seam", async (t) => {
  for (const id of [0, 1, 2] as const) {
    for (const size of SIZES) {
      const plain = random.bytes(size);
      const sealed = await obviouslySealed("a-secret", plain, id);
      t.equal(sealed.length, 41 + size + 16 * Math.max(1, Math.ceil(size / 16_384)));
      const opened = await decryptBody("a-secret", sealed, argon2);
      t.ok(opened?.equals(plain), `form ${id}, ${size} bytes`);
    }
  }
});

test("encryptBody: comes back, never the same twice, and only with the right password", async (t) => {
  for (const size of SIZES) {
    const plain = random.bytes(size);
    const sealed = await encryptBody("a-secret", plain, random);
    t.ok((await decryptBody("a-secret", sealed, argon2))?.equals(plain));
    t.notOk(sealed.equals(await encryptBody("a-secret", plain, random)));
    t.equal(await decryptBody("another", sealed, argon2), undefined);
  }
});

test("decryptBody: refuses every changed, cut, reordered and foreign text", async (t) => {
  const sealed = await encryptBody("a-secret", random.bytes(40_000), random);
  for (const at of [0, 31, 32, 33, 40, 41, 41 + 16_384, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8((changed[at] ?? 0) ^ 1, at);
    t.equal(await decryptBody("a-secret", changed, argon2), undefined, `byte ${at}`);
  }
  const piece = 16_384 + 16;
  const cuts = [0, 32, 40, 41, 56, 41 + piece, 41 + 2 * piece, sealed.length - 1];
  for (const length of cuts) {
    t.equal(
      await decryptBody("a-secret", sealed.subarray(0, length), argon2),
      undefined,
      `cut at ${length}`,
    );
  }
  const head = sealed.subarray(0, 41);
  const [first, second, last] = [0, 1, 2].map((index) =>
    sealed.subarray(41 + index * piece, 41 + (index + 1) * piece),
  );
  const swapped = Buffer.concat([head, second ?? head, first ?? head, last ?? head]);
  t.equal(await decryptBody("a-secret", swapped, argon2), undefined);
  t.equal(await decryptBody("a-secret", Buffer.concat([sealed, Buffer.of(0)]), argon2), undefined);
  const other = Buffer.from(sealed);
  other.writeUInt8(3, 32);
  t.equal(await decryptBody("a-secret", other, argon2), undefined, "an unknown form");
});
