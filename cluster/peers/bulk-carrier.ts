/** One bulk stream, which carries one exchange after the other. Both ends are this class. */
import type { BulkExchange } from "./bulk-exchange.ts";
import { BulkFrameReader, type BulkOpening, decodeOpen, encodeOpen } from "./bulk-frame.ts";
import type { PeerStream } from "./peer-transport.ts";

export interface CarrierListener {
  /** The peer begins an exchange; the answer is what handles it. Never called on our own streams. */
  opened(opening: BulkOpening): BulkExchange | undefined;
  /** The exchange is over and the stream can carry another. */
  idle(): void;
  ended(reason: string): void;
}

export class BulkCarrier {
  readonly stream: PeerStream;
  readonly #version: number;
  readonly #reader: BulkFrameReader;
  readonly #listener: CarrierListener;
  #exchange: BulkExchange | undefined;
  #ended = false;

  constructor(stream: PeerStream, version: number, listener: CarrierListener) {
    this.stream = stream;
    this.#version = version;
    this.#reader = new BulkFrameReader(version);
    this.#listener = listener;
    stream.listen({
      received: (piece) => this.#receive(piece),
      drained: () => this.#exchange?.drained(),
      ended: (reason) => this.#finish(reason),
    });
  }

  /** Opens an exchange of ours on an idle stream. */
  run(exchange: BulkExchange, opening: BulkOpening): void {
    this.#exchange = exchange;
    this.stream.send([encodeOpen(this.#version, opening)]);
    exchange.begin(this.stream);
  }

  /** The exchange is over: keeps the stream if it may, ends it otherwise. */
  release(exchange: BulkExchange): void {
    if (this.#exchange !== exchange || this.#ended) return;
    if (!exchange.leavesStreamClean) {
      this.end("an exchange was given up");
      return;
    }
    this.#exchange = undefined;
    this.#listener.idle();
  }

  end(reason: string): void {
    if (this.#ended) return;
    this.stream.abort(reason);
    this.#finish(reason);
  }

  #receive(piece: Uint8Array): void {
    if (this.#ended) return;
    let misuse: string | undefined;
    const fault = this.#reader.push(piece, {
      data: (bytes) => {
        if (this.#ended || misuse !== undefined) return;
        misuse =
          this.#exchange === undefined ? "data without open" : this.#exchange.takeData(bytes);
      },
      frame: (kind, payload) => {
        if (this.#ended || misuse !== undefined) return;
        misuse = kind === "open" ? this.#open(payload) : this.#take(kind, payload);
      },
    });
    const reason = fault ?? misuse;
    if (reason !== undefined) this.end(reason);
  }

  #take(kind: "finish" | "done" | "failure", payload: Buffer): string | undefined {
    return this.#exchange === undefined
      ? `${kind} without open`
      : this.#exchange.takeFrame(kind, payload);
  }

  #open(payload: Buffer): string | undefined {
    if (this.#exchange !== undefined && !this.#exchange.leavesStreamClean) {
      return "an open inside an exchange";
    }
    const opening = decodeOpen(payload);
    if (opening === undefined) return "an open that cannot be read";
    this.#exchange = this.#listener.opened(opening);
    if (this.#exchange === undefined) return "an open that nobody expected";
    this.#exchange.begin(this.stream);
    return undefined;
  }

  #finish(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#exchange?.fail({ code: "lost", applied: "unknown", message: reason });
    this.#exchange = undefined;
    this.#listener.ended(reason);
  }
}
