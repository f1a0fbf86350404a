/** The checksums of S3 by means the product does not use: native hashes, and CRCs bit by bit. */
import { createHash } from "node:crypto";
import { xxh3, xxh64 } from "@node-rs/xxhash";
import type { ChecksumAlgorithm } from "../../src/base/payload.ts";
import { crcToBytes, crcUpdateSlow } from "../../src/codec/crc.ts";

export function checksumOf(algorithm: ChecksumAlgorithm, content: Uint8Array): Buffer {
  switch (algorithm) {
    case "md5":
    case "sha1":
    case "sha256":
    case "sha512":
      return createHash(algorithm).update(content).digest();
    case "xxhash64":
      return bigEndian(xxh64(content), 8);
    case "xxhash3":
      return bigEndian(xxh3.xxh64(content), 8);
    case "xxhash128":
      return bigEndian(xxh3.xxh128(content), 16);
    default:
      return crcToBytes(algorithm, crcUpdateSlow(algorithm, 0n, content));
  }
}

function bigEndian(value: bigint, bytes: number): Buffer {
  return Buffer.from(value.toString(16).padStart(bytes * 2, "0"), "hex");
}
