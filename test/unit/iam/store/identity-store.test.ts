import { test } from "tap";
import { decide } from "../../../../src/iam/access/decide.ts";
import { NO_VALUES } from "../../../../src/iam/policy/condition-values.ts";
import { BUILT_IN_POLICIES } from "../../../../src/iam/store/built-in-policies.ts";
import {
  ATTACHED_POLICIES_MAX,
  assignPolicies,
  changeMembers,
  createAccount,
  putPolicy,
  putUser,
  removePolicy,
  removeUser,
  setGroupStatus,
  setInlinePolicy,
} from "../../../../src/iam/store/changes.ts";
import type { KnownKey } from "../../../../src/iam/store/directory.ts";
import { IamError } from "../../../../src/iam/store/iam-error.ts";
import { IdentityStore, VERSION_RECORD } from "../../../../src/iam/store/identity-store.ts";
import {
  createKey,
  KEY_EXPIRY_MS_MAX,
  KEY_EXPIRY_MS_MIN,
  type NewKey,
  removeKey,
  updateKey,
} from "../../../../src/iam/store/key-changes.ts";
import { MAIN_ACCOUNT } from "../../../../src/iam/store/main-account.ts";
import {
  ACCESS_KEY_LENGTH_MAX,
  ACCESS_KEY_LENGTH_MIN,
  SECRET_KEY_LENGTH_MAX,
  SECRET_KEY_LENGTH_MIN,
} from "../../../../src/iam/store/names.ts";
import { MemoryRecords } from "../../../support/iam/memory-records.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const ROOT = { accessKey: "root", secretKey: "root-password" };
const NOW_MS = 1_790_000_000_000;

interface World {
  readonly records: MemoryRecords;
  readonly clock: ManualClock;
  readonly store: IdentityStore;
}

async function open(
  records = new MemoryRecords(),
  passwords: { readonly current?: string; readonly previous?: string } = {},
): Promise<World> {
  const clock = new ManualClock(NOW_MS);
  const store = new IdentityStore(
    {
      root: { ...ROOT, secretKey: passwords.current ?? ROOT.secretKey },
      previousRootSecret: passwords.previous,
    },
    { records, clock, random: new SeededRandom(records.writes + 1) },
  );
  await store.load();
  return { records, clock, store };
}

function user(name: string, more: object = {}) {
  return putUser({ name, secretKey: `secret-of-${name}`, ...more });
}

function key(accessKey: string, more: Partial<NewKey> = {}): NewKey {
  return {
    accessKey,
    secretKey: "secret-of-key",
    parent: "alice",
    expiresMs: undefined,
    boundaries: [],
    name: "",
    description: "",
    ...more,
  };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "done";
  } catch (error) {
    if (error instanceof IamError) return error.code;
    throw error;
  }
}

function may(known: KnownKey | undefined, action: string): boolean {
  if (known === undefined) return false;
  const resource = action.startsWith("admin:") ? "arn:minio:admin:::" : "arn:aws:s3:::b/k";
  return decide({ caller: known.caller, action, resource, values: NO_VALUES, bucket: undefined })
    .allowed;
}

test("IdentityStore: users have what their policies and enabled groups give", async (t) => {
  const { store } = await open();
  await store.change(user("alice"));
  await store.change(user("bob", { policies: ["readwrite"] }));
  t.notOk(may(store.lookup("alice"), "s3:GetObject"), "nothing by default");
  t.ok(may(store.lookup("bob"), "s3:PutObject"));
  t.notOk(may(store.lookup("bob"), "admin:CreateUser"));
  await store.change(changeMembers({ group: "staff", members: ["alice"], remove: false }));
  await store.change(
    assignPolicies({ kind: "group", name: "staff" }, { kind: "attach", policies: ["readonly"] }),
  );
  t.ok(may(store.lookup("alice"), "s3:GetObject"));
  t.notOk(may(store.lookup("alice"), "s3:PutObject"));
  await store.change(setGroupStatus("staff", "disabled"));
  t.notOk(may(store.lookup("alice"), "s3:GetObject"), "a disabled group gives nothing");
  await store.change(
    setInlinePolicy("alice", '{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'),
  );
  t.ok(may(store.lookup("alice"), "s3:DeleteObject"));
  t.equal(store.lookup("alice")?.caller.arns[0], "arn:aws:iam::000000000000:user/alice");
  t.equal(store.lookup("alice")?.caller.canonicalId, MAIN_ACCOUNT.canonicalId);
  t.equal(store.lookup("stranger"), undefined);
});

