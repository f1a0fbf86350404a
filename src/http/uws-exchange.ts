/**
 * One request and its answer on uWebSockets.js: the `HttpResponse` that handlers see.
 *
 * The library's response object dies with the last byte handed over or with the connection, and
 * throws when touched afterwards, so every call is guarded by `#stage`. An answer to a request whose
 * body is still coming is held back until the body was drained (or is too long): closing a
 * connection on a client that still sends would reset it and destroy the answer.
 */
import { assert } from "../base/assert.ts";
import { createDeferred, type Deferred } from "../base/deferred.ts";
import { StoreError } from "../base/store-error.ts";
import { BodyFlow } from "./body-flow.ts";
import { type ExchangeWatch, looksIn, type WatchedExchange } from "./exchange-watch.ts";
import type { HttpLimits } from "./limits.ts";
import type { Readable, ReadBudget } from "./read-budget.ts";
import type { HttpResponse, ResponseHeaders } from "./request.ts";
import { isBodyless, serializeHead } from "./response-head.ts";
import {
  type BodyWriter,
  ChunkedWriter,
  KnownLengthWriter,
  type UwsWritable,
} from "./uws-body-writer.ts";

/** What is used of the library's response. */
export interface UwsResponse extends UwsWritable {
  writeStatus(status: string): unknown;
  end(body?: string | Uint8Array, closeConnection?: boolean): unknown;
  endWithoutBody(): unknown;
  onWritable(handler: () => boolean): unknown;
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): unknown;
  cork(callback: () => void): unknown;
  close(): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** What all exchanges of a server share. */
export interface UwsServerState {
  readonly limits: HttpLimits;
  readonly watch: ExchangeWatch;
  readonly reads: ReadBudget;
  /** True while the server stops: every answer asks the client to close. */
  draining: boolean;
}

/**
 * idle → held (until the body has drained) → done: `send`.
 * idle → streaming → done: `begin`, with the head sent together with the first bytes.
 * idle → bodyless: `begin` of an answer without body, done at once; writes go nowhere.
 */
type Stage = "idle" | "held" | "streaming" | "bodyless" | "done";

export class UwsExchange implements HttpResponse, WatchedExchange {
  readonly body: BodyFlow | undefined;
  readonly #res: UwsResponse;
  readonly #server: UwsServerState;
  readonly #isHead: boolean;
  /** Among those in flight. */
  readonly #number: number;
  /** Where a body is read from, once there is more of it to come. */
  #socket: Readable | undefined;
  #stage: Stage = "idle";
  #aborted = false;
  /** True when the library's object is dead. */
  #over = false;
  #head = "";
  #contentLength: number | undefined;
  #writer: BodyWriter | undefined;
  #taken: Deferred<void> | undefined;
  #writableHooked = false;
  #held: (() => void) | undefined;
  #heldSince = 0;
  #progressAt: number;
  #progress = 0;
  #abortCallbacks: Array<() => void> | undefined;

  constructor(
    res: UwsResponse,
    server: UwsServerState,
    request: { readonly method: string; readonly hasBody: boolean },
  ) {
    this.#res = res;
    this.#server = server;
    this.#isHead = request.method === "HEAD";
    this.#progressAt = server.watch.looks;
    this.body = request.hasBody ? this.#receiveBody() : undefined;
    this.#number = server.watch.add(this);
  }

