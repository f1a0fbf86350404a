/** Nodes that know only a list of URLs and the root credentials become one cluster. */
import fc from "fast-check";
import { test } from "tap";
import {
  type ClusterRecord,
  decodeClusterRecord,
  encodeClusterRecord,
  memberOfPeer,
} from "../../../../cluster/forming/cluster-record.ts";
import { type FormNetwork, joinByList } from "../../../../cluster/forming/form-client.ts";
import { FormDesk } from "../../../../cluster/forming/form-desk.ts";
import {
  decodeAnswer,
  decodeOffer,
  encodeForm,
  type ListedNode,
  listText,
  type NodeOffer,
} from "../../../../cluster/forming/form-messages.ts";
import { deriveFormingKey, seal, unseal } from "../../../../cluster/forming/forming-seal.ts";
import { foundCluster } from "../../../../cluster/forming/found-cluster.ts";
import type { Layout } from "../../../../cluster/layout/layout.ts";
import type { ClusterMembers } from "../../../../cluster/layout/members.ts";
import { type PeerId, readPeerIdentity } from "../../../../cluster/peers/peer-id.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const LIST: readonly ListedNode[] = [
  { host: "n1", port: 9000, drives: [0, 3] },
  { host: "n2", port: 9000, drives: [1, 4] },
  { host: "n3", port: 9000, drives: [2, 5] },
];
const ROOT = { user: "admin", password: "a long password" };

/** One slot for each drive, all in one partition. */
function simpleLayout(members: ClusterMembers): Layout {
  const nodes = [...members.nodes].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  const drives = nodes.flatMap((node, index) =>
    node.drives
      .map(({ driveId }) => ({ driveId, node: index, weight: 1 }))
      .sort((a, b) => (a.driveId < b.driveId ? -1 : 1)),
  );
  return {
    version: 1,
    partitions: 1,
    geometry: { slots: drives.length, parity: 2, replicas: 3 },
    nodes: nodes.map(({ nodeId, zone }) => ({ nodeId, zone })),
    drives,
    table: Uint16Array.from(drives.keys()),
  };
}

async function peersOf(count: number): Promise<PeerId[]> {
  const seeds = Array.from({ length: count }, (_, index) => Buffer.alloc(32, index + 1));
  return seeds.map((seed) => readPeerIdentity(seed).id);
}

function offerOf(position: number): Omit<NodeOffer, "nonce"> {
  return {
    position,
    peerHost: `n${position + 1}`,
    peerPorts: [19_000],
    capacities: [10, 20],
    zone: "",
  };
}

class World {
  readonly clock = new ManualClock();
  readonly desks = new Map<string, { desk: FormDesk; peer: PeerId }>();
  record: ClusterRecord | undefined;

  addDesk(host: string, peer: PeerId, key: Uint8Array): FormDesk {
    const modules = { record: () => this.record, clock: this.clock, log: silentLogger };
    const desk = new FormDesk({ self: peer, list: LIST, key }, modules);
    this.desks.set(host, { desk, peer });
    return desk;
  }

  /** What a node with this identity sees of the others. */
  networkOf(self: PeerId): FormNetwork {
    return {
      self,
      find: async (target) => {
        const found = this.desks.get(target.host);
        return found === undefined
          ? "connection refused"
          : { ...target, peer: found.peer, peerPorts: [1] };
      },
      ask: async ({ host }, payload) => {
        try {
          const answer = this.desks.get(host)?.desk.answer(payload, self);
          return answer === undefined
            ? { ok: false, message: "gone" }
            : { ok: true, payload: answer };
        } catch (error) {
          return { ok: false, message: error instanceof StoreError ? error.message : "?" };
        }
      },
    };
  }

