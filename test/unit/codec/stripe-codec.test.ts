import fc from "fast-check";
import { test } from "tap";
import { parseDataId } from "../../../src/base/ids.ts";
import { verifyTrailer } from "../../../src/codec/block-trailer.ts";
import type { Kernels } from "../../../src/codec/kernels.ts";
import {
  blockOffset,
  type StripeGeometry,
  stripeGeometry,
  TRAILER_BYTES,
  trailerOffset,
} from "../../../src/codec/stripe.ts";
import {
  decodeStripe,
  encodeStripe,
  rebuildStripe,
  type StripePlace,
} from "../../../src/codec/stripe-codec.ts";
import { createKernelRoom, fillPattern } from "../../support/kernel-memory.ts";

const dataId = parseDataId("000102030405060708090a0b0c0d0e0f");
const otherId = parseDataId("000102030405060708090a0b0c0d0e10");
if (dataId === undefined || otherId === undefined) throw new Error("data ids are hexadecimal");
const room = createKernelRoom(64 * 1024);

interface Shape {
  readonly k: number;
  readonly m: number;
  readonly length: number;
}

const shapes = fc
  .tuple(
    fc.integer({ min: 1, max: 10 }),
    fc.integer({ min: 0, max: 6 }),
    fc.integer({ min: 1, max: 3000 }),
  )
  .map(([k, m, length]): Shape => ({ k, m, length }));

function placed(shape: Shape): StripePlace {
  return { ...shape, offset: room.offset, dataId: dataId as StripePlace["dataId"], stripeIndex: 7 };
}

/** Fills the buffer with stale bytes, puts a payload in and encodes; returns the whole buffer. */
function encoded(kernels: Kernels, shape: Shape): Buffer {
  room.bytes.fill(0xa5);
  fillPattern(room.bytes.subarray(0, shape.length), shape.length);
  const { bufferBytes } = encodeStripe(kernels, placed(shape));
  return Buffer.from(room.bytes.subarray(0, bufferBytes));
}

function wipe(geometry: StripeGeometry, slot: number): void {
  const block = blockOffset(geometry, slot);
  room.bytes.fill(0xdd, block, block + geometry.blockBytes);
  const trailer = trailerOffset(geometry, slot);
  room.bytes.fill(0xdd, trailer, trailer + TRAILER_BYTES);
}

/** Slots in an order drawn from `seed`. */
function shuffled(count: number, seed: number): number[] {
  const noise = Buffer.alloc(count * 4);
  fillPattern(noise, seed);
  const slots = Array.from({ length: count }, (_, slot) => slot);
  return slots.sort((a, b) => noise.readUInt32LE(a * 4) - noise.readUInt32LE(b * 4));
}

test("encodeStripe: both kernels make the same bytes, with padding, and nothing beyond", async () => {
  fc.assert(
    fc.property(shapes, (shape) => {
      const slow = encoded(room.twin, shape);
      const fast = encoded(room.fast, shape);
      const { parityOffset, bufferBytes } = stripeGeometry(shape.length, shape.k, shape.m);
      return (
        slow.equals(fast) &&
        fast.subarray(shape.length, parityOffset).every((byte) => byte === 0) &&
        room.bytes.subarray(bufferBytes).every((byte) => byte === 0xa5)
      );
    }),
    { numRuns: 60 },
  );
});

test("rebuildStripe: any lost slots up to m come back to the byte, blocks and trailers", async () => {
  fc.assert(
    fc.property(shapes, fc.nat(), fc.integer(), (shape, losses, seed) => {
      const whole = encoded(room.fast, shape);
      const geometry = stripeGeometry(shape.length, shape.k, shape.m);
      const order = shuffled(shape.k + shape.m, seed);
      const lost = order.slice(0, losses % (shape.m + 1));
      for (const slot of lost) wipe(geometry, slot);
      const present = order.slice(lost.length);
      const result = rebuildStripe(room.fast, { ...placed(shape), present, wanted: lost });
      const trailersEnd = trailerOffset(geometry, shape.k + shape.m);
      return (
        result.ok &&
        result.corrupt.length === 0 &&
        result.rebuilt.length === lost.length &&
        room.bytes.subarray(0, trailersEnd).equals(whole.subarray(0, trailersEnd))
      );
    }),
  );
});

