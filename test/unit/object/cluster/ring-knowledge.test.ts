import { test } from "tap";
import type { ClusterRecord } from "../../../../cluster/forming/cluster-record.ts";
import { encodeLayout } from "../../../../cluster/layout/layout-codec.ts";
import { advance } from "../../../../cluster/layout/ring-state.ts";
import type { PeerId } from "../../../../cluster/peers/peer-id.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import { RingKnowledge, type StoredRing } from "../../../../src/object/cluster/ring-knowledge.ts";
import {
  decodePiece,
  encodePieceAt,
  RING_PIECE_BYTES_MAX,
} from "../../../../src/object/cluster/ring-wire.ts";
import { RingWorld, refOf } from "../../../support/object/ring-world.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

function further(record: ClusterRecord): ClusterRecord {
  return { ...record, ring: advance(record.ring) };
}

test("RingKnowledge: a record is durable before it is gone by, and gone by before anybody is told", async (t) => {
  const world = await RingWorld.create(3);
  const { layout, record } = world.next();
  const steps: string[] = [];
  const knowledge: RingKnowledge = new RingKnowledge(
    { record: world.first.record, layouts: [world.first.layout] },
    {
      network: { self: world.at(0).peer, call: () => Promise.reject(new Error("nobody is asked")) },
      save: async (ring: StoredRing) => {
        await world.turn();
        steps.push(`saved ${ring.record.ring.epoch}, known ${knowledge.epoch}`);
      },
      random: new SeededRandom(1),
      log: silentLogger,
    },
  );
  knowledge.onAdopted((map) => steps.push(`told ${map.epoch}, known ${knowledge.epoch}`));
  // In turn, whoever comes first.
  const both = [knowledge.adopt(record, [layout]), knowledge.adopt(further(record))];
  await Promise.all(both);
  t.strictSame(steps, [
    "saved 2, known 1",
    "told 2, known 2",
    "saved 3, known 2",
    "told 3, known 3",
  ]);
  await knowledge.adopt(record, [layout]);
  t.equal(knowledge.epoch, 3, "an older record is nothing new");
  t.equal(steps.length, 4);
});

test("RingKnowledge: what cannot be stored, is foreign, or lacks a layout changes nothing", async (t) => {
  const world = await RingWorld.create(3);
  const { layout, record } = world.next();
  const { knowledge, saved } = world.at(0);
  await t.rejects(knowledge.adopt(record), { message: /internal/ });
  const foreign = { ...record, clusterId: "cd".repeat(16) };
  await t.rejects(knowledge.adopt(foreign, [layout]), { message: /another cluster/ });
  t.strictSame(saved, []);
  const failing = new RingKnowledge(
    { record: world.first.record, layouts: [world.first.layout] },
    {
      network: { self: world.at(0).peer, call: () => Promise.reject(new Error("nobody is asked")) },
      save: () => Promise.reject(new StoreError({ code: "data-unavailable", message: "no drive" })),
      random: new SeededRandom(1),
      log: silentLogger,
    },
  );
  await t.rejects(failing.adopt(record, [layout]), { message: /data-unavailable/ });
  t.equal(failing.epoch, 1);
  t.doesNotThrow(() => failing.pieceFor({ kind: "record", epoch: 1, offset: 0 }));
  t.throws(() => failing.pieceFor({ kind: "record", epoch: 2, offset: 0 }), {
    message: /data-unavailable/,
  });
});

test("RingKnowledge: a candidate is stored beside the layouts in force until the record names it", async (t) => {
  const world = await RingWorld.create(3);
  const { knowledge, saved } = world.at(0);
  const { layout, record } = world.next();
  await knowledge.keep(layout);
  await knowledge.keep(layout);
  t.strictSame(
    saved.map(({ layouts }) => layouts.map(({ version }) => version)),
    [[1, 2]],
    "once",
  );
  t.equal(knowledge.map.layouts.length, 1, "it is not gone by");
  const hash = refOf(layout).hash;
  const piece = decodePiece(knowledge.pieceFor({ kind: "layout", hash, offset: 0 }));
  t.strictSame(Buffer.from(piece.content), Buffer.from(encodeLayout(layout)));
  await knowledge.adopt(record);
  t.strictSame(
    knowledge.map.layouts.map(({ version }) => version),
    [1, 2],
  );
});

test("RingKnowledge: learns record and layouts from a member, and a false layout from nobody", async (t) => {
  const world = await RingWorld.create(3);
  const { layout, record } = world.next();
  const [newcomer, honest, liar] = [world.at(0), world.at(1), world.at(2)];
  for (const { knowledge } of [honest, liar]) await knowledge.adopt(record, [layout]);
  // The other layout that the liar has, in place of the one that it is asked for.
  const false_ = encodePieceAt(encodeLayout(world.first.layout), 0);
  const wanted = encodeLayout(layout).length;
  const isLayout = (reply: Uint8Array) => decodePiece(reply).total === wanted;
  let lies = 0;
  world.tamper = (peer: PeerId, reply) => {
    if (peer !== liar.peer || !isLayout(reply)) return reply;
    lies += 1;
    return false_;
  };
  honest.down = true;
  await t.rejects(newcomer.knowledge.learnFrom(liar.peer, 2), { message: /data-unavailable/ });
  t.equal(newcomer.knowledge.epoch, 1);
  t.ok(lies > 0);
  honest.down = false;
  await newcomer.knowledge.learnFrom(liar.peer, 2);
  t.equal(newcomer.knowledge.epoch, 2, "the layout is whatever has the hash");
  t.equal(newcomer.saved.length, 1);
});

test("RingKnowledge: asks one after the other until somebody knows the epoch, or nobody does", async (t) => {
  const world = await RingWorld.create(4);
  const { layout, record } = world.next();
  await world.at(3).knowledge.adopt(record, [layout]);
  const { knowledge } = world.at(0);
  const asked: PeerId[] = [];
  const ask = (peer: PeerId): Promise<number | undefined> => {
    asked.push(peer);
    return Promise.resolve(world.nodes.find((node) => node.peer === peer)?.knowledge.epoch);
  };
  t.equal(await knowledge.learn(1, ask), true, "it is known already");
  t.strictSame(asked, []);
  const both = await Promise.all([knowledge.learn(2, ask), knowledge.learn(2, ask)]);
  t.strictSame(both, [true, true]);
  t.equal(new Set(asked).size, asked.length, "two who want to know ask once");
  t.equal(await knowledge.learn(9, ask), false, "an epoch that nobody tells of");
  t.equal(knowledge.epoch, 2);
});

test("RingKnowledge: what is longer than a reply comes in pieces", async (t) => {
  const whole = new SeededRandom(2).bytes(RING_PIECE_BYTES_MAX + 5);
  const first = decodePiece(encodePieceAt(whole, 0));
  const second = decodePiece(encodePieceAt(whole, first.content.length));
  t.equal(first.total, whole.length);
  t.equal(first.content.length, RING_PIECE_BYTES_MAX);
  t.ok(Buffer.concat([first.content, second.content]).equals(whole));
  t.equal(decodePiece(encodePieceAt(whole, whole.length)).content.length, 0);
});
