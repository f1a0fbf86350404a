/**
 * One request and its answer on node:http: the same `HttpResponse` as the fast front's, written
 * independently of it, so that the compliance suite compares two opinions.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { assert } from "../base/assert.ts";
import { createDeferred, type Deferred } from "../base/deferred.ts";
import { StoreError } from "../base/store-error.ts";
import { BodyFlow } from "./body-flow.ts";
import { type ExchangeWatch, looksIn, type WatchedExchange } from "./exchange-watch.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpResponse, ResponseHeaders } from "./request.ts";
import { checkHeader, isBodyless } from "./response-head.ts";

export interface NodeServerState {
  readonly limits: HttpLimits;
  readonly watch: ExchangeWatch;
  draining: boolean;
}

interface NodeMessages {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** The client sends its body only when it is told to go on, or is tired of waiting. */
  readonly expectsContinue: boolean;
}

export class NodeExchange implements HttpResponse, WatchedExchange {
  readonly body: BodyFlow | undefined;
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  readonly #server: NodeServerState;
  /** Among those in flight. */
  readonly #number: number;
  readonly #abortCallbacks: Array<() => void> = [];
  #started = false;
  #aborted = false;
  #over = false;
  /** Set by `begin`: body bytes still owed, Infinity when undeclared. */
  #owed: number | undefined;
  #bodyless = false;
  /** Nobody has asked for the body yet, and the client waits for that. */
  #holdsContinue: boolean;
  #taken: Deferred<void> | undefined;
  #held: (() => void) | undefined;
  #heldSince = 0;
  #progressAt: number;
  #bytesSent = 0;

  constructor(messages: NodeMessages, server: NodeServerState, hasBody: boolean) {
    this.#incoming = messages.incoming;
    this.#outgoing = messages.outgoing;
    this.#server = server;
    this.#progressAt = server.watch.looks;
    this.#holdsContinue = messages.expectsContinue;
    this.body = hasBody ? this.#receiveBody() : undefined;
    // Told again through "close" of the answer; without a listener it would end the process.
    this.#incoming.on("error", () => {});
    this.#outgoing.on("error", () => {});
    this.#outgoing.on("close", () => this.#connectionLost());
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
    else this.#abortCallbacks.push(callback);
  }

  send(status: number, headers: ResponseHeaders, body: string | Uint8Array = ""): void {
    if (this.#aborted) return;
    assert(!this.#started, "an answer is sent once");
    const flat = flatten(headers);
    const bytes = Buffer.from(body);
    this.#started = true;
    const answer = () => {
      this.#held = undefined;
      const unread = this.body !== undefined && !this.body.complete;
      if (!isBodyless(status)) flat.push("Content-Length", String(bytes.byteLength));
      this.#writeHead(status, flat, unread);
      this.#outgoing.end(isBodyless(status) ? undefined : bytes);
      this.#finish();
    };
    // Who was not told to go on may never send what could be read to the end.
    if (this.body === undefined || this.body.complete || this.#holdsContinue) {
      answer();
      return;
    }
    this.#held = answer;
    this.#heldSince = this.#server.watch.looks;
    this.body.discard();
  }

  begin(status: number, headers: ResponseHeaders, contentLength: number | undefined): void {
    if (this.#aborted) return;
    assert(!this.#started, "an answer is begun once");
    const flat = flatten(headers);
    this.#started = true;
    const unread = this.body !== undefined && !this.body.complete;
    if (unread) this.body?.discard();
    if (contentLength !== undefined && !isBodyless(status)) {
      flat.push("Content-Length", String(contentLength));
    }
    this.#writeHead(status, flat, unread);
    this.#owed = contentLength ?? Number.POSITIVE_INFINITY;
    this.#bodyless = this.#incoming.method === "HEAD" || isBodyless(status);
    if (!this.#bodyless) return;
    this.#outgoing.end();
    this.#finish();
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#aborted || this.#bodyless || chunk.byteLength === 0) return undefined;
    assert(this.#owed !== undefined, "the answer was begun");
    assert(this.#taken === undefined, "one write at a time");
    assert(chunk.byteLength <= this.#owed, "an answer has at most the declared length");
    this.#owed -= chunk.byteLength;
    const taken = createDeferred<void>();
    // Copied, because node:net writes later and the chunk may be a view over shared memory.
    const room = this.#outgoing.write(Buffer.from(chunk), () => {
      this.#taken = undefined;
      taken.resolve();
    });
    if (room) return undefined;
    this.#taken = taken;
    this.#progressAt = this.#server.watch.looks;
    return taken.promise;
  }

  end(): void {
    if (this.#aborted || this.#bodyless || this.#over) return;
    assert(this.#owed !== undefined, "the answer was begun");
    if (Number.isFinite(this.#owed) && this.#owed > 0) {
      this.abort();
      assert(false, "an answer has at least the declared length");
    }
    this.#outgoing.end();
    this.#finish();
  }

  abort(): void {
    if (this.#over) return;
    this.#aborted = true;
    this.#finish();
    this.#incoming.socket.destroy();
    this.#release();
  }

  look(looks: number): void {
    const { drainMsMax, stallMsMax } = this.#server.limits;
    if (this.#held !== undefined) {
      if (looks - this.#heldSince >= looksIn(drainMsMax)) this.#held();
      return;
    }
    if (this.#taken === undefined && this.body?.expecting !== true) return;
    const bytesSent = this.#incoming.socket.bytesWritten;
    if (bytesSent !== this.#bytesSent) this.#progressAt = looks;
    this.#bytesSent = bytesSent;
    if (looks - this.#progressAt >= looksIn(stallMsMax)) this.#incoming.socket.destroy();
  }

  #receiveBody(): BodyFlow {
    const incoming = this.#incoming;
    const flow = new BodyFlow({
      begin: () => {
        if (this.#holdsContinue) this.#outgoing.writeContinue();
        this.#holdsContinue = false;
      },
      pause: () => incoming.pause(),
      resume: () => {
        this.#progressAt = this.#server.watch.looks;
        incoming.resume();
      },
    });
    incoming.on("data", (chunk: Buffer) => {
      this.#progressAt = this.#server.watch.looks;
      flow.push(chunk);
      flow.holdBack();
      if (flow.discarded > this.#server.limits.drainBytesMax) this.#held?.();
    });
    incoming.on("end", () => {
      flow.finish();
      this.#held?.();
    });
    return flow;
  }

  #writeHead(status: number, flat: string[], unread: boolean): void {
    if (unread || this.#server.draining) flat.push("Connection", "close");
    this.#outgoing.writeHead(status, flat);
  }

  #connectionLost(): void {
    if (this.#over) return;
    this.#aborted = true;
    this.#finish();
    this.#release();
    for (const callback of this.#abortCallbacks.splice(0)) callback();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#server.watch.remove(this.#number);
  }

  #release(): void {
    this.#held = undefined;
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.resolve();
    this.body?.fail(new StoreError({ code: "client-gone" }));
  }
}

/** node:http wants one character per byte, so UTF-8 goes through Latin-1. */
function flatten(headers: ResponseHeaders): string[] {
  const flat: string[] = [];
  for (const [name, value] of headers) {
    checkHeader(name, value);
    flat.push(name, Buffer.from(value, "utf8").toString("latin1"));
  }
  return flat;
}
