/**
 * Stored data as the payload of another write: a server-side copy. The reader is pulled through by
 * the sink's back-pressure: it holds its stripes while the sink pauses, and reads no further.
 *
 * So copies hold what other copies' readers wait for, while their own writers wait for stripes that
 * those copies' writers hold. Only as many run at a time as cannot take all stripes of reads.
 */
import { createDeferred, type Deferred } from "../../base/deferred.ts";
import type { PayloadSink, PayloadSource } from "../../base/payload.ts";
import type { Semaphore } from "../../base/semaphore.ts";
import { StoreError } from "../../base/store-error.ts";
import {
  type DataPiece,
  type DataReader,
  type DataSink,
  NO_EXPECTATIONS,
} from "../contract/data.ts";

/** A sink keeps on its heap what of a chunk it had no room for: the chunks are small. */
const CHUNK_BYTES = 64 * 1024;

type ReadData = DataReader["read"];

export class DataSource implements PayloadSource {
  readonly length: number;
  readonly segmentDigests = false;
  readonly expectations = NO_EXPECTATIONS;
  readonly trailingChecksum = undefined;
  readonly #parts: readonly DataPiece[];
  readonly #read: ReadData;
  readonly #turns: Semaphore;
  #stopped = false;
  #resumed: Deferred<void> | undefined;

  /** `turns` is shared by all copies on one arena. */
  constructor(parts: readonly DataPiece[], read: ReadData, turns: Semaphore) {
    this.length = parts.reduce((sum, { range }) => sum + range.length, 0);
    this.#parts = parts;
    this.#read = read;
    this.#turns = turns;
  }

  start(sink: PayloadSink): void {
    const copied = this.#turns.run(() => this.#run(sink));
    copied.then(
      () => {
        if (!this.#stopped) sink.end();
      },
      (error) => {
        if (!this.#stopped) sink.fail(StoreError.from(error));
      },
    );
  }

  resume(): void {
    this.#resumed?.resolve();
  }

  stop(): void {
    this.#stopped = true;
    this.resume();
  }

  async #run(sink: PayloadSink): Promise<void> {
    const target = new CopyTarget(
      (chunk) => this.#write(sink, chunk),
      () => this.#stopped,
    );
    for (const { data, range, dataKey } of this.#parts) {
      if (this.#stopped) return;
      await this.#read(data, range, target, dataKey);
    }
  }

  async #write(sink: PayloadSink, chunk: Uint8Array): Promise<void> {
    for (let start = 0; start < chunk.length && !this.#stopped; start += CHUNK_BYTES) {
      if (sink.write(chunk.subarray(start, start + CHUNK_BYTES))) continue;
      // Stopped within the call: nobody will resume.
      if (this.#stopped) return;
      this.#resumed = createDeferred();
      await this.#resumed.promise;
      this.#resumed = undefined;
    }
  }
}

/** Where a read for a copy puts what it has read. */
class CopyTarget implements DataSink {
  readonly write: DataSink["write"];
  readonly #isStopped: () => boolean;

  constructor(write: DataSink["write"], isStopped: () => boolean) {
    this.write = write;
    this.#isStopped = isStopped;
  }

  get aborted(): boolean {
    return this.#isStopped();
  }
}
