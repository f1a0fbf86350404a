import { createCipheriv, createHash } from "node:crypto";
import fc from "fast-check";
import { test } from "tap";
import {
  FRAME_BYTES,
  FRAME_PLAIN_BYTES,
  frameCount,
  openFrames,
  sealedBytes,
  sealFrames,
  stripePlainBytes,
  TAG_BYTES,
  tryOpenFrames,
} from "../../../src/codec/sealed-frames.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const KEY = Buffer.from("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "hex");
const WHOLE = { key: KEY, firstFrame: 0, final: true };
const CORRUPT = { code: "corrupt" };

function seal(plain: Uint8Array, run = WHOLE): Buffer {
  const bytes = Buffer.alloc(sealedBytes(plain.length));
  bytes.set(plain);
  sealFrames(bytes, plain.length, run);
  return bytes;
}

function open(sealed: Uint8Array, run = WHOLE): Buffer {
  const bytes = Buffer.from(sealed);
  return bytes.subarray(0, openFrames(bytes, run));
}

/** The format as docs/FORMATS.md says it, frame by frame, with nothing in place. */
function slowSeal(plain: Buffer, key: Buffer): Buffer {
  const frames: Buffer[] = [];
  const count = Math.max(1, Math.ceil(plain.length / 65_520));
  for (let number = 0; number < count; number++) {
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(number === count - 1 ? 1 : 0);
    nonce.writeUInt32BE(number, 8);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    frames.push(cipher.update(plain.subarray(number * 65_520, (number + 1) * 65_520)));
    cipher.final();
    frames.push(cipher.getAuthTag());
  }
  return Buffer.concat(frames);
}

// Computed with another library (python-cryptography) from the text of docs/FORMATS.md.
test("sealFrames: known answers of the format", async (t) => {
  t.equal(seal(Buffer.alloc(0)).toString("hex"), "197b1d24ed7acc2678859df922c3b5cb");
  t.equal(
    seal(Buffer.from("ringfort")).toString("hex"),
    "365fa3cd6a3586dc14a5417dee68e6aca8fb03f97884bde5",
  );
  const long = seal(Buffer.alloc(2 * FRAME_PLAIN_BYTES + 1, 0x61));
  t.equal(
    createHash("sha256").update(long).digest("hex"),
    "3589daa4f54f4284ba2a74e10ce94b594039ae85c16568509e57494d3ca59741",
  );
});

test("sealFrames: is the slow form, for sizes around frames", async (t) => {
  const random = new SeededRandom(7);
  for (const frames of [0, 1, 2, 5]) {
    for (const more of [-1, 0, 1, 17]) {
      const bytes = frames * FRAME_PLAIN_BYTES + more;
      if (bytes < 0) continue;
      const plain = random.bytes(bytes);
      const sealed = seal(plain);
      t.ok(sealed.equals(slowSeal(plain, KEY)), `${bytes} bytes`);
      t.equal(sealed.length, bytes + frameCount(bytes) * TAG_BYTES);
      t.ok(open(sealed).equals(plain), `${bytes} bytes come back`);
    }
  }
});

test("openFrames: any run of frames opens by itself", async () => {
  const plain = new SeededRandom(8).bytes(4 * FRAME_PLAIN_BYTES + 1000);
  const sealed = seal(plain);
  fc.assert(
    fc.property(fc.nat(4), fc.nat(4), (one, other) => {
      const [first, last] = one < other ? [one, other] : [other, one];
      const part = sealed.subarray(first * FRAME_BYTES, (last + 1) * FRAME_BYTES);
      const opened = open(part, { key: KEY, firstFrame: first, final: last === 4 });
      const wanted = plain.subarray(first * FRAME_PLAIN_BYTES, (last + 1) * FRAME_PLAIN_BYTES);
      return opened.equals(wanted);
    }),
    { seed: 1, numRuns: 15 },
  );
});

test("openFrames: a flipped bit anywhere is noticed", async () => {
  const sealed = seal(new SeededRandom(9).bytes(FRAME_PLAIN_BYTES + 50));
  fc.assert(
    fc.property(fc.nat(sealed.length * 8 - 1), (bit) => {
      const changed = Buffer.from(sealed);
      const at = bit >> 3;
      changed.writeUInt8(changed.readUInt8(at) ^ (1 << (bit & 7)), at);
      try {
        open(changed);
        return false;
      } catch {
        return true;
      }
    }),
    { seed: 2, numRuns: 200 },
  );
});

test("tryOpenFrames: opens, or leaves every byte as it was", async () => {
  const plain = new SeededRandom(11).bytes(3 * FRAME_PLAIN_BYTES + 100);
  const run = { key: KEY, firstFrame: 5, final: true };
  const sealed = seal(plain, run);
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.nat(255), (at, change) => {
      const bytes = Buffer.from(sealed);
      bytes.writeUInt8(bytes.readUInt8(at) ^ change, at);
      const before = Buffer.from(bytes);
      if (!tryOpenFrames(bytes, run)) return change !== 0 && bytes.equals(before);
      return change === 0 && bytes.subarray(0, plain.length).equals(plain);
    }),
    {
      seed: 4,
      numRuns: 60,
      examples: [
        [0, 0],
        [3 * FRAME_BYTES, 1],
        [0, 1],
      ],
    },
  );
});

test("openFrames: refuses frames cut off, moved, repeated, left out or of another key", async (t) => {
  const plain = new SeededRandom(10).bytes(3 * FRAME_PLAIN_BYTES);
  const sealed = seal(plain);
  const frame = (index: number) => sealed.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES);
  const [first, second, third] = [frame(0), frame(1), frame(2)];
  const wrong: ReadonlyArray<readonly [string, Uint8Array]> = [
    ["cut off at a frame", Buffer.concat([first, second])],
    ["cut off inside a frame", sealed.subarray(0, sealed.length - 5)],
    ["cut off inside a tag", sealed.subarray(0, 2 * FRAME_BYTES + 9)],
    ["moved", Buffer.concat([second, first, third])],
    ["repeated", Buffer.concat([first, first, third])],
    ["left out", Buffer.concat([first, third])],
    ["longer", Buffer.concat([sealed, third])],
  ];
  for (const [what, bytes] of wrong) t.throws(() => open(bytes), CORRUPT, what);
  const other = { ...WHOLE, key: Buffer.alloc(32, 1) };
  t.throws(() => open(sealed, other), CORRUPT, "another key");
  t.throws(() => open(sealed, { ...WHOLE, firstFrame: 1 }), CORRUPT, "another place");
  t.throws(() => open(sealed, { ...WHOLE, final: false }), CORRUPT, "not the end");
});

test("stripePlainBytes: fills stripes of any allowed size with whole frames", async (t) => {
  for (let stripe = FRAME_BYTES; stripe <= 16 * 1024 * 1024; stripe *= 2) {
    t.equal(sealedBytes(stripePlainBytes(stripe)), stripe);
  }
  t.throws(() => stripePlainBytes(1024));
});
