import fc from "fast-check";
import { test } from "tap";
import { Arena } from "../../../src/actors/arena.ts";
import { stripeBufferBytes } from "../../../src/actors/arena-layout.ts";
import { CodecThread } from "../../../src/actors/codec-jobs.ts";
import type { DecodeRequest } from "../../../src/actors/codec-messages.ts";
import { decodeAndOpen } from "../../../src/actors/decode-and-open.ts";
import { KIB } from "../../../src/base/bytes.ts";
import { type DataId, parseDataId } from "../../../src/base/ids.ts";
import type { Kernels } from "../../../src/codec/kernels.ts";
import { FRAME_PLAIN_BYTES, openFrames, sealFrames } from "../../../src/codec/sealed-frames.ts";
import { blockOffset, stripeGeometry } from "../../../src/codec/stripe.ts";
import { type DecodeResult, decodeStripe, encodeStripe } from "../../../src/codec/stripe-codec.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const DATA_ID = parseDataId("00112233445566778899aabbccddeeff") as DataId;
const K = 3;
const M = 2;
const STRIPE_DATA_BYTES = 256 * KIB;
/** Frames and blocks end at different places. */
const PLAIN_BYTES = 3 * FRAME_PLAIN_BYTES + 1000;
const RUN = { key: Buffer.alloc(32, 5), firstFrame: 8, final: true };

function arenaForOne() {
  const stripeBytes = stripeBufferBytes(STRIPE_DATA_BYTES, K + M);
  const arena = new Arena({ budgetBytes: 8 * 1024 * KIB, threads: 1, stripeBytes, waitersMax: 1 });
  const stripe = arena.tryAcquire("write");
  if (stripe === undefined) throw new Error("the arena is too small");
  return { kernels: new CodecThread(arena.memory, 0).kernels, stripe };
}

/** Verifies first, then opens: what every byte has to be the result of. */
function slowDecodeAndOpen(kernels: Kernels, request: DecodeRequest): DecodeResult {
  const result = decodeStripe(kernels, request);
  if (!result.ok) return result;
  const sealed = new Uint8Array(kernels.memory.buffer, request.offset, request.open?.length);
  openFrames(sealed, RUN);
  return result;
}

test("decodeAndOpen: is verifying first and opening then, whatever is missing or corrupt", async (t) => {
  const { kernels, stripe } = arenaForOne();
  const plain = new SeededRandom(20).bytes(PLAIN_BYTES);
  stripe.bytes.set(plain);
  const length = sealFrames(stripe.bytes, PLAIN_BYTES, RUN);
  const place = { offset: stripe.offset, length, k: K, m: M, dataId: DATA_ID, stripeIndex: 2 };
  encodeStripe(kernels, place);
  const stored = Buffer.from(stripe.bytes);
  const geometry = stripeGeometry(length, K, M);
  const open = { ...RUN, start: 0, length };
  const slots = fc.subarray([0, 1, 2, 3, 4], { minLength: K });
  const damage = fc.array(fc.tuple(fc.nat(K + M - 1), fc.nat(geometry.blockBytes - 1)), {
    maxLength: 2,
  });
  let opened = 0;
  fc.assert(
    fc.property(slots, damage, (present, damaged) => {
      const request = { ...place, present, wanted: [0, 1, 2], open };
      const load = () => {
        stripe.bytes.fill(0x55);
        stripe.bytes.set(stored);
        for (const [slot, at] of damaged) {
          const where = blockOffset(geometry, slot) + at;
          stripe.bytes[where] = (stripe.bytes[where] ?? 0) ^ 1;
        }
      };
      load();
      const expected = slowDecodeAndOpen(kernels, request);
      load();
      const result = decodeAndOpen(kernels, request);
      if (!expected.ok) return !result.ok && String(result.good) === String(expected.good);
      if (!result.ok || !plain.equals(stripe.bytes.subarray(0, PLAIN_BYTES))) return false;
      opened++;
      // A block that nothing was opened of may be bad and not be noticed.
      const noticed = result.corrupt.every((slot) => expected.corrupt.includes(slot));
      return noticed && String(result.rebuilt) === String(expected.rebuilt);
    }),
    { seed: 5, numRuns: 150 },
  );
  t.ok(opened > 30, "most of them opened");
});

test("decodeAndOpen: good blocks with frames that do not open are corrupt", async (t) => {
  const { kernels, stripe } = arenaForOne();
  const length = sealFrames(stripe.bytes, PLAIN_BYTES, RUN);
  const place = { offset: stripe.offset, length, k: K, m: M, dataId: DATA_ID, stripeIndex: 2 };
  encodeStripe(kernels, place);
  const open = { ...RUN, key: Buffer.alloc(32, 6), start: 0, length };
  const request = { ...place, present: [0, 1, 2], wanted: [0, 1, 2], open };
  t.throws(() => decodeAndOpen(kernels, request), { code: "corrupt" });
});
