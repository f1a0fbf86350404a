/** Frames from a wire that may say anything: bounded, never misread, the same however they are cut. */
import fc from "fast-check";
import { test } from "tap";
import {
  decodeFrame,
  encodeFrame,
  FRAME_HEADER_BYTES,
  type Frame,
  FrameReader,
} from "../../../../cluster/peers/frame.ts";
import { FrameBatch, readBatch } from "../../../../cluster/peers/frame-batch.ts";

const BYTES_MOST = 300;

const frames = fc.record(
  {
    version: fc.nat(255),
    kind: fc.constantFrom(
      "hello",
      "request",
      "reply",
      "failure",
      "cancel",
      "ping",
      "pong" as const,
    ),
    id: fc.nat(0xffffffff),
    deadlineMs: fc.nat(0xffffffff),
    method: fc.stringMatching(/^[a-z.]{0,20}$/),
    payload: fc.uint8Array({ maxLength: 200 }),
  },
  { noNullPrototype: true },
) as fc.Arbitrary<Frame>;

/** The obvious way: all bytes first, then one frame after the other. */
function readSlowly(bytes: Buffer): { frames: Frame[]; fault: boolean } {
  const read: Frame[] = [];
  let at = 0;
  for (;;) {
    if (bytes.length - at < 4) return { frames: read, fault: false };
    const length = 4 + bytes.readUInt32LE(at);
    if (length > BYTES_MOST || length < FRAME_HEADER_BYTES) return { frames: read, fault: true };
    if (bytes.length - at < length) return { frames: read, fault: false };
    const frame = decodeFrame(bytes.subarray(at, at + length));
    if (typeof frame === "string") return { frames: read, fault: true };
    read.push({ ...frame, payload: Uint8Array.from(frame.payload) });
    at += length;
  }
}

function readInPieces(bytes: Buffer, cuts: readonly number[]): { frames: Frame[]; fault: boolean } {
  const reader = new FrameReader(BYTES_MOST);
  const read: Frame[] = [];
  let fault = false;
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let at = 0;
  for (const end of ends) {
    const said = reader.push(Uint8Array.from(bytes.subarray(at, end)), (frame) =>
      read.push({ ...frame, payload: Uint8Array.from(frame.payload) }),
    );
    fault ||= said !== undefined;
    if (reader.heldBytes > BYTES_MOST) throw new Error("held more than a frame");
    at = end;
  }
  return { frames: read, fault };
}

test("FrameReader: reads what was written, however it is cut", async (t) => {
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 6 }), fc.array(fc.nat(2000)), (sent, cuts) => {
      const small = sent.filter((frame) => encodeFrame(frame).length <= BYTES_MOST);
      const { frames: read, fault } = readInPieces(Buffer.concat(small.map(encodeFrame)), cuts);
      t.notOk(fault);
      t.strictSame(read, small);
    }),
    { numRuns: 100 },
  );
});

test("FrameReader: agrees with its slow twin on garbage and on damaged frames", async (t) => {
  const damaged = fc
    .tuple(fc.array(frames, { maxLength: 4 }), fc.array(fc.tuple(fc.nat(2000), fc.nat(255))))
    .map(([sent, damages]) => {
      const bytes = Buffer.concat(sent.map(encodeFrame));
      for (const [at, value] of damages) if (bytes.length > 0) bytes[at % bytes.length] = value;
      return bytes;
    });
  const garbage = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(damaged, garbage), fc.array(fc.nat(2000)), (bytes, cuts) => {
      t.strictSame(readInPieces(bytes, cuts), readSlowly(bytes));
    }),
    { numRuns: 300 },
  );
});

test("FrameReader: refuses a length beyond its bound at once, and keeps nothing", async (t) => {
  const reader = new FrameReader(BYTES_MOST);
  const lie = Buffer.alloc(4);
  lie.writeUInt32LE(BYTES_MOST, 0);
  t.match(
    reader.push(lie, () => t.fail("no frame")),
    /at most 300/,
  );
  t.equal(reader.heldBytes, 0);
  t.match(
    reader.push(Buffer.alloc(100), () => t.fail("no frame")),
    /at most 300/,
    "for good",
  );
  const short = new FrameReader(BYTES_MOST);
  t.match(
    short.push(Buffer.alloc(16), () => t.fail("no frame")),
    /shorter than its header/,
  );
});

test("FrameBatch: gives back its entries, in order, batch after batch", async (t) => {
  const batch = new FrameBatch();
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(0xffffffff), frames), { maxLength: 20 }), (entries) => {
      for (const [number, frame] of entries) batch.add(number, frame);
      const read: [number, Frame][] = [];
      readBatch(batch.take(), (number, bytes) => {
        const frame = decodeFrame(bytes);
        if (typeof frame === "string") t.fail(frame);
        else read.push([number, { ...frame, payload: Uint8Array.from(frame.payload) }]);
      });
      t.strictSame(read, entries);
      t.ok(batch.isEmpty);
    }),
    { numRuns: 50 },
  );
});
