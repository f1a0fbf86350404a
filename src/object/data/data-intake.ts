/**
 * The sink of one upload: counts, keeps a small payload on the heap and digests it at once, or
 * passes a larger one on to a stripe writer. Its outcome is reported exactly once.
 */
import type { DigestPlan, PayloadDigests } from "../../actors/codec-messages.ts";
import { sha256Of } from "../../actors/inline-digest.ts";
import type { PayloadExpectations, PayloadSink, PayloadSource } from "../../base/payload.ts";
import { copyShortLived } from "../../base/short-lived.ts";
import { StoreError } from "../../base/store-error.ts";
import { findMismatch } from "./data-expectations.ts";
import type { SegmentCheck, StripeWriter } from "./stripe-writer.ts";

export interface IntakeOptions {
  readonly source: PayloadSource;
  readonly bytesMax: number;
  readonly inlineBytesMax: number;
  readonly plan: DigestPlan;
}

export interface IntakeEvents {
  /** Starts the writing of a payload that is too large to stay inline. May throw StoreError. */
  openStripes(intake: PayloadIntake): StripeWriter;
  digest(content: Uint8Array): PayloadDigests;
  onInline(content: Uint8Array, digests: PayloadDigests): void;
  onFailed(error: StoreError): void;
}

interface InlineSegment {
  readonly end: number;
  readonly check: SegmentCheck;
}

export class PayloadIntake implements PayloadSink {
  readonly #options: IntakeOptions;
  readonly #events: IntakeEvents;
  #open = true;
  /** Whether the source may still call. */
  #flowing = false;
  #bytes = 0;
  #chunks: Uint8Array[] = [];
  #segments: InlineSegment[] = [];
  #stripes: StripeWriter | undefined;
  #trailing: PayloadExpectations | undefined;

  constructor(options: IntakeOptions, events: IntakeEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Payload bytes taken so far. */
  get bytes(): number {
    return this.#bytes;
  }

  start(): void {
    const { source, bytesMax, inlineBytesMax } = this.#options;
    if ((source.length ?? 0) > bytesMax) {
      this.reject(new StoreError({ code: "entity-too-large", bytesMax }));
      return;
    }
    if ((source.length ?? 0) > inlineBytesMax) this.#openStripes();
    if (!this.#open) return;
    this.#flowing = true;
    source.start(this);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#open) return true;
    this.#bytes += chunk.length;
    const breach = this.#lengthBreach();
    if (breach !== undefined) {
      this.#lose(breach);
      return true;
    }
    if (this.#stripes === undefined) {
      if (this.#bytes <= this.#options.inlineBytesMax) {
        this.#chunks.push(copyShortLived(chunk));
        return true;
      }
      this.#openStripes();
    }
    return this.#stripes?.write(chunk) ?? true;
  }

  endSegment(check: SegmentCheck): void {
    if (!this.#open) return;
    if (this.#stripes === undefined) this.#segments.push({ end: this.#bytes, check });
    else this.#stripes.endSegment(check);
  }

  end(trailing?: PayloadExpectations): void {
    this.#flowing = false;
    if (!this.#open) return;
    const { length } = this.#options.source;
    if (length !== undefined && length !== this.#bytes) {
      this.#lose(new StoreError({ code: "incomplete-body" }));
      return;
    }
    this.#trailing = trailing;
    if (this.#stripes === undefined) this.#finishInline();
    else this.#stripes.end();
  }

  /** From the source, which has stopped by itself. */
  fail(error: StoreError): void {
    this.#flowing = false;
    if (this.#open) this.#lose(error);
  }

  /** What the digests contradict of all that was declared, at the start and at the end. */
  verify(digests: PayloadDigests): StoreError | undefined {
    return (
      findMismatch(this.#options.source.expectations, digests) ??
      (this.#trailing === undefined ? undefined : findMismatch(this.#trailing, digests))
    );
  }

  /** The end of an upload that is not stored: later calls of the source go nowhere. */
  reject(error: StoreError): void {
    if (!this.#open) return;
    this.#close();
    this.#events.onFailed(error);
    if (this.#flowing) this.#options.source.stop?.();
  }

  #lose(error: StoreError): void {
    if (this.#stripes === undefined) this.reject(error);
    else this.#stripes.fail(error);
  }

  #lengthBreach(): StoreError | undefined {
    const { source, bytesMax } = this.#options;
    if (this.#bytes > bytesMax) return new StoreError({ code: "entity-too-large", bytesMax });
    if (source.length !== undefined && this.#bytes > source.length) {
      return new StoreError({ code: "incomplete-body" });
    }
    return undefined;
  }

  /** Opens the stripe writer and gives it what came so far. */
  #openStripes(): void {
    try {
      this.#stripes = this.#events.openStripes(this);
    } catch (error) {
      this.reject(StoreError.from(error));
      return;
    }
    const content = Buffer.concat(this.#chunks);
    let start = 0;
    for (const { end, check } of this.#segments) {
      this.#stripes.write(content.subarray(start, end));
      this.#stripes.endSegment(check);
      start = end;
    }
    this.#stripes.write(content.subarray(start));
    this.#chunks = [];
    this.#segments = [];
  }

  #finishInline(): void {
    const [only] = this.#chunks;
    const content =
      only !== undefined && this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks);
    let start = 0;
    for (const { end, check } of this.#segments) {
      const problem = check(sha256Of(content.subarray(start, end)));
      if (problem !== undefined) {
        this.reject(problem);
        return;
      }
      start = end;
    }
    const digests = this.#events.digest(content);
    const mismatch = this.verify(digests);
    if (mismatch === undefined) {
      this.#close();
      this.#events.onInline(content, digests);
    } else {
      this.reject(mismatch);
    }
  }

  #close(): void {
    this.#open = false;
    this.#chunks = [];
    this.#segments = [];
  }
}
