import { test } from "tap";
import {
  KeyStore,
  type KeyStoreOptions,
  KMS_KEYS_MAX,
} from "../../../../src/iam/keys/key-store.ts";
import { MemoryRecords } from "../../../support/iam/memory-records.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const CONTEXT = { bucket: "bucket/key" };
const SECRET = Buffer.alloc(32, 11);
const SEALED = { code: "sealed" };
const UNAVAILABLE = { message: 'encryption {"problem":"service-unavailable"}' };
const NO_SUCH_KEY = { message: 'encryption {"problem":"no-such-key"}' };

let seed = 1;

function create(records: MemoryRecords, options: Partial<KeyStoreOptions> = {}): KeyStore {
  return new KeyStore(
    {
      configured: undefined,
      rootPassword: "first password",
      previousRootPassword: undefined,
      ...options,
    },
    { records, clock: new ManualClock(), random: new SeededRandom(seed++) },
  );
}

test("KeyStore: makes keys that seal data keys, and every process knows them", async (t) => {
  const records = new MemoryRecords();
  const one = create(records);
  await one.create("photos", "alice");
  const made = await one.generateDataKey("photos", CONTEXT);
  t.equal(made.keyId, "photos");
  t.equal(made.plain.length, 32);
  const other = create(records);
  t.same(await other.openDataKey("photos", made.sealed, CONTEXT), made.plain);
  await t.rejects(other.openDataKey("photos", made.sealed, {}), { code: "corrupt" });
  await other.create("videos", "bob");
  await t.rejects(other.openDataKey("videos", made.sealed, CONTEXT), { code: "corrupt" });
  t.same(
    (await one.list()).map(({ name, createdBy }) => [name, createdBy]),
    [
      ["photos", "alice"],
      ["videos", "bob"],
    ],
  );
  await one.check("videos");
  await t.rejects(one.check("nobody"), { code: "no-such-kms-key" });
});

test("KeyStore: no key stands in a record in the clear", async (t) => {
  const records = new MemoryRecords();
  const keys = create(records, { configured: { name: "main", key: SECRET } });
  await keys.create("photos", "alice");
  await keys.generateDataKey("photos", CONTEXT);
  for (const [name, value] of records.map) {
    const text = Buffer.from(value);
    t.notOk(text.includes(SECRET.toString("base64")), name);
    t.notOk(text.includes(SECRET), name);
  }
  // The one key that seals the others opens with the secret alone.
  const stranger = create(records);
  await t.rejects(stranger.start(), SEALED);
  await t.rejects(stranger.generateDataKey("photos", CONTEXT), UNAVAILABLE);
});

test("KeyStore: refuses names that are taken, or none", async (t) => {
  const keys = create(new MemoryRecords(), { configured: { name: "main", key: SECRET } });
  await keys.create("photos", "alice");
  await t.rejects(keys.create("photos", "bob"), { code: "kms-key-exists" });
  await t.rejects(keys.create("main", "bob"), { code: "kms-key-exists" });
  for (const name of ["", "a/b", "-a", "a b", "ä", "x".repeat(81)]) {
    await t.rejects(keys.create(name, "bob"), { code: "invalid-name" }, name);
    await t.rejects(keys.generateDataKey(name, CONTEXT), NO_SUCH_KEY, name);
  }
  await keys.create("x".repeat(80), "bob");
});

test("KeyStore: the key of the settings is the default; without it only SSE-S3 has one", async (t) => {
  const records = new MemoryRecords();
  const configured = create(records, { configured: { name: "main", key: SECRET } });
  t.equal(configured.defaultKeyId, "main");
  t.equal(configured.managedKeyId, "main");
  t.same((await configured.list())[0], { name: "main", createdMs: 0, createdBy: "settings" });
  await configured.generateDataKey("main", CONTEXT);
  t.equal(records.map.size, 0, "the key of the settings needs no record");
  const bare = create(new MemoryRecords());
  t.equal(bare.defaultKeyId, undefined);
  const made = await bare.generateDataKey(bare.managedKeyId, CONTEXT);
  t.same(await bare.openDataKey(bare.managedKeyId, made.sealed, CONTEXT), made.plain);
  await t.rejects(bare.generateDataKey("nobody", CONTEXT), NO_SUCH_KEY);
});

test("KeyStore: the root password may change, once with the one before", async (t) => {
  const records = new MemoryRecords();
  const first = create(records);
  await first.create("photos", "alice");
  const made = await first.generateDataKey("photos", CONTEXT);
  await t.rejects(create(records, { rootPassword: "second" }).start(), SEALED);
  const changed = { rootPassword: "second", previousRootPassword: "first password" };
  const second = create(records, changed);
  await second.start();
  t.same(await second.openDataKey("photos", made.sealed, CONTEXT), made.plain);
  const third = create(records, { rootPassword: "second" });
  await third.start();
  t.same(await third.openDataKey("photos", made.sealed, CONTEXT), made.plain);
  await t.rejects(create(records).start(), SEALED, "the first password opens nothing any more");
});

test("KeyStore: a configured key takes over from the root password, and must stay then", async (t) => {
  const records = new MemoryRecords();
  const first = create(records);
  await first.create("photos", "alice");
  const made = await first.generateDataKey("photos", CONTEXT);
  const configured = { name: "main", key: SECRET };
  await create(records, { configured }).start();
  const later = create(records, { configured, rootPassword: "any other" });
  await later.start();
  t.same(await later.openDataKey("photos", made.sealed, CONTEXT), made.plain);
  await t.rejects(create(records).start(), SEALED);
  const another = { name: "main", key: Buffer.alloc(32, 12) };
  await t.rejects(create(records, { configured: another }).start(), SEALED);
});

test("KeyStore: two processes that begin at once agree on one root key", async (t) => {
  const records = new MemoryRecords();
  const [one, two] = [create(records), create(records)];
  await Promise.all([one.create("a", "one"), two.create("b", "two")]);
  for (const name of ["a", "b"]) {
    const made = await one.generateDataKey(name, CONTEXT);
    t.same(await two.openDataKey(name, made.sealed, CONTEXT), made.plain);
  }
});

test("KeyStore: makes no more keys than it may have", async (t) => {
  const records = new MemoryRecords();
  for (let index = 0; index < KMS_KEYS_MAX; index++) {
    records.map.set(`kms/key/k${index}`, new Uint8Array(0));
  }
  await t.rejects(create(records).create("one-more", "alice"), { code: "too-many" });
});
