import fc from "fast-check";
import { test } from "tap";
import { SHARD_HEADER_BYTES } from "../../../src/codec/shard-header.ts";
import {
  blockOffset,
  type StripeCode,
  shardFileBytes,
  stripeCount,
  stripeFileOffset,
  stripeGeometry,
  stripeLength,
  stripesOfRange,
  TRAILER_BYTES,
  trailerOffset,
} from "../../../src/codec/stripe.ts";

const codes = fc
  .tuple(
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 0, max: 4 }),
    fc.integer({ min: 1, max: 3000 }),
  )
  .map(([k, m, stripeDataBytes]): StripeCode => ({ k, m, stripeDataBytes }));

test("stripeGeometry: blocks are 64-byte multiples, as short as they can be, and nothing overlaps", async () => {
  fc.assert(
    fc.property(
      fc.nat(5000),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 0, max: 4 }),
      (dataBytes, k, m) => {
        const geometry = stripeGeometry(dataBytes, k, m);
        const { blockBytes, bufferBytes } = geometry;
        return (
          blockBytes % 64 === 0 &&
          blockBytes * k >= dataBytes &&
          (blockBytes - 64) * k < dataBytes + (dataBytes === 0 ? 1 : 0) &&
          geometry.parityOffset === blockOffset(geometry, k) &&
          trailerOffset(geometry, 0) === (k + m) * blockBytes &&
          bufferBytes % 64 === 0 &&
          bufferBytes >= trailerOffset(geometry, k + m - 1) + TRAILER_BYTES
        );
      },
    ),
  );
});

test("stripeGeometry: gives the numbers of the format's example", async (t) => {
  t.match(stripeGeometry(1024 * 1024, 4, 2), {
    blockBytes: 262_144,
    parityOffset: 1_048_576,
    trailersOffset: 1_572_864,
    bufferBytes: 1_573_056,
  });
  t.equal(stripeGeometry(100, 4, 2).blockBytes, 64);
  t.equal(stripeGeometry(257, 4, 2).blockBytes, 128);
});

test("shardFileBytes: is the header and every stripe's block and trailer", async () => {
  fc.assert(
    fc.property(codes, fc.nat(20_000), (code, payloadBytes) => {
      let expected = SHARD_HEADER_BYTES;
      let payload = 0;
      for (let stripe = 0; stripe < stripeCount(code, payloadBytes); stripe++) {
        if (stripeFileOffset(code, stripe) !== expected) return false;
        const length = stripeLength(code, payloadBytes, stripe);
        payload += length;
        expected += stripeGeometry(length, code.k, code.m).blockBytes + TRAILER_BYTES;
      }
      return payload === payloadBytes && shardFileBytes(code, payloadBytes) === expected;
    }),
  );
});

test("stripesOfRange: covers the range once, in order, and names the slots that hold it", async () => {
  fc.assert(
    fc.property(codes, fc.nat(20_000), fc.nat(), fc.nat(), (code, payloadBytes, first, second) => {
      const offset = first % (payloadBytes + 1);
      const length = second % (payloadBytes - offset + 1);
      let position = offset;
      for (const slice of stripesOfRange(code, payloadBytes, { offset, length })) {
        const { geometry, start, firstSlot, lastSlot } = slice;
        const end = start + slice.length;
        const holds =
          firstSlot * geometry.blockBytes <= start &&
          (firstSlot + 1) * geometry.blockBytes > start &&
          lastSlot * geometry.blockBytes < end &&
          (lastSlot + 1) * geometry.blockBytes >= end &&
          lastSlot < code.k;
        if (!holds || slice.length < 1) return false;
        if (slice.stripeIndex * code.stripeDataBytes + start !== position) return false;
        if (slice.fileOffset !== stripeFileOffset(code, slice.stripeIndex)) return false;
        position += slice.length;
      }
      return position === offset + length;
    }),
  );
});

test("stripesOfRange: refuses a range that leaves the payload", async (t) => {
  const code = { k: 2, m: 1, stripeDataBytes: 100 };
  t.throws(() => [...stripesOfRange(code, 50, { offset: 40, length: 11 })], /lies in the payload/);
});