test("IdentityStore: everything is there again after a restart", async (t) => {
  const { records, store } = await open();
  await store.change(
    createAccount({
      id: "000000000007",
      canonicalId: "7".repeat(64),
      name: "seven",
      email: "s@example.com",
    }),
  );
  await store.change(user("alice", { account: "000000000007", accountRoot: true }));
  await store.change(createKey(key("alices-key", { expiresMs: NOW_MS + KEY_EXPIRY_MS_MIN })));
  await store.change(
    putPolicy("mine", '{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'),
  );
  await store.change(changeMembers({ group: "staff", members: ["alice"], remove: false }));
  const again = (await open(records)).store;
  t.strictSame(again.lookup("alices-key"), store.lookup("alices-key"));
  t.strictSame(again.lookup("alice"), store.lookup("alice"));
  t.strictSame([...again.directory.groups], [...store.directory.groups]);
  t.strictSame([...again.directory.policies], [...store.directory.policies]);
  t.equal(again.directory.nameOf("7".repeat(64)), "seven");
  t.equal(again.directory.findByEmail("S@Example.com"), "7".repeat(64));
  const root = again.lookup("alice")?.caller;
  t.ok(root?.accountRoot === true && !root.operator, "the root of an account is no operator");
  t.ok(may(again.lookup("alice"), "s3:PutObject"));
  t.notOk(may(again.lookup("alice"), "admin:CreateUser"));
});

test("IdentityStore: no secret can be read from the records", async (t) => {
  const { records, store } = await open();
  await store.change(user("alice"));
  await store.change(createKey(key("alices-key")));
  for (const [name, value] of records.map) {
    const text = Buffer.from(value).toString("latin1");
    for (const secret of ["secret-of-alice", "secret-of-key", ROOT.secretKey]) {
      t.notOk(text.includes(secret) || text.includes(Buffer.from(secret).toString("base64")), name);
    }
  }
  // A sealed secret opens in its own record only.
  const stolen = records.map.get("iam/user/alice") ?? Buffer.alloc(0);
  const forged = Buffer.from(stolen).toString().replaceAll('"alice"', '"mallory"');
  records.map.set("iam/user/mallory", Buffer.from(forged));
  t.equal(await codeOf(open(records)), "sealed");
});

test("IdentityStore: a changed root password needs the earlier one once", async (t) => {
  const { records, store } = await open();
  await store.change(user("alice"));
  t.equal(await codeOf(open(records, { current: "another-password" })), "sealed");
  t.equal(
    await codeOf(open(records, { current: "another-password", previous: "not-that-one" })),
    "sealed",
  );
  const passwords = { current: "another-password", previous: ROOT.secretKey };
  t.equal((await open(records, passwords)).store.lookup("alice")?.secretKey, "secret-of-alice");
  const after = await open(records, { current: "another-password" });
  t.equal(after.store.lookup("alice")?.secretKey, "secret-of-alice", "sealed anew");
  t.equal(await codeOf(open(records)), "sealed", "the old one opens nothing any more");
});

test("IdentityStore: keys narrow, expire, are disabled, and go with their user", async (t) => {
  const { store, clock } = await open();
  await store.change(user("alice", { policies: ["readwrite"] }));
  const readOnly = '{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}';
  const expiresMs = NOW_MS + KEY_EXPIRY_MS_MIN;
  await store.change(createKey(key("narrow", { boundaries: [readOnly], expiresMs })));
  t.ok(may(store.lookup("narrow"), "s3:GetObject"));
  t.notOk(may(store.lookup("narrow"), "s3:PutObject"));
  await store.change(createKey(key("roots", { parent: undefined, boundaries: [readOnly] })));
  t.ok(may(store.lookup("roots"), "s3:GetObject"));
  t.notOk(may(store.lookup("roots"), "s3:PutObject"), "a boundary binds the operator's key too");
  t.notOk(may(store.lookup("roots"), "admin:CreateUser"));
  t.equal(store.lookup("narrow")?.problem, undefined);
  clock.advance(KEY_EXPIRY_MS_MIN);
  t.equal(store.lookup("narrow")?.problem, "expired");
  await store.change(updateKey("roots", { status: "disabled" }));
  t.equal(store.lookup("roots")?.problem, "disabled");
  await store.change(createKey(key("other")));
  await store.change(user("alice", { status: "disabled" }));
  t.equal(store.lookup("alice")?.problem, "disabled");
  t.equal(store.lookup("other")?.problem, "disabled", "a key is disabled with its user");
  await store.change(changeMembers({ group: "staff", members: ["alice"], remove: false }));
  await store.change(removeUser("alice"));
  for (const gone of ["alice", "other", "narrow"]) t.equal(store.lookup(gone), undefined);
  t.strictSame(store.directory.groups.get("staff")?.members, []);
  await store.change(user("alice"));
  t.equal(store.lookup("other"), undefined, "a new user of that name does not inherit keys");
});

