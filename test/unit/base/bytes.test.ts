import fc from "fast-check";
import { test } from "tap";
import {
  afterPrefix,
  compareBytes,
  copyBytes,
  equalBytes,
  toBase64,
  toHex,
} from "../../../src/base/bytes.ts";

test("afterPrefix: is above every extension of the prefix and is the least such string", async (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 6 }),
      fc.uint8Array({ maxLength: 4 }),
      (prefix, tail) => {
        const end = afterPrefix(prefix);
        const extended = Buffer.concat([prefix, tail]);
        if (end === undefined) return prefix.every((byte) => byte === 0xff);
        return compareBytes(extended, end) < 0;
      },
    ),
  );
  t.strictSame(afterPrefix(Buffer.from([1, 0xff])), Buffer.from([2]));
  t.equal(afterPrefix(Buffer.from([0xff])), undefined);
});

test("bytes: equality, hexadecimal and base64 say what Buffer says", async (t) => {
  const view = new Uint8Array([9, 1, 2, 255]).subarray(1);
  t.equal(toHex(view), "0102ff");
  t.equal(toBase64(view), "AQL/");
  t.ok(equalBytes(view, Buffer.from([1, 2, 255])));
  t.notOk(equalBytes(view, Buffer.from([1, 2])));
});

test("copyBytes: is set, for private and shared memory and any size", async (t) => {
  for (const memory of [new ArrayBuffer(20_000), new SharedArrayBuffer(20_000)]) {
    fc.assert(
      fc.property(fc.nat(12_000), fc.nat(8000), fc.nat(255), (bytes, at, first) => {
        const source = Uint8Array.from({ length: bytes }, (_, index) => first + index * 7);
        const expected = Buffer.alloc(20_000, 0xaa);
        expected.set(source, at);
        const target = new Uint8Array(memory).fill(0xaa);
        copyBytes(target.subarray(at), source);
        return expected.equals(target);
      }),
      { seed: 3, numRuns: 60 },
    );
  }
  t.throws(() => copyBytes(new Uint8Array(4999), new Uint8Array(5000)), RangeError);
});
