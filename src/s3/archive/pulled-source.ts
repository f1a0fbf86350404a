/** Bytes that are pulled from somewhere, as a payload that pushes itself into a sink. */
import type { PayloadSink, PayloadSource } from "../../base/payload.ts";
import { StoreError } from "../../base/store-error.ts";

export class PulledSource implements PayloadSource {
  readonly length: number;
  readonly segmentDigests = false;
  readonly expectations = {};
  readonly trailingChecksum = undefined;
  readonly #chunks: AsyncGenerator<Buffer, void, undefined>;
  #stopped = false;
  /** Told to go on, perhaps before it has noticed that it should wait. */
  #resumed = false;
  #failure: unknown;
  #goOn: (() => void) | undefined;
  #pumping: Promise<void> | undefined;

  constructor(chunks: AsyncGenerator<Buffer, void, undefined>, length: number) {
    this.#chunks = chunks;
    this.length = length;
  }

  start(sink: PayloadSink): void {
    this.#pumping = this.#pump(sink);
  }

  /** What the bytes broke off with. */
  get failure(): unknown {
    return this.#failure;
  }

  resume(): void {
    this.#resumed = true;
    this.#goOn?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#goOn?.();
  }

  /** No chunk is asked for any more once it resolves. */
  async ended(): Promise<void> {
    this.stop();
    await this.#pumping;
  }

  async #pump(sink: PayloadSink): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#chunks.next();
        if (this.#stopped) return;
        if (done === true) return sink.end();
        this.#resumed = false;
        if (!sink.write(value)) await this.#room();
        if (this.#stopped) return;
      }
    } catch (error) {
      this.#failure = error;
      if (!this.#stopped) sink.fail(StoreError.from(error));
    }
  }

  async #room(): Promise<void> {
    if (this.#resumed || this.#stopped) return;
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
    });
    this.#goOn = undefined;
  }
}
