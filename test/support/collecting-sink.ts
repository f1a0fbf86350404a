/**
 * A data sink that copies what it is given when it lets go of the chunk, never before: memory that
 * was reused too early shows as wrong content.
 */
import type { DataSink } from "../../src/object/contract/data.ts";

export interface CollectingSinkOptions {
  /** Answers each write with a promise that `letGo` resolves. */
  readonly slow?: boolean;
  /** Aborts once so many bytes were taken. */
  readonly abortAfterBytes?: number;
}

export class CollectingSink implements DataSink {
  aborted = false;
  writes = 0;
  readonly #options: CollectingSinkOptions;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #letGo: (() => void) | undefined;

  constructor(options: CollectingSinkOptions = {}) {
    this.#options = options;
  }

  get content(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get isWaiting(): boolean {
    return this.#letGo !== undefined;
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    this.writes++;
    this.#bytes += chunk.length;
    if (this.#bytes >= (this.#options.abortAfterBytes ?? Number.POSITIVE_INFINITY)) {
      this.aborted = true;
    }
    if (!this.#options.slow) {
      this.#chunks.push(Buffer.from(chunk));
      return undefined;
    }
    return new Promise((resolve) => {
      this.#letGo = () => {
        this.#chunks.push(Buffer.from(chunk));
        resolve();
      };
    });
  }

  letGo(): void {
    const proceed = this.#letGo;
    this.#letGo = undefined;
    proceed?.();
  }
}
