import fc from "fast-check";
import { test } from "tap";
import { parseDataId } from "../../../src/base/ids.ts";
import {
  encodeShardHeader,
  parseShardHeader,
  SHARD_HEADER_BYTES,
  type ShardHeader,
} from "../../../src/codec/shard-header.ts";
import { xxh3 } from "../../../src/codec/xxh3.ts";

const dataId = parseDataId("000102030405060708090a0b0c0d0e0f");
if (dataId === undefined) throw new Error("a data id is 32 hexadecimal digits");
const header: ShardHeader = { dataId, slot: 5, k: 4, m: 2, stripeDataBytes: 1024 * 1024 };

/** A header with one byte changed and its checksum made good again. */
function resealed(offset: number, value: number): Buffer {
  const bytes = encodeShardHeader(header);
  bytes[offset] = value;
  xxh3(bytes.subarray(0, 112)).copy(bytes, 112);
  return bytes;
}

test("encodeShardHeader: writes the bytes of the format", async (t) => {
  const bytes = encodeShardHeader(header);
  t.equal(bytes.length, SHARD_HEADER_BYTES);
  t.equal(
    bytes.subarray(0, 48).toString("hex"),
    "5246534841524431010005040200000000001000000000000000000000000000000102030405060708090a0b0c0d0e0f",
  );
  t.ok(bytes.subarray(48, 112).every((byte) => byte === 0));
});

const headers = fc
  .record({
    id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    k: fc.integer({ min: 1, max: 12 }),
    m: fc.integer({ min: 0, max: 4 }),
    anySlot: fc.nat(),
    stripeDataBytes: fc.integer({ min: 1, max: 0xffffffff }),
  })
  .map(({ id, k, m, anySlot, stripeDataBytes }): ShardHeader => {
    const someId = parseDataId(Buffer.from(id).toString("hex")) ?? header.dataId;
    return { dataId: someId, slot: anySlot % (k + m), k, m, stripeDataBytes };
  });

test("parseShardHeader: reverses encodeShardHeader, also before more bytes", async (t) => {
  fc.assert(
    fc.property(headers, (some) => {
      const file = Buffer.concat([encodeShardHeader(some), Buffer.alloc(9)]);
      t.strictSame(parseShardHeader(file), { ok: true, header: some });
    }),
  );
});

test("parseShardHeader: any flipped bit is found", async (t) => {
  for (let bit = 0; bit < SHARD_HEADER_BYTES * 8; bit++) {
    const bytes = encodeShardHeader(header);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const result = parseShardHeader(bytes);
    const expected = bit < 64 ? "not-a-shard" : "bad-checksum";
    if (result.ok || result.problem !== expected) t.fail(`bit ${bit}`);
  }
});

test("parseShardHeader: says what is wrong with bytes that no writer of this version makes", async (t) => {
  t.strictSame(parseShardHeader(Buffer.alloc(127)), { ok: false, problem: "too-short" });
  t.strictSame(parseShardHeader(resealed(8, 2)), { ok: false, problem: "unsupported-version" });
  const impossible: Array<[offset: number, value: number]> = [
    [10, 6],
    [11, 0],
    [12, 13],
    [13, 1],
    [18, 0],
    [60, 1],
    [111, 1],
  ];
  for (const [offset, value] of impossible) {
    t.strictSame(
      parseShardHeader(resealed(offset, value)),
      { ok: false, problem: "impossible-values" },
      `byte ${offset}`,
    );
  }
});

test("parseShardHeader: never throws on noise", async () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => !parseShardHeader(noise).ok));
});
