/**
 * Bulk streams of the simulated network: bytes go over in order and once, or both ends learn that the
 * stream is lost. Memory is read when it is sent and written when it is received, never later.
 */
import type {
  BulkReader,
  BulkReceipt,
  BulkReceiver,
  BulkWriter,
  MemoryPlace,
  PeerError,
  PeerResult,
} from "../../../cluster/peers/peer-network.ts";
import { createDeferred } from "../../../src/base/deferred.ts";

export const LOST: PeerError = { code: "lost", applied: "unknown", message: "connection reset" };

/** The bytes of one direction, as they arrive. */
export class Incoming implements BulkReceiver {
  readonly #memory: Uint8Array;
  readonly #chunks: Buffer[] = [];
  readonly #asked: { place: MemoryPlace; filled: number; resolve(receipt: BulkReceipt): void }[] =
    [];
  #ended = false;
  #error: PeerError | undefined;

  constructor(memory: Uint8Array) {
    this.#memory = memory;
  }

  receive(place: MemoryPlace): Promise<BulkReceipt> {
    return new Promise((resolve) => {
      this.#asked.push({ place, filled: 0, resolve });
      this.#pump();
    });
  }

  take(chunk: Buffer): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#pump();
  }

  end(): void {
    this.#ended = true;
    this.#pump();
  }

  fail(error: PeerError): void {
    this.#error ??= error;
    this.#pump();
  }

  #pump(): void {
    for (;;) {
      const asked = this.#asked[0];
      if (asked === undefined) return;
      if (this.#error !== undefined) {
        this.#asked.shift();
        asked.resolve({ ok: false, error: this.#error });
        continue;
      }
      this.#fill(asked);
      if (asked.filled < asked.place.length && !this.#ended) return;
      this.#asked.shift();
      asked.resolve({ ok: true, length: asked.filled });
    }
  }

  #fill(asked: { place: MemoryPlace; filled: number }): void {
    while (asked.filled < asked.place.length) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return;
      const part = chunk.subarray(0, asked.place.length - asked.filled);
      this.#memory.set(part, asked.place.offset + asked.filled);
      asked.filled += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
  }
}

/** What the opener of a stream does with the network. */
export interface StreamOpener {
  sendChunk(chunk: Buffer): void;
  sendEnd(): void;
  sendAbort(): void;
}

/** The opener's end: what it was told in the end, once. */
export class OpenerEnd {
  readonly result = createDeferred<PeerResult>();
  readonly incoming: Incoming;
  readonly #memory: Uint8Array;
  readonly #opener: StreamOpener;
  #error: PeerError | undefined;
  #over = false;

  constructor(memory: Uint8Array, opener: StreamOpener) {
    this.#memory = memory;
    this.#opener = opener;
    this.incoming = new Incoming(memory);
  }

  /** The first says it. */
  settle(result: PeerResult): void {
    if (this.#over) return;
    this.#over = true;
    if (!result.ok) {
      this.#error = result.error;
      this.incoming.fail(result.error);
    }
    this.result.resolve(result);
  }

  get writer(): BulkWriter {
    return {
      send: (place) => {
        if (this.#error !== undefined) return Promise.resolve(this.#error);
        this.#opener.sendChunk(copyOf(this.#memory, place));
        return Promise.resolve(undefined);
      },
      finish: () => {
        if (!this.#over) this.#opener.sendEnd();
        return this.result.promise;
      },
      abort: () => this.#abort(),
    };
  }

  get reader(): BulkReader {
    return {
      receive: (place) => this.incoming.receive(place),
      finish: () => this.result.promise,
      abort: () => this.#abort(),
    };
  }

  #abort(): void {
    if (this.#over) return;
    this.#opener.sendAbort();
    this.settle({ ok: false, error: { code: "aborted", applied: "unknown" } });
  }
}

export function copyOf(memory: Uint8Array, { offset, length }: MemoryPlace): Buffer {
  return Buffer.from(memory.subarray(offset, offset + length));
}
