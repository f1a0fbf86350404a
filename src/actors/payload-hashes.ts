/**
 * The running digests of one upload, beside its MD5: SHA-256 and SHA-1 in `node:crypto`, which is
 * faster than any kernel, and CRCs as plain values. They live in the thread that made them.
 */
import { createHash, type Hash } from "node:crypto";
import type { ChecksumAlgorithm } from "../base/payload.ts";
import { CRC_ALGORITHMS, CRC_EMPTY, type CrcAlgorithm, crcToBytes } from "../codec/crc.ts";
import type { Kernels } from "../codec/kernels.ts";
import type { DigestPlan } from "./codec-messages.ts";

export function isCrc(algorithm: ChecksumAlgorithm): algorithm is CrcAlgorithm {
  return (CRC_ALGORITHMS as readonly string[]).includes(algorithm);
}

export class PayloadHashes {
  readonly #checksums: readonly ChecksumAlgorithm[];
  readonly #crcs = new Map<CrcAlgorithm, bigint>();
  readonly #sha256: Hash | undefined;
  readonly #sha1: Hash | undefined;
  #segment: Hash | undefined;

  constructor(plan: DigestPlan) {
    this.#checksums = plan.checksums;
    const wantsSha256 = plan.sha256 || plan.checksums.includes("sha256");
    this.#sha256 = wantsSha256 ? createHash("sha256") : undefined;
    this.#sha1 = plan.checksums.includes("sha1") ? createHash("sha1") : undefined;
    this.#segment = plan.segments ? createHash("sha256") : undefined;
    for (const algorithm of plan.checksums) {
      if (isCrc(algorithm)) this.#crcs.set(algorithm, CRC_EMPTY);
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
    this.#sha1?.update(view);
    for (const [algorithm, value] of this.#crcs) {
      const next = kernels.crcUpdate(algorithm, value, bytes.offset, bytes.length);
      this.#crcs.set(algorithm, next);
    }
    return this.#cutSegments(view, segmentEnds);
  }

  finish(): { sha256?: Buffer; checksums: Partial<Record<ChecksumAlgorithm, Uint8Array>> } {
    const sha256 = this.#sha256?.digest();
    const checksums: Partial<Record<ChecksumAlgorithm, Uint8Array>> = {};
    for (const algorithm of this.#checksums) {
      const value = this.#finished(algorithm, sha256);
      if (value !== undefined) checksums[algorithm] = value;
    }
    return { ...(sha256 === undefined ? {} : { sha256 }), checksums };
  }

  #finished(algorithm: ChecksumAlgorithm, sha256: Buffer | undefined): Buffer | undefined {
    if (algorithm === "sha256") return sha256;
    if (algorithm === "sha1") return this.#sha1?.digest();
    return crcToBytes(algorithm, this.#crcs.get(algorithm) ?? CRC_EMPTY);
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
