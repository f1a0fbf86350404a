/** The twin in memory is a peer network. */
import { t, test } from "tap";
import { readPeerIdentity } from "../../../../cluster/peers/peer-id.ts";
import { systemClock } from "../../../../src/node/system-clock.ts";
import { testPeerNetwork } from "../../../compliance/peer-network.ts";
import { memberOf, reached } from "../../../compliance/peer-pair.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import {
  type MemoryNodeOptions,
  openMemoryNetwork,
} from "../../../support/peers/memory-network.ts";
import { MemoryWires } from "../../../support/peers/memory-transport.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const delayMs = { least: 0, most: 1 };
const wires = new MemoryWires({
  clock: systemClock,
  random: new SeededRandom(1),
  delayMs,
  breaksOneIn: 0,
});

// The clock's timers do not keep the process alive.
const alive = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(alive));

testPeerNetwork({
  name: "memory network",
  async open(seed, { clusterId = "test" } = {}) {
    const memory = new SharedArrayBuffer(4 * 1024 * 1024);
    const identity = readPeerIdentity(Buffer.alloc(32, seed));
    const softwareVersion = `0.0.${seed}`;
    const network = await openMemoryNetwork(wires, {
      identity,
      clusterId,
      softwareVersion,
      memory,
    });
    return { network, memory };
  },
});

async function openWith(seed: number, options: Partial<MemoryNodeOptions>, on = wires) {
  const identity = readPeerIdentity(Buffer.alloc(32, seed));
  const memory = new SharedArrayBuffer(64 * 1024);
  const common = { identity, clusterId: "test", softwareVersion: "1", memory };
  return openMemoryNetwork(on, { ...common, ...options });
}

test("memory network: with several lanes, bulk streams keep off the lane of the calls", async (t) => {
  const [a, b] = await Promise.all([openWith(1, { lanes: 2 }), openWith(2, { lanes: 2 })]);
  t.teardown(() => Promise.all([a.close(), b.close()]));
  t.equal(new Set([...a.ports, ...b.ports]).size, 4);
  a.setMembers([memberOf(a), memberOf(b)]);
  b.setMembers([memberOf(a), memberOf(b)]);
  await reached(a, b.self, "up");
  b.serveBulk({
    write: async (_, receiver) => {
      const receipt = await receiver.receive({ offset: 0, length: 4096 });
      return Buffer.from(receipt.ok ? `${receipt.length}` : receipt.error.code);
    },
    read: () => Buffer.alloc(0),
  });
  // The second lane may come up a moment after the first.
  const deadlineMs = 20_000;
  for (;;) {
    const writer = a.openBulkWrite(b.self, Buffer.alloc(0), { deadlineMs });
    const error = await writer.send({ offset: 0, length: 1000 });
    if (error?.code === "unreachable") {
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    }
    const reply = await writer.finish();
    t.equal(reply.ok && Buffer.from(reply.payload).toString(), "1000");
    break;
  }
});

test("memory network: releases next to each other agree on the older protocol", async (t) => {
  const [older, newer] = await Promise.all([
    openWith(1, { versions: { oldest: 1, newest: 1 } }),
    openWith(2, { versions: { oldest: 1, newest: 2 } }),
  ]);
  const tooNew = await openWith(3, { versions: { oldest: 2, newest: 3 } });
  t.teardown(() => Promise.all([older.close(), newer.close(), tooNew.close()]));
  const members = [older, newer, tooNew].map(memberOf);
  const refused = new Promise<unknown>((resolve) => {
    older.onStatus(({ refusal }) => {
      if (refusal !== undefined) resolve(refusal);
    });
  });
  newer.serve("echo", (payload) => payload);
  for (const network of [older, newer, tooNew]) network.setMembers(members);
  await Promise.all([reached(older, newer.self, "up"), reached(newer, tooNew.self, "up")]);
  t.equal(older.statusOf(newer.self).protocolVersion, 1);
  t.equal(newer.statusOf(tooNew.self).protocolVersion, 2);
  t.match(await refused, {
    kind: "no-common-version",
    ours: { oldest: 1, newest: 1 },
    theirs: { oldest: 2, newest: 3 },
  });
  t.ok((await older.call(newer.self, "echo", Buffer.alloc(1), { deadlineMs: 20_000 })).ok);
});

test("memory network: partitions, silence and healing, on a clock that a test moves", async (t) => {
  const clock = new ManualClock();
  const random = new SeededRandom(5);
  const still = new MemoryWires({ clock, random, delayMs: { least: 1, most: 3 }, breaksOneIn: 0 });
  const [a, b] = [await openOn(still, clock, 1), await openOn(still, clock, 2)];
  a.setMembers([memberOf(a), memberOf(b)]);
  b.setMembers([memberOf(a), memberOf(b)]);
  b.serve("echo", (payload) => payload);
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 5) {
      clock.advance(5);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await pass(2000);
  t.equal(a.statusOf(b.self).state, "up");
  t.ok((a.statusOf(b.self).roundTripMs ?? 0) >= 2, "delays count");

  still.setBoth(a.self, b.self, "silent");
  const states: string[] = [];
  a.onStatus(({ state }) => states.push(state));
  const hanging = a.call(b.self, "echo", Buffer.alloc(1), { deadlineMs: 1000 });
  await pass(1500);
  t.match(await hanging, { error: { code: "deadline", applied: "unknown" } });
  await pass(10_000);
  t.strictSame(states.slice(0, 2), ["suspect", "down"], "suspected first, then given up");
  const refused = await a.call(b.self, "echo", Buffer.alloc(1), { deadlineMs: 1000 });
  t.match(refused, { error: { code: "unreachable", applied: "no" } });

  still.setBoth(a.self, b.self, "open");
  await pass(20_000);
  t.equal(a.statusOf(b.self).state, "up");
  still.setBoth(a.self, b.self, "cut");
  t.equal(a.statusOf(b.self).state, "up", "not known before the next turn");
  await pass(10);
  t.equal(a.statusOf(b.self).state, "down", "a broken connection is known at once");
  const closing = Promise.all([a.close(), b.close()]);
  await pass(100);
  await closing;
});

function openOn(on: MemoryWires, clock: ManualClock, seed: number) {
  return openWith(seed, { clock }, on);
}
