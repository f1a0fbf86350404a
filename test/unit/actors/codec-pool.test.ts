import { createHash } from "node:crypto";
import fc from "fast-check";
import { test } from "tap";
import { Arena, type Stripe } from "../../../src/actors/arena.ts";
import { stripeBufferBytes } from "../../../src/actors/arena-layout.ts";
import { CodecThread } from "../../../src/actors/codec-jobs.ts";
import type { CodecJob, CodecOutcome, DigestPlan } from "../../../src/actors/codec-messages.ts";
import { CodecPool, type CodecUpload } from "../../../src/actors/codec-pool.ts";
import {
  type CodecThreadClient,
  createInlineThread,
  startCodecThread,
} from "../../../src/actors/codec-threads.ts";
import { KIB } from "../../../src/base/bytes.ts";
import { type DataId, parseDataId } from "../../../src/base/ids.ts";
import { CHECKSUM_ALGORITHMS } from "../../../src/base/payload.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import { crcToBytes, crcUpdateSlow } from "../../../src/codec/crc.ts";
import { blockOffset, stripeGeometry, trailerOffset } from "../../../src/codec/stripe.ts";
import { checksumOf } from "../../support/checksum-of.ts";

const DATA_ID = parseDataId("00112233445566778899aabbccddeeff") as DataId;
const STRIPE_DATA_BYTES = 4 * KIB;
const OPTIONS = { queuedJobsMax: 64, inlineBytesMax: 0 };

function createArena(): Arena {
  return new Arena({
    budgetBytes: 1024 * KIB,
    threads: 3,
    stripeBytes: stripeBufferBytes(STRIPE_DATA_BYTES, 4),
    waitersMax: 1,
  });
}

function createPool(
  arena: Arena,
  threads: readonly CodecThreadClient[],
  options = OPTIONS,
): CodecPool {
  return new CodecPool(options, { kernels: new CodecThread(arena.memory, 0).kernels, threads });
}

/** A thread that works only when told to, and remembers what it was sent. */
function createManualThread(arena: Arena) {
  const inner = createInlineThread(arena.memory, 1);
  const batches: (readonly CodecJob[])[] = [];
  const waiting: (() => void)[] = [];
  const client: CodecThreadClient = {
    run: (batch) => {
      batches.push(batch);
      return new Promise<readonly CodecOutcome[]>((resolve) => {
        waiting.push(() => resolve(inner.run(batch)));
      });
    },
    close: () => inner.close(),
  };
  /** Does the next batch; false when there is none. */
  const proceed = () => {
    const next = waiting.shift();
    next?.();
    return next !== undefined;
  };
  return { client, batches, proceed };
}

function takeStripe(arena: Arena, content: Uint8Array): Stripe {
  const stripe = arena.tryAcquire("write");
  if (stripe === undefined) throw new Error("the test took too many stripes");
  stripe.bytes.fill(0xee);
  stripe.bytes.set(content);
  return stripe;
}

function placeOf(stripe: Stripe, length: number, stripeIndex: number) {
  return { offset: stripe.offset, length, k: 2, m: 2, dataId: DATA_ID, stripeIndex };
}

const NO_DIGESTS: DigestPlan = { sha256: false, segments: false, checksums: [] };
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/** Encodes a payload stripe after stripe; returns the replies. */
async function encodePayload(
  arena: Arena,
  upload: CodecUpload,
  payload: { content: Buffer; segmentEnds: readonly number[] },
) {
  const segments: Uint8Array[] = [];
  let segmentsSent = 0;
  for (let index = 0; ; index++) {
    const start = index * STRIPE_DATA_BYTES;
    const part = payload.content.subarray(start, start + STRIPE_DATA_BYTES);
    const last = start + part.length >= payload.content.length;
    const ends = payload.segmentEnds
      .slice(segmentsSent)
      .filter((end) => end <= start + part.length);
    segmentsSent += ends.length;
    const stripe = takeStripe(arena, part);
    const reply = await upload.encode({
      place: placeOf(stripe, part.length, index),
      segmentEnds: ends.map((end) => end - start),
      last,
    });
    arena.release(stripe);
    segments.push(...reply.segments);
    if (last) return { segments, digests: reply.digests };
  }
}