test("IdentityStore: refuses precisely and changes nothing", async (t) => {
  const { records, store } = await open();
  await store.change(user("alice"));
  await store.change(createKey(key("alices-key")));
  await store.change(changeMembers({ group: "staff", members: ["alice"], remove: false }));
  await store.change(
    putPolicy("mine", '{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'),
  );
  await store.change(
    assignPolicies({ kind: "user", name: "alice" }, { kind: "set", policies: ["mine"] }),
  );
  const holder = { kind: "user", name: "alice" } as const;
  const many = Array.from({ length: ATTACHED_POLICIES_MAX + 1 }, (_, index) => `p${index}`);
  const text = (length: number): string => "x".repeat(length);
  const refused: Array<[string, Parameters<IdentityStore["change"]>[0]]> = [
    ["key-exists", user("root")],
    ["key-exists", user("alices-key")],
    ["key-exists", createKey(key("alice"))],
    ["key-exists", createKey(key("root"))],
    ["key-exists", createKey(key("alices-key"))],
    ["invalid-name", user(text(ACCESS_KEY_LENGTH_MIN - 1))],
    ["invalid-name", user(text(ACCESS_KEY_LENGTH_MAX + 1))],
    ["invalid-name", user("a=b")],
    ["invalid-name", user("a,b")],
    ["invalid-name", user(" ab")],
    ["invalid-name", user("ab\n")],
    ["invalid-secret", putUser({ name: "carol", secretKey: text(SECRET_KEY_LENGTH_MIN - 1) })],
    ["invalid-secret", putUser({ name: "carol", secretKey: text(SECRET_KEY_LENGTH_MAX + 1) })],
    ["no-such-user", putUser({ name: "carol", secretKey: undefined })],
    ["no-such-user", removeUser("carol")],
    ["no-such-user", createKey(key("new-key", { parent: "carol" }))],
    ["no-such-user", changeMembers({ group: "staff", members: ["carol"], remove: false })],
    ["no-such-account", user("carol", { account: "123456789012" })],
    ["no-such-policy", user("carol", { policies: ["nothing"] })],
    ["no-such-policy", assignPolicies(holder, { kind: "attach", policies: ["nothing"] })],
    ["too-many", assignPolicies(holder, { kind: "set", policies: many })],
    ["no-change", assignPolicies(holder, { kind: "attach", policies: ["mine"] })],
    ["no-change", assignPolicies(holder, { kind: "detach", policies: ["readonly"] })],
    ["no-such-group", setGroupStatus("nobody", "enabled")],
    ["no-such-group", changeMembers({ group: "nobody", members: [], remove: true })],
    ["group-not-empty", changeMembers({ group: "staff", members: [], remove: true })],
    ["invalid-name", changeMembers({ group: "", members: [], remove: false })],
    ["policy-in-use", removePolicy("mine")],
    ["no-such-policy", removePolicy("other")],
    ["built-in", removePolicy("readonly")],
    ["invalid-policy", putPolicy("bad", "{}")],
    ["invalid-policy", setInlinePolicy("alice", '{"Statement":{"Principal":"*"}}')],
    ["invalid-policy", createKey(key("new-key", { boundaries: ["{}"] }))],
    ["invalid-policy", createKey(key("new-key", { boundaries: [`{${" ".repeat(4096)}}`] }))],
    ["invalid-expiry", createKey(key("new-key", { expiresMs: NOW_MS + KEY_EXPIRY_MS_MIN - 1 }))],
    ["invalid-expiry", createKey(key("new-key", { expiresMs: NOW_MS + KEY_EXPIRY_MS_MAX + 1 }))],
    ["invalid-expiry", updateKey("alices-key", { expiresMs: NOW_MS })],
    ["invalid-secret", updateKey("alices-key", { secretKey: "short" })],
    ["invalid-policy", updateKey("alices-key", { boundaries: ["[]"] })],
    ["no-such-key", updateKey("alice", {})],
    ["no-such-key", removeKey("nothing")],
    ["account-exists", createAccount({ ...MAIN_ACCOUNT, email: undefined })],
    [
      "invalid-name",
      createAccount({ id: "7", canonicalId: "7".repeat(64), name: "x", email: undefined }),
    ],
    [
      "invalid-name",
      createAccount({ id: "7".repeat(12), canonicalId: "7", name: "x", email: undefined }),
    ],
  ];
  const before = new Map(records.map);
  for (const [code, change] of refused) t.equal(await codeOf(store.change(change)), code);
  t.strictSame(records.map, before);
});

