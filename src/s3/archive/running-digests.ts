/** Digests of bytes that pass by on the front, for bodies that are no object's payload themselves. */
import { createHash, type Hash } from "node:crypto";
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  type PayloadExpectations,
  type PayloadSource,
} from "../../base/payload.ts";
import type { StoreError } from "../../base/store-error.ts";
import {
  type ChecksumHash,
  createChecksumHash,
  type HashAlgorithm,
  isCrc,
} from "../../codec/checksum-hash.ts";
import {
  CRC_EMPTY,
  type CrcAlgorithm,
  crcCombine,
  crcFromBytes,
  crcToBytes,
} from "../../codec/crc.ts";
import { findMismatch } from "../../object/data/data-expectations.ts";
import type { DocumentDigester } from "../context.ts";

export class RunningDigests {
  readonly #digester: DocumentDigester;
  readonly #md5: Hash = createHash("md5");
  readonly #sha256: Hash | undefined;
  readonly #hashes = new Map<HashAlgorithm, ChecksumHash>();
  readonly #crcs = new Map<CrcAlgorithm, bigint>();

  /** Computes what the source's promises will be compared with, and the MD5. */
  constructor(
    source: Pick<PayloadSource, "expectations" | "trailingChecksum">,
    digester: DocumentDigester,
  ) {
    this.#digester = digester;
    const { sha256, checksum } = source.expectations;
    if (sha256 !== undefined) this.#sha256 = createHash("sha256");
    for (const algorithm of CHECKSUM_ALGORITHMS) {
      if (algorithm !== checksum?.algorithm && algorithm !== source.trailingChecksum) continue;
      if (isCrc(algorithm)) this.#crcs.set(algorithm, CRC_EMPTY);
      else this.#hashes.set(algorithm, createChecksumHash(algorithm));
    }
  }

  update(chunk: Uint8Array): void {
    this.#md5.update(chunk);
    this.#sha256?.update(chunk);
    for (const hash of this.#hashes.values()) hash.update(chunk);
    for (const [algorithm, value] of this.#crcs) {
      const plan = { sha256: false, checksums: [algorithm] };
      const found = this.#digester.digest(chunk, plan).checksums[algorithm] ?? new Uint8Array();
      const next = crcFromBytes(algorithm, found) ?? CRC_EMPTY;
      this.#crcs.set(algorithm, crcCombine(algorithm, value, next, chunk.length));
    }
  }

  /** Once, after the last byte: the MD5, or what was promised and is not so. */
  finish(...promises: readonly PayloadExpectations[]): Buffer | StoreError {
    const md5 = this.#md5.digest();
    const sha256 = this.#sha256?.digest();
    const checksums: Partial<Record<ChecksumAlgorithm, Uint8Array>> = {};
    for (const [algorithm, value] of this.#crcs)
      checksums[algorithm] = crcToBytes(algorithm, value);
    for (const [algorithm, hash] of this.#hashes) checksums[algorithm] = hash.digest();
    const digests = { md5, ...(sha256 === undefined ? {} : { sha256 }), checksums };
    for (const promise of promises) {
      const mismatch = findMismatch(promise, digests);
      if (mismatch !== undefined) return mismatch;
    }
    return md5;
  }
}
