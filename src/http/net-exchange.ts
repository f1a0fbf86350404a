/**
 * One request and its answer on node:net: the `HttpResponse` that handlers see.
 *
 * An answer leaves in pieces that the socket takes at once; where it does not, the rest waits in the
 * handler's memory and the handler for it. An answer to a request whose body is still coming is held
 * back until the body was drained (or is too long), as on the other servers: closing a connection on
 * a client that still sends would reset it and destroy the answer.
 */
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { createDeferred, type Deferred } from "../base/deferred.ts";
import { StoreError } from "../base/store-error.ts";
import { BodyFlow } from "./body-flow.ts";
import { type ExchangeWatch, looksIn, type WatchedExchange } from "./exchange-watch.ts";
import type { HttpLimits } from "./limits.ts";
import type { Readable, ReadBudget } from "./read-budget.ts";
import type { HttpResponse, ResponseHeaders } from "./request.ts";
import { isBodyless, serializeHead } from "./response-head.ts";

/** What all exchanges of a server share. */
export interface ExchangeState {
  readonly limits: HttpLimits;
  readonly watch: ExchangeWatch;
  readonly reads: ReadBudget;
  readonly clock: Clock;
  /** True while the server stops: every answer is the last of its connection. */
  draining: boolean;
}

/** What an exchange asks of its connection. */
export interface ExchangeConnection extends Readable {
  /** True while the kernel has not taken all that was written. */
  readonly unsent: boolean;
  /** One character of the texts per byte. `flushed` is called some time after. */
  write(text: string, bytes?: Uint8Array, tail?: string): void;
  /** The answer has left this process; nothing of the exchange is needed any more. */
  answered(close: boolean): void;
  destroy(): void;
}

export interface ExchangeRequest {
  readonly method: string;
  readonly hasBody: boolean;
  /** The client waits for 100 before it sends its body. */
  readonly awaitsContinue: boolean;
  /** The client wants no further request on this connection. */
  readonly close: boolean;
}

/** Written at a time; what a slow client has to take for its progress to be seen. */
const PIECE_BYTES = 256 * 1024;
/** Bytes up to here are sent in one string with the head: one call into the kernel, no buffer. */
const TEXT_BYTES_MAX = 8 * 1024;
const NOT_ASCII = /[\u0080-\uffff]/;
const NOTHING = new Uint8Array(0);

export class NetExchange implements HttpResponse, WatchedExchange {
  readonly body: BodyFlow | undefined;
  readonly #connection: ExchangeConnection;
  readonly #server: ExchangeState;
  readonly #isHead: boolean;
  /** Among those in flight. */
  readonly #number: number;
  #close: boolean;
  #awaitsContinue: boolean;
  #started = false;
  #aborted = false;
  /** The handler has nothing to say any more. */
  #ended = false;
  /** Nothing is left to be sent either. */
  #over = false;
  #bodyless = false;
  /** Body bytes still owed, Infinity when undeclared; set by `begin`. */
  #owed: number | undefined;
  /** What waits to be written, in this order. */
  #text = "";
  #rest: Uint8Array = NOTHING;
  #tail = "";
  #taken: Deferred<void> | undefined;
  #held: (() => void) | undefined;
  #heldSince = 0;
  #progressAt: number;
  #abortCallbacks: Array<() => void> | undefined;

  constructor(connection: ExchangeConnection, server: ExchangeState, request: ExchangeRequest) {
    this.#connection = connection;
    this.#server = server;
    this.#isHead = request.method === "HEAD";
    this.#close = request.close;
    this.#awaitsContinue = request.awaitsContinue && request.hasBody;
    this.#progressAt = server.watch.looks;
    this.body = request.hasBody ? this.#createBody() : undefined;
    this.#number = server.watch.add(this);
  }

