/**
 * Where lines of access logs go and how they wait for it: chunks of lines in system records
 * (docs/FORMATS.md "System record"), so that a restart delivers what a stopped process has noted.
 */
import { createHash } from "node:crypto";
import type { LogSource } from "./log-permission.ts";

/** Lines that go into one object. */
export interface LogDestination {
  readonly bucket: string;
  readonly prefix: string;
  /** `account/region/bucket/` of the source, where keys are partitioned; otherwise empty. */
  readonly partition: string;
  /** `2026-11-22` where keys tell the day of the events. */
  readonly day: string | undefined;
}

export interface LogLine {
  readonly source: LogSource;
  readonly text: string;
}

export interface LogChunk {
  readonly destination: LogDestination;
  readonly lines: readonly LogLine[];
}

const VERSION = 1;
export const CHUNK_KEY_PREFIX = "access-log/";

export function destinationId(destination: LogDestination): string {
  const { bucket, prefix, partition, day = "" } = destination;
  const text = JSON.stringify([bucket, prefix, partition, day]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

export interface ChunkPlace {
  readonly nodeId: string;
  readonly destinationId: string;
  readonly stagedMs: number;
  /** Tells apart what is staged in the same millisecond. */
  readonly count: number;
}

export function chunkKey({ nodeId, destinationId: id, stagedMs, count }: ChunkPlace): string {
  const time = String(stagedMs).padStart(15, "0");
  return `${CHUNK_KEY_PREFIX}${nodeId}/${id}/${time}-${String(count).padStart(8, "0")}`;
}

const CHUNK_KEY = /^access-log\/([^/]+)\/([0-9a-f]{16})\/(\d{15})-(\d{8})$/;

export function parseChunkKey(key: string): ChunkPlace | undefined {
  const match = CHUNK_KEY.exec(key);
  if (match === null) return undefined;
  const [, nodeId = "", id = "", time, count] = match;
  return { nodeId, destinationId: id, stagedMs: Number(time), count: Number(count) };
}

export function encodeChunk({ destination, lines }: LogChunk): Buffer {
  const sources: LogSource[] = [];
  const indexes = new Map<string, number>();
  const packed = lines.map(({ source, text }) => {
    const name = JSON.stringify([source.bucket, source.canonicalId]);
    let index = indexes.get(name);
    if (index === undefined) {
      index = sources.push(source) - 1;
      indexes.set(name, index);
    }
    return [index, text];
  });
  return Buffer.from(JSON.stringify({ v: VERSION, destination, sources, lines: packed }));
}

interface EncodedChunk {
  readonly v: number;
  readonly destination: LogDestination;
  readonly sources: readonly LogSource[];
  readonly lines: ReadonlyArray<readonly [source: number, text: string]>;
}

/** Undefined for what another version of this software has written. */
export function decodeChunk(bytes: Uint8Array): LogChunk | undefined {
  // Written by encodeChunk and nothing else; the version tells which one.
  const chunk = JSON.parse(Buffer.from(bytes).toString("utf8")) as EncodedChunk;
  if (chunk.v !== VERSION) return undefined;
  const lines = chunk.lines.flatMap(([index, text]) => {
    const source = chunk.sources[index];
    return source === undefined ? [] : [{ source, text }];
  });
  return { destination: chunk.destination, lines };
}