  get started(): boolean {
    return this.#stage !== "idle";
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  /** True when nothing more can be sent: answered or aborted. */
  get over(): boolean {
    return this.#over;
  }

  onAbort(callback: () => void): void {
    if (this.#aborted) callback();
    else if (this.#abortCallbacks === undefined) this.#abortCallbacks = [callback];
    else this.#abortCallbacks.push(callback);
  }

  send(status: number, headers: ResponseHeaders, body: string | Uint8Array = ""): void {
    if (this.#aborted) return;
    assert(this.#stage === "idle", "an answer is sent once");
    this.#head = serializeHead(status, headers);
    const flow = this.body;
    if (flow === undefined || flow.complete) {
      this.#sendNow(status, body, this.#server.draining);
      return;
    }
    const kept = typeof body === "string" ? body : Buffer.from(body);
    this.#stage = "held";
    this.#heldSince = this.#server.watch.looks;
    this.#held = () => this.#sendNow(status, kept, !flow.complete || this.#server.draining);
    flow.discard();
  }

  begin(status: number, headers: ResponseHeaders, contentLength: number | undefined): void {
    if (this.#aborted) return;
    assert(this.#stage === "idle", "an answer is begun once");
    this.#head = serializeHead(status, headers);
    const unread = this.body?.complete === false;
    if (unread) {
      this.body?.discard();
      this.#stopReading();
    }
    const close = unread || this.#server.draining;
    if (this.#isHead || isBodyless(status)) {
      this.#endWithoutBody(isBodyless(status) ? undefined : contentLength, close);
      this.#stage = "bodyless";
      return;
    }
    if (close) this.#head += "\r\nConnection: close";
    this.#stage = "streaming";
    this.#contentLength = contentLength;
    this.#writer =
      contentLength === undefined
        ? new ChunkedWriter(this.#res)
        : new KnownLengthWriter(this.#res, contentLength);
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#aborted || this.#stage === "bodyless" || chunk.byteLength === 0) return undefined;
    const writer = this.#streamingWriter();
    const fits = writer.written + chunk.byteLength <= (this.#contentLength ?? Number.MAX_VALUE);
    assert(fits, "an answer has at most the declared length");
    let taken = false;
    this.#res.cork(() => {
      this.#writeHead();
      taken = writer.write(chunk);
    });
    if (writer.done) this.#finish();
    return taken ? undefined : this.#block();
  }

  end(): void {
    if (this.#aborted || this.#stage === "bodyless" || this.#stage === "done") return;
    const writer = this.#streamingWriter();
    if (this.#contentLength !== undefined && writer.written < this.#contentLength) {
      this.abort();
      assert(false, "an answer has at least the declared length");
    }
    this.#res.cork(() => {
      this.#writeHead();
      writer.end();
    });
    this.#finish();
  }

  abort(): void {
    if (this.#over) return;
    this.#aborted = true;
    this.#finish();
    this.#res.close();
    this.#release();
  }

  /** The library says that the connection is gone; its object is dead already. */
  connectionLost(): void {
    if (this.#over) return;
    this.#aborted = true;
    this.#finish();
    this.#release();
    const callbacks = this.#abortCallbacks ?? [];
    this.#abortCallbacks = undefined;
    for (const callback of callbacks) callback();
  }

  look(looks: number): void {
    const { drainMsMax, stallMsMax } = this.#server.limits;
    if (this.#held !== undefined) {
      if (looks - this.#heldSince >= looksIn(drainMsMax)) this.#answerHeld();
      return;
    }
    const sending = this.#taken !== undefined;
    if (!sending && this.body?.expecting !== true) return;
    if (sending && this.#contentLength !== undefined) this.#retry();
    else this.#rearm();
    if (this.#over || looks - this.#progressAt < looksIn(stallMsMax)) return;
    this.#res.close();
  }

  #receiveBody(): BodyFlow {
    const { reads, watch, limits } = this.#server;
    const socket: Readable = {
      pause: () => {
        if (!this.#over) this.#res.pause();
      },
      resume: () => {
        if (!this.#over) this.#res.resume();
      },
    };
    const flow = new BodyFlow({
      pause: () => {
        reads.remove(socket);
        socket.pause();
      },
      resume: () => {
        this.#progressAt = watch.looks;
        if (!this.#over) reads.resume(socket);
      },
    });
    this.#res.onData((bytes, isLast) => {
      // A body that comes whole, as small ones do, is never in line.
      if (!isLast && this.#socket === undefined) {
        this.#socket = socket;
        reads.add(socket);
      }
      this.#progressAt = watch.looks;
      const count = bytes.byteLength;
      flow.push(new Uint8Array(bytes));
      if (isLast) {
        flow.finish();
        this.#stopReading();
      } else {
        flow.holdBack();
      }
      if (this.#held !== undefined && (flow.complete || flow.discarded > limits.drainBytesMax)) {
        this.#answerHeld();
      }
      reads.took(socket, count);
    });
    return flow;
  }

  /** The budget forgets the socket: its body is complete or of no interest any more. */
  #stopReading(): void {
    if (this.#socket !== undefined) this.#server.reads.remove(this.#socket);
  }

  #answerHeld(): void {
    const answer = this.#held;
    this.#held = undefined;
    this.#stopReading();
    answer?.();
  }

  #sendNow(status: number, body: string | Uint8Array, close: boolean): void {
    if (this.#isHead || isBodyless(status)) {
      this.#endWithoutBody(isBodyless(status) ? undefined : Buffer.byteLength(body), close);
      return;
    }
    this.#stage = "done";
    this.#res.cork(() => {
      this.#writeHead();
      this.#res.end(body, close);
    });
    this.#finish();
  }

  /**
   * The length of what HEAD asks about is written as a header of ours: given to the library, its
   * build for Node 20 would not take the answer as complete.
   */
  #endWithoutBody(contentLength: number | undefined, close: boolean): void {
    this.#stage = "done";
    if (contentLength !== undefined) this.#head += `\r\nContent-Length: ${contentLength}`;
    if (close) this.#head += "\r\nConnection: close";
    this.#res.cork(() => {
      this.#writeHead();
      this.#res.endWithoutBody();
    });
    this.#finish();
  }

  /** Status and headers in one call into the library; the checks of `serializeHead` make it safe. */
  #writeHead(): void {
    if (this.#head === "") return;
    this.#res.writeStatus(this.#head);
    this.#head = "";
  }

  #streamingWriter(): BodyWriter {
    assert(this.#taken === undefined, "one write at a time");
    assert(this.#stage === "streaming" && this.#writer !== undefined, "the answer was begun");
    return this.#writer;
  }

  #block(): Promise<void> {
    this.#taken = createDeferred<void>();
    this.#progressAt = this.#server.watch.looks;
    if (!this.#writableHooked) {
      this.#writableHooked = true;
      this.#res.onWritable(() => this.#retry());
    }
    return this.#taken.promise;
  }

  /** The socket may have room: true when the chunk under way is taken. */
  #retry(): boolean {
    const [writer, taken] = [this.#writer, this.#taken];
    if (writer === undefined || taken === undefined || this.#over) return true;
    let ok = false;
    this.#res.cork(() => {
      ok = writer.retry();
    });
    if (writer.done) this.#finish();
    else this.#noteProgress(writer.progress());
    if (!ok) return false;
    this.#taken = undefined;
    taken.resolve();
    return true;
  }

  #noteProgress(progress: number): void {
    if (progress === this.#progress) return;
    this.#progress = progress;
    this.#progressAt = this.#server.watch.looks;
  }

  /**
   * The library closes a connection that moves less than 16 kB/s for ten seconds, which slow clients
   * do. Pausing and resuming sets its clock back; how long a client may stand still is our limit.
   */
  #rearm(): void {
    this.#res.pause();
    this.#res.resume();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#stage !== "bodyless") this.#stage = "done";
    this.#stopReading();
    this.#server.watch.remove(this.#number);
  }

  /** After an abort: whoever waits learns it. */
  #release(): void {
    this.#held = undefined;
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.resolve();
    this.body?.fail(new StoreError({ code: "client-gone" }));
  }
}
