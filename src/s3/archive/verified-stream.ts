/**
 * A request's payload to be pulled piece by piece, for bodies that are taken apart while they arrive.
 * Bytes of a signed chunk come out when its signature has been checked; what is promised about the
 * whole (hash, MD5, checksum) can be checked only at its end, and then the stream fails.
 *
 * What is held counts in the budget of documents: a body that finds no room there is told "busy".
 */
import { createHash, type Hash } from "node:crypto";
import type { ByteBudget } from "../../base/byte-budget.ts";
import { KIB } from "../../base/bytes.ts";
import type { PayloadExpectations, PayloadSink, PayloadSource } from "../../base/payload.ts";
import { StoreError } from "../../base/store-error.ts";
import type { DocumentDigester } from "../context.ts";
import { RunningDigests } from "./running-digests.ts";

/** Held of one body before its socket waits, not counting the chunk that is being verified. */
export const STREAM_HELD_BYTES_MAX = 256 * KIB;

export interface VerifiedStreamModules {
  readonly digester: DocumentDigester;
  readonly documents: ByteBudget;
}

export class VerifiedStream implements PayloadSink {
  readonly #source: PayloadSource;
  readonly #budget: ByteBudget;
  readonly #digests: RunningDigests;
  /** Verified as far as it can be now. */
  #ready: Buffer[] = [];
  #readyBytes = 0;
  /** Of the signed chunk that is not complete yet. */
  #segment: Buffer[] = [];
  #segmentHash: Hash = createHash("sha256");
  #paused = false;
  #open = true;
  #failure: StoreError | undefined;
  #md5: Buffer | undefined;
  #wake: (() => void) | undefined;

  constructor(source: PayloadSource, { digester, documents }: VerifiedStreamModules) {
    this.#source = source;
    this.#budget = documents;
    this.#digests = new RunningDigests(source, digester);
  }

  /** What ended it early: the body cannot be trusted, or is not complete. */
  get failure(): StoreError | undefined {
    return this.#failure;
  }

  /** Of the whole payload; undefined before its end. */
  get md5(): Buffer | undefined {
    return this.#md5;
  }

  /** Once. Rejects with StoreError. Whoever leaves the loop early leaves the rest unread. */
  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    this.#source.start(this);
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure;
        const chunk = this.#ready.shift();
        if (chunk !== undefined) {
          this.#readyBytes -= chunk.length;
          this.#budget.give(chunk.length);
          this.#resume();
          yield chunk;
        } else if (this.#md5 === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        } else {
          return;
        }
      }
    } finally {
      this.#close();
    }
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#open) return true;
    if (!this.#budget.take(chunk.length)) {
      this.fail(new StoreError({ code: "busy" }));
      return true;
    }
    const copy = Buffer.from(chunk);
    this.#digests.update(copy);
    if (this.#source.segmentDigests) {
      this.#segment.push(copy);
      this.#segmentHash.update(copy);
    } else {
      this.#release([copy]);
    }
    this.#paused = this.#readyBytes > STREAM_HELD_BYTES_MAX;
    return !this.#paused;
  }

  endSegment(check: (sha256: Uint8Array) => StoreError | undefined): void {
    if (!this.#open) return;
    const failure = check(this.#segmentHash.digest());
    if (failure !== undefined) {
      this.fail(failure);
      return;
    }
    this.#segmentHash = createHash("sha256");
    const verified = this.#segment;
    this.#segment = [];
    this.#release(verified);
  }

  end(trailing: PayloadExpectations = {}): void {
    if (!this.#open) return;
    const outcome = this.#digests.finish(this.#source.expectations, trailing);
    if (outcome instanceof StoreError) {
      this.fail(outcome);
      return;
    }
    this.#release(this.#segment);
    this.#segment = [];
    this.#md5 = outcome;
    this.#wake?.();
  }

  fail(error: StoreError): void {
    if (!this.#open) return;
    this.#failure = error;
    this.#close();
    this.#wake?.();
  }

  #release(chunks: readonly Buffer[]): void {
    for (const chunk of chunks) {
      this.#ready.push(chunk);
      this.#readyBytes += chunk.length;
    }
    this.#wake?.();
  }

  #resume(): void {
    if (!this.#paused || this.#readyBytes > STREAM_HELD_BYTES_MAX / 2) return;
    this.#paused = false;
    this.#source.resume();
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const chunk of [...this.#ready, ...this.#segment]) this.#budget.give(chunk.length);
    this.#ready = [];
    this.#segment = [];
    this.#source.stop?.();
  }
}
