/** Small parts of the peer transport: hello, failures as data, back-off, failure detector, polyfill. */
import fc from "fast-check";
import { test } from "tap";
import { BackOff } from "../../../../cluster/peers/back-off.ts";
import { FailureDetector } from "../../../../cluster/peers/failure-detector.ts";
import {
  encodeHello,
  encodeRefusal,
  type Hello,
  judgeHello,
  readRefusal,
} from "../../../../cluster/peers/hello.ts";
import { CLOCK_APART_MS_MAX } from "../../../../cluster/peers/peer-limits.ts";
import { decodeFailure, encodeFailure } from "../../../../cluster/peers/wire-error.ts";
import "../../../../cluster/peers/with-resolvers.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const hello: Hello = {
  versions: { oldest: 1, newest: 1 },
  clusterId: "c",
  nodeId: "n",
  softwareVersion: "1.0",
  nowMs: 1_700_000_000_000,
  lane: 0,
};

test("judgeHello: agrees on the newest version that both speak", async (t) => {
  const theirs = { ...hello, versions: { oldest: 1, newest: 2 } };
  t.match(judgeHello(encodeHello(theirs), hello, "n"), { ok: true, version: 1 });
  const both = { ...hello, versions: { oldest: 1, newest: 3 } };
  t.match(judgeHello(encodeHello(theirs), both, "n"), { ok: true, version: 2 });
});

test("judgeHello: refuses with the reason that an operator needs", async (t) => {
  const judge = (change: Partial<Hello>) =>
    judgeHello(encodeHello({ ...hello, ...change }), hello, "n");
  t.match(judge({ clusterId: "x" }), { reason: { kind: "wrong-cluster", theirs: "x" } });
  t.match(judge({ nodeId: "other" }), { reason: { kind: "bad-hello" } });
  t.match(judge({ versions: { oldest: 2, newest: 2 } }), {
    reason: { kind: "no-common-version" },
  });
  const ahead = hello.nowMs + CLOCK_APART_MS_MAX + 1;
  t.match(judge({ nowMs: ahead }), { reason: { kind: "clock-apart", offsetMs: 600_001 } });
  t.match(judge({ nowMs: hello.nowMs - CLOCK_APART_MS_MAX }), { ok: true });
});

test("judgeHello and decodeFailure: take any bytes", async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      t.notOk(judgeHello(bytes, hello, "n").ok);
      t.type(decodeFailure(bytes).code, "string");
      t.type(readRefusal(bytes).kind, "string");
    }),
    { numRuns: 200 },
  );
});

test("readRefusal: turns the reason round, so that ours is ours", async (t) => {
  const told = encodeRefusal({ kind: "wrong-cluster", ours: "there", theirs: "here" });
  t.strictSame(readRefusal(told), { kind: "wrong-cluster", ours: "here", theirs: "there" });
  const apart = encodeRefusal({ kind: "clock-apart", offsetMs: 5 });
  t.strictSame(readRefusal(apart), { kind: "clock-apart", offsetMs: -5 });
});

test("decodeFailure: gives back what was sent, and knows no foreign codes", async (t) => {
  const remote = { code: "remote", applied: "unknown", data: { code: "drive-full" } } as const;
  t.strictSame(decodeFailure(encodeFailure(remote)), remote);
  const later = { ...remote, data: { code: "of-a-later-release" } };
  // What a later release might send.
  const told = decodeFailure(encodeFailure(later as unknown as typeof remote));
  t.match(told, { code: "remote", data: { code: "internal" } });
});

test("BackOff: doubles up to its limit, never in step, and begins anew", async (t) => {
  const backOff = new BackOff(100, 1000, new SeededRandom(3));
  const waits = Array.from({ length: 8 }, () => backOff.next());
  waits.forEach((wait, index) => {
    const due = Math.min(1000, 100 * 2 ** index);
    t.ok(wait >= due / 2 && wait <= due + 1, `${wait} of ${due}`);
  });
  t.equal(new Set(waits).size, waits.length);
  backOff.reset();
  t.ok(backOff.next() <= 101);
});

test("FailureDetector: suspects, then gives up, and is patient with the unsteady", async (t) => {
  const steady = new FailureDetector(1000, 0);
  for (let ms = 1000; ms <= 60_000; ms += 1000) {
    steady.heard(ms);
    t.equal(steady.check(ms), "up");
  }
  t.equal(steady.check(61_000), "up");
  t.equal(steady.check(62_000), "suspect");
  t.equal(steady.check(63_000), "suspect");
  t.equal(steady.check(64_000), "suspect");
  t.equal(steady.check(65_000), "suspect");
  t.equal(steady.check(66_000), "down");
  const unsteady = new FailureDetector(1000, 0);
  let ms = 0;
  for (let beat = 0; beat < 60; beat++) {
    ms += beat % 4 === 0 ? 3000 : 500;
    unsteady.heard(ms);
  }
  t.ok(unsteady.suspectMs > steady.suspectMs * 2, "the threshold follows the habit");
  t.ok(unsteady.downMs <= 15_000);
});

test("FailureDetector: a pause of our own is no evidence against others", async (t) => {
  const detector = new FailureDetector(1000, 0);
  for (let ms = 1000; ms <= 10_000; ms += 1000) {
    detector.heard(ms);
    detector.check(ms);
  }
  t.equal(detector.check(70_000), "up", "a minute in which nothing here ran");
  t.equal(detector.check(71_000), "suspect");
});

test("with-resolvers: Node 20 gets Promise.withResolvers, without which no dial works", async (t) => {
  const { withResolvers } = Promise as unknown as {
    withResolvers?: () => { promise: Promise<number>; resolve(value: number): void };
  };
  t.type(withResolvers, "function");
  const made = withResolvers?.call(Promise);
  made?.resolve(5);
  t.equal(await made?.promise, 5);
});