  get started(): boolean {
    return this.#started;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  onAbort(callback: () => void): void {
    if (this.#aborted) callback();
    else if (this.#abortCallbacks === undefined) this.#abortCallbacks = [callback];
    else this.#abortCallbacks.push(callback);
  }

  send(status: number, headers: ResponseHeaders, body: string | Uint8Array = ""): void {
    if (this.#aborted) return;
    assert(!this.#started, "an answer is sent once");
    const head = serializeHead(status, headers);
    this.#started = true;
    const flow = this.body;
    if (flow === undefined || flow.complete) {
      this.#sendNow(status, head, body);
      return;
    }
    if (this.#awaitsContinue) {
      // It has not sent anything and need not now, or will and be closed upon.
      this.#close = true;
      this.#awaitsContinue = false;
      flow.discard();
      this.#sendNow(status, head, body);
      return;
    }
    const kept = typeof body === "string" ? body : Buffer.from(body);
    this.#heldSince = this.#server.watch.looks;
    this.#held = () => {
      this.#held = undefined;
      if (!flow.complete) this.#close = true;
      this.#sendNow(status, head, kept);
    };
    flow.discard();
  }

  begin(status: number, headers: ResponseHeaders, contentLength: number | undefined): void {
    if (this.#aborted) return;
    assert(!this.#started, "an answer is begun once");
    const head = serializeHead(status, headers);
    this.#started = true;
    if (this.body?.complete === false) {
      this.#close = true;
      this.#awaitsContinue = false;
      this.body.discard();
      this.#server.reads.remove(this.#connection);
    }
    this.#owed = contentLength ?? Number.POSITIVE_INFINITY;
    this.#bodyless = this.#isHead || isBodyless(status);
    this.#text = this.#finishHead(head, isBodyless(status) ? "" : framing(contentLength));
    if (this.#bodyless) this.#end();
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#aborted || this.#bodyless || chunk.byteLength === 0) return undefined;
    assert(this.#owed !== undefined, "the answer was begun");
    assert(this.#taken === undefined, "one write at a time");
    assert(chunk.byteLength <= this.#owed, "an answer has at most the declared length");
    if (this.#owed === Number.POSITIVE_INFINITY) {
      this.#text += `${chunk.byteLength.toString(16)}\r\n`;
      this.#tail = "\r\n";
    } else {
      this.#owed -= chunk.byteLength;
    }
    this.#rest = chunk;
    if (this.#pump()) return undefined;
    this.#taken = createDeferred<void>();
    this.#progressAt = this.#server.watch.looks;
    return this.#taken.promise;
  }

  end(): void {
    if (this.#aborted || this.#bodyless || this.#ended) return;
    assert(this.#owed !== undefined, "the answer was begun");
    assert(this.#taken === undefined, "the last write is taken");
    if (this.#owed === Number.POSITIVE_INFINITY) {
      this.#text += "0\r\n\r\n";
    } else if (this.#owed > 0) {
      this.abort();
      assert(false, "an answer has at least the declared length");
    }
    this.#end();
  }

  abort(): void {
    if (this.#ended) return;
    this.#aborted = true;
    this.#finish();
    this.#connection.destroy();
    this.#release();
  }

  /** The connection is gone. */
  connectionLost(): void {
    const told = !this.#ended;
    this.#finish();
    if (!told) return;
    this.#aborted = true;
    this.#release();
    const callbacks = this.#abortCallbacks ?? [];
    this.#abortCallbacks = undefined;
    for (const callback of callbacks) callback();
  }

  /** The kernel has taken all that was written. */
  flushed(): void {
    if (this.#over || (this.#taken === undefined && !this.#ended)) return;
    this.#progressAt = this.#server.watch.looks;
    if (!this.#pump()) return;
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.resolve();
    if (this.#ended) this.#leave();
  }

  /** Bytes of the body came; they are not kept. */
  receive(bytes: Uint8Array): void {
    const { body } = this;
    if (body === undefined) return;
    this.#awaitsContinue = false;
    this.#progressAt = this.#server.watch.looks;
    body.push(bytes);
    if (this.#held !== undefined && body.discarded > this.#server.limits.drainBytesMax)
      this.#held();
  }

  /** The body was whole. */
  receivedAll(): void {
    this.body?.finish();
    this.#server.reads.remove(this.#connection);
    this.#held?.();
  }

  look(looks: number): void {
    const { drainMsMax, stallMsMax } = this.#server.limits;
    if (this.#held !== undefined) {
      if (looks - this.#heldSince >= looksIn(drainMsMax)) this.#held();
      return;
    }
    const waits = this.#ended || this.#taken !== undefined || this.body?.expecting === true;
    if (waits && looks - this.#progressAt >= looksIn(stallMsMax)) this.#connection.destroy();
  }

  #createBody(): BodyFlow {
    const { reads } = this.#server;
    const connection = this.#connection;
    const flow = new BodyFlow({
      begin: () => {
        if (this.#awaitsContinue) connection.write("HTTP/1.1 100 Continue\r\n\r\n");
        this.#awaitsContinue = false;
      },
      pause: () => {
        reads.remove(connection);
        connection.pause();
      },
      resume: () => {
        this.#progressAt = this.#server.watch.looks;
        if (!this.#over) reads.resume(connection);
      },
    });
    // While nobody has asked for the body it is not the client that stands still.
    if (this.#awaitsContinue) flow.holdBack();
    return flow;
  }

  #sendNow(status: number, head: string, body: string | Uint8Array): void {
    const length = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
    const bodyless = isBodyless(status);
    this.#text = this.#finishHead(head, bodyless ? "" : framing(length));
    if (!this.#isHead && !bodyless && length > 0) {
      if (typeof body === "string") this.#text += oneCharacterPerByte(body);
      else if (length <= TEXT_BYTES_MAX) this.#text += latin1Of(body);
      else this.#rest = Buffer.from(body);
    }
    this.#end();
  }

  #finishHead(head: string, framed: string): string {
    if (this.#server.draining) this.#close = true;
    const date = dateLine(this.#server.clock.nowMs());
    const closing = this.#close ? "Connection: close\r\n" : "";
    return `HTTP/1.1 ${oneCharacterPerByte(head)}\r\n${framed}${closing}${date}\r\n`;
  }

  #end(): void {
    this.#ended = true;
    this.#progressAt = this.#server.watch.looks;
    if (this.#pump()) this.#leave();
  }

  /** Writes as much as the socket takes. True when nothing is left, here or there. */
  #pump(): boolean {
    const connection = this.#connection;
    while (this.#text !== "" || this.#rest.byteLength > 0) {
      if (connection.unsent) return false;
      const [text, rest] = [this.#text, this.#rest];
      this.#text = "";
      if (rest.byteLength === 0) {
        connection.write(text);
      } else if (rest.byteLength <= PIECE_BYTES) {
        this.#rest = NOTHING;
        this.#writeLast(text, rest);
      } else {
        this.#rest = rest.subarray(PIECE_BYTES);
        connection.write(text, rest.subarray(0, PIECE_BYTES));
      }
    }
    return !connection.unsent;
  }

  #writeLast(text: string, bytes: Uint8Array): void {
    const tail = this.#tail;
    this.#tail = "";
    if (bytes.byteLength > TEXT_BYTES_MAX) this.#connection.write(text, bytes, tail);
    else this.#connection.write(text + latin1Of(bytes) + tail);
  }

  /** The whole answer has left. */
  #leave(): void {
    if (this.#over) return;
    this.#finish();
    this.#connection.answered(this.#close);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#ended = true;
    this.#server.reads.remove(this.#connection);
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

function framing(contentLength: number | undefined): string {
  return contentLength === undefined
    ? "Transfer-Encoding: chunked\r\n"
    : `Content-Length: ${contentLength}\r\n`;
}

/** UTF-8 as the texts of a connection have it. */
function oneCharacterPerByte(text: string): string {
  return NOT_ASCII.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** The answers of a second bear the same text. */
let lastDate = { second: Number.NaN, line: "" };

export function dateLine(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (lastDate.second !== second) {
    // biome-ignore lint/style/noRestrictedGlobals: writes a text, reads no clock
    lastDate = { second, line: `Date: ${new Date(second * 1000).toUTCString()}\r\n` };
  }
  return lastDate.line;
}
