/**
 * Collects lines of access logs and delivers them as objects.
 *
 * Lines wait in memory for a moment, then in system records of this node, then become one object for
 * each destination and interval. What a process that was killed has staged is delivered after its
 * next start; what a node that never returns has staged, by another one. So a kill costs the lines of
 * the last second, and a line may come twice, as in AWS.
 *
 * Memory is bounded: beyond that, which takes drives that do not answer, lines are dropped and
 * counted.
 */
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import type { BackgroundWorker, WorkerStatus } from "../../object/contract/background-worker.ts";
import type { ObjectStore } from "../../object/contract/object-store.ts";
import type { SystemRecords } from "../../object/operations/system-records.ts";
import {
  CHUNK_KEY_PREFIX,
  chunkKey,
  decodeChunk,
  destinationId,
  encodeChunk,
  type LogChunk,
  type LogDestination,
  type LogLine,
  parseChunkKey,
} from "./log-chunk.ts";
import { deliverLog, logObjectKey } from "./log-object.ts";

export interface LogSpoolOptions {
  readonly nodeId: string;
  /** How long lines are collected before they become an object. */
  readonly intervalMs: number;
}

export interface LogSpoolModules {
  readonly store: Pick<ObjectStore, "bucket" | "putObject">;
  readonly records: Pick<SystemRecords, "get" | "update" | "list">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Lines of all logs in memory together. */
export const LOG_MEMORY_BYTES_MAX = 16 * 1024 * 1024;
/** Lines in one system record. */
export const LOG_CHUNK_BYTES_MAX = 512 * 1024;
/** Lines after which an object is made before the interval ends. */
export const LOG_OBJECT_BYTES_MAX = 2 * 1024 * 1024;
/** How long a line is in memory only. */
const STAGE_MS = 1_000;
/** On top of the interval: then a node that has not delivered is taken to be gone. */
const ADOPT_AFTER_MS = 60 * 60_000;
const ADOPT_EVERY_MS = 10 * 60_000;
const UNIQUE_BYTES = 8;

interface Batch {
  readonly id: string;
  /** Undefined for what was found in records, which say it. */
  readonly destination: LogDestination | undefined;
  readonly firstMs: number;
  lines: LogLine[];
  lineBytes: number;
  readonly chunks: string[];
  chunkBytes: number;
  /** Of the object, once delivery has begun. */
  objectKey: string | undefined;
}

export class LogSpool implements BackgroundWorker {
  readonly name = "access-log";
  readonly #options: LogSpoolOptions;
  readonly #modules: LogSpoolModules;
  readonly #collecting = new Map<string, Batch>();
  #due: Batch[] = [];
  #memoryBytes = 0;
  #stagedMs = 0;
  #chunks = 0;
  #dropped = 0;
  #done = 0;
  #failed = 0;
  #adoptAtMs = 0;

  constructor(options: LogSpoolOptions, modules: LogSpoolModules) {
    this.#options = options;
    this.#modules = modules;
  }

