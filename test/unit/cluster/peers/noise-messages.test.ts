/** Noise messages, cut out of a connection's bytes wherever these were torn. */
import fc from "fast-check";
import { test } from "tap";
import { Uint8ArrayList } from "uint8arraylist";
import { NoiseMessages } from "../../../../cluster/peers/noise-messages.ts";

const SEED = { seed: 20261123, numRuns: 300 };

function withLength(message: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

test("NoiseMessages: gives what was sent, however it was torn, and no empty messages", async (t) => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.integer({ min: 250, max: 1100 }).map((length) => new Uint8Array(length).fill(length)),
  );
  const messages = fc.array(message, { maxLength: 12 });
  const tears = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(messages, tears, fc.boolean(), (sent, lengths, asLists) => {
      const bytes = Buffer.concat(sent.map(withLength));
      const cutter = new NoiseMessages();
      const received: Buffer[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const piece = bytes.subarray(at, at + (lengths[turn % lengths.length] ?? 1));
        at += piece.length;
        const half = piece.length >> 1;
        const list = new Uint8ArrayList(piece.subarray(0, half), piece.subarray(half));
        for (const whole of cutter.decode(asLists ? list : piece)) {
          received.push(Buffer.from(whole.subarray()));
        }
      }
      const wanted = sent.filter(({ length }) => length > 0).map((each) => Buffer.from(each));
      return (
        Buffer.concat(received).equals(Buffer.concat(wanted)) && received.length === wanted.length
      );
    }),
    SEED,
  );
  t.pass("all of them");
});

test("NoiseMessages: the longest message needs nothing but itself", async (t) => {
  const longest = Buffer.alloc(0xffff, 7);
  const cutter = new NoiseMessages();
  const bytes = withLength(longest);
  t.strictSame(cutter.decode(bytes.subarray(0, 1)), [], "half of a length");
  t.strictSame(cutter.decode(bytes.subarray(1, 3)), []);
  t.strictSame(cutter.decode(bytes.subarray(3, 60_000)), []);
  const [whole, ...others] = cutter.decode(bytes.subarray(60_000));
  t.ok(whole !== undefined && longest.equals(whole.subarray()));
  t.equal(others.length, 0);
});
