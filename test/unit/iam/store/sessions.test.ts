import { test } from "tap";
import { decide } from "../../../../src/iam/access/decide.ts";
import { NO_VALUES } from "../../../../src/iam/policy/condition-values.ts";
import { putUser, removeUser } from "../../../../src/iam/store/changes.ts";
import { IdentityStore } from "../../../../src/iam/store/identity-store.ts";
import { AesSealer, SEAL_KEY_BYTES } from "../../../../src/iam/store/sealer.ts";
import {
  newSession,
  openSession,
  SESSION_TOKEN_BYTES_MAX,
  sealSession,
} from "../../../../src/iam/store/sessions.ts";
import { MemoryRecords } from "../../../support/iam/memory-records.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const random = new SeededRandom(3);
const POLICY = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::photos/*" }],
});

function sealer() {
  return new AesSealer(random.bytes(SEAL_KEY_BYTES), random);
}

async function world(records = new MemoryRecords(), clock = new ManualClock()) {
  const root = { accessKey: "root", secretKey: "root-password" };
  const store = new IdentityStore(
    { root, previousRootSecret: undefined },
    { records, clock, random },
  );
  await store.load();
  return { store, records, clock };
}

async function addAlice(store: IdentityStore): Promise<void> {
  await store.change(putUser({ name: "alice", secretKey: "alice-secret", account: undefined }));
}

test("openSession: opens what was sealed with the same key, and nothing else", async (t) => {
  const own = sealer();
  const session = newSession({ parent: "alice", policy: POLICY, expiresMs: 5 }, random);
  t.match(session.accessKey, /^[A-Z2-7]{20}$/);
  const token = sealSession(session, own);
  t.strictSame(openSession(token, own), { v: 1, ...session });
  t.equal(openSession(token, sealer()), undefined, "another deployment");
  for (let at = 0; at < token.length; at += 7) {
    const other = token[at] === "A" ? "B" : "A";
    t.equal(openSession(token.slice(0, at) + other + token.slice(at + 1), own), undefined);
  }
  t.equal(openSession("", own), undefined);
  t.equal(openSession("A".repeat(SESSION_TOKEN_BYTES_MAX + 1), own), undefined);
});

test("IdentityStore: a session is known by key and token together, on every node", async (t) => {
  const { store, records, clock } = await world();
  await addAlice(store);
  const expiresMs = clock.nowMs() + 1000;
  const session = await store.issueSession({ parent: "alice", policy: undefined, expiresMs });
  const { accessKey, sessionToken, secretKey } = session;
  t.equal(store.lookup(accessKey), undefined, "without its token");
  t.equal(store.lookup("OTHER", sessionToken), undefined, "a token of another key");
  t.match(store.lookup(accessKey, sessionToken), { secretKey, temporary: true });
  const other = await world(records, clock);
  t.match(other.store.lookup(accessKey, sessionToken), { secretKey, problem: undefined });
  t.equal(store.parentOf(accessKey), "none", "no session of a session");
  t.strictSame(store.parentOf("alice"), { parent: "alice" });
  t.strictSame(store.parentOf("root"), { parent: undefined });
  clock.advance(1000);
  t.equal(store.lookup(accessKey, sessionToken)?.problem, "expired");
});

test("IdentityStore: a session ends with its user", async (t) => {
  const { store, clock } = await world();
  await addAlice(store);
  const expiresMs = clock.nowMs() + 60_000;
  const session = await store.issueSession({ parent: "alice", policy: undefined, expiresMs });
  const problem = () => store.lookup(session.accessKey, session.sessionToken)?.problem;
  t.equal(problem(), undefined);
  await store.change(putUser({ name: "alice", secretKey: undefined, status: "disabled" }));
  t.equal(problem(), "disabled");
  await store.change(removeUser("alice"));
  t.equal(store.lookup(session.accessKey, session.sessionToken), undefined);
});

test("IdentityStore: the policy of a session narrows even the operator", async (t) => {
  const { store, clock } = await world();
  const expiresMs = clock.nowMs() + 60_000;
  const session = await store.issueSession({ parent: undefined, policy: POLICY, expiresMs });
  const caller = store.lookup(session.accessKey, session.sessionToken)?.caller;
  if (caller === undefined) throw new Error("the session is known");
  const allows = (action: string) => {
    const resource = "arn:aws:s3:::photos/x";
    return decide({ caller, action, resource, values: NO_VALUES, bucket: undefined }).allowed;
  };
  t.ok(allows("s3:GetObject"));
  t.notOk(allows("s3:PutObject"));
});
