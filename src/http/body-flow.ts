/**
 * The body of one request between the server library and the handler's sink: holds back what comes
 * before `start` or while the sink is full, keeps the order, ends exactly once.
 *
 *   waiting ──start──► flowing ◄──resume / false──► paused
 *      └───────discard────┴─────────────┴──► discarding          (closed: ended or failed)
 *
 * What it keeps is bounded by what the library had read from the socket when it was paused.
 */
import { StoreError } from "../base/store-error.ts";
import type { HttpBody, HttpBodySink } from "./request.ts";

/** The socket's reading side. */
export interface BodySource {
  /** Somebody wants the body: called once, before the first `resume`. */
  begin?(): void;
  pause(): void;
  resume(): void;
}

type State = "waiting" | "flowing" | "paused" | "discarding" | "closed";

export class BodyFlow implements HttpBody {
  readonly #source: BodySource;
  #state: State = "waiting";
  #sink: HttpBodySink | undefined;
  #pending: Buffer[] = [];
  #sourcePaused = false;
  #complete = false;
  #failure: StoreError | undefined;
  #discarded = 0;

  constructor(source: BodySource) {
    this.#source = source;
  }

  /** True when the last byte has come from the socket (or none will come any more). */
  get complete(): boolean {
    return this.#complete;
  }

  /** True while the client is expected to send. */
  get expecting(): boolean {
    return !this.#complete && !this.#sourcePaused;
  }

  /** Bytes that came after `discard`. */
  get discarded(): number {
    return this.#discarded;
  }

  /** The server's side: bytes came. The chunk is not kept after the call. */
  push(chunk: Uint8Array): void {
    if (this.#complete || chunk.byteLength === 0) return;
    switch (this.#state) {
      case "flowing":
        if (this.#sink?.write(chunk) === false && this.#state === "flowing") this.#pause();
        return;
      case "discarding":
        this.#discarded += chunk.byteLength;
        return;
      case "waiting":
      case "paused":
        this.#pending.push(Buffer.from(chunk));
        return;
      case "closed":
        return;
    }
  }

  /** The server's side: after a `push` that was not the last one. */
  holdBack(): void {
    if (this.#state === "waiting" && !this.#complete) this.#pauseSource();
  }

  /** The server's side: the body is complete. */
  finish(): void {
    if (this.#complete) return;
    // The last chunk may have paused it, but what the socket brings next is no part of this body.
    this.#resumeSource();
    this.#complete = true;
    if (this.#pending.length === 0) this.#end();
  }

  /** The server's side: no more bytes will come. What was held back is dropped. */
  fail(error: StoreError): void {
    if (this.#state === "closed" || this.#failure !== undefined) return;
    this.#complete = true;
    this.#sourcePaused = false;
    this.#failure = error;
    this.#pending = [];
    this.#end();
  }

  start(sink: HttpBodySink): void {
    if (this.#sink !== undefined) {
      throw new StoreError({ code: "internal", message: "a request body was started twice" });
    }
    this.#sink = sink;
    if (this.#state !== "waiting") return;
    this.#source.begin?.();
    this.#flow();
  }

  resume(): void {
    if (this.#state === "paused") this.#flow();
  }

  discard(): void {
    if (this.#state === "closed") return;
    this.#state = "discarding";
    this.#pending = [];
    this.#resumeSource();
  }

  /** Hands over what was held back, then lets the socket go on. */
  #flow(): void {
    this.#state = "flowing";
    for (let chunk = this.#pending.shift(); chunk !== undefined; chunk = this.#pending.shift()) {
      if (this.#sink?.write(chunk) === false && this.#state === "flowing") {
        this.#state = "paused";
        break;
      }
      if (this.#state !== "flowing") return;
    }
    if (this.#complete) {
      if (this.#pending.length === 0) this.#end();
    } else if (this.#state === "flowing") {
      this.#resumeSource();
    } else {
      this.#pauseSource();
    }
  }

  #pause(): void {
    this.#state = "paused";
    this.#pauseSource();
  }

  #pauseSource(): void {
    if (this.#sourcePaused || this.#complete) return;
    this.#sourcePaused = true;
    this.#source.pause();
  }

  #resumeSource(): void {
    if (!this.#sourcePaused || this.#complete) return;
    this.#sourcePaused = false;
    this.#source.resume();
  }

  #end(): void {
    if (this.#state === "waiting" || this.#state === "closed") return;
    const discarding = this.#state === "discarding";
    this.#state = "closed";
    if (discarding) return;
    if (this.#failure === undefined) this.#sink?.end();
    else this.#sink?.fail(this.#failure);
  }
}

/** The body of a request that has none. */
export const emptyBody: HttpBody = {
  start(sink) {
    sink.end();
  },
  resume() {},
  discard() {},
};
