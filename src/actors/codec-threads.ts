/**
 * Codec threads as the pool drives them: real ones, each a piscina of a single worker, because the
 * running digests of an upload live in one thread and jobs must reach it in order; and their
 * in-line twin for tests and simulation, which does the same work before it returns.
 */
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import type { SharedMemory } from "../codec/wasm.ts";
import { CodecThread } from "./codec-jobs.ts";
import type { CodecJob, CodecOutcome, CodecWorkerData } from "./codec-messages.ts";

export interface CodecThreadClient {
  /** Outcomes in the order of the jobs. Rejects when the thread died: its uploads are lost. */
  run(batch: readonly CodecJob[]): Promise<readonly CodecOutcome[]>;
  close(): Promise<void>;
}

/** A path and not an address: piscina would parse it anew for each batch. */
const WORKER_PATH = fileURLToPath(new URL("./codec-worker.js", import.meta.url));

/** Batches in a thread's mailbox, the running one included: the next is there when one ends. */
export const BATCHES_IN_FLIGHT = 2;

/** Starts a worker thread at place `thread` of the arena's layout. */
export function startCodecThread(memory: SharedMemory, thread: number): CodecThreadClient {
  const workerData: CodecWorkerData = { memory, thread };
  const piscina = new Piscina<readonly CodecJob[], readonly CodecOutcome[]>({
    filename: WORKER_PATH,
    name: "run",
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: BATCHES_IN_FLIGHT,
    workerData,
  });
  return {
    run: (batch) => piscina.run(batch),
    close: () => piscina.destroy(),
  };
}

export function createInlineThread(memory: SharedMemory, thread: number): CodecThreadClient {
  const codec = new CodecThread(memory, thread);
  return {
    run: (batch) => Promise.resolve(codec.run(batch)),
    close: () => Promise.resolve(),
  };
}
