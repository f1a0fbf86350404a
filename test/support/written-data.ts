/** What tests of the data writer compute beside it, and what they expect it to have written. */
import { createHash } from "node:crypto";
import type { ShardedData, WrittenData } from "../../src/object/contract/data.ts";

export const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest();
export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
export const STRIPE = 1024;

export function shardsOf({ data }: WrittenData): ShardedData {
  if (data.kind !== "shards") throw new Error("the test expected shards");
  return data;
}
