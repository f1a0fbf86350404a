/** Checksums that are hashes against native implementations and published values. */
import fc from "fast-check";
import { test } from "tap";
import { CHECKSUM_ALGORITHMS } from "../../../src/base/payload.ts";
import {
  checksumHashOf,
  createChecksumHash,
  type HashAlgorithm,
  isCrc,
} from "../../../src/codec/checksum-hash.ts";
import { checksumOf } from "../../support/checksum-of.ts";

const HASHES = CHECKSUM_ALGORITHMS.filter((name): name is HashAlgorithm => !isCrc(name));

test("checksumHashOf: known values of no bytes and of `abc`", async (t) => {
  // RFC 1321, FIPS 180-4, and xxhsum of the xxHash project.
  const known: ReadonlyArray<readonly [HashAlgorithm, string, string]> = [
    ["md5", "d41d8cd98f00b204e9800998ecf8427e", "900150983cd24fb0d6963f7d28e17f72"],
    ["xxhash64", "ef46db3751d8e999", "44bc2cf5ad770999"],
    ["xxhash3", "2d06800538d394c2", "78af5f94892f3950"],
    ["xxhash128", "99aa06d3014798d86001c324468d497f", "06b05ab6733a618578af5f94892f3950"],
  ];
  for (const [algorithm, ofNothing, ofAbc] of known) {
    t.equal(checksumHashOf(algorithm, Buffer.alloc(0)).toString("hex"), ofNothing, algorithm);
    t.equal(checksumHashOf(algorithm, Buffer.from("abc")).toString("hex"), ofAbc, algorithm);
  }
});

test("createChecksumHash: streams side by side, in any pieces, give the digest of the whole", async (t) => {
  const piece = fc.uint8Array({ maxLength: 700 });
  const stream = fc.record({ algorithm: fc.constantFrom(...HASHES), pieces: fc.array(piece) });
  fc.assert(
    fc.property(fc.array(stream, { minLength: 1, maxLength: 4 }), (streams) => {
      const hashes = streams.map(({ algorithm }) => createChecksumHash(algorithm));
      const turns = Math.max(...streams.map(({ pieces }) => pieces.length));
      // One piece of each stream a turn: they must not disturb each other.
      for (let turn = 0; turn < turns; turn++) {
        streams.forEach(({ pieces }, index) => {
          const bytes = pieces[turn];
          if (bytes !== undefined) hashes[index]?.update(bytes);
        });
      }
      return streams.every(({ algorithm, pieces }, index) =>
        hashes[index]?.digest().equals(checksumOf(algorithm, Buffer.concat(pieces))),
      );
    }),
    { seed: 64, numRuns: 300 },
  );
  t.pass("300 sets of streams");
});
