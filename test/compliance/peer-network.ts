/**
 * What every peer network must do, whichever wires are below: run by the unit tests of the real one
 * and of its twin in memory. Nothing here depends on how fast the machine is.
 */
import { test } from "tap";
import { CALL_PAYLOAD_BYTES_MAX } from "../../cluster/peers/peer-limits.ts";
import { createDeferred } from "../../src/base/deferred.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { testBulkReads, testBulkWrites } from "./peer-bulk.ts";
import { LONG, memberOf, type NetworkUnderTest, openPair, reached, textOf } from "./peer-pair.ts";

const KIB = 1024;

export function testPeerNetwork(under: NetworkUnderTest): void {
  testCalls(under);
  testFailures(under);
  testMembership(under);
  testBulkWrites(under);
  testBulkReads(under);
  testJoining(under);
}

function testCalls(under: NetworkUnderTest): void {
  test(`${under.name}: carries calls and replies of any size, many at a time, both ways`, async (t) => {
    const { a, b } = await openPair(under, t);
    b.network.serve("echo", (payload) => payload);
    a.network.serve("name", async (_, { peer }) => Buffer.from(peer));
    for (const length of [0, 1, 1199, 70_000, 3 * KIB * KIB]) {
      const payload = Buffer.alloc(length, `${length}`);
      const reply = await a.network.call(b.network.self, "echo", payload, LONG);
      t.ok(reply.ok && Buffer.compare(reply.payload, payload) === 0, `${length} bytes`);
    }
    const many = await Promise.all(
      Array.from({ length: 300 }, (_, index) =>
        a.network.call(b.network.self, "echo", Buffer.from(`${index}`), LONG),
      ),
    );
    t.strictSame(
      many.map(textOf),
      Array.from({ length: 300 }, (_, index) => `${index}`),
    );
    const name = await b.network.call(a.network.self, "name", Buffer.alloc(0), LONG);
    t.equal(textOf(name), b.network.self);
  });

  test(`${under.name}: measures round trip and clock, and knows versions`, async (t) => {
    const { a, b } = await openPair(under, t);
    const measured = new Promise<void>((resolve) => {
      const look = () => {
        if (a.network.statusOf(b.network.self).roundTripMs !== undefined) resolve();
        else setTimeout(look, 5);
      };
      look();
    });
    await measured;
    const status = a.network.statusOf(b.network.self);
    t.ok(Math.abs(status.clockOffsetMs ?? 1e9) < 60_000);
    t.equal(status.softwareVersion, "0.0.2");
    t.equal(status.protocolVersion, 1);
  });
}

function testFailures(under: NetworkUnderTest): void {
  test(`${under.name}: says what failed, and whether it may have been done`, async (t) => {
    const { a, b } = await openPair(under, t);
    const { self } = b.network;
    b.network.serve("full", () => {
      throw new StoreError({ code: "drive-full" });
    });
    b.network.serve("bug", async () => {
      throw new Error("secret path");
    });
    const nothing = Buffer.alloc(0);
    const full = await a.network.call(self, "full", nothing, LONG);
    t.match(full, { error: { code: "remote", applied: "unknown", data: { code: "drive-full" } } });
    const bug = await a.network.call(self, "bug", nothing, LONG);
    t.match(bug, { error: { code: "remote", data: { code: "internal" } } });
    t.notMatch(textOf(bug), /secret/);
    const unknown = await a.network.call(self, "nobody", nothing, LONG);
    t.match(unknown, { error: { code: "unknown-method", applied: "no" } });
    const large = Buffer.alloc(CALL_PAYLOAD_BYTES_MAX + 1);
    t.match(await a.network.call(self, "echo", large, LONG), { error: { code: "too-large" } });
    const late = await a.network.call(self, "echo", nothing, { deadlineMs: 0 });
    t.match(late, { error: { code: "deadline", applied: "no" } });
    const signal = AbortSignal.abort();
    const aborted = await a.network.call(self, "echo", nothing, { ...LONG, signal });
    t.match(aborted, { error: { code: "aborted", applied: "no" } });
  });

  test(`${under.name}: a deadline and a signal reach the handler as well`, async (t) => {
    const { a, b } = await openPair(under, t);
    const signals: Promise<void>[] = [];
    const called = [createDeferred<void>(), createDeferred<void>()];
    b.network.serve("hang", (_, { signal }) => {
      signals.push(new Promise((resolve) => signal.addEventListener("abort", () => resolve())));
      called[signals.length - 1]?.resolve();
      return new Promise(() => {});
    });
    const { self } = b.network;
    const controller = new AbortController();
    const aborted = a.network.call(self, "hang", Buffer.alloc(0), {
      ...LONG,
      signal: controller.signal,
    });
    await called[0]?.promise;
    controller.abort();
    t.match(await aborted, { error: { code: "aborted", applied: "unknown" } });
    const late = a.network.call(self, "hang", Buffer.alloc(0), { deadlineMs: 300 });
    t.match(await late, { error: { code: "deadline", applied: "unknown" } });
    await Promise.all(signals);
  });

  test(`${under.name}: one more call than a method takes is busy, and the next is not`, async (t) => {
    const { a, b } = await openPair(under, t);
    const release = createDeferred<Uint8Array>();
    b.network.serve("slow", () => release.promise, { inFlightMax: 2 });
    const calls = [1, 2, 3].map(() =>
      a.network.call(b.network.self, "slow", Buffer.alloc(0), LONG),
    );
    const first = await Promise.race(calls);
    t.match(first, { ok: false, error: { code: "busy", applied: "no" } });
    release.resolve(Buffer.from("done"));
    const results = await Promise.all(calls);
    t.equal(results.filter(({ ok }) => ok).length, 2);
    t.ok((await a.network.call(b.network.self, "slow", Buffer.alloc(0), LONG)).ok);
  });
}