test("CodecPool: digests of a payload are those of other implementations, wherever stripes and segments end", async (t) => {
  const arena = createArena();
  const pool = createPool(arena, [createInlineThread(arena.memory, 1)]);
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 3 * STRIPE_DATA_BYTES, size: "max" }),
      fc.array(fc.nat(3 * STRIPE_DATA_BYTES), { maxLength: 6 }),
      async (bytes, cuts) => {
        const content = Buffer.from(bytes);
        const segmentEnds = [...cuts.filter((cut) => cut < content.length), content.length].sort(
          (left, right) => left - right,
        );
        const upload = pool.openUpload({
          sha256: true,
          segments: true,
          checksums: CHECKSUM_ALGORITHMS,
        });
        const { segments, digests } = await encodePayload(arena, upload, { content, segmentEnds });
        t.same(digests?.md5, createHash("md5").update(content).digest());
        t.same(digests?.sha256, sha256(content));
        for (const algorithm of CHECKSUM_ALGORITHMS) {
          t.same(digests?.checksums[algorithm], checksumOf(algorithm, content), algorithm);
        }
        t.same(
          segments,
          segmentEnds.map((end, index) =>
            sha256(content.subarray(segmentEnds[index - 1] ?? 0, end)),
          ),
        );
      },
    ),
    { numRuns: 15 },
  );
  t.equal(arena.freeCount, arena.stripeCount);
});

test("CodecPool: what it encodes it decodes, with blocks missing and corrupt", async (t) => {
  const arena = createArena();
  for (const inlineBytesMax of [0, 64 * KIB]) {
    const pool = createPool(arena, [createInlineThread(arena.memory, 1)], {
      ...OPTIONS,
      inlineBytesMax,
    });
    const content = Buffer.from(Array.from({ length: 1000 }, (_, index) => index & 0xff));
    const stripe = takeStripe(arena, content);
    const place = placeOf(stripe, content.length, 7);
    await pool.openUpload(NO_DIGESTS).encode({ place, segmentEnds: [], last: true });
    const geometry = stripeGeometry(content.length, 2, 2);
    stripe.bytes.fill(0, blockOffset(geometry, 0), blockOffset(geometry, 1));
    const decoded = await pool.decode({ ...place, present: [0, 1, 3], wanted: [0, 1] });
    t.strictSame(decoded, { ok: true, corrupt: [0], rebuilt: [0] });
    t.same(Buffer.from(stripe.bytes.subarray(0, content.length)), content);
    stripe.bytes.fill(1, blockOffset(geometry, 2), blockOffset(geometry, 3));
    stripe.bytes.fill(1, trailerOffset(geometry, 2), trailerOffset(geometry, 3));
    const rebuilt = await pool.rebuild({ ...place, present: [1, 3], wanted: [2] });
    t.strictSame(rebuilt, { ok: true, corrupt: [], rebuilt: [2] });
    const again = await pool.decode({ ...place, present: [0, 1, 2, 3], wanted: [0, 1] });
    t.strictSame(again, { ok: true, corrupt: [], rebuilt: [] });
    arena.release(stripe);
  }
});

test("CodecPool: stripes that become ready meanwhile go in one batch, one of each upload", async (t) => {
  const arena = createArena();
  const thread = createManualThread(arena);
  const pool = createPool(arena, [thread.client]);
  const content = Buffer.alloc(100, 1);
  const uploads = Array.from({ length: 3 }, () => pool.openUpload(NO_DIGESTS));
  const replies: Promise<unknown>[] = [];
  const send = (upload: number, stripeIndex: number, last: boolean) => {
    const place = placeOf(takeStripe(arena, content), content.length, stripeIndex);
    const reply = uploads[upload]?.encode({ place, segmentEnds: [], last });
    if (reply) replies.push(reply);
  };
  send(0, 0, false);
  send(0, 1, false);
  send(0, 2, true);
  send(1, 0, false);
  send(1, 1, true);
  send(2, 0, true);
  t.equal(thread.batches.length, 2, "no more than two batches are with the thread");
  while (thread.proceed()) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all(replies);
  const sent = thread.batches.map((batch) =>
    batch.map(({ call, request }) =>
      call === "encode" ? `${request.upload}:${request.place.stripeIndex}` : call,
    ),
  );
  t.strictSame(sent, [["0:0"], ["0:1"], ["0:2", "1:0", "2:0"], ["1:1"]]);
});

