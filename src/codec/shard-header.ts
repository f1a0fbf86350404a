/**
 * The 128 bytes that open every shard file: which data, which slot, how it was encoded. Parsing
 * trusts nothing and returns what is wrong as data. The layout is docs/FORMATS.md, "Shard files".
 */
import { equalBytes } from "../base/bytes.ts";
import { type DataId, ID_BYTES, parseDataId } from "../base/ids.ts";
import { SHARDS_MAX } from "./erasure-matrix.ts";
import { xxh3 } from "./xxh3.ts";

export const SHARD_HEADER_BYTES = 128;
export const SHARD_FORMAT_VERSION = 1;

const MAGIC = Buffer.from("RFSHARD1", "latin1");
const VERSION_OFFSET = 8;
const SLOT_OFFSET = 10;
const K_OFFSET = 11;
const M_OFFSET = 12;
const STRIPE_DATA_BYTES_OFFSET = 16;
const DATA_ID_OFFSET = 32;
const CHECKSUM_OFFSET = 112;

export interface ShardHeader {
  readonly dataId: DataId;
  readonly slot: number;
  readonly k: number;
  readonly m: number;
  readonly stripeDataBytes: number;
}

export type ShardHeaderProblem =
  | "too-short"
  | "not-a-shard"
  | "unsupported-version"
  | "bad-checksum"
  | "impossible-values";

export type ShardHeaderResult =
  | { readonly ok: true; readonly header: ShardHeader }
  | { readonly ok: false; readonly problem: ShardHeaderProblem };

export function encodeShardHeader(header: ShardHeader): Buffer {
  const bytes = Buffer.alloc(SHARD_HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt16LE(SHARD_FORMAT_VERSION, VERSION_OFFSET);
  bytes.writeUInt8(header.slot, SLOT_OFFSET);
  bytes.writeUInt8(header.k, K_OFFSET);
  bytes.writeUInt8(header.m, M_OFFSET);
  bytes.writeUInt32LE(header.stripeDataBytes, STRIPE_DATA_BYTES_OFFSET);
  bytes.write(header.dataId, DATA_ID_OFFSET, "hex");
  xxh3(bytes.subarray(0, CHECKSUM_OFFSET)).copy(bytes, CHECKSUM_OFFSET);
  return bytes;
}

/** Reads a header from the first bytes of a file. */
export function parseShardHeader(file: Uint8Array): ShardHeaderResult {
  if (file.length < SHARD_HEADER_BYTES) return { ok: false, problem: "too-short" };
  const bytes = Buffer.from(file.subarray(0, SHARD_HEADER_BYTES));
  if (!equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)) {
    return { ok: false, problem: "not-a-shard" };
  }
  if (!equalBytes(bytes.subarray(CHECKSUM_OFFSET), xxh3(bytes.subarray(0, CHECKSUM_OFFSET)))) {
    return { ok: false, problem: "bad-checksum" };
  }
  if (bytes.readUInt16LE(VERSION_OFFSET) !== SHARD_FORMAT_VERSION) {
    return { ok: false, problem: "unsupported-version" };
  }
  const header = readFields(bytes);
  return header === undefined ? { ok: false, problem: "impossible-values" } : { ok: true, header };
}

/** Why these first bytes of a file are not those of the shard that it should be, in words. */
export function shardHeaderProblem(file: Uint8Array, wanted: ShardHeader): string | undefined {
  if (equalBytes(file.subarray(0, SHARD_HEADER_BYTES), encodeShardHeader(wanted))) return undefined;
  const found = parseShardHeader(file);
  if (!found.ok) return `its header is ${found.problem}`;
  const { dataId, slot, k, m, stripeDataBytes } = found.header;
  return `it is shard ${slot} of data ${dataId}, ${k} + ${m}, stripes of ${stripeDataBytes} bytes`;
}

/** The fields, or undefined when no writer of this version would have written these bytes. */
function readFields(bytes: Buffer): ShardHeader | undefined {
  const dataId = parseDataId(bytes.toString("hex", DATA_ID_OFFSET, DATA_ID_OFFSET + ID_BYTES));
  if (dataId === undefined) return undefined;
  const header: ShardHeader = {
    dataId,
    slot: bytes.readUInt8(SLOT_OFFSET),
    k: bytes.readUInt8(K_OFFSET),
    m: bytes.readUInt8(M_OFFSET),
    stripeDataBytes: bytes.readUInt32LE(STRIPE_DATA_BYTES_OFFSET),
  };
  const shards = header.k + header.m;
  const possible =
    header.k >= 1 && shards <= SHARDS_MAX && header.slot < shards && header.stripeDataBytes >= 1;
  // Writing the fields again finds reserved bytes that are not zero.
  return possible && equalBytes(encodeShardHeader(header), bytes) ? header : undefined;
}
