/**
 * A payload source over given bytes. It sends chunk after chunk until it is told to pause, and goes
 * on one turn of the loop after `resume`, as a socket would.
 */
import type {
  ChecksumAlgorithm,
  PayloadExpectations,
  PayloadSink,
  PayloadSource,
} from "../../src/base/payload.ts";
import type { StoreError } from "../../src/base/store-error.ts";

export type SourceStep =
  | { readonly chunk: Uint8Array }
  | { readonly segment: (sha256: Uint8Array) => StoreError | undefined }
  | { readonly fail: StoreError };

export interface BufferSourceOptions {
  /** Leaves the length out, as a chunked upload does. */
  readonly unknownLength?: boolean;
  readonly declaredLength?: number;
  readonly expectations?: PayloadExpectations;
  readonly trailing?: PayloadExpectations;
  readonly trailingChecksum?: ChecksumAlgorithm;
}

export class BufferSource implements PayloadSource {
  readonly length: number | undefined;
  readonly segmentDigests: boolean;
  readonly expectations: PayloadExpectations;
  readonly trailingChecksum: ChecksumAlgorithm | undefined;
  pauses = 0;
  bytesSent = 0;
  stopped = false;
  /** Chunks are sent from memory that is overwritten as soon as `write` returns. */
  readonly #steps: SourceStep[];
  readonly #trailing: PayloadExpectations | undefined;
  #sink: PayloadSink | undefined;
  #running = false;

  constructor(steps: readonly SourceStep[], options: BufferSourceOptions = {}) {
    this.#steps = [...steps];
    const bytes = steps.reduce((sum, step) => sum + ("chunk" in step ? step.chunk.length : 0), 0);
    this.length = options.unknownLength ? undefined : (options.declaredLength ?? bytes);
    this.segmentDigests = steps.some((step) => "segment" in step);
    this.expectations = options.expectations ?? {};
    this.trailingChecksum = options.trailingChecksum;
    this.#trailing = options.trailing;
  }

  /** Steps not yet sent. */
  get remaining(): number {
    return this.#steps.length;
  }

  start(sink: PayloadSink): void {
    this.#sink = sink;
    this.#send();
  }

  resume(): void {
    setImmediate(() => this.#send());
  }

  stop(): void {
    this.stopped = true;
    this.#steps.length = 0;
  }

  #send(): void {
    if (this.#running || this.stopped) return;
    this.#running = true;
    try {
      this.#sendUntilPaused();
    } finally {
      this.#running = false;
    }
  }

  #sendUntilPaused(): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    for (let step = this.#steps.shift(); step !== undefined; step = this.#steps.shift()) {
      if ("fail" in step) {
        this.#sink = undefined;
        sink.fail(step.fail);
        return;
      }
      if ("segment" in step) {
        sink.endSegment(step.segment);
        continue;
      }
      const chunk = Uint8Array.from(step.chunk);
      this.bytesSent += chunk.length;
      const goOn = sink.write(chunk);
      chunk.fill(0xdd);
      if (!goOn) {
        this.pauses++;
        return;
      }
    }
    if (this.stopped) return;
    this.#sink = undefined;
    sink.end(this.#trailing);
  }
}

/** The bytes in chunks of the given size. */
export function chunksOf(content: Uint8Array, chunkBytes: number): SourceStep[] {
  const steps: SourceStep[] = [];
  for (let start = 0; start < content.length; start += chunkBytes) {
    steps.push({ chunk: content.subarray(start, start + chunkBytes) });
  }
  return steps;
}