test("CodecPool: uploads interleaved in batches keep their own digests", async (t) => {
  const arena = createArena();
  const thread = createManualThread(arena);
  const pool = createPool(arena, [thread.client]);
  const payloads = Array.from({ length: 8 }, (_, index) => Buffer.alloc(9000 + index, index));
  let running = true;
  const work = Promise.all(
    payloads.map((content) =>
      encodePayload(arena, pool.openUpload({ ...NO_DIGESTS, checksums: ["crc32"] }), {
        content,
        segmentEnds: [],
      }),
    ),
  ).finally(() => {
    running = false;
  });
  while (running) {
    thread.proceed();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const results = await work;
  results.forEach(({ digests }, index) => {
    const content = payloads[index] ?? Buffer.alloc(0);
    t.same(digests?.md5, createHash("md5").update(content).digest());
    t.same(digests?.checksums["crc32"], crcToBytes("crc32", crcUpdateSlow("crc32", 0n, content)));
  });
  t.ok(
    thread.batches.some((batch) => batch.length > 1),
    "there were batches to mix them up in",
  );
});

test("CodecPool: an upload goes to the least loaded thread and stays there", async (t) => {
  const arena = createArena();
  const threads = [createManualThread(arena), createManualThread(arena)];
  const pool = createPool(
    arena,
    threads.map((thread) => thread.client),
  );
  const content = Buffer.alloc(10);
  const uploads = [1, 2, 3, 4].map(() => pool.openUpload(NO_DIGESTS));
  const replies = uploads.flatMap((upload) =>
    [0, 1].map((stripeIndex) =>
      upload.encode({
        place: placeOf(takeStripe(arena, content), content.length, stripeIndex),
        segmentEnds: [],
        last: stripeIndex === 1,
      }),
    ),
  );
  let done = false;
  void Promise.all(replies).then(() => {
    done = true;
  });
  while (!done) {
    for (const thread of threads) thread.proceed();
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const [index, { batches }] of threads.entries()) {
    const names = batches.flat().map(({ request }) => ("upload" in request ? request.upload : -1));
    t.strictSame(new Set(names), new Set([index, index + 2]));
  }
});

test("CodecPool: refuses what its queue cannot hold, and forgets closed uploads", async (t) => {
  const arena = createArena();
  const thread = createManualThread(arena);
  const pool = createPool(arena, [thread.client], { queuedJobsMax: 1, inlineBytesMax: 0 });
  const content = Buffer.alloc(10);
  const stripe = takeStripe(arena, content);
  const upload = pool.openUpload(NO_DIGESTS);
  const encode = (stripeIndex: number) =>
    upload.encode({ place: placeOf(stripe, 10, stripeIndex), segmentEnds: [], last: false });
  const accepted = [encode(0), encode(1), encode(2)];
  await t.rejects(encode(3), new StoreError({ code: "busy" }));
  thread.proceed();
  await accepted[0];
  upload.close();
  upload.close();
  const closing = pool.openUpload(NO_DIGESTS);
  closing.close();
  while (thread.proceed()) await new Promise((resolve) => setImmediate(resolve));
  await Promise.all(accepted);
  t.equal(thread.batches.flat().filter(({ call }) => call === "forget").length, 1);
});

test("CodecPool: a thread that dies fails its jobs, and its uploads cannot go on", async (t) => {
  const arena = createArena();
  let inner = createInlineThread(arena.memory, 1);
  let dead = false;
  const pool = createPool(arena, [
    {
      run: (batch) => (dead ? Promise.reject(new Error("worker exited")) : inner.run(batch)),
      close: () => inner.close(),
    },
  ]);
  const stripe = takeStripe(arena, Buffer.alloc(10));
  const upload = pool.openUpload(NO_DIGESTS);
  const encode = (stripeIndex: number) =>
    upload.encode({ place: placeOf(stripe, 10, stripeIndex), segmentEnds: [], last: false });
  await encode(0);
  dead = true;
  await t.rejects(encode(1), new StoreError({ code: "internal", message: "worker exited" }));
  dead = false;
  inner = createInlineThread(arena.memory, 1);
  await t.rejects(encode(2), /digests of this upload are lost/);
});

test("CodecPool: real threads work on the same memory", async (t) => {
  const arena = createArena();
  const threads = [1, 2].map((thread) => startCodecThread(arena.memory, thread));
  const pool = createPool(arena, threads);
  t.teardown(() => pool.close());
  const payloads = [5000, 20_000, 1].map((bytes, index) => Buffer.alloc(bytes, index + 1));
  const results = await Promise.all(
    payloads.map((content) => {
      const upload = pool.openUpload({ sha256: true, segments: true, checksums: ["crc64nvme"] });
      return encodePayload(arena, upload, { content, segmentEnds: [content.length] });
    }),
  );
  results.forEach(({ digests, segments }, index) => {
    const content = payloads[index] ?? Buffer.alloc(0);
    t.same(digests?.md5, createHash("md5").update(content).digest());
    t.same(digests?.sha256, sha256(content));
    t.same(segments, [sha256(content)]);
  });
  t.equal(arena.freeCount, arena.stripeCount);
});