function testMembership(under: NetworkUnderTest): void {
  test(`${under.name}: a removed member is cut off at once, on both sides`, async (t) => {
    const { a, b, members } = await openPair(under, t);
    const called = createDeferred<void>();
    const gone = createDeferred<void>();
    b.network.serve("hang", (_, { signal }) => {
      signal.addEventListener("abort", () => gone.resolve());
      called.resolve();
      return new Promise(() => {});
    });
    const pending = a.network.call(b.network.self, "hang", Buffer.alloc(0), LONG);
    await called.promise;
    b.network.setMembers(members.filter(({ id }) => id !== a.network.self));
    await gone.promise;
    t.match(await pending, { error: { code: "lost", applied: "unknown" } });
    const refused = new Promise<void>((resolve) => {
      const look = () => {
        if (a.network.statusOf(b.network.self).refusal?.kind === "not-a-member") resolve();
      };
      a.network.onStatus(look);
      look();
    });
    await refused;
    t.match(await a.network.call(b.network.self, "hang", Buffer.alloc(0), LONG), {
      error: { code: "refused", applied: "no", reason: { kind: "not-a-member" } },
    });
    b.network.setMembers(members);
    await reached(a.network, b.network.self, "up");
    t.equal(a.network.statusOf(b.network.self).refusal, undefined);
  });

  test(`${under.name}: who is on no list, or of another cluster, is told so`, async (t) => {
    const [a, b] = await Promise.all([under.open(1), under.open(2, { clusterId: "other" })]);
    t.teardown(() => Promise.all([a.network.close(), b.network.close()]));
    const unlisted = await a.network.call(b.network.self, "x", Buffer.alloc(0), LONG);
    t.match(unlisted, { error: { code: "refused", reason: { kind: "not-a-member" } } });
    const members = [memberOf(a.network), memberOf(b.network)];
    const seen = Promise.all(
      [a, b].map(
        ({ network }) =>
          new Promise((resolve) => {
            network.onStatus(({ refusal }) => {
              if (refusal?.kind === "wrong-cluster") resolve(refusal);
            });
          }),
      ),
    );
    a.network.setMembers(members);
    b.network.setMembers(members);
    const [byA, byB] = await seen;
    t.match(byA, { ours: "test", theirs: "other" });
    t.match(byB, { ours: "other", theirs: "test" });
  });

  test(`${under.name}: a closed network ends what it had, and its peers see it go`, async (t) => {
    const { a, b } = await openPair(under, t);
    b.network.serve("hang", () => new Promise(() => {}));
    const pending = a.network.call(b.network.self, "hang", Buffer.alloc(0), LONG);
    const down = reached(a.network, b.network.self, "down");
    await b.network.close();
    t.match(await pending, { ok: false });
    await down;
    const closed = await b.network.call(a.network.self, "x", Buffer.alloc(0), LONG);
    t.match(closed, { error: { code: "closed", applied: "no" } });
  });
}

function testJoining(under: NetworkUnderTest): void {
  test(`${under.name}: a stranger may ask to join, and nothing else`, async (t) => {
    const [voter, stranger] = await Promise.all([under.open(1), under.open(2)]);
    t.teardown(() => Promise.all([voter.network.close(), stranger.network.close()]));
    voter.network.setMembers([]);
    voter.network.serve("secret", () => Buffer.from("secret"));
    const target = memberOf(voter.network);
    const early = await stranger.network.join(target, Buffer.from("let me in"), LONG);
    t.match(early, { error: { code: "unknown-method" } });
    voter.network.serveJoin(async (payload, { peer }) => {
      if (Buffer.from(payload).toString() === "wrong") {
        throw new StoreError({ code: "invalid-argument", message: "no such token" });
      }
      return Buffer.from(`welcome ${peer}`);
    });
    const joined = await stranger.network.join(target, Buffer.from("token"), LONG);
    t.equal(textOf(joined), `welcome ${stranger.network.self}`);
    const wrong = await stranger.network.join(target, Buffer.from("wrong"), LONG);
    t.match(wrong, { error: { code: "remote", data: { message: "no such token" } } });
    const large = await stranger.network.join(target, Buffer.alloc(65 * KIB), LONG);
    t.match(large, { error: { code: "too-large" } });
    const refused = new Promise<void>((resolve) => {
      stranger.network.onStatus(({ refusal }) => {
        if (refusal?.kind === "not-a-member") resolve();
      });
    });
    stranger.network.setMembers([target]);
    await refused;
    const secret = await stranger.network.call(target.id, "secret", Buffer.alloc(0), LONG);
    t.match(secret, { error: { code: "refused" } });
    const bulk = stranger.network.openBulkRead(target.id, Buffer.alloc(0), LONG);
    t.match(await bulk.finish(), { error: { code: "refused" } });
  });

  test(`${under.name}: too many questions to join are busy`, async (t) => {
    const [voter, stranger] = await Promise.all([under.open(1), under.open(2)]);
    t.teardown(() => Promise.all([voter.network.close(), stranger.network.close()]));
    voter.network.serveJoin(() => Buffer.from("welcome"));
    const target = memberOf(voter.network);
    const results = await Promise.all(
      Array.from({ length: 12 }, () => stranger.network.join(target, Buffer.alloc(1), LONG)),
    );
    const busy = results.filter((result) => !result.ok && result.error.code === "busy");
    t.ok(busy.length > 0, "beyond the burst");
    t.ok(results.some(({ ok }) => ok));
  });
}