test("decodeStripe: a flipped bit in a block or trailer is reported and repaired", async () => {
  fc.assert(
    fc.property(shapes, fc.nat(), fc.nat(), fc.boolean(), (shape, anySlot, anyBit, inTrailer) => {
      fc.pre(shape.m > 0);
      const whole = encoded(room.fast, shape);
      const geometry = stripeGeometry(shape.length, shape.k, shape.m);
      const slots = Array.from({ length: shape.k + shape.m }, (_, slot) => slot);
      const slot = anySlot % slots.length;
      const [start, bytes] = inTrailer
        ? [trailerOffset(geometry, slot), TRAILER_BYTES]
        : [blockOffset(geometry, slot), geometry.blockBytes];
      const at = start + ((anyBit >> 3) % bytes);
      room.bytes[at] = (room.bytes[at] ?? 0) ^ (1 << (anyBit & 7));
      const wanted = slots.slice(0, shape.k);
      const result = decodeStripe(room.fast, { ...placed(shape), present: slots, wanted });
      return (
        result.ok &&
        result.corrupt.join() === `${slot}` &&
        result.rebuilt.join() === (slot < shape.k ? `${slot}` : "") &&
        room.bytes.subarray(0, shape.length).equals(whole.subarray(0, shape.length))
      );
    }),
  );
});

test("decodeStripe: one good wanted block is enough when only it is wanted", async (t) => {
  const shape = { k: 4, m: 2, length: 1000 };
  encoded(room.fast, shape);
  t.strictSame(decodeStripe(room.fast, { ...placed(shape), present: [2], wanted: [2] }), {
    ok: true,
    corrupt: [],
    rebuilt: [],
  });
});

test("decodeStripe: with fewer than k good blocks it says so and changes nothing", async (t) => {
  const shape = { k: 4, m: 2, length: 1000 };
  encoded(room.fast, shape);
  const geometry = stripeGeometry(shape.length, shape.k, shape.m);
  wipe(geometry, 0);
  wipe(geometry, 1);
  room.bytes[blockOffset(geometry, 4)] = (room.bytes[blockOffset(geometry, 4)] ?? 0) ^ 1;
  const before = Buffer.from(room.bytes);
  const loaded = { ...placed(shape), present: [2, 3, 4, 5], wanted: [0, 1, 2, 3] };
  t.strictSame(rebuildStripe(room.fast, loaded), { ok: false, corrupt: [4], good: [2, 3, 5] });
  t.ok(before.equals(room.bytes));
});

test("verifyTrailer: a good block of another place, time or data is corrupt here", async (t) => {
  const shape = { k: 4, m: 2, length: 1000 };
  encoded(room.fast, shape);
  const geometry = stripeGeometry(shape.length, shape.k, shape.m);
  const stripe = { offset: room.offset, geometry, dataId: placed(shape).dataId, stripeIndex: 7 };
  t.ok(verifyTrailer(room.fast, stripe, 1));
  t.notOk(verifyTrailer(room.fast, { ...stripe, stripeIndex: 8 }, 1));
  t.notOk(verifyTrailer(room.fast, { ...stripe, dataId: otherId }, 1));
  const shorter = stripeGeometry(999, shape.k, shape.m);
  t.equal(shorter.blockBytes, geometry.blockBytes);
  t.notOk(verifyTrailer(room.fast, { ...stripe, geometry: shorter }, 1));
  const { bytes } = room;
  bytes.copyWithin(
    blockOffset(geometry, 2),
    blockOffset(geometry, 1),
    blockOffset(geometry, 1) + geometry.blockBytes,
  );
  bytes.copyWithin(
    trailerOffset(geometry, 2),
    trailerOffset(geometry, 1),
    trailerOffset(geometry, 1) + TRAILER_BYTES,
  );
  t.notOk(verifyTrailer(room.fast, stripe, 2));
});

test("encodeStripe: k = 1 mirrors the payload into every slot", async (t) => {
  const shape = { k: 1, m: 3, length: 200 };
  encoded(room.fast, shape);
  const geometry = stripeGeometry(shape.length, 1, 3);
  for (let slot = 1; slot < 4; slot++) {
    const at = blockOffset(geometry, slot);
    t.ok(
      room.bytes
        .subarray(at, at + geometry.blockBytes)
        .equals(room.bytes.subarray(0, geometry.blockBytes)),
    );
  }
});