  add(destination: LogDestination, line: LogLine): void {
    const bytes = line.text.length;
    if (this.#memoryBytes + bytes > LOG_MEMORY_BYTES_MAX) {
      this.#dropped += 1;
      return;
    }
    const id = destinationId(destination);
    let batch = this.#collecting.get(id);
    if (batch === undefined) {
      batch = newBatch(id, this.#modules.clock.nowMs(), destination);
      this.#collecting.set(id, batch);
    }
    batch.lines.push(line);
    batch.lineBytes += bytes;
    this.#memoryBytes += bytes;
  }

  async work(): Promise<"busy" | "idle"> {
    const nowMs = this.#modules.clock.nowMs();
    if (this.#dropped > 0) {
      this.#modules.log.warn("lines of access logs were dropped", { lines: this.#dropped });
      this.#dropped = 0;
    }
    if (nowMs >= this.#adoptAtMs) await this.#adopt(nowMs);
    for (const batch of [...this.#collecting.values()]) {
      if (isFull(batch) || nowMs - batch.firstMs >= this.#options.intervalMs) {
        this.#collecting.delete(batch.id);
        this.#due.push(batch);
      }
    }
    if (nowMs - this.#stagedMs >= STAGE_MS) {
      this.#stagedMs = nowMs;
      for (const batch of this.#collecting.values()) await this.#stage(batch);
    }
    const due = this.#due;
    this.#due = [];
    for (const batch of due) await this.#deliver(batch);
    return "idle";
  }

  /** Makes durable what is in memory, for the next start. */
  async stop(): Promise<void> {
    for (const batch of [...this.#due, ...this.#collecting.values()]) await this.#stage(batch);
  }

  status(): WorkerStatus {
    return {
      name: this.name,
      done: this.#done,
      failed: this.#failed,
      waiting: this.#due.length,
    };
  }

  /** From memory into records; what cannot be written stays in memory. */
  async #stage(batch: Batch): Promise<boolean> {
    const { destination } = batch;
    if (destination === undefined) return true;
    const { nodeId } = this.#options;
    const { records, clock } = this.#modules;
    while (batch.lines.length > 0) {
      const { lines, bytes } = takeChunk(batch);
      this.#chunks += 1;
      const place = { nodeId, destinationId: batch.id, stagedMs: clock.nowMs() };
      const key = chunkKey({ ...place, count: this.#chunks });
      try {
        const value = encodeChunk({ destination, lines });
        await records.update(key, () => ({ kind: "write", value }));
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        // The record may be there all the same: then these lines come twice.
        batch.lines = [...lines, ...batch.lines];
        batch.lineBytes += bytes;
        this.#failed += 1;
        this.#modules.log.debug("lines of an access log wait in memory", { error });
        return false;
      }
      this.#memoryBytes -= bytes;
      batch.chunks.push(key);
      batch.chunkBytes += bytes;
    }
    return true;
  }

  async #deliver(batch: Batch): Promise<void> {
    const { store, clock, random, log } = this.#modules;
    try {
      if (!(await this.#stage(batch))) {
        this.#due.push(batch);
        return;
      }
      const chunks = await this.#load(batch);
      const destination = chunks[0]?.destination;
      if (destination !== undefined) {
        const unique = random.bytes(UNIQUE_BYTES).toString("hex").toUpperCase();
        batch.objectKey ??= logObjectKey(destination, clock.nowMs(), unique);
        const outcome = await deliverLog(store, chunks, batch.objectKey);
        if (outcome !== "delivered") {
          log.warn("an access log is not delivered", { target: destination.bucket, outcome });
        }
      }
      for (const key of batch.chunks) {
        await this.#modules.records.update(key, () => ({ kind: "remove" }));
      }
      this.#done += 1;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#failed += 1;
      this.#due.push(batch);
      log.debug("an access log is delivered later", { error });
    }
  }

  async #load(batch: Batch): Promise<readonly LogChunk[]> {
    const chunks: LogChunk[] = [];
    for (const key of batch.chunks) {
      const value = await this.#modules.records.get(key);
      const chunk = value === undefined ? undefined : decodeChunk(value);
      if (chunk !== undefined) chunks.push(chunk);
    }
    return chunks;
  }

  /** What lies there from before this process began, and from nodes that are gone. */
  async #adopt(nowMs: number): Promise<void> {
    const first = this.#adoptAtMs === 0;
    const patienceMs = this.#options.intervalMs + ADOPT_AFTER_MS;
    const ours = new Set([...this.#due, ...this.#collecting.values()].flatMap((b) => b.chunks));
    const keys = await this.#modules.records.list(CHUNK_KEY_PREFIX);
    const found = new Map<string, Batch>();
    for (const key of keys) {
      const place = parseChunkKey(key);
      if (place === undefined || ours.has(key)) continue;
      const left = first && place.nodeId === this.#options.nodeId;
      if (!left && nowMs - place.stagedMs < patienceMs) continue;
      const name = `${place.nodeId}/${place.destinationId}`;
      const batch = found.get(name) ?? newBatch(place.destinationId, place.stagedMs);
      batch.chunks.push(key);
      found.set(name, batch);
    }
    this.#due.push(...found.values());
    this.#adoptAtMs = nowMs + ADOPT_EVERY_MS;
  }
}

function newBatch(id: string, firstMs: number, destination?: LogDestination): Batch {
  const none = { lines: [], lineBytes: 0, chunks: [], chunkBytes: 0 };
  return { id, destination, firstMs, objectKey: undefined, ...none };
}

function isFull({ lineBytes, chunkBytes }: Batch): boolean {
  return lineBytes + chunkBytes >= LOG_OBJECT_BYTES_MAX;
}

/** Takes the oldest lines out of the batch, as many as a record holds. */
function takeChunk(batch: Batch): { readonly lines: LogLine[]; readonly bytes: number } {
  let bytes = 0;
  let count = 0;
  for (const { text } of batch.lines) {
    if (count > 0 && bytes + text.length > LOG_CHUNK_BYTES_MAX) break;
    bytes += text.length;
    count += 1;
  }
  const lines = batch.lines.slice(0, count);
  batch.lines = batch.lines.slice(count);
  batch.lineBytes -= bytes;
  return { lines, bytes };
}
