/**
 * What every peer network must do, whichever wires are below: run by the unit tests of the real one
 * and of its twin in memory. Nothing here depends on how fast the machine is.
 */
import { type Test, test } from "tap";
import type { PeerId } from "../../cluster/peers/peer-id.ts";
import { CALL_PAYLOAD_BYTES_MAX } from "../../cluster/peers/peer-limits.ts";
import type { PeerMember, PeerNetwork, PeerResult } from "../../cluster/peers/peer-network.ts";
import { createDeferred } from "../../src/base/deferred.ts";
import { StoreError } from "../../src/base/store-error.ts";

export interface NodeUnderTest {
  readonly network: PeerNetwork;
  readonly memory: SharedArrayBuffer;
}

export interface NetworkUnderTest {
  readonly name: string;
  /** Opens a node with an identity of its own for each `seed`. */
  open(seed: number, options?: { readonly clusterId?: string }): Promise<NodeUnderTest>;
}

const LONG = { deadlineMs: 120_000 };
const KIB = 1024;

export function testPeerNetwork(under: NetworkUnderTest): void {
  testCalls(under);
  testFailures(under);
  testMembership(under);
  testBulkWrites(under);
  testBulkReads(under);
  testJoining(under);
}

interface Pair {
  readonly a: NodeUnderTest;
  readonly b: NodeUnderTest;
  readonly members: readonly PeerMember[];
}

export function memberOf(network: PeerNetwork): PeerMember {
  return { id: network.self, host: "127.0.0.1", ports: network.ports };
}

export function reached(network: PeerNetwork, peer: PeerId, state: string): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (network.statusOf(peer).state !== state) return;
      stop();
      resolve();
    };
    const stop = network.onStatus(look);
    look();
  });
}

async function openPair(under: NetworkUnderTest, t: Test): Promise<Pair> {
  const [a, b] = await Promise.all([under.open(1), under.open(2)]);
  t.teardown(() => Promise.all([a.network.close(), b.network.close()]));
  const members = [memberOf(a.network), memberOf(b.network)];
  a.network.setMembers(members);
  b.network.setMembers(members);
  await Promise.all([
    reached(a.network, b.network.self, "up"),
    reached(b.network, a.network.self, "up"),
  ]);
  return { a, b, members };
}

function textOf(result: PeerResult): string {
  return result.ok ? Buffer.from(result.payload).toString() : JSON.stringify(result.error);
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

function fill(memory: SharedArrayBuffer, seed: number): Buffer {
  const bytes = Buffer.from(memory);
  let state = seed;
  for (let index = 0; index < bytes.length; index++) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    bytes[index] = state >> 16;
  }
  return bytes;
}

