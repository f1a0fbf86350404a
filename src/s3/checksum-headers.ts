/**
 * The `x-amz-checksum-*` family: what a request promises about its body, what a multipart upload
 * chooses, what an answer repeats. At most one checksum per request, and no unknown one: a promise
 * that is not checked would be worse than none.
 */
import { CHECKSUM_ALGORITHMS, type Checksum, type ChecksumAlgorithm } from "../base/payload.ts";
import { isCrc } from "../codec/checksum-hash.ts";
import type { ChecksumType, ObjectChecksum } from "../object/contract/object-store.ts";
import { S3Error } from "./s3-error.ts";
import type { XmlWriter } from "./xml.ts";

export interface ChecksumHeaders {
  get(name: string): string | undefined;
  entries(): Iterable<readonly [name: string, value: string]>;
}

const PREFIX = "x-amz-checksum-";
/** Headers of the family that are no checksum. */
const OTHERS: ReadonlySet<string> = new Set(["algorithm", "type", "mode"]);

const CHECKSUM_BYTES: Readonly<Record<ChecksumAlgorithm, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
  sha512: 64,
  md5: 16,
  xxhash64: 8,
  xxhash3: 8,
  xxhash128: 16,
};

const VALID_TYPES = CHECKSUM_ALGORITHMS.map((name) => name.toUpperCase()).join(", ");

function isChecksumAlgorithm(name: string): name is ChecksumAlgorithm {
  return CHECKSUM_ALGORITHMS.some((known) => known === name);
}

/** `CRC32`, `SHA256` … in any case; undefined when absent. */
export function parseChecksumAlgorithm(text: string | undefined): ChecksumAlgorithm | undefined {
  if (text === undefined) return undefined;
  const name = text.toLowerCase();
  if (isChecksumAlgorithm(name)) return name;
  throw invalidRequest(
    `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${VALID_TYPES}]`,
  );
}

/** A checksum's bytes from base64, or undefined when it is not exactly one of this algorithm. */
export function decodeChecksum(algorithm: ChecksumAlgorithm, text: string): Uint8Array | undefined {
  return decodeBase64(text, CHECKSUM_BYTES[algorithm]);
}

/** Canonical base64 of exactly `bytes` bytes; everything else is undefined. */
export function decodeBase64(text: string, bytes: number): Buffer | undefined {
  if (text.length !== Math.ceil(bytes / 3) * 4) return undefined;
  const value = Buffer.from(text, "base64");
  return value.length === bytes && value.toString("base64") === text ? value : undefined;
}

/** What a request promises about its body. */
export interface BodyChecksum {
  readonly checksum: Checksum | undefined;
  /** Announced by `x-amz-trailer`: the value follows the body. */
  readonly trailing: ChecksumAlgorithm | undefined;
}

export function parseBodyChecksum(headers: ChecksumHeaders): BodyChecksum {
  const found = singleChecksum(headers);
  const trailing = parseTrailer(headers.get("x-amz-trailer"));
  if (found !== undefined && trailing !== undefined) throw severalChecksums();
  checkAnnouncement(headers.get("x-amz-sdk-checksum-algorithm"), found?.algorithm ?? trailing);
  if (found === undefined) return { checksum: undefined, trailing };
  const value = decodeChecksum(found.algorithm, found.text);
  if (value === undefined) throw invalidValue(found.algorithm);
  return { checksum: { algorithm: found.algorithm, value }, trailing };
}

interface ChecksumText {
  readonly algorithm: ChecksumAlgorithm;
  readonly text: string;
}

function singleChecksum(headers: ChecksumHeaders): ChecksumText | undefined {
  let found: ChecksumText | undefined;
  for (const [name, text] of headers.entries()) {
    if (!name.startsWith(PREFIX)) continue;
    const algorithm = name.slice(PREFIX.length);
    if (OTHERS.has(algorithm)) continue;
    if (!isChecksumAlgorithm(algorithm)) {
      throw invalidRequest(
        "The algorithm type you specified in x-amz-checksum- header is invalid.",
      );
    }
    if (found !== undefined) throw severalChecksums();
    found = { algorithm, text };
  }
  return found;
}

