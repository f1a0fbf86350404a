/**
 * One bulk exchange on one stream, either end: bytes from or into the shared memory, at the pace of
 * whoever is slower. Nothing is kept that has no place yet: the stream is paused, and what had
 * arrived by then is bounded by its window.
 *
 * Every place is reported done in order, or the exchange is reported over; after that report nobody
 * touches the memory for it any more.
 */
import { assert } from "../../src/base/assert.ts";
import { type BulkKind, encodeBulkFrame, encodeDataHeader } from "./bulk-frame.ts";
import type { Answer, BulkDirection, Outcome } from "./lane-messages.ts";
import { BULK_REPLY_BYTES_MAX } from "./peer-limits.ts";
import type { MemoryPlace, PeerError } from "./peer-network.ts";
import type { PeerStream } from "./peer-transport.ts";
import { decodeFailure, encodeFailure, travelling } from "./wire-error.ts";

export interface ExchangeListener {
  /** The oldest place sent, or filled, is done. */
  sent(): void;
  received(length: number): void;
  /** Last. Our own exchange: what came of it. A peer's: an error, unless it was answered. */
  ended(outcome: Outcome): void;
}

export interface ExchangeOptions {
  readonly role: "opener" | "server";
  readonly direction: BulkDirection;
  readonly version: number;
  readonly memory: SharedArrayBuffer;
}

const NOTHING = Buffer.alloc(0);
const DONE: Outcome = { ok: true, payload: NOTHING };

export class BulkExchange {
  readonly #options: ExchangeOptions;
  readonly #listener: ExchangeListener;
  #stream: PeerStream | undefined;
  readonly #sends: MemoryPlace[] = [];
  #sending = false;
  readonly #places: MemoryPlace[] = [];
  /** Bytes of the first place that are filled. */
  #filled = 0;
  #unread: Buffer[] = [];
  #paused = false;
  /** Whoever sends has said that this was all. */
  #complete = false;
  /** We want nothing but the end. */
  #finishing = false;
  #answer: Answer | undefined;
  #outcome: Outcome | undefined;
  #over = false;

