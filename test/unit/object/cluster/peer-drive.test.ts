/** A drive of another node behaves as the drive itself: real drive code, real frames, wires in memory. */
import fc from "fast-check";
import { type Test, t, test } from "tap";
import { readPeerIdentity } from "../../../../cluster/peers/peer-id.ts";
import { Arena } from "../../../../src/actors/arena.ts";
import { reservedBytes } from "../../../../src/actors/arena-layout.ts";
import { newDataId } from "../../../../src/base/ids.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import { SHARD_HEADER_BYTES } from "../../../../src/codec/shard-header.ts";
import { TRAILER_BYTES } from "../../../../src/codec/stripe.ts";
import { systemClock } from "../../../../src/node/system-clock.ts";
import { DriveHost } from "../../../../src/object/cluster/drive-host.ts";
import {
  decodeCall,
  decodeReports,
  decodeShardRead,
  decodeShardWrite,
} from "../../../../src/object/cluster/drive-protocol.ts";
import { PeerBuffers } from "../../../../src/object/cluster/peer-buffers.ts";
import { PEER_DRIVE_LIMITS, PeerDrive } from "../../../../src/object/cluster/peer-drive.ts";
import { PeerDrives } from "../../../../src/object/cluster/peer-drives.ts";
import { ReplicaGuard } from "../../../../src/object/cluster/replica-guard.ts";
import { objectKey } from "../../../../src/object/contract/register-keys.ts";
import type { BlockPlace, ShardSpec } from "../../../../src/store/drive.ts";
import { DiskDrive, Power } from "../../../support/disk-drives.ts";
import { openMemoryNetwork } from "../../../support/peers/memory-network.ts";
import { MemoryWires } from "../../../support/peers/memory-transport.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const PIECE_BYTES = 4096;
const STRIPE_BYTES = 64 * 1024;
const FENCE = { layout: 1, bucketEpoch: undefined };
const NO_ROWS = { rows: [] };

// The clock's timers do not keep the process alive.
const alive = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(alive));

