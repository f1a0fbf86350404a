/**
 * The running digests of one upload, beside its MD5: the SHA-256 of the whole and of its segments in
 * `node:crypto`, which is faster than any kernel, checksums that are hashes, and CRCs as plain
 * values. They live in the thread that made them.
 */
import { createHash, type Hash } from "node:crypto";
import type { ChecksumAlgorithm } from "../base/payload.ts";
import {
  type ChecksumHash,
  createChecksumHash,
  type HashAlgorithm,
  isCrc,
} from "../codec/checksum-hash.ts";
import { CRC_EMPTY, type CrcAlgorithm, crcToBytes } from "../codec/crc.ts";
import type { Kernels } from "../codec/kernels.ts";
import type { DigestPlan } from "./codec-messages.ts";

/** Digests of a payload that other steps have: no need to compute them again as a checksum. */
type Shared = "md5" | "sha256";

export class PayloadHashes {
  readonly #checksums: readonly ChecksumAlgorithm[];
  readonly #crcs = new Map<CrcAlgorithm, bigint>();
  readonly #hashes = new Map<Exclude<HashAlgorithm, Shared>, ChecksumHash>();
  readonly #sha256: Hash | undefined;
  #segment: Hash | undefined;

  constructor(plan: DigestPlan) {
    this.#checksums = plan.checksums;
    const wantsSha256 = plan.sha256 || plan.checksums.includes("sha256");
    this.#sha256 = wantsSha256 ? createHash("sha256") : undefined;
    this.#segment = plan.segments ? createHash("sha256") : undefined;
    for (const algorithm of plan.checksums) {
      if (algorithm === "md5" || algorithm === "sha256") continue;
      if (isCrc(algorithm)) this.#crcs.set(algorithm, CRC_EMPTY);
      else this.#hashes.set(algorithm, createChecksumHash(algorithm));
    }
  }

  /** Takes bytes at `offset` of the kernels' memory; returns the digests of segments that end. */
  update(
    kernels: Kernels,
    bytes: { readonly offset: number; readonly length: number },
    segmentEnds: readonly number[],
  ): Buffer[] {
    const view = new Uint8Array(kernels.memory.buffer, bytes.offset, bytes.length);
    this.#sha256?.update(view);
    for (const hash of this.#hashes.values()) hash.update(view);
    for (const [algorithm, value] of this.#crcs) {
      const next = kernels.crcUpdate(algorithm, value, bytes.offset, bytes.length);
      this.#crcs.set(algorithm, next);
    }
    return this.#cutSegments(view, segmentEnds);
  }

  /** `md5` is that of the whole payload, which is also a checksum when that one is asked for. */
  finish(md5: Uint8Array): {
    sha256?: Buffer;
    checksums: Partial<Record<ChecksumAlgorithm, Uint8Array>>;
  } {
    const sha256 = this.#sha256?.digest();
    const checksums: Partial<Record<ChecksumAlgorithm, Uint8Array>> = {};
    for (const algorithm of this.#checksums) {
      const value = this.#finished(algorithm, { md5, sha256 });
      if (value !== undefined) checksums[algorithm] = value;
    }
    return { ...(sha256 === undefined ? {} : { sha256 }), checksums };
  }

  #finished(
    algorithm: ChecksumAlgorithm,
    shared: Readonly<Record<Shared, Uint8Array | undefined>>,
  ): Uint8Array | undefined {
    if (algorithm === "md5" || algorithm === "sha256") return shared[algorithm];
    if (isCrc(algorithm)) return crcToBytes(algorithm, this.#crcs.get(algorithm) ?? CRC_EMPTY);
    return this.#hashes.get(algorithm)?.digest();
  }

  #cutSegments(view: Uint8Array, segmentEnds: readonly number[]): Buffer[] {
    if (this.#segment === undefined) return [];
    const digests: Buffer[] = [];
    let start = 0;
    for (const end of segmentEnds) {
      digests.push(this.#segment.update(view.subarray(start, end)).digest());
      this.#segment = createHash("sha256");
      start = end;
    }
    this.#segment.update(view.subarray(start));
    return digests;
  }
}
