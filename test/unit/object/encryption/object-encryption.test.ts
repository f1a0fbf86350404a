import { createDecipheriv, createHmac } from "node:crypto";
import fc from "fast-check";
import { test } from "tap";
import type { EncryptionRequest } from "../../../../src/object/contract/object-store.ts";
import type { KeyService } from "../../../../src/object/encryption/key-service.ts";
import { ObjectEncryption } from "../../../../src/object/encryption/object-encryption.ts";
import { ObjectKeys } from "../../../../src/object/encryption/object-keys.ts";
import {
  packEncryption,
  type StoredEncryption,
  unpackEncryption,
} from "../../../../src/object/records/encryption-descriptor.ts";
import { pack, unpackArray } from "../../../../src/object/records/record-bytes.ts";
import { createFixture } from "../../../support/object/store-fixture.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const PLACE = { bucket: "photos", key: "2026/cat.jpg" };
const CUSTOMER = Buffer.alloc(32, 9);
const CORRUPT = { code: "corrupt" };
const REQUESTS: readonly EncryptionRequest[] = [
  { mode: "customer", key: CUSTOMER },
  { mode: "managed" },
  { mode: "kms" },
  { mode: "kms", keyId: "default-key", context: '{"team":"pets"}' },
];

function create(): { encryption: ObjectEncryption; service: KeyService } {
  const service = createFixture().keys;
  return { encryption: new ObjectEncryption(new SeededRandom(3), service), service };
}

function accessOf({ mode }: EncryptionRequest) {
  return mode === "customer" ? { customerKey: CUSTOMER } : {};
}

function refused(problem: string): { readonly message: string } {
  return { message: JSON.stringify({ problem }).replace("{", "encryption {") };
}