  constructor(options: ExchangeOptions, listener: ExchangeListener) {
    this.#options = options;
    this.#listener = listener;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Both sides have said all that belongs to this exchange: the stream may carry another. */
  get leavesStreamClean(): boolean {
    return this.#over && this.#complete && this.#outcome !== undefined;
  }

  /** Gives the exchange its stream; what was asked before is done now. */
  begin(stream: PeerStream): void {
    this.#stream = stream;
    this.#pump();
    this.#fill();
  }

  send(place: MemoryPlace): void {
    this.#sends.push(place);
    this.#pump();
  }

  receive(place: MemoryPlace): void {
    this.#places.push(place);
    this.#fill();
  }

  /** The opener has nothing more to send, or to receive. */
  finish(): void {
    this.#finishing = true;
    if (this.#sendsData) this.#pump();
    else this.#fill();
  }

  /** The handler of a peer's exchange is done. */
  answer(answer: Answer): void {
    const stream = this.#stream;
    if (this.#over || stream === undefined) return;
    this.#answer = answer;
    if (this.#sendsData) this.#pump();
    // Whoever writes for nothing shall know at once; what is under way is dropped.
    else if (answer.ok) this.#fill();
    else this.#sendAnswer(stream, answer);
  }

  /** The stream is writable again. */
  drained(): void {
    if (!this.#sending) return;
    this.#sending = false;
    this.#sends.shift();
    this.#listener.sent();
    this.#pump();
  }

  takeData(piece: Buffer): string | undefined {
    if (this.#sendsData || this.#complete) return "data that nobody asked for";
    if (this.#over) return undefined;
    this.#unread.push(piece);
    this.#fill();
    return undefined;
  }

  /** A frame of the other side, other than data and open. Returns what is wrong with it. */
  takeFrame(kind: Exclude<BulkKind, "data" | "open">, payload: Buffer): string | undefined {
    const { role } = this.#options;
    if ((kind === "finish") === (role === "opener")) return `an unexpected ${kind}`;
    if (kind === "finish") {
      if (this.#sendsData || this.#complete) return "an unexpected finish";
      this.#complete = true;
      this.#fill();
      return undefined;
    }
    if (this.#outcome !== undefined) return "a second answer";
    if (kind === "done" && this.#sendsData && !this.#complete) return "an answer before the end";
    this.#outcome =
      kind === "done" ? { ok: true, payload } : { ok: false, error: decodeFailure(payload) };
    if (kind === "failure") {
      // A reader's stream is at its end with it; a writer may have sent what nobody reads now.
      if (!this.#sendsData) this.#complete = true;
      this.#end(this.#outcome);
      return undefined;
    }
    if (this.#sendsData) this.#end(this.#outcome);
    else {
      this.#complete = true;
      this.#fill();
    }
    return undefined;
  }

  /** Ends it from this side, or because the stream is gone. */
  fail(error: PeerError): void {
    this.#end({ ok: false, error });
  }

  get #sendsData(): boolean {
    const { role, direction } = this.#options;
    return (role === "opener") === (direction === "write");
  }

  /** Sends the next place, or what follows the last one. */
  #pump(): void {
    const stream = this.#stream;
    if (stream === undefined || this.#over) return;
    while (!this.#sending && !this.#over) {
      const place = this.#sends[0];
      if (place === undefined) break;
      this.#sending = true;
      const { memory, version } = this.#options;
      const bytes = new Uint8Array(memory, place.offset, place.length);
      stream.send([encodeDataHeader(version, place.length), bytes]);
      if (stream.queuedBytes === 0) this.drained();
    }
    if (this.#sends.length === 0 && !this.#over) this.#sayEnd(stream);
  }

  #sayEnd(stream: PeerStream): void {
    const { role, version } = this.#options;
    if (role === "opener") {
      if (!this.#finishing || this.#complete || !this.#sendsData) return;
      this.#complete = true;
      stream.send([encodeBulkFrame(version, "finish", NOTHING)]);
      return;
    }
    if (this.#answer !== undefined) this.#sendAnswer(stream, this.#answer);
  }

  #sendAnswer(stream: PeerStream, answer: Answer): void {
    const { version } = this.#options;
    assert(!answer.ok || answer.payload.length <= BULK_REPLY_BYTES_MAX, "a reply is bounded");
    stream.send([
      answer.ok
        ? encodeBulkFrame(version, "done", answer.payload)
        : encodeBulkFrame(
            version,
            "failure",
            encodeFailure({ code: "remote", applied: "unknown", data: travelling(answer.data) }),
          ),
    ]);
    this.#outcome = DONE;
    if (this.#sendsData) this.#complete = true;
    this.#end(DONE);
  }

  /** Copies what has arrived to where it is wanted. */
  #fill(): void {
    if (this.#stream === undefined || this.#over) return;
    if (this.#isDropping) this.#unread = [];
    while (this.#unread.length > 0 && this.#places.length > 0) this.#fillOne();
    if (this.#over) return;
    if (this.#complete && this.#unread.length === 0) this.#reachEnd();
    else this.#pace();
  }

  /** Nobody wants the bytes any more, only the end. */
  get #isDropping(): boolean {
    if (this.#places.length > 0) return false;
    return this.#finishing || this.#answer !== undefined;
  }

  #fillOne(): void {
    const [piece] = this.#unread;
    const [place] = this.#places;
    if (piece === undefined || place === undefined) return;
    const length = Math.min(piece.length, place.length - this.#filled);
    const target = new Uint8Array(this.#options.memory, place.offset + this.#filled, length);
    target.set(length === piece.length ? piece : piece.subarray(0, length));
    this.#filled += length;
    if (length === piece.length) this.#unread.shift();
    else this.#unread[0] = piece.subarray(length);
    if (this.#filled === place.length) this.#deliver();
  }

  #deliver(): void {
    const length = this.#filled;
    this.#filled = 0;
    this.#places.shift();
    this.#listener.received(length);
  }

  /** All bytes have been handed over: places beyond the end stay empty. */
  #reachEnd(): void {
    while (this.#places.length > 0) this.#deliver();
    const stream = this.#stream;
    if (this.#options.role === "opener") {
      if (this.#finishing && this.#outcome !== undefined) this.#end(this.#outcome);
    } else if (this.#answer !== undefined && stream !== undefined) {
      this.#sendAnswer(stream, this.#answer);
    }
  }

  /** Reads on only while there is a place to read into. */
  #pace(): void {
    const wanted = this.#places.length > 0 || this.#isDropping;
    if (wanted === !this.#paused) return;
    if (wanted) {
      this.#paused = false;
      this.#stream?.resume();
    } else if (this.#unread.length > 0) {
      this.#paused = true;
      this.#stream?.pause();
    }
  }

  #end(outcome: Outcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#sends.length = 0;
    this.#places.length = 0;
    this.#unread = [];
    if (this.#paused) {
      this.#paused = false;
      this.#stream?.resume();
    }
    this.#listener.ended(outcome);
  }
}
