/** Data descriptors, checksums and parts as they stand in records; see docs/FORMATS.md. */
import { ID_BYTES, parseDataId } from "../../base/ids.ts";
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm } from "../../base/payload.ts";
import type { Data, ShardedData } from "../contract/data.ts";
import type { ChecksumType } from "../contract/object-store.ts";
import { asBytes, asChoice, asCount, asList, asText, corrupt } from "./record-bytes.ts";

export const ETAG_BYTES = 16;
const CHECKSUM_TYPES = ["COMPOSITE", "FULL_OBJECT"] as const;
const SLOTS_MAX = 31;

export interface StoredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  readonly value: Uint8Array;
}

/** One part of a multipart object, with its own data. */
export interface StoredPart {
  readonly number: number;
  readonly bytes: number;
  /** MD5; another value when it is encrypted. */
  readonly etag: Uint8Array;
  /** Sealed when the object is encrypted. */
  readonly checksum: StoredChecksum | undefined;
  readonly data: Data;
  /** Of an encrypted part: what makes its key differ from that of the part it replaces. */
  readonly salt?: Uint8Array | undefined;
}

/** Inline content packs as bytes, shards as a list. */
export function packData(data: Data): unknown {
  if (data.kind === "inline") return data.content;
  return packShards(data);
}

export function unpackData(value: unknown): Data {
  if (value instanceof Uint8Array) return { kind: "inline", content: value };
  return unpackShards(value);
}

export function packShards(data: ShardedData): unknown {
  const { dataId, k, m, stripeDataBytes, bytes, drives, missing } = data;
  return [Buffer.from(dataId, "hex"), k, m, stripeDataBytes, bytes, drives, missing];
}

export function unpackShards(value: unknown): ShardedData {
  const fields = asList(value, "data descriptor");
  const dataId = parseDataId(asBytes(fields[0], "data id", ID_BYTES).toString("hex"));
  const k = asCount(fields[1], "data shards");
  const m = asCount(fields[2], "parity shards");
  const drives = asList(fields[5], "drives").map((drive) => asCount(drive, "drive"));
  if (dataId === undefined || k === 0 || k + m !== drives.length || drives.length > SLOTS_MAX) {
    throw corrupt("data descriptor: slots do not fit its geometry");
  }
  return {
    kind: "shards",
    dataId,
    k,
    m,
    stripeDataBytes: asCount(fields[3], "stripe bytes"),
    bytes: asCount(fields[4], "data bytes"),
    drives,
    missing: asCount(fields[6], "missing slots"),
  };
}

export function packChecksum(checksum: StoredChecksum | undefined): unknown {
  if (checksum === undefined) return null;
  const { algorithm, type, value } = checksum;
  return [CHECKSUM_ALGORITHMS.indexOf(algorithm), CHECKSUM_TYPES.indexOf(type), value];
}

export function unpackChecksum(value: unknown): StoredChecksum | undefined {
  if (value === null) return undefined;
  const fields = asList(value, "checksum");
  return {
    algorithm: asChoice(fields[0], CHECKSUM_ALGORITHMS, "checksum algorithm"),
    type: asChoice(fields[1], CHECKSUM_TYPES, "checksum type"),
    value: asBytes(fields[2], "checksum value"),
  };
}

/** What an upload asked for: an algorithm and how the parts' values make the object's. */
export interface ChecksumPlan {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
}

export function packChecksumPlan(plan: ChecksumPlan | undefined): unknown {
  if (plan === undefined) return null;
  return [CHECKSUM_ALGORITHMS.indexOf(plan.algorithm), CHECKSUM_TYPES.indexOf(plan.type)];
}

export function unpackChecksumPlan(value: unknown): ChecksumPlan | undefined {
  if (value === null) return undefined;
  const fields = asList(value, "checksum plan");
  return {
    algorithm: asChoice(fields[0], CHECKSUM_ALGORITHMS, "checksum algorithm"),
    type: asChoice(fields[1], CHECKSUM_TYPES, "checksum type"),
  };
}

export function packPart(part: StoredPart): unknown {
  const { number, bytes, etag, checksum, data, salt } = part;
  const fields = [number, bytes, etag, packChecksum(checksum), packData(data)];
  return salt === undefined ? fields : [...fields, salt];
}

export function unpackPart(value: unknown): StoredPart {
  const fields = asList(value, "part");
  return {
    number: asCount(fields[0], "part number"),
    bytes: asCount(fields[1], "part bytes"),
    etag: asBytes(fields[2], "part etag", ETAG_BYTES),
    checksum: unpackChecksum(fields[3]),
    data: unpackData(fields[4]),
    ...(fields[5] === undefined ? {} : { salt: asBytes(fields[5], "part salt") }),
  };
}

/** Headers as a flat list: name, value, name, value … */
export function packHeaders(headers: Readonly<Record<string, string>>): string[] {
  const flat: string[] = [];
  for (const name in headers) flat.push(name, headers[name] ?? "");
  return flat;
}

export function unpackHeaders(value: unknown): Record<string, string> {
  const flat = asList(value, "headers");
  if (flat.length % 2 !== 0) throw corrupt("headers: a name without a value");
  // No prototype: a header may be called "__proto__" or "constructor".
  const headers: Record<string, string> = Object.create(null);
  for (let index = 0; index < flat.length; index += 2) {
    headers[asText(flat[index], "header name")] = asText(flat[index + 1], "header value");
  }
  return headers;
}

/** Text of the header or XML element: base64, with the number of parts behind a composite one. */
export function checksumText(checksum: StoredChecksum, parts: number): string {
  const text = Buffer.from(checksum.value).toString("base64");
  return checksum.type === "COMPOSITE" && parts > 0 ? `${text}-${parts}` : text;
}
