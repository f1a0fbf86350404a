/** Branded identifiers. Each is made only by its parser or its generator. */
import type { Random } from "./random.ts";

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** 32 lower-case hexadecimal digits naming one node of a cluster for ever. */
export type NodeId = Branded<string, "NodeId">;
/** 32 lower-case hexadecimal digits naming one drive for ever. */
export type DriveId = Branded<string, "DriveId">;
/** 32 hexadecimal digits: 16 random bytes that name immutable data; the base of every file name. */
export type DataId = Branded<string, "DataId">;
/** 32 hexadecimal digits naming a bucket: a re-created bucket gets a new one. */
export type BucketId = Branded<string, "BucketId">;

const HEX_ID = /^[0-9a-f]{32}$/;
export const ID_BYTES = 16;

export function newNodeId(random: Random): NodeId {
  return random.bytes(ID_BYTES).toString("hex") as NodeId;
}

export function newDriveId(random: Random): DriveId {
  return random.bytes(ID_BYTES).toString("hex") as DriveId;
}

export function newDataId(random: Random): DataId {
  return random.bytes(ID_BYTES).toString("hex") as DataId;
}

export function newBucketId(random: Random): BucketId {
  return random.bytes(ID_BYTES).toString("hex") as BucketId;
}

export function parseNodeId(text: string): NodeId | undefined {
  return HEX_ID.test(text) ? (text as NodeId) : undefined;
}

export function parseDriveId(text: string): DriveId | undefined {
  return HEX_ID.test(text) ? (text as DriveId) : undefined;
}

export function parseDataId(text: string): DataId | undefined {
  return HEX_ID.test(text) ? (text as DataId) : undefined;
}

export function parseBucketId(text: string): BucketId | undefined {
  return HEX_ID.test(text) ? (text as BucketId) : undefined;
}
