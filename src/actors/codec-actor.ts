/**
 * The mailbox of one codec thread: keeps the jobs that wait, and makes batches of them.
 *
 * Two batches are with the thread at any time, so that it finds the next one when it ends; whatever
 * becomes ready meanwhile goes with the one after. A batch has at most one stripe of each upload, so
 * that all its MD5 streams can advance side by side (see codec-jobs.ts).
 */
import { StoreError } from "../base/store-error.ts";
import { MD5_LANES } from "./arena-layout.ts";
import type { CodecCallName, CodecCalls, CodecJob, CodecOutcome } from "./codec-messages.ts";
import { BATCHES_IN_FLIGHT, type CodecThreadClient } from "./codec-threads.ts";

/** What an open upload counts beside the bytes that wait: it will bring more. */
const UPLOAD_LOAD_BYTES = 64 * 1024;

interface Entry {
  readonly job: CodecJob;
  readonly bytes: number;
  readonly settle: (outcome: CodecOutcome) => void;
}

export class CodecActor {
  /** Uploads pinned to this thread. */
  uploadCount = 0;
  readonly #thread: CodecThreadClient;
  readonly #queuedJobsMax: number;
  #queue: Entry[] = [];
  #bytes = 0;
  #batches = 0;

  constructor(thread: CodecThreadClient, queuedJobsMax: number) {
    this.#thread = thread;
    this.#queuedJobsMax = queuedJobsMax;
  }

  /** Bytes that wait or are worked on, and those that are to be expected. */
  get load(): number {
    return this.#bytes + this.uploadCount * UPLOAD_LOAD_BYTES;
  }

  call<Name extends CodecCallName>(
    job: CodecJob & { readonly call: Name },
    bytes: number,
  ): Promise<CodecCalls[Name]["reply"]> {
    if (this.#queue.length >= this.#queuedJobsMax) {
      return Promise.reject(new StoreError({ code: "busy" }));
    }
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      this.#queue.push({
        job,
        bytes,
        settle: (outcome) => {
          // The thread's handlers satisfy the table: the reply is the one of this call's name.
          if (outcome.ok) resolve(outcome.reply as CodecCalls[Name]["reply"]);
          else reject(new StoreError(outcome.error));
        },
      });
      this.#send();
    });
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  #send(): void {
    while (this.#batches < BATCHES_IN_FLIGHT && this.#queue.length > 0) {
      const batch = this.#takeBatch();
      this.#batches++;
      this.#thread.run(batch.map((entry) => entry.job)).then(
        (outcomes) => this.#onOutcomes(batch, (index) => outcomes[index]),
        (error) => this.#onOutcomes(batch, () => failure(error)),
      );
    }
  }

  /** The first jobs in order of arrival, passing over further stripes of the same upload. */
  #takeBatch(): Entry[] {
    const batch: Entry[] = [];
    const passedOver: Entry[] = [];
    const uploads = new Set<number>();
    for (const entry of this.#queue) {
      const upload = "upload" in entry.job.request ? entry.job.request.upload : undefined;
      const fits = batch.length < MD5_LANES && (upload === undefined || !uploads.has(upload));
      (fits ? batch : passedOver).push(entry);
      if (upload !== undefined) uploads.add(upload);
    }
    this.#queue = passedOver;
    return batch;
  }

  #onOutcomes(batch: readonly Entry[], outcomeOf: (index: number) => CodecOutcome | undefined) {
    this.#batches--;
    batch.forEach(({ bytes, settle }, index) => {
      this.#bytes -= bytes;
      settle(outcomeOf(index) ?? failure(new Error("a codec thread left a job out")));
    });
    this.#send();
  }
}

function failure(error: unknown): CodecOutcome {
  return { ok: false, error: StoreError.from(error).data };
}
