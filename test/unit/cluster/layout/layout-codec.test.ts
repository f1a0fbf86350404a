import { createHash } from "node:crypto";
import fc from "fast-check";
import { test } from "tap";
import {
  driveAt,
  isPartitionCount,
  LAYOUT_PARTITIONS_MAX,
  type Layout,
  problemOfLayout,
} from "../../../../cluster/layout/layout.ts";
import {
  decodeLayout,
  encodeLayout,
  layoutRefOf,
} from "../../../../cluster/layout/layout-codec.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import { anyLayout, driveIdOf, nodeIdOf } from "./layout-support.ts";

const nodeIds = [nodeIdOf(1), nodeIdOf(2)].sort();
const layout: Layout = {
  version: 258,
  partitions: 2,
  geometry: { slots: 2, parity: 1, replicas: 2 },
  nodes: nodeIds.map((nodeId, index) => ({ nodeId, zone: index === 0 ? "b" : "a" })),
  drives: [
    { driveId: driveIdOf(1), node: 0, weight: 1 },
    { driveId: driveIdOf(2), node: 1, weight: 515 },
  ],
  table: Uint16Array.of(0, 1, 1, 0),
};

/** Bytes with a checksum that is right. */
function sealed(body: Uint8Array): Buffer {
  return Buffer.concat([body, createHash("sha256").update(body).digest()]);
}

function isRefused(bytes: Uint8Array): boolean {
  try {
    decodeLayout(bytes);
    return false;
  } catch (error) {
    if (error instanceof StoreError && error.code === "corrupt") return true;
    throw error;
  }
}

/** The plain way to write a layout, straight from docs/FORMATS.md. */
function twinEncode(it: Layout): Buffer {
  const u16 = (value: number) => Buffer.of(value & 255, value >> 8);
  const u48 = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes.subarray(0, 6);
  };
  const zones = [...new Set(it.nodes.map(({ zone }) => zone))].sort();
  const { slots, parity, replicas } = it.geometry;
  return sealed(
    Buffer.concat([
      Buffer.from("RFLAYOUT"),
      u16(1),
      u48(it.version).subarray(0, 4),
      Buffer.of(Math.log2(it.partitions), slots, parity, replicas),
      u16(zones.length),
      ...zones.flatMap((zone) => [Buffer.of(Buffer.byteLength(zone)), Buffer.from(zone)]),
      u16(it.nodes.length),
      ...it.nodes.flatMap((node, index) => [
        Buffer.from(node.nodeId, "hex"),
        u16(zones.indexOf(node.zone)),
        u16(it.drives.filter((drive) => drive.node === index).length),
      ]),
      ...it.drives.flatMap((drive) => [Buffer.from(drive.driveId, "hex"), u48(drive.weight)]),
      ...[...it.table].map(u16),
    ]),
  );
}

test("layout-codec: writes as documented and reads it back", async () => {
  fc.assert(
    fc.property(anyLayout, (any) => {
      const bytes = encodeLayout(any);
      return bytes.equals(twinEncode(any)) && bytes.equals(encodeLayout(decodeLayout(bytes)));
    }),
  );
});

test("layout-codec: keeps every field", async (t) => {
  t.strictSame(decodeLayout(encodeLayout(layout)), layout);
});

test("layoutRefOf: version and hash of the content", async (t) => {
  const bytes = encodeLayout(layout);
  const hash = createHash("sha256").update(bytes.subarray(0, -32)).digest("hex");
  t.strictSame(layoutRefOf(bytes), { version: 258, hash });
  t.throws(() => layoutRefOf(bytes.subarray(0, 40)), { code: "corrupt" });
});

test("decodeLayout: refuses every flipped bit and every other length", async (t) => {
  const bytes = encodeLayout(layout);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    if (!isRefused(changed)) t.fail(`bit ${bit} does not matter`);
  }
  for (let length = 0; length < bytes.length; length++) {
    if (!isRefused(bytes.subarray(0, length))) t.fail(`${length} bytes are enough`);
  }
  t.equal(isRefused(Buffer.concat([bytes, Buffer.of(0)])), true);
  t.equal(isRefused(bytes), false);
});

test("decodeLayout: with a right checksum takes only what an encoder writes", async () => {
  const body = encodeLayout(layout).subarray(0, -32);
  fc.assert(
    fc.property(fc.nat(body.length - 1), fc.nat(255), (at, value) => {
      const changed = Buffer.from(body);
      changed[at] = value;
      const bytes = sealed(changed);
      try {
        return encodeLayout(decodeLayout(bytes)).equals(bytes);
      } catch (error) {
        return error instanceof Error && /^corrupt/.test(error.message);
      }
    }),
    { numRuns: 2000 },
  );
});

test("problemOfLayout: finds what cannot be", async (t) => {
  const problemOf = (change: Partial<Layout>) => problemOfLayout({ ...layout, ...change });
  const [first, second] = layout.drives;
  if (first === undefined || second === undefined) throw new Error("two drives");
  t.equal(problemOf({}), undefined);
  t.match(problemOf({ version: 0 }), /version/);
  t.match(problemOf({ partitions: 3 }), /partitions/);
  t.match(problemOf({ geometry: { slots: 3, parity: 1, replicas: 1 } }), /slots/);
  t.match(problemOf({ geometry: { slots: 2, parity: 2, replicas: 1 } }), /parity/);
  t.match(problemOf({ geometry: { slots: 2, parity: 1, replicas: 3 } }), /replicas/);
  t.match(problemOf({ nodes: [...layout.nodes].reverse() }), /order of nodes/);
  t.match(problemOf({ drives: [second, first] }), /node without drives/);
  t.match(problemOf({ drives: [first, { ...second, driveId: first.driveId }] }), /twice/);
  t.match(problemOf({ drives: [first, { ...second, weight: 0 }] }), /weight/);
  const falling = [driveIdOf(3), driveIdOf(4)].sort().reverse();
  const unordered = falling.map((driveId) => ({ ...first, driveId }));
  t.match(problemOf({ drives: [...unordered, second] }), /order of drives/);
  t.match(problemOf({ table: Uint16Array.of(0, 1, 1) }), /entries/);
  t.match(problemOf({ table: Uint16Array.of(0, 1, 1, 1) }), /twice in partition 1/);
  t.match(problemOf({ table: Uint16Array.of(0, 1, 1, 2) }), /drive 2 of 2/);
});

test("isPartitionCount: powers of two within the limits", async (t) => {
  t.equal(isPartitionCount(1), true);
  t.equal(isPartitionCount(LAYOUT_PARTITIONS_MAX), true);
  t.equal(isPartitionCount(2 * LAYOUT_PARTITIONS_MAX), false);
  t.equal(isPartitionCount(0), false);
  t.equal(isPartitionCount(4095), false);
});

test("driveAt: the entry of a partition and slot", async (t) => {
  t.equal(driveAt(layout, 1, 0), 1);
  t.equal(driveAt(layout, 1, 1), 0);
  t.throws(() => driveAt(layout, 2, 0), /a slot of the layout/);
});
