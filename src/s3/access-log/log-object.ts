/** Makes one object of a log out of collected lines, where the target bucket lets it. */
import { StoreError } from "../../base/store-error.ts";
import type { ObjectStore } from "../../object/contract/object-store.ts";
import { bytesSource } from "../bytes-source.ts";
import { formatIsoDate } from "../dates.ts";
import { defaultEncryption } from "../encryption-headers.ts";
import type { LogChunk, LogDestination } from "./log-chunk.ts";
import { mayWriteLog } from "./log-permission.ts";

/** `unique` keeps apart what several nodes deliver in the same second. */
export function logObjectKey(destination: LogDestination, nowMs: number, unique: string): string {
  const { prefix, partition, day } = destination;
  const iso = formatIsoDate(nowMs);
  const date = day ?? iso.slice(0, 10);
  const time = day === undefined ? iso.slice(11, 19).replaceAll(":", "-") : "00-00-00";
  const folder = partition === "" ? "" : `${partition}${date.replaceAll("-", "/")}/`;
  return `${prefix}${folder}${date}-${time}-${unique}`;
}

export type Delivery = "delivered" | "target-gone" | "not-permitted";

/** Rejects with StoreError when it is worth another attempt, which then overwrites the first. */
export async function deliverLog(
  store: Pick<ObjectStore, "bucket" | "putObject">,
  chunks: readonly LogChunk[],
  key: string,
): Promise<Delivery> {
  const [first] = chunks;
  if (first === undefined) return "delivered";
  const { bucket: name, prefix } = first.destination;
  try {
    const target = await store.bucket(name);
    const lines = chunks.flatMap((chunk) => chunk.lines);
    const permitted = new Map<string, boolean>();
    const body = lines.filter(({ source }) => {
      const id = `${source.bucket} ${source.canonicalId}`;
      const known = permitted.get(id) ?? mayWriteLog({ source, target, prefix, key });
      permitted.set(id, known);
      return known;
    });
    if (body.length === 0) return "not-permitted";
    await store.putObject({
      bucket: target,
      key,
      source: bytesSource(Buffer.from(body.map(({ text }) => text).join(""))),
      headers: { "content-type": "text/plain" },
      storageClass: "STANDARD",
      conditions: {},
      checksumAlgorithm: undefined,
      encryption: defaultEncryption(target),
    });
    return "delivered";
  } catch (error) {
    if (error instanceof StoreError && error.code === "no-such-bucket") return "target-gone";
    throw error;
  }
}
