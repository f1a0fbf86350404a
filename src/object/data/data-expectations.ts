/** What a client declared about a payload, held against what arrived. */
import type { DigestPlan, PayloadDigests } from "../../actors/codec-messages.ts";
import { equalBytes } from "../../base/bytes.ts";
import type { ChecksumAlgorithm, PayloadExpectations, PayloadSource } from "../../base/payload.ts";
import { StoreError } from "../../base/store-error.ts";

/** The digests to compute: those asked for and those that something will be compared with. */
export function planDigests(
  source: PayloadSource,
  wanted: readonly ChecksumAlgorithm[],
): DigestPlan {
  const { expectations, trailingChecksum } = source;
  const checksums = new Set(wanted);
  if (expectations.checksum !== undefined) checksums.add(expectations.checksum.algorithm);
  if (trailingChecksum !== undefined) checksums.add(trailingChecksum);
  return {
    sha256: expectations.sha256 !== undefined,
    segments: source.segmentDigests,
    checksums: [...checksums],
  };
}

/** The first expectation that the payload does not meet. */
export function findMismatch(
  expectations: PayloadExpectations,
  digests: PayloadDigests,
): StoreError | undefined {
  const { md5, sha256, checksum } = expectations;
  if (md5 !== undefined && !equalBytes(md5, digests.md5)) {
    return new StoreError({ code: "digest-mismatch", digest: "md5" });
  }
  // A digest that was not computed, because it was announced only at the end, cannot be confirmed.
  if (sha256 !== undefined && !matches(sha256, digests.sha256)) {
    return new StoreError({ code: "digest-mismatch", digest: "sha256" });
  }
  if (checksum !== undefined && !matches(checksum.value, digests.checksums[checksum.algorithm])) {
    const { algorithm } = checksum;
    return new StoreError({ code: "digest-mismatch", digest: "checksum", algorithm });
  }
  return undefined;
}

function matches(expected: Uint8Array, found: Uint8Array | undefined): boolean {
  return found !== undefined && equalBytes(expected, found);
}
