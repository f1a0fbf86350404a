/**
 * What clients notice while something else goes on: PUTs and GETs of 4 KiB in turn at a steady pace
 * through one server, and how long each took. What one span shows is compared with another of the same
 * run: before, during, after. The pace is well below what the machine can do, so that a request waits
 * for what is going on and not for other requests.
 */
import { type LoadProcess, startLoadProcess } from "./load-process.ts";
import { measureAnyway, type Round } from "./measure.ts";
import type { ServerUnderTest } from "./server-under-test.ts";

export interface SpanOfLoad {
  readonly latencies: number[];
  failed: number;
  /** Still failed when an SDK would have given up. */
  lost: number;
}

const BODY_BYTES = 4096;
const CONNECTIONS = 16;
/** An SDK gives up after its third attempt. */
const ATTEMPTS = 3;

export interface ForegroundOptions {
  /** Requests in one batch of PUTs, and in one of GETs. */
  readonly batch: number;
  readonly perSecond: number;
  /** The bucket of its keys, which is there. */
  readonly bucket: string;
}

export class Foreground {
  readonly #load: LoadProcess = startLoadProcess();
  readonly #options: ForegroundOptions;
  #batches = 0;

  constructor(options: ForegroundOptions) {
    this.#options = options;
  }

  /** Batches until `isEnough`, at least one. */
  async span(
    server: ServerUnderTest,
    isEnough: () => boolean,
    span: SpanOfLoad = newSpan(),
  ): Promise<SpanOfLoad> {
    const { batch, perSecond, bucket } = this.#options;
    do {
      const pathPrefix = `/${bucket}/batch${this.#batches++}-`;
      for (const method of ["PUT", "GET"] as const) {
        const counts = { count: batch, bodyBytes: BODY_BYTES, connections: CONNECTIONS };
        const round = { method, pathPrefix, ...counts, perSecond, keepLatencies: true };
        await this.#batch(server, span, round);
      }
    } while (!isEnough());
    return span;
  }

  stop(): void {
    this.#load.stop();
  }

  async #batch(server: ServerUnderTest, span: SpanOfLoad, round: Round): Promise<void> {
    const result = await measureAnyway(this.#load, server, round);
    for (const latency of result.latencies) span.latencies.push(latency);
    span.failed += result.failures;
    let failures = result.failures;
    // The same requests once more, as a client would send those that failed.
    for (let attempt = 2; failures > 0 && attempt <= ATTEMPTS; attempt++) {
      ({ failures } = await measureAnyway(this.#load, server, round));
    }
    span.lost += failures;
  }
}

export function newSpan(): SpanOfLoad {
  return { latencies: [], failed: 0, lost: 0 };
}

/** Milliseconds of all spans together. */
export function quantileOf(spans: readonly SpanOfLoad[], share: number): number {
  const sorted = spans.flatMap(({ latencies }) => latencies).sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export function forSeconds(seconds: number): () => boolean {
  const untilMs = performance.now() + seconds * 1000;
  return () => performance.now() >= untilMs;
}
