import fc from "fast-check";
import { test } from "tap";
import type { LayoutRef } from "../../../../cluster/layout/layout.ts";
import { PartitionBits } from "../../../../cluster/layout/partition-bits.ts";
import {
  decodeProgress,
  decodeRing,
  encodeProgress,
  encodeRing,
} from "../../../../cluster/layout/ring-codec.ts";
import {
  abandonChange,
  advance,
  beginChange,
  checkEpoch,
  firstRing,
  mayDropCopies,
  type RingState,
  routingOf,
} from "../../../../cluster/layout/ring-state.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import { nodeIdOf } from "./layout-support.ts";

const ref = (version: number): LayoutRef => ({
  version,
  hash: version.toString(16).padStart(64, "0"),
});

test("ring-state: a change from begin to end", async (t) => {
  let state = firstRing(ref(1));
  const seen: string[] = [];
  state = beginChange(state, ref(2));
  for (let step = 0; step < 3; step++) {
    const { metadata, data, read } = routingOf(state);
    const versions = (refs: readonly LayoutRef[]) => refs.map(({ version }) => version).join("+");
    seen.push(
      `${state.epoch} ${state.phase} ${versions(metadata)} ${data.version} ${versions(read)}`,
    );
    t.equal(mayDropCopies(state), false);
    state = advance(state);
  }
  t.strictSame(seen, ["2 prepare 1+2 2 2+1", "3 joint 1+2 2 2+1", "4 synced 2 2 2+1"]);
  t.strictSame(state, {
    epoch: 5,
    phase: "stable",
    current: ref(2),
    next: undefined,
    latestVersion: 2,
  });
  t.equal(mayDropCopies(state), true);
  t.strictSame(routingOf(state), { metadata: [ref(2)], data: ref(2), read: [ref(2)] });
});

test("ring-state: an abandoned change leads back, in higher epochs", async (t) => {
  const joint = advance(beginChange(firstRing(ref(1)), ref(2)));
  const abandoned = abandonChange(joint);
  t.strictSame(routingOf(abandoned), { metadata: [ref(1)], data: ref(1), read: [ref(1), ref(2)] });
  const returning = advance(abandoned);
  t.equal(returning.phase, "returning");
  t.strictSame(routingOf(returning), routingOf(abandoned));
  const back = advance(returning);
  t.match(back, { epoch: 6, phase: "stable", current: ref(1), latestVersion: 2 });
  // Its version is not used for another layout.
  t.throws(() => beginChange(back, ref(2)), { code: "invalid-argument" });
  t.equal(beginChange(back, ref(3)).phase, "prepare");
  t.equal(abandonChange(beginChange(back, ref(3))).phase, "abandon");
});

test("ring-state: what cannot be done", async (t) => {
  const stable = firstRing(ref(1));
  t.throws(() => advance(stable), { code: "invalid-argument" });
  t.throws(() => abandonChange(stable), { code: "invalid-argument" });
  const changing = beginChange(stable, ref(2));
  t.throws(() => beginChange(changing, ref(3)), { code: "busy" });
  t.throws(() => abandonChange(advance(advance(changing))), { code: "invalid-argument" });
});

test("checkEpoch: refuses older, learns newer", async (t) => {
  t.strictSame(
    [checkEpoch(5, 4), checkEpoch(5, 5), checkEpoch(5, 6)],
    ["refuse", "serve", "learn"],
  );
});

const states: RingState[] = [firstRing(ref(7)), beginChange(firstRing(ref(7)), ref(9))];
states.push(advance(states[1] ?? firstRing(ref(1))));
states.push(advance(states[2] ?? firstRing(ref(1))));
states.push(abandonChange(states[2] ?? firstRing(ref(1))));
states.push(advance(states[4] ?? firstRing(ref(1))));
states.push(advance(states[5] ?? firstRing(ref(1))));

function isCorrupt(error: unknown): boolean {
  return error instanceof StoreError && error.code === "corrupt";
}

test("ring-codec: keeps every state", async (t) => {
  for (const state of states) t.strictSame(decodeRing(encodeRing(state)), state);
  const bytes = `0100 010000000000 07000000 07000000 ${ref(7).hash}`.replaceAll(" ", "");
  t.equal(encodeRing(firstRing(ref(7))).toString("hex"), bytes);
});

test("ring-codec: refuses whatever no encoder writes", async (t) => {
  for (const state of states) {
    const bytes = encodeRing(state);
    for (let length = 0; length < bytes.length; length++) {
      t.throws(() => decodeRing(bytes.subarray(0, length)), { code: "corrupt" });
    }
    t.throws(() => decodeRing(Buffer.concat([bytes, Buffer.of(0)])), { code: "corrupt" });
  }
  fc.assert(
    fc.property(fc.constantFrom(...states), fc.nat(85), fc.nat(255), (state, at, value) => {
      const bytes = encodeRing(state);
      bytes[at % bytes.length] = value;
      try {
        return encodeRing(decodeRing(bytes)).equals(bytes);
      } catch (error) {
        return isCorrupt(error);
      }
    }),
    { numRuns: 500 },
  );
});

test("ring-codec: progress, byte by byte", async (t) => {
  const progress = {
    nodeId: nodeIdOf(3),
    acknowledged: 5,
    epoch: 4,
    cleaned: 2,
    shardsMoved: 258,
    bytesMoved: 1,
    shardsFailed: 0,
    done: new PartitionBits(16, Uint8Array.of(0x03, 0x80)),
  };
  const bytes = encodeProgress(progress);
  const counts = "020100000000 010000000000 000000000000";
  const expected = `02 ${progress.nodeId} 050000000000 040000000000 020000000000 ${counts} 10000000 0380`;
  t.equal(bytes.toString("hex"), expected.replaceAll(" ", ""));
  const { done, ...rest } = decodeProgress(bytes);
  t.match(progress, rest);
  t.strictSame([done.partitions, done.count, done.has(0), done.has(15)], [16, 3, true, true]);
  t.throws(() => decodeProgress(bytes.subarray(1)), { code: "corrupt" });
  t.throws(() => decodeProgress(bytes.subarray(0, -1)), { code: "corrupt" });
  t.throws(() => decodeProgress(Buffer.concat([bytes, Buffer.of(0)])), { code: "corrupt" });
});