function hmac(key: Uint8Array, ...parts: ReadonlyArray<string | Uint8Array>): Buffer {
  const hash = createHmac("sha256", key);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

test("ObjectEncryption: is what docs/FORMATS.md says, key by key", async (t) => {
  const { encryption } = create();
  const { stored, keys } = await encryption.create({ mode: "customer", key: CUSTOMER }, PLACE);
  const sealing = hmac(CUSTOMER, stored.salt, "ringfort/1/object/customer/photos/2026/cat.jpg");
  t.same(stored.check, hmac(sealing, "ringfort/1/check").subarray(0, 16));
  const decipher = createDecipheriv(
    "aes-256-gcm",
    hmac(sealing, "ringfort/1/seal"),
    Buffer.alloc(12),
  );
  decipher.setAuthTag(stored.sealedKey.subarray(32));
  const objectKey = Buffer.concat([
    decipher.update(stored.sealedKey.subarray(0, 32)),
    decipher.final(),
  ]);
  t.same(objectKey, keys.reveal());
  const whole = Buffer.alloc(4);
  t.same(keys.dataKey(undefined), hmac(objectKey, "ringfort/1/data/", whole));
  const salt = Buffer.alloc(16, 5);
  const third = Buffer.of(0, 0, 0, 3);
  t.same(keys.dataKey({ number: 3, salt }), hmac(objectKey, "ringfort/1/data/", third, salt));
  const md5 = Buffer.alloc(16, 1);
  t.same(keys.etag(md5), hmac(objectKey, "ringfort/1/etag/", md5).subarray(0, 16));
  t.same(new ObjectKeys("managed", objectKey).etag(md5), md5, "SSE-S3 shows the MD5");
});

test("ObjectEncryption: opens in every mode, and only with what sealed it, where it was sealed", async (t) => {
  const { encryption } = create();
  for (const request of REQUESTS) {
    const access = accessOf(request);
    const { stored, keys } = await encryption.create(request, PLACE);
    const opened = await encryption.open(stored, PLACE, access);
    t.same(opened.dataKey(undefined), keys.dataKey(undefined), request.mode);
    const elsewhere = request.mode === "customer" ? refused("key-wrong") : { message: /^corrupt/ };
    for (const place of [
      { ...PLACE, bucket: "photo" },
      { ...PLACE, key: "2026/dog.jpg" },
      { bucket: "photos", key: "2026/cat.jp" },
    ]) {
      await t.rejects(encryption.open(stored, place, access), elsewhere);
    }
  }
  const { stored } = await encryption.create({ mode: "customer", key: CUSTOMER }, PLACE);
  await t.rejects(encryption.open(stored, PLACE, {}), refused("key-required"));
  const other = { customerKey: Buffer.alloc(32, 8) };
  await t.rejects(encryption.open(stored, PLACE, other), refused("key-wrong"));
  const managed = await encryption.create({ mode: "managed" }, PLACE);
  await t.rejects(encryption.open(managed.stored, PLACE, other), refused("key-not-applicable"));
  await t.rejects(encryption.openAny(undefined, PLACE, other), refused("key-not-applicable"));
  t.equal(await encryption.openAny(undefined, PLACE, {}), undefined);
});

test("ObjectEncryption: another context, mode or key id does not open", async (t) => {
  const { encryption } = create();
  const kms = { mode: "kms", keyId: "default-key", context: '{"team":"pets"}' } as const;
  const { stored } = await encryption.create(kms, PLACE);
  const { service } = stored;
  if (service === undefined) throw new Error("SSE-KMS has a service key");
  const changed: readonly StoredEncryption[] = [
    { ...stored, mode: "managed" },
    { ...stored, service: { ...service, context: "" } },
    { ...stored, service: { ...service, context: '{"team":"pet"}' } },
  ];
  for (const one of changed) await t.rejects(encryption.open(one, PLACE, {}), CORRUPT);
  const gone = { ...stored, service: { ...service, keyId: "nobody" } };
  await t.rejects(encryption.open(gone, PLACE, {}), refused("no-such-key"));
});

test("ObjectEncryption: asks the service once for what is opened again, and at once when its key is gone", async (t) => {
  const inner = createFixture().keys;
  let asked = 0;
  let generation: number | undefined = 7;
  let gone = false;
  const service: KeyService = {
    defaultKeyId: inner.defaultKeyId,
    managedKeyId: inner.managedKeyId,
    generateDataKey: (keyId, context) => inner.generateDataKey(keyId, context),
    openDataKey: (keyId, sealed, context) => {
      asked++;
      return inner.openDataKey(gone ? "nobody" : keyId, sealed, context);
    },
    generationOf: () => generation,
  };
  const encryption = new ObjectEncryption(new SeededRandom(3), service);
  const { stored, keys } = await encryption.create({ mode: "managed" }, PLACE);
  for (let time = 0; time < 3; time++) {
    t.same((await encryption.open(stored, PLACE, {})).reveal(), keys.reveal());
  }
  t.equal(asked, 1);
  await t.rejects(
    encryption.open(stored, PLACE, { customerKey: CUSTOMER }),
    refused("key-not-applicable"),
  );
  await t.rejects(encryption.open(stored, { ...PLACE, bucket: "other" }, {}), CORRUPT);
  gone = true;
  t.same((await encryption.open(stored, PLACE, {})).reveal(), keys.reveal(), "kept until told");
  generation = 8;
  await t.rejects(encryption.open(stored, PLACE, {}), refused("no-such-key"));
  generation = 7;
  await t.rejects(encryption.open(stored, PLACE, {}), refused("no-such-key"), "forgotten");
  gone = false;
  generation = undefined;
  const before = asked;
  await encryption.open(stored, PLACE, {});
  await encryption.open(stored, PLACE, {});
  t.equal(asked, before + 2, "nothing is kept");
});

test("ObjectEncryption: a flipped bit anywhere in what is stored is noticed", async (t) => {
  const { encryption } = create();
  for (const request of REQUESTS) {
    const { stored } = await encryption.create(request, PLACE);
    // What was opened before and is kept must not open what is not the same.
    if (!(await opens(encryption, stored, request))) throw new Error("the keys open");
    for (const field of ["salt", "check", "sealedKey"] as const) {
      const bits = fc.nat(stored[field].length * 8 - 1);
      await fc.assert(
        fc.asyncProperty(bits, async (bit) => {
          const bytes = flipped(stored[field], bit);
          return !(await opens(encryption, { ...stored, [field]: bytes }, request));
        }),
        { seed: 6, numRuns: 25 },
      );
    }
    const { service } = stored;
    if (service === undefined) continue;
    await fc.assert(
      fc.asyncProperty(fc.nat(service.sealedDataKey.length * 8 - 1), async (bit) => {
        const sealedDataKey = flipped(service.sealedDataKey, bit);
        return !(await opens(
          encryption,
          { ...stored, service: { ...service, sealedDataKey } },
          request,
        ));
      }),
      { seed: 7, numRuns: 40 },
    );
  }
  t.pass("none of them opened");
});

function flipped(bytes: Uint8Array, bit: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return changed;
}

async function opens(
  encryption: ObjectEncryption,
  stored: StoredEncryption,
  request: EncryptionRequest,
): Promise<boolean> {
  try {
    await encryption.open(stored, PLACE, accessOf(request));
    return true;
  } catch {
    return false;
  }
}

test("ObjectEncryption: sealed anew, the keys below stay, and the old key opens nothing", async (t) => {
  const { encryption } = create();
  const { keys } = await encryption.create({ mode: "customer", key: CUSTOMER }, PLACE);
  const fresh = Buffer.alloc(32, 4);
  const renewed = await encryption.reseal(keys, { mode: "customer", key: fresh }, PLACE);
  const opened = await encryption.open(renewed.stored, PLACE, { customerKey: fresh });
  t.same(opened.dataKey(undefined), keys.dataKey(undefined));
  const old = { customerKey: CUSTOMER };
  await t.rejects(encryption.open(renewed.stored, PLACE, old), refused("key-wrong"));
  const { stored } = await encryption.reseal(keys, { mode: "kms" }, PLACE);
  t.same((await encryption.open(stored, PLACE, {})).dataKey(undefined), keys.dataKey(undefined));
});

test("ObjectEncryption: without a service only customers' keys encrypt", async (t) => {
  const alone = new ObjectEncryption(new SeededRandom(1), undefined);
  await t.rejects(alone.create({ mode: "managed" }, PLACE), refused("no-service"));
  await t.rejects(alone.create({ mode: "kms" }, PLACE), refused("no-service"));
  t.ok(await alone.create({ mode: "customer", key: CUSTOMER }, PLACE));
  const { service } = create();
  const undecided = { ...service, defaultKeyId: undefined, managedKeyId: "own" };
  const encryption = new ObjectEncryption(new SeededRandom(1), undecided);
  await t.rejects(encryption.create({ mode: "kms" }, PLACE), refused("no-default-key"));
  const unknown = { mode: "kms", keyId: "nobody" } as const;
  await t.rejects(create().encryption.create(unknown, PLACE), refused("no-such-key"));
});

test("ObjectKeys: checksums are sealed for their part and kind, never twice alike", async (t) => {
  const keys = new ObjectKeys("managed", Buffer.alloc(32, 2));
  const random = new SeededRandom(4);
  const checksum = {
    algorithm: "crc32",
    type: "FULL_OBJECT",
    value: Buffer.of(1, 2, 3, 4),
  } as const;
  const part = { number: 2, salt: Buffer.alloc(16, 1) };
  const sealed = keys.sealChecksum(checksum, part, random);
  t.notOk(Buffer.from(sealed.value).includes(checksum.value));
  t.same(keys.openChecksum(sealed, part), checksum);
  t.notSame(keys.sealChecksum(checksum, part, random).value, sealed.value);
  t.throws(() => keys.openChecksum(sealed, { ...part, number: 1 }), CORRUPT);
  t.throws(() => keys.openChecksum(sealed, undefined), CORRUPT);
  t.throws(() => keys.openChecksum({ ...sealed, type: "COMPOSITE" }, part), CORRUPT);
  t.throws(() => keys.openChecksum({ ...sealed, value: Buffer.alloc(5) }, part), CORRUPT);
});

test("ObjectKeys: the check of the parts tells every other list from this one", async (t) => {
  const keys = new ObjectKeys("kms", Buffer.alloc(32, 2));
  const one = { number: 1, bytes: 10, salt: Buffer.alloc(16, 1) };
  const two = { number: 2, bytes: 20, salt: Buffer.alloc(16, 2) };
  const check = keys.partsCheck([one, two]);
  const others = [[one], [two], [two, one], [one, two, two], [one, { ...two, bytes: 21 }]];
  for (const parts of others) t.notSame(keys.partsCheck(parts), check);
  t.notSame(keys.partsCheck([one, { ...two, salt: one.salt }]), check);
  t.notSame(new ObjectKeys("kms", Buffer.alloc(32, 3)).partsCheck([one, two]), check);
});

test("packEncryption: comes back; what nobody wrote is corrupt", async (t) => {
  const { encryption } = create();
  for (const request of REQUESTS) {
    const { stored } = await encryption.create(request, PLACE);
    for (const one of [stored, { ...stored, partsCheck: Buffer.alloc(32, 1) }]) {
      const fields = unpackArray(pack([packEncryption(one)]), "test");
      t.same(unpackEncryption(fields[0]), one);
    }
    const [version, mode, ...rest] = packEncryption(stored) as unknown[];
    t.throws(() => unpackEncryption([2, mode, ...rest]), CORRUPT);
    t.throws(() => unpackEncryption([version, 3, ...rest]), CORRUPT);
    const swapped = request.mode === "customer" ? 1 : 0;
    t.throws(() => unpackEncryption([version, swapped, ...rest]), CORRUPT);
  }
  t.equal(unpackEncryption(undefined), undefined);
  t.equal(unpackEncryption(null), undefined);
});
