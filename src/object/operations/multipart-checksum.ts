/**
 * ETag and checksum of an object completed from parts, from those of the parts alone.
 *
 * COMPOSITE hashes the parts' values, FULL_OBJECT combines CRCs into that of the whole, as S3 does.
 */
import { createHash } from "node:crypto";
import type { ChecksumAlgorithm } from "../../base/payload.ts";
import { checksumHashOf, isCrc } from "../../codec/checksum-hash.ts";
import {
  CRC_EMPTY,
  type CrcAlgorithm,
  crcCombine,
  crcFromBytes,
  crcToBytes,
  crcUpdateSlow,
} from "../../codec/crc.ts";
import type { ChecksumPlan, StoredChecksum, StoredPart } from "../records/data-descriptor.ts";
import { corrupt } from "../records/record-bytes.ts";

/** MD5 of the parts' MD5s; shown with the number of parts behind it. */
export function multipartEtag(parts: readonly StoredPart[]): Buffer {
  return createHash("md5")
    .update(Buffer.concat(parts.map(({ etag }) => etag)))
    .digest();
}

/** Every part has a value of the plan's algorithm. */
export function multipartChecksum(
  plan: ChecksumPlan,
  parts: readonly StoredPart[],
): StoredChecksum {
  const { algorithm, type } = plan;
  if (type === "FULL_OBJECT" && isCrc(algorithm)) {
    return { algorithm, type, value: combine(algorithm, parts) };
  }
  const values = parts.map((part) => checksumValue(part, algorithm));
  return { algorithm, type: "COMPOSITE", value: digest(algorithm, Buffer.concat(values)) };
}

function combine(algorithm: CrcAlgorithm, parts: readonly StoredPart[]): Buffer {
  let whole = CRC_EMPTY;
  for (const part of parts) {
    const value = crcFromBytes(algorithm, checksumValue(part, algorithm));
    if (value === undefined) throw corrupt("part checksum: width");
    whole = crcCombine(algorithm, whole, value, part.bytes);
  }
  return crcToBytes(algorithm, whole);
}

function checksumValue(part: StoredPart, algorithm: ChecksumAlgorithm): Uint8Array {
  if (part.checksum?.algorithm !== algorithm) throw corrupt("part checksum: algorithm");
  return part.checksum.value;
}

/** A few hundred kilobytes at the most: the kernels are not worth a journey to another thread. */
function digest(algorithm: ChecksumAlgorithm, bytes: Buffer): Buffer {
  if (!isCrc(algorithm)) return checksumHashOf(algorithm, bytes);
  return crcToBytes(algorithm, crcUpdateSlow(algorithm, CRC_EMPTY, bytes));
}
