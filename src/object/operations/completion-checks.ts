/** What a CompleteMultipartUpload request may ask for, given the parts that were uploaded. */
import { asBuffer, equalBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/store-error.ts";
import type { CompletePart, CompleteUploadInput } from "../contract/object-store.ts";
import type { ChecksumPlan, StoredPart } from "../records/data-descriptor.ts";
import { OBJECT_BYTES_MAX } from "./put-object.ts";

/**
 * The parts that are meant: numbers ascend, and there is at least one. Of several with one number,
 * as clients name them that sent a part again, the last counts (decisions/0035).
 */
export function partsInOrder(parts: readonly CompletePart[]): readonly CompletePart[] {
  let previous = 0;
  for (const { number } of parts) {
    if (number < previous) throw new StoreError({ code: "invalid-part-order" });
    previous = number;
  }
  if (parts.length === 0) {
    throw new StoreError({ code: "invalid-argument", message: "No part was named" });
  }
  return parts.filter(({ number }, index) => parts[index + 1]?.number !== number);
}

/** The uploaded part that the request names, if it is the one that is meant. */
export function checkPart(wanted: CompletePart, part: StoredPart | undefined): StoredPart {
  // Made only when it is thrown: it takes longer than all else here, ten thousand times.
  if (part === undefined || !isWanted(part, wanted)) {
    throw new StoreError({ code: "invalid-part", partNumber: wanted.number });
  }
  return part;
}

function isWanted(part: StoredPart, wanted: CompletePart): boolean {
  if (asBuffer(part.etag).toString("hex") !== wanted.etag) return false;
  const { checksum } = wanted;
  // The ETag names the part; what was promised of it was verified when it came.
  if (checksum === undefined) return true;
  return (
    part.checksum?.algorithm === checksum.algorithm &&
    equalBytes(part.checksum.value, checksum.value)
  );
}

/** Every part but the last is large enough, and the sum is what S3 allows and the client says. */
export function checkSizes(
  parts: readonly StoredPart[],
  partBytesMin: number,
  expected: number | undefined,
): void {
  const last = parts.at(-1);
  let total = 0;
  for (const part of parts) {
    total += part.bytes;
    if (part === last || part.bytes >= partBytesMin) continue;
    const { number, bytes, etag } = part;
    throw new StoreError({
      code: "entity-too-small",
      partNumber: number,
      bytes,
      etag: Buffer.from(etag).toString("hex"),
    });
  }
  if (total > OBJECT_BYTES_MAX) {
    throw new StoreError({ code: "entity-too-large", bytesMax: OBJECT_BYTES_MAX });
  }
  if (expected !== undefined && expected !== total) {
    throw new StoreError({
      code: "invalid-argument",
      message: `The provided 'x-amz-mp-object-size' header value ${expected} does not match what was computed: ${total}`,
    });
  }
}

/** What the client expects of the whole object. */
export function checkExpected(
  input: CompleteUploadInput,
  plan: ChecksumPlan | undefined,
  text: string | undefined,
): void {
  const { checksum, checksumType } = input;
  if (checksumType !== undefined && plan !== undefined && checksumType !== plan.type) {
    throw new StoreError({
      code: "invalid-argument",
      message: `Checksum Type mismatch occurred, expected checksum Type: ${plan.type}, actual checksum Type: ${checksumType}`,
    });
  }
  if (checksum === undefined) return;
  const withoutCount = text?.replace(/-\d+$/, "");
  const same = checksum.text === text || checksum.text === withoutCount;
  if (plan?.algorithm !== checksum.algorithm || !same) {
    const { algorithm } = checksum;
    throw new StoreError({ code: "digest-mismatch", digest: "checksum", algorithm });
  }
}
