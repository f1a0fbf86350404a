import fc from "fast-check";
import { test } from "tap";
import { buildLayout } from "../../../../cluster/layout/build-layout.ts";
import {
  LayoutMap,
  type PlacedDrive,
  positionOfData,
  positionOfShard,
} from "../../../../cluster/layout/layout-map.ts";
import { hashBytes } from "../../../../src/base/hash.ts";
import { parseBucketId, parseDataId } from "../../../../src/base/ids.ts";
import { regularCluster, rowsOf } from "./layout-support.ts";

function mapOf(nodes: number, drives: number, zones = 1): LayoutMap {
  const members = regularCluster(nodes, drives, zones);
  return new LayoutMap(buildLayout({ members, previous: undefined, version: 1, partitions: 64 }));
}

const bucketId = parseBucketId("000102030405060708090a0b0c0d0e0f");
const dataId = parseDataId("101112131415161718191a1b1c1d1e1f");
if (bucketId === undefined || dataId === undefined) throw new Error("ids");

test("positionOfShard, positionOfData: hash of the documented bytes", async (t) => {
  const bytes = Buffer.from("000102030405060708090a0b0c0d0e0f0203", "hex");
  t.equal(positionOfShard(bucketId, 0x0203), hashBytes(bytes));
  t.equal(positionOfData(dataId), hashBytes(Buffer.from(dataId, "hex")));
  // Stored data depends on them.
  t.equal(positionOfShard(bucketId, 0), 0xd9b5f32f);
  t.equal(positionOfData(dataId), 0x46c3c390);
});

test("partitionAt: the highest bits; partition p becomes 2p and 2p + 1", async (t) => {
  const map = mapOf(3, 1);
  const { layout } = map;
  const doubled = new LayoutMap({ ...layout, partitions: 128 });
  const single = new LayoutMap({ ...layout, partitions: 1 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), (position) => {
      const partition = map.partitionAt(position);
      return (
        partition === Math.floor((position / 2 ** 32) * 64) &&
        Math.floor(doubled.partitionAt(position) / 2) === partition &&
        single.partitionAt(position) === 0
      );
    }),
  );
  t.equal(map.partitionAt(0xffffffff), 63);
});

test("partitionAt: buckets' shards and data spread over all partitions", async (t) => {
  const map = mapOf(3, 1);
  const counts = new Array<number>(64).fill(0);
  for (let shard = 0; shard < 6400; shard++) {
    const partition = map.partitionAt(positionOfShard(bucketId, shard));
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  t.ok(Math.min(...counts) > 60 && Math.max(...counts) < 150);
});

test("slots, replicas: the row of the table and its beginning", async (t) => {
  const map = mapOf(4, 4);
  const rows = rowsOf(map.layout);
  for (const partition of [0, 31, 63]) {
    const ids = (drives: readonly PlacedDrive[]) => drives.map(({ driveId }) => driveId);
    t.strictSame(ids(map.slots(partition)), rows[partition]);
    t.strictSame(ids(map.replicas(partition)), rows[partition]?.slice(0, 9));
  }
  t.throws(() => map.slots(64), /a slot of the layout/);
});

test("handoffs: every other drive once, nodes with fewer slots first, then zones", async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 9 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(63),
      (nodes, drives, zones, partition) => {
        const map = mapOf(nodes, drives, zones);
        const row = map.slots(partition);
        const order = [...map.handoffs(partition)];
        const all = new Set([...row, ...order]);
        if (all.size !== map.drives.length || order.length + row.length !== all.size) return false;
        const onNode = new Map<number, number>();
        for (const { node } of row) onNode.set(node, (onNode.get(node) ?? 0) + 1);
        // No node is asked while another one with free drives has fewer slots.
        return order.every((drive, index) => {
          const mine = onNode.get(drive.node) ?? 0;
          const free = order.slice(index).map(({ node }) => onNode.get(node) ?? 0);
          onNode.set(drive.node, mine + 1);
          return mine === Math.min(...free);
        });
      },
    ),
    { numRuns: 40 },
  );
});

test("handoffs: other nodes come first in other partitions", async (t) => {
  const map = mapOf(30, 1);
  const firsts = new Set<number>();
  for (let partition = 0; partition < 64; partition++) {
    const first = map.handoffs(partition).next().value;
    if (first !== undefined) firsts.add(first.node);
  }
  t.ok(firsts.size > 15, `${firsts.size} different nodes`);
});

test("placeShards: each slot on its drive, a handoff for each that cannot be used", async () => {
  fc.assert(
    fc.property(
      fc.record({
        nodes: fc.integer({ min: 1, max: 8 }),
        drives: fc.integer({ min: 1, max: 4 }),
        partition: fc.nat(63),
        up: fc.array(fc.boolean(), { minLength: 32, maxLength: 32 }),
        wanted: fc.integer({ min: 1, max: 16 }),
      }),
      ({ nodes, drives, partition, up, wanted }) => {
        const map = mapOf(nodes, drives);
        const shards = Math.min(wanted, map.layout.geometry.slots);
        const isUsable = ({ index }: PlacedDrive) => up[index] ?? false;
        const usable = map.drives.filter(isUsable).length;
        const placed = map.placeShards(partition, shards, isUsable);
        const row = map.slots(partition);
        let missing = 0;
        for (const [slot, drive] of placed.drives.entries()) {
          const own = row[slot];
          if (own === undefined) return false;
          const isMissing = (placed.missing & (1 << slot)) !== 0;
          const isHandoff = (placed.handoffs & (1 << slot)) !== 0;
          if (isMissing) missing++;
          if (isHandoff === (drive === own) || isHandoff === isUsable(own)) {
            if (!isMissing) return false;
          }
          if (isMissing ? drive !== own : !isUsable(drive)) return false;
        }
        const distinct = new Set(placed.drives).size === shards;
        return distinct && missing === Math.max(0, shards - usable);
      },
    ),
    { numRuns: 60 },
  );
});