test("IdentityStore: a policy under a built-in name replaces it and can be taken back", async (t) => {
  const { store } = await open();
  await store.change(user("alice", { policies: ["readonly"] }));
  await store.change(
    putPolicy(
      "readonly",
      '{"Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}}',
    ),
  );
  t.ok(may(store.lookup("alice"), "s3:PutObject"));
  t.notOk(may(store.lookup("alice"), "s3:GetObject"));
  await store.change(removePolicy("readonly"));
  t.ok(may(store.lookup("alice"), "s3:GetObject"));
  t.strictSame([...BUILT_IN_POLICIES.keys()].sort(), [
    "consoleAdmin",
    "diagnostics",
    "readonly",
    "readwrite",
    "writeonly",
  ]);
});

test("IdentityStore: two processes over the same records see each other's changes", async (t) => {
  const { records, store } = await open();
  const other = (await open(records)).store;
  await store.change(user("alice"));
  t.equal(other.lookup("alice"), undefined);
  await other.refresh();
  t.equal(other.lookup("alice")?.secretKey, "secret-of-alice");
  await store.change(user("bob"));
  t.equal(
    await codeOf(other.change(createKey(key("bob", { parent: "alice" })))),
    "key-exists",
    "who has not seen a change loads it before making another",
  );
  await Promise.all(
    ["c-1", "c-2", "c-3"].flatMap((name) => [
      store.change(user(name)),
      other.change(user(`${name}x`)),
    ]),
  );
  const names = [...(await open(records)).store.directory.users.keys()].sort();
  t.strictSame(names, ["alice", "bob", "c-1", "c-1x", "c-2", "c-2x", "c-3", "c-3x"]);
});

test("IdentityStore: whichever write fails, what is shown is what is stored", async (t) => {
  for (let write = 1; write <= 8; write++) {
    for (const lost of [true, false]) {
      const { records, store } = await open();
      await store.change(user("alice", { policies: ["readwrite"] }));
      await store.change(createKey(key("alices-key")));
      await store.change(changeMembers({ group: "staff", members: ["alice"], remove: false }));
      records.failAt = { write: records.writes + write, lost };
      await store.change(removeUser("alice")).catch(() => undefined);
      records.failAt = undefined;
      await store.refresh();
      const fresh = (await open(records)).store;
      for (const name of ["alice", "alices-key"]) {
        t.equal(store.lookup(name)?.secretKey, fresh.lookup(name)?.secretKey, `${write} ${lost}`);
      }
      t.strictSame([...store.directory.groups], [...fresh.directory.groups]);
      await store.change(user("bob"));
      t.ok(store.lookup("bob"));
    }
  }
});

test("IdentityStore: damaged records and those of a newer version stop the start", async (t) => {
  const { records, store } = await open();
  await store.change(user("alice"));
  const good = records.map.get("iam/user/alice") ?? Buffer.alloc(0);
  const damaged = [
    "",
    "{",
    "null",
    "[]",
    '{"v":2}',
    '{"v":1}',
    Buffer.from(good).toString().replace("enabled", "on"),
  ];
  for (const text of damaged) {
    records.map.set("iam/user/alice", Buffer.from(text));
    t.equal(await codeOf(open(records)), "corrupt", text);
  }
  records.map.set("iam/user/alice", good);
  records.map.set(VERSION_RECORD, Buffer.from('{"v":1,"version":"x"}'));
  t.equal(await codeOf(open(records)), "corrupt");
});
