/** Frames of bulk streams: bounded, and the same however they are cut. */
import fc from "fast-check";
import { test } from "tap";
import {
  BulkFrameReader,
  decodeOpen,
  encodeBulkFrame,
  encodeDataHeader,
  encodeOpen,
} from "../../../../cluster/peers/bulk-frame.ts";

function read(bytes: Buffer, cuts: readonly number[], version = 1) {
  const reader = new BulkFrameReader(version);
  const seen: string[] = [];
  const data: Buffer[] = [];
  let fault: string | undefined;
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let at = 0;
  for (const end of ends) {
    fault = reader.push(bytes.subarray(at, end), {
      frame: (kind, payload) => seen.push(`${kind} ${payload.toString("hex")}`),
      data: (piece) => data.push(Buffer.from(piece)),
    });
    at = end;
  }
  return { seen, data: Buffer.concat(data), fault };
}

test("BulkFrameReader: reads what was written, however it is cut", async (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 100 }),
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 500 }), { maxLength: 5 }),
      fc.array(fc.nat(4000)),
      (header, pieces, cuts) => {
        const opening = { direction: "read" as const, deadlineMs: 1234, header };
        const bytes = Buffer.concat([
          encodeOpen(1, opening),
          ...pieces.flatMap((piece) => [encodeDataHeader(1, piece.length), piece]),
          encodeBulkFrame(1, "finish", Buffer.alloc(0)),
          encodeBulkFrame(1, "done", header),
        ]);
        const { seen, data, fault } = read(bytes, cuts);
        t.equal(fault, undefined);
        t.strictSame(data, Buffer.concat(pieces));
        t.equal(seen.length, 3);
        t.strictSame(seen.slice(1), ["finish ", `done ${Buffer.from(header).toString("hex")}`]);
        const payload = Buffer.from(seen[0]?.slice("open ".length) ?? "", "hex");
        const decoded = decodeOpen(payload);
        t.equal(decoded?.direction, "read");
        t.equal(decoded?.deadlineMs, 1234);
        t.equal(Buffer.compare(decoded?.header ?? Buffer.alloc(1), header), 0);
      },
    ),
    { numRuns: 50 },
  );
});

test("BulkFrameReader: names what is wrong, and says the same whatever the cuts", async (t) => {
  const bad: [Buffer, RegExp][] = [
    [Buffer.from([9, 1, 0, 0, 0, 0, 0, 0]), /unknown kind/],
    [Buffer.from([1, 2, 0, 0, 0, 0, 0, 0]), /another version/],
    [Buffer.from([1, 1, 1, 0, 0, 0, 0, 0]), /reserved/],
    [Buffer.from([0, 1, 0, 0, 0, 0, 0, 1]), /open of 16777216 bytes/],
    [Buffer.from([2, 1, 0, 0, 1, 0, 0, 0]), /finish of 1 bytes/],
  ];
  for (const [bytes, fault] of bad) {
    t.match(read(bytes, []).fault, fault);
    t.match(read(bytes, [1, 3, 7]).fault, fault);
  }
  t.equal(decodeOpen(Buffer.from([7, 0, 0, 0, 0, 0, 0, 0])), undefined);
  t.equal(decodeOpen(Buffer.from([0, 0, 0])), undefined);
});