/** The one trailer that is understood is a checksum. */
function parseTrailer(text: string | undefined): ChecksumAlgorithm | undefined {
  if (text === undefined) return undefined;
  const name = text.trim().toLowerCase();
  const algorithm = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : "";
  if (isChecksumAlgorithm(algorithm)) return algorithm;
  throw invalidRequest("The value specified in the x-amz-trailer header is not supported");
}

/** What an SDK says it will send must be what it sends. */
function checkAnnouncement(
  announced: string | undefined,
  actual: ChecksumAlgorithm | undefined,
): void {
  if (announced === undefined) return;
  const name = announced.toLowerCase();
  if (!isChecksumAlgorithm(name)) {
    throw invalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.");
  }
  if (name === actual) return;
  throw invalidRequest(
    "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
  );
}

export interface ChecksumSelection {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
}

/** What CreateMultipartUpload chooses for the parts and the object. */
export function parseChecksumSelection(headers: ChecksumHeaders): ChecksumSelection | undefined {
  const algorithm = parseChecksumAlgorithm(headers.get("x-amz-checksum-algorithm"));
  const type = parseChecksumType(headers.get("x-amz-checksum-type"));
  if (algorithm === undefined) {
    if (type === undefined) return undefined;
    throw invalidRequest(
      "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
    );
  }
  return { algorithm, type: resolveChecksumType(algorithm, type) };
}

function parseChecksumType(text: string | undefined): ChecksumType | undefined {
  if (text === undefined || text === "COMPOSITE" || text === "FULL_OBJECT") return text;
  throw invalidRequest("Value for x-amz-checksum-type header is invalid.");
}

/** CRCs of parts can be combined into one of the whole, hashes cannot; CRC64NVME always is. */
export function resolveChecksumType(
  algorithm: ChecksumAlgorithm,
  type: ChecksumType | undefined,
): ChecksumType {
  const onlyFull = algorithm === "crc64nvme";
  const onlyComposite = !isCrc(algorithm);
  const resolved = type ?? (onlyFull ? "FULL_OBJECT" : "COMPOSITE");
  if (resolved === "COMPOSITE" ? onlyFull : onlyComposite) {
    throw invalidRequest(
      `The ${resolved} checksum type cannot be used with the ${algorithm} checksum algorithm.`,
    );
  }
  return resolved;
}

export interface ExpectedChecksum {
  readonly checksum?: ChecksumText;
  readonly checksumType?: ChecksumType;
}

const PARTS_SUFFIX = /-(\d{1,5})$/;

/** What CompleteMultipartUpload expects of the object: `base64`, or `base64-N` of a composite. */
export function parseExpectedChecksum(headers: ChecksumHeaders): ExpectedChecksum {
  const checksumType = parseChecksumType(headers.get("x-amz-checksum-type"));
  const checksum = singleChecksum(headers);
  if (checksum !== undefined) {
    const plain = checksum.text.replace(PARTS_SUFFIX, "");
    if (decodeChecksum(checksum.algorithm, plain) === undefined) {
      throw invalidValue(checksum.algorithm);
    }
  }
  return {
    ...(checksum === undefined ? {} : { checksum }),
    ...(checksumType === undefined ? {} : { checksumType }),
  };
}

/** The checksum of an object in an answer. */
export function checksumHeaders(
  checksum: ObjectChecksum,
): Array<readonly [name: string, value: string]> {
  return [
    [`${PREFIX}${checksum.algorithm}`, checksum.text],
    ["x-amz-checksum-type", checksum.type],
  ];
}

export function checksumXml(xml: XmlWriter, checksum: ObjectChecksum): void {
  xml.element(checksumElement(checksum.algorithm), checksum.text);
  xml.element("ChecksumType", checksum.type);
}

/** `ChecksumCRC32` … as elements are called. */
export function checksumElement(algorithm: ChecksumAlgorithm): string {
  return `Checksum${algorithm.toUpperCase()}`;
}

function severalChecksums(): S3Error {
  return invalidRequest(
    "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
  );
}

/** No digest at all is a wrong one (decisions/0035). */
function invalidValue(algorithm: ChecksumAlgorithm): S3Error {
  const message = `Value for ${PREFIX}${algorithm} header is invalid.`;
  return new S3Error("BadDigest", { message });
}

function invalidRequest(message: string): S3Error {
  return new S3Error("InvalidRequest", { message });
}
