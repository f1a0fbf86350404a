/** The entry of a codec worker thread: piscina hands it batches, one at a time. */
import { getPriority, setPriority } from "node:os";
import { workerData } from "piscina";
import { CodecThread } from "./codec-jobs.ts";
import type { CodecJob, CodecOutcome, CodecWorkerData } from "./codec-messages.ts";

// Whoever started the thread filled it from a CodecWorkerData; piscina passes it on untyped.
const { memory, thread } = workerData as CodecWorkerData;
const codec = new CodecThread(memory, thread);

/**
 * When processors are short the front goes first: it runs briefly and often, and everybody waits for
 * it. On Linux this concerns the calling thread only; elsewhere it would be the whole process.
 */
const NICENESS = 5;
if (process.platform === "linux") setPriority(Math.max(getPriority(), NICENESS));

/** The task that piscina runs. */
export function run(batch: readonly CodecJob[]): CodecOutcome[] {
  return codec.run(batch);
}
