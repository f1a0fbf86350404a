import * as zlib from "node:zlib";
import fc from "fast-check";
import { test } from "tap";
import {
  CRC_ALGORITHMS,
  CRC_EMPTY,
  crcCombine,
  crcFromBytes,
  crcToBytes,
  crcUpdateSlow,
} from "../../../src/codec/crc.ts";

test("crcUpdateSlow: gives the catalogue's check values for 123456789", async (t) => {
  const check = Buffer.from("123456789");
  t.equal(crcUpdateSlow("crc32", CRC_EMPTY, check), 0xcbf43926n);
  t.equal(crcUpdateSlow("crc32c", CRC_EMPTY, check), 0xe3069283n);
  t.equal(crcUpdateSlow("crc64nvme", CRC_EMPTY, check), 0xae8b14860a799888n);
  t.equal(crcUpdateSlow("crc32", CRC_EMPTY, check), BigInt(zlib.crc32(check)));
});

test("crcUpdateSlow: a running value may be carried over any cut", async () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...CRC_ALGORITHMS),
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      (algorithm, left, right) =>
        crcUpdateSlow(algorithm, crcUpdateSlow(algorithm, CRC_EMPTY, left), right) ===
        crcUpdateSlow(algorithm, CRC_EMPTY, Buffer.concat([left, right])),
    ),
  );
});

test("crcCombine: is the CRC of the concatenation", async () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...CRC_ALGORITHMS),
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 700 }),
      (algorithm, left, right) => {
        const parts = [left, right].map((part) => crcUpdateSlow(algorithm, CRC_EMPTY, part));
        const combined = crcCombine(algorithm, parts[0] ?? -1n, parts[1] ?? -1n, right.length);
        return combined === crcUpdateSlow(algorithm, CRC_EMPTY, Buffer.concat([left, right]));
      },
    ),
  );
});

test("crcCombine: is associative over lengths beyond 32 bits", async (t) => {
  const fiveTib = 5 * 2 ** 40;
  for (const algorithm of CRC_ALGORITHMS) {
    const [a, b, c] = [0x1234n, 0xabcdn, 0x777n];
    const leftFirst = crcCombine(
      algorithm,
      crcCombine(algorithm, a, b, fiveTib),
      c,
      12_345_678_901,
    );
    const rightFirst = crcCombine(
      algorithm,
      a,
      crcCombine(algorithm, b, c, 12_345_678_901),
      fiveTib + 12_345_678_901,
    );
    t.equal(leftFirst, rightFirst, algorithm);
  }
});

test("crcToBytes: is big-endian at the CRC's width, and crcFromBytes reverses it", async (t) => {
  t.equal(crcToBytes("crc32c", 0xe3069283n).toString("base64"), "4waSgw==");
  t.equal(crcToBytes("crc64nvme", 0xae8b14860a799888n).toString("hex"), "ae8b14860a799888");
  for (const algorithm of CRC_ALGORITHMS) {
    t.equal(crcFromBytes(algorithm, crcToBytes(algorithm, 0x01020304n)), 0x01020304n);
    t.equal(crcFromBytes(algorithm, Buffer.alloc(5)), undefined);
  }
});
