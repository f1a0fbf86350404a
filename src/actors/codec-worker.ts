/** The entry of a codec worker thread: piscina hands it batches, one at a time. */
import { workerData } from "piscina";
import { CodecThread } from "./codec-jobs.ts";
import type { CodecJob, CodecOutcome, CodecWorkerData } from "./codec-messages.ts";

// Whoever started the thread filled it from a CodecWorkerData; piscina passes it on untyped.
const { memory, thread } = workerData as CodecWorkerData;
const codec = new CodecThread(memory, thread);

/** The task that piscina runs. */
export function run(batch: readonly CodecJob[]): CodecOutcome[] {
  return codec.run(batch);
}