function testBulkWrites(under: NetworkUnderTest): void {
  test(`${under.name}: bulk writes go from memory to memory, and are answered`, async (t) => {
    const { a, b } = await openPair(under, t);
    const source = fill(a.memory, 7);
    const length = 2 * KIB * KIB + 4321;
    b.network.serveBulk({
      async write(header, receiver) {
        let offset = 0;
        for (;;) {
          const receipt = await receiver.receive({ offset, length: 300_000 });
          if (!receipt.ok) throw new Error(receipt.error.code);
          offset += receipt.length;
          if (receipt.length < 300_000) break;
        }
        return Buffer.from(`${Buffer.from(header).toString()} ${offset}`);
      },
      read: () => Buffer.alloc(0),
    });
    // Twice, because the second goes over the stream of the first.
    for (const shift of [0, 17]) {
      const writer = a.network.openBulkWrite(b.network.self, Buffer.from("shard"), LONG);
      const sends: Promise<unknown>[] = [];
      for (let at = 0; at < length; at += 256 * KIB) {
        const place = { offset: shift + at, length: Math.min(256 * KIB, length - at) };
        sends.push(writer.send(place));
      }
      t.strictSame([...new Set(await Promise.all(sends))], [undefined]);
      t.equal(textOf(await writer.finish()), `shard ${length}`);
      const target = Buffer.from(b.memory).subarray(0, length);
      t.equal(Buffer.compare(target, source.subarray(shift, shift + length)), 0);
    }
  });

  test(`${under.name}: a bulk write waits for its reader, and stops where it fails`, async (t) => {
    const { a, b } = await openPair(under, t);
    const started = createDeferred<void>();
    const fail = createDeferred<void>();
    b.network.serveBulk({
      async write() {
        started.resolve();
        await fail.promise;
        throw new StoreError({ code: "drive-full" });
      },
      read: () => Buffer.alloc(0),
    });
    const writer = a.network.openBulkWrite(b.network.self, Buffer.alloc(0), LONG);
    const place = { offset: 0, length: 1024 * KIB };
    let sent = 0;
    const all = Promise.all(
      Array.from({ length: 16 }, async () => {
        const error = await writer.send(place);
        if (error === undefined) sent += 1;
        return error;
      }),
    );
    t.match(await writer.send(place), { code: "busy" }, "only so many places at a time");
    await started.promise;
    await a.network.call(b.network.self, "nothing", Buffer.alloc(0), LONG);
    t.ok(sent < 16, "bytes that nobody reads do not pile up");
    fail.resolve();
    t.match(await writer.finish(), {
      error: { code: "remote", data: { code: "drive-full" } },
    });
    t.match((await all).at(-1), { code: "remote" });
  });

  test(`${under.name}: an aborted bulk write tells its handler; a deadline ends both ends`, async (t) => {
    const { a, b } = await openPair(under, t);
    const gone = [createDeferred<string>(), createDeferred<string>()];
    const opened = [createDeferred<void>(), createDeferred<void>()];
    const received = [createDeferred<boolean>(), createDeferred<boolean>()];
    let count = 0;
    b.network.serveBulk({
      async write(_, receiver, { signal }) {
        const mine = count++;
        signal.addEventListener("abort", () => gone[mine]?.resolve("aborted"));
        opened[mine]?.resolve();
        const receipt = await receiver.receive({ offset: 0, length: 10 });
        received[mine]?.resolve(receipt.ok);
        return Buffer.alloc(0);
      },
      read: () => Buffer.alloc(0),
    });
    const writer = a.network.openBulkWrite(b.network.self, Buffer.alloc(0), LONG);
    await opened[0]?.promise;
    writer.abort();
    t.match(await writer.finish(), { error: { code: "aborted" } });
    t.equal(await gone[0]?.promise, "aborted");
    t.match(await writer.send({ offset: 0, length: 1 }), { code: "aborted" });
    const late = a.network.openBulkWrite(b.network.self, Buffer.alloc(0), { deadlineMs: 2000 });
    await opened[1]?.promise;
    t.equal(await gone[1]?.promise, "aborted");
    t.match(await late.finish(), { error: { code: /deadline|lost/ } });
    t.strictSame(await Promise.all(received.map(({ promise }) => promise)), [false, false]);
  });
}

function testBulkReads(under: NetworkUnderTest): void {
  test(`${under.name}: bulk reads fill memory to the end and close with a few bytes`, async (t) => {
    const { a, b } = await openPair(under, t);
    const source = fill(b.memory, 3);
    const length = 1500 * KIB + 5;
    b.network.serveBulk({
      write: () => Buffer.alloc(0),
      async read(_, sender) {
        for (let offset = 0; offset < length; offset += 256 * KIB) {
          const error = await sender.send({
            offset,
            length: Math.min(256 * KIB, length - offset),
          });
          if (error !== undefined) throw new Error(error.code);
        }
        return Buffer.from("closing");
      },
    });
    for (let round = 0; round < 2; round++) {
      Buffer.from(a.memory).fill(0);
      const reader = a.network.openBulkRead(b.network.self, Buffer.alloc(0), LONG);
      let offset = 0;
      for (;;) {
        const receipt = await reader.receive({ offset, length: 100_000 });
        t.equal(receipt.ok, true);
        if (!receipt.ok) break;
        offset += receipt.length;
        if (receipt.length < 100_000) break;
      }
      t.equal(offset, length);
      t.equal(textOf(await reader.finish()), "closing");
      const target = Buffer.from(a.memory).subarray(0, length);
      t.equal(Buffer.compare(target, source.subarray(0, length)), 0);
    }
  });

  test(`${under.name}: a bulk read that fails says why; without handlers it is busy`, async (t) => {
    const { a, b } = await openPair(under, t);
    const none = b.network.openBulkRead(a.network.self, Buffer.alloc(0), LONG);
    t.match(await none.finish(), { error: { code: "remote", data: { code: "busy" } } });
    b.network.serveBulk({
      write: () => Buffer.alloc(0),
      read: () => {
        throw new StoreError({ code: "corrupt", what: "shard" });
      },
    });
    const reader = a.network.openBulkRead(b.network.self, Buffer.alloc(0), LONG);
    const receipt = await reader.receive({ offset: 0, length: 10 });
    t.match(receipt, { ok: false, error: { code: "remote", data: { code: "corrupt" } } });
    const large = a.network.openBulkRead(b.network.self, Buffer.alloc(70 * KIB), LONG);
    t.match(await large.finish(), { error: { code: "too-large", applied: "no" } });
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