/** A node with one drive, and another that sees it. */
async function openPair(test: Test) {
  const random = new SeededRandom(5);
  const delayMs = { least: 0, most: 1 };
  const wires = new MemoryWires({ clock: systemClock, random, delayMs, breaksOneIn: 0 });
  const open = async (seed: number) => {
    const arena = new Arena({
      budgetBytes: Math.ceil((reservedBytes(1) + 6 * STRIPE_BYTES) / 65_536) * 65_536,
      threads: 1,
      stripeBytes: STRIPE_BYTES,
      waitersMax: 10,
    });
    const identity = readPeerIdentity(Buffer.alloc(32, seed));
    const common = { clusterId: "test", softwareVersion: "0" };
    const memory = arena.memory.buffer;
    const network = await openMemoryNetwork(wires, { ...common, identity, memory });
    test.teardown(() => network.close());
    return { arena, network, bytes: new Uint8Array(memory) };
  };
  const host = await open(1);
  const guest = await open(2);
  const members = [host, guest].map(({ network }) => ({
    id: network.self,
    host: "127.0.0.1",
    ports: network.ports,
  }));
  const power = new Power();
  const memory = host.arena.memory.buffer;
  const { client: drive } = await DiskDrive.create(7, { random, power, memory });
  const guard = new ReplicaGuard(drive);
  const buffers = new PeerBuffers(host.arena, { pieceBytes: PIECE_BYTES, stripes: 1 });
  new DriveHost({ drives: () => [{ drive, guard }], buffers }).serve(host.network);
  for (const { network } of [host, guest]) network.setMembers(members);
  const id = drive.id;
  const peer = new PeerDrive(
    { id, index: 7, peer: host.network.self, path: "there", limits: PEER_DRIVE_LIMITS },
    guest.network,
  );
  await until(() => guest.network.statusOf(host.network.self).state === "up");
  return { host, guest, drive, guard, peer, random };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const bucket = { id: "0".repeat(32), shards: 4 } as Parameters<typeof objectKey>[0];

test("PeerDrive: register calls are answered as by the drive itself", async (t) => {
  const { peer, guard } = await openPair(t);
  const key = objectKey(bucket, "key");
  const first = { clock: 10, proposer: 1, incarnation: 1 };
  const later = { clock: 20, proposer: 2, incarnation: 1 };
  t.match(await peer.prepare(key, first, FENCE), { ok: true, accepted: { clock: 0 } });
  const value = Buffer.from("value");
  t.match(await peer.accept(key, later, { value, ...NO_ROWS }, FENCE), { ok: true });
  t.match(await peer.prepare(key, first, FENCE), { ok: false, reason: "ballot", promised: later });
  const read = await peer.read(key, FENCE);
  t.match(read, { ok: true, accepted: later });
  t.ok(read.ok && read.value !== undefined && value.equals(read.value));
  t.strictSame(await guard.read(key, FENCE), read);
});

test("PeerDrive: fences are refused there, with what the drive knows", async (t) => {
  const { peer } = await openPair(t);
  const key = objectKey(bucket, "key");
  t.strictSame(await peer.raise({ layout: 4 }), { ok: true });
  t.match(await peer.read(key, FENCE), { ok: false, reason: "epoch", epoch: 4 });
  const id = Buffer.from(bucket.id, "hex");
  t.strictSame(await peer.raise({ bucket: { id, epoch: 9 } }), { ok: true });
  const stale = { layout: 4, bucketEpoch: 3 };
  t.match(await peer.read(key, stale), { ok: false, reason: "stale", bucketEpoch: 9 });
});

test("PeerDrive: rows come back as they are, with witnesses", async (t) => {
  const { peer, guard } = await openPair(t);
  const key = objectKey(bucket, "a/b");
  const ballot = { clock: 5, proposer: 1, incarnation: 1 };
  const row = { table: "list" as const, key, value: Buffer.of(1, 2, 3) };
  await peer.accept(key, ballot, { value: Buffer.from("v"), rows: [row] }, FENCE);
  const query = {
    table: "list" as const,
    heads: [key.subarray(0, 19)],
    from: Buffer.alloc(0),
    fromExclusive: false,
    prefix: Buffer.alloc(0),
    visibleOnly: false,
    limit: 10,
    scanMax: 10,
  };
  for (const asked of [query, { ...query, delimiter: Buffer.from("/"), perHead: true }]) {
    const [there, here] = [await peer.range(asked, FENCE), await guard.range(asked, FENCE)];
    t.ok(there.ok && here.ok && there.rows.length === 1);
    t.strictSame(there.ok && there.rows, here.ok && here.rows);
  }
});

test("PeerDrive: shards of any length arrive and are read in any piece", async (t) => {
  const { peer, drive, guest, host, random } = await openPair(t);
  const stripe = guest.arena.tryAcquire("write");
  const own = host.arena.tryAcquire("read");
  if (stripe === undefined || own === undefined) throw new Error("the arena has stripes");
  const lengths = fc.constantFrom(1, 31, 32, 33, 63, 64, 65, 4063, 4064, 4065, 8160, 8192, 20_000);
  await fc.assert(
    fc.asyncProperty(fc.array(lengths, { minLength: 1, maxLength: 4 }), async (blocks) => {
      const spec: ShardSpec = {
        dataId: newDataId(random),
        slot: 1,
        k: 1,
        m: 1,
        stripeDataBytes: 32_768,
        ownerKey: objectKey(bucket, "key"),
      };
      const writer = peer.createShard(spec);
      const sent: Buffer[] = [];
      for (const blockBytes of blocks) {
        const place = placeIn(stripe.offset, blockBytes);
        stripe.bytes.set(random.bytes(blockBytes + TRAILER_BYTES));
        sent.push(Buffer.from(stripe.bytes.subarray(0, blockBytes + TRAILER_BYTES)));
        const reply = await writer.append(place);
        if (!reply.ok) throw new Error(reply.reason);
      }
      const finished = await writer.finish();
      if (!finished.ok) throw new Error(finished.reason);
      const content = Buffer.concat(sent);
      let fileOffset = SHARD_HEADER_BYTES;
      for (const blockBytes of blocks) {
        const read = { dataId: spec.dataId, slot: 1, fileOffset };
        const wanted = content.subarray(
          fileOffset - SHARD_HEADER_BYTES,
          fileOffset - SHARD_HEADER_BYTES + blockBytes + TRAILER_BYTES,
        );
        const there = await peer.readBlock({ ...read, place: placeIn(stripe.offset, blockBytes) });
        const here = await drive.readBlock({ ...read, place: placeIn(own.offset, blockBytes) });
        if (!there.ok || !here.ok) throw new Error("a block cannot be read");
        if (!wanted.equals(stripe.bytes.subarray(0, wanted.length))) throw new Error("differs");
        if (!wanted.equals(own.bytes.subarray(0, wanted.length))) throw new Error("not stored");
        fileOffset += blockBytes + TRAILER_BYTES;
      }
      const beyond = { dataId: spec.dataId, slot: 1, fileOffset, place: placeIn(stripe.offset, 9) };
      return (await peer.readBlock(beyond)).ok === false;
    }),
    { numRuns: 25 },
  );
  t.match(await peer.dropShard(newDataId(random), 1), { ok: true });
});

test("PeerDrive: an aborted shard leaves nothing, an unknown drive is refused", async (t) => {
  const { peer, drive, guest, host, random } = await openPair(t);
  const stripe = guest.arena.tryAcquire("write");
  if (stripe === undefined) throw new Error("the arena has stripes");
  const dataId = newDataId(random);
  const ownerKey = objectKey(bucket, "key");
  const writer = peer.createShard({
    dataId,
    slot: 0,
    k: 1,
    m: 0,
    stripeDataBytes: 65_536,
    ownerKey,
  });
  await writer.append(placeIn(stripe.offset, 10_000));
  writer.abort();
  let left = 1;
  while (left > 0) {
    const reply = await drive.listShards("", 10);
    left = reply.ok ? reply.shards.length : 1;
  }
  t.equal(left, 0);
  const stranger = new PeerDrive(
    {
      id: "f".repeat(32) as typeof drive.id,
      index: 8,
      peer: host.network.self,
      path: "nowhere",
      limits: PEER_DRIVE_LIMITS,
    },
    guest.network,
  );
  t.match(await stranger.read(ownerKey, FENCE), { ok: false, reason: "unavailable" });
});

test("PeerDrives: reports what the other node says, and that it is away", async (t) => {
  const { guest, host, drive } = await openPair(t);
  const peers = new PeerDrives({ network: guest.network, clock: systemClock });
  const member = { id: drive.id, index: 7, peer: host.network.self, path: "there" };
  const [seen] = peers.take([member]);
  t.equal(seen?.status().state, "offline", "before its node has said anything");
  let returns = 0;
  peers.onReturn(() => {
    t.equal(seen?.status().state, "online");
    returns += 1;
  });
  peers.start();
  await until(() => returns > 0);
  t.equal(peers.take([member])[0], seen, "a known drive stays the same");
  drive.fail("for the test");
  await until(() => seen?.status().state === "faulty");
  await host.network.close();
  await until(() => seen?.status().state === "offline");
  t.equal(returns, 1, "only what was away comes back");
  peers.stop();
});

test("drive protocol: whatever a peer sends is read or refused", async (t) => {
  const decoders = [decodeCall, decodeShardRead, decodeShardWrite, decodeReports];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat({ max: 14 }), (noise, kind) => {
      // Deeper than its first field, which noise seldom gets right.
      const message = Buffer.concat([Buffer.of(1, kind, 16, 0, 0, 0), Buffer.alloc(16, 7), noise]);
      for (const bytes of [noise, message]) {
        for (const decode of decoders) {
          try {
            decode(bytes);
          } catch (error) {
            if (!(error instanceof StoreError)) throw error;
            if (error.code !== "invalid-argument") throw error;
          }
        }
      }
    }),
  );
  t.pass("nothing else was thrown");
});

function placeIn(offset: number, blockBytes: number): BlockPlace {
  return { blockOffset: offset, blockBytes, trailerOffset: offset + blockBytes };
}