  /** Lets timers run until the promise is settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const ended = promise.finally(() => {
      done = true;
    });
    ended.catch(() => {});
    for (let turn = 0; turn < 200 && !done; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(500);
    }
    return ended;
  }
}

function join(world: World, peer: PeerId, position: number, key: Uint8Array) {
  return joinByList(
    {
      key,
      targets: LIST.filter((_, index) => index !== position),
      offer: offerOf(position),
      stopped: () => false,
    },
    {
      network: world.networkOf(peer),
      clock: world.clock,
      random: new SeededRandom(position + 1),
      log: silentLogger,
    },
  );
}

test("forming: nodes that come in any order learn the cluster that the first one founds", async (t) => {
  const world = new World();
  const key = await deriveFormingKey(ROOT, listText(LIST));
  const [first, second, third] = await peersOf(3);
  if (first === undefined || second === undefined || third === undefined) throw new Error("peers");
  const joined = [join(world, third, 2, key), join(world, second, 1, key)];
  await new Promise((resolve) => setImmediate(resolve));
  const desk = world.addDesk("n1", first, key);
  const offers = await world.until(desk.gather({ ...offerOf(0), nonce: "" }));
  t.strictSame(
    offers.map(({ peer }) => peer),
    [first, second, third],
  );
  const { record } = foundCluster(LIST, offers, new SeededRandom(9), simpleLayout);
  world.record = record;
  for (const learnt of await world.until(Promise.all(joined))) t.strictSame(learnt, record);
  t.strictSame(
    record.members.nodes.map(({ drives }) => drives.map(({ number }) => number)),
    [
      [0, 3],
      [1, 4],
      [2, 5],
    ],
  );
  t.equal(memberOfPeer(record, second)?.proposer, 2);
  t.strictSame(await world.until(join(world, second, 1, key)), record, "and again after a crash");
});

test("forming: a node that was not there at the founding is told so", async (t) => {
  const world = new World();
  const key = await deriveFormingKey(ROOT, listText(LIST));
  const [first, second, third, stranger] = await peersOf(4);
  if (!first || !second || !third || !stranger) throw new Error("peers");
  const offers = [first, second, third].map((peer, position) => ({
    peer,
    offer: { ...offerOf(position), nonce: "" },
  }));
  world.record = foundCluster(LIST, offers, new SeededRandom(9), simpleLayout).record;
  world.addDesk("n1", first, key);
  await t.rejects(world.until(join(world, stranger, 1, key)), /formed without that node/);
});

test("forming: other credentials or another list get nothing", async (t) => {
  const world = new World();
  const key = await deriveFormingKey(ROOT, listText(LIST));
  const [first, second] = await peersOf(2);
  if (first === undefined || second === undefined) throw new Error("peers");
  const desk = world.addDesk("n1", first, key);
  const others = [
    await deriveFormingKey({ ...ROOT, password: "another password" }, listText(LIST)),
    await deriveFormingKey({ ...ROOT, user: "root" }, listText(LIST)),
    await deriveFormingKey(ROOT, listText(LIST.slice(0, 2))),
  ];
  const offer = encodeForm({ ...offerOf(1), nonce: "n" });
  for (const other of others) {
    const sealed = seal(other, offer, { kind: "offer", from: second, to: first });
    t.throws(() => desk.answer(sealed, second), /other root credentials, or another list/);
  }
  const between = { kind: "offer", from: second, to: first } as const;
  const sealed = seal(key, offer, between);
  t.throws(() => desk.answer(sealed, first), "replayed by somebody else");
  t.throws(() => unseal(key, sealed, { ...between, kind: "answer" }), "turned round");
  for (const at of [0, 1, 32, sealed.length - 1]) {
    const broken = Buffer.from(sealed);
    broken[at] = (broken[at] ?? 0) ^ 1;
    t.throws(() => desk.answer(broken, second), `byte ${at}`);
  }
  t.match(
    decodeAnswer(
      unseal(key, desk.answer(sealed, second), { kind: "answer", from: first, to: second }),
    ),
    {
      kind: "waiting",
      nonce: "n",
      missing: ["n1:9000", "n3:9000"],
    },
  );
});

test("FormDesk: a place has one node, and offers of nodes that went away lapse", async (t) => {
  const world = new World();
  const key = await deriveFormingKey(ROOT, listText(LIST));
  const [first, second, third] = await peersOf(3);
  if (first === undefined || second === undefined || third === undefined) throw new Error("peers");
  const desk = world.addDesk("n1", first, key);
  const ask = (peer: PeerId, offer: Partial<NodeOffer>) => {
    const message = encodeForm({ ...offerOf(1), nonce: "n", ...offer });
    const answer = desk.answer(seal(key, message, { kind: "offer", from: peer, to: first }), peer);
    return decodeAnswer(unseal(key, answer, { kind: "answer", from: first, to: peer }));
  };
  t.match(ask(second, {}), { kind: "waiting" });
  t.match(ask(third, {}), { kind: "refused", message: /two nodes say/ });
  t.match(ask(third, { position: 2, capacities: [1] }), {
    kind: "refused",
    message: /number of drives/,
  });
  t.match(ask(third, { position: 7 }), { kind: "refused" });
  world.clock.advance(31_000);
  t.match(ask(third, {}), { kind: "waiting" }, "the first one has been silent for too long");
});

test("form messages: noise is refused, and nothing else is thrown", async (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      for (const decode of [decodeOffer, decodeAnswer]) {
        try {
          decode(Buffer.from(text));
        } catch (error) {
          if (!(error instanceof StoreError) || error.code !== "invalid-argument") throw error;
        }
      }
    }),
  );
  t.pass();
});

test("cluster record: comes back from its bytes; any change of them is refused or another record", async (t) => {
  const peers = await peersOf(3);
  const offers = peers.map((peer, position) => ({
    peer,
    offer: { ...offerOf(position), nonce: "" },
  }));
  const { record } = foundCluster(LIST, offers, new SeededRandom(4), simpleLayout);
  const bytes = encodeClusterRecord(record);
  t.strictSame(decodeClusterRecord(bytes), record);
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    try {
      const other = decodeClusterRecord(changed);
      t.ok(encodeClusterRecord(other).equals(changed), `byte ${at}`);
    } catch (error) {
      t.match(error, { data: { code: "corrupt" } }, `byte ${at}`);
    }
    t.throws(() => decodeClusterRecord(bytes.subarray(0, at)), `cut at ${at}`);
  }
});
