/**
 * The digests of a small payload, whole in memory, computed at once in the calling thread: a hop to
 * an actor would cost more than the work. The bytes are on the heap, where `node:crypto` takes them
 * as they are; CRC kernels see the shared memory only and get them through the front's scratch.
 */
import { hash } from "node:crypto";
import type { ChecksumAlgorithm } from "../base/payload.ts";
import { checksumHashOf, isCrc } from "../codec/checksum-hash.ts";
import { CRC_EMPTY, type CrcAlgorithm, crcToBytes } from "../codec/crc.ts";
import type { Kernels } from "../codec/kernels.ts";
import { FRONT_SCRATCH_BYTES, FRONT_SCRATCH_OFFSET } from "./arena-layout.ts";
import type { DigestPlan, PayloadDigests } from "./codec-messages.ts";

export function sha256Of(bytes: Uint8Array): Buffer {
  return hash("sha256", bytes, "buffer");
}

export function digestInline(
  kernels: Kernels,
  content: Uint8Array,
  plan: DigestPlan,
): PayloadDigests {
  const md5 = hash("md5", content, "buffer");
  const sha256 = plan.sha256 ? sha256Of(content) : undefined;
  const checksums: Partial<Record<ChecksumAlgorithm, Uint8Array>> = {};
  for (const algorithm of plan.checksums) {
    if (algorithm === "sha256") checksums.sha256 = sha256 ?? sha256Of(content);
    else if (algorithm === "md5") checksums.md5 = md5;
    else if (isCrc(algorithm)) checksums[algorithm] = crcOf(kernels, algorithm, content);
    else checksums[algorithm] = checksumHashOf(algorithm, content);
  }
  return { md5, ...(sha256 === undefined ? {} : { sha256 }), checksums };
}

function crcOf(kernels: Kernels, algorithm: CrcAlgorithm, content: Uint8Array): Buffer {
  const scratch = new Uint8Array(kernels.memory.buffer, FRONT_SCRATCH_OFFSET, FRONT_SCRATCH_BYTES);
  let value = CRC_EMPTY;
  for (let start = 0; start < content.length; start += FRONT_SCRATCH_BYTES) {
    const piece = content.subarray(start, start + FRONT_SCRATCH_BYTES);
    scratch.set(piece);
    value = kernels.crcUpdate(algorithm, value, FRONT_SCRATCH_OFFSET, piece.length);
  }
  return crcToBytes(algorithm, value);
}
