/**
 * What the rest of Ringfort sees of HTTP: one request, one response, no library behind them.
 *
 * Three servers implement this (`uws-server.ts`, `net-server.ts`, `node-server.ts`) and pass the same
 * compliance suite.
 * A handler answers every request exactly once: `send`, or `begin` … `end`, or `abort`. It need not
 * read the body: what is left of it is drained or the connection closed. Once the client has
 * vanished every method of the response is a harmless no-operation.
 */
import type { StoreError } from "../base/store-error.ts";
import type { HttpHeaders } from "./headers.ts";

export interface HttpRequest {
  /** Upper case, as on the wire. */
  readonly method: string;
  /** The path as on the wire, undecoded and unnormalised, because Signature V4 covers it. */
  readonly rawPath: string;
  /** What follows the first "?", undecoded; "" when there is none. */
  readonly rawQuery: string;
  readonly headers: HttpHeaders;
  /**
   * The peer's address in its usual text form ("192.0.2.1", "2001:db8::1"), without port. May be ""
   * when it is first asked for after the answer or after the client vanished.
   */
  readonly remoteAddress: string;
  /** True when it came over TLS. */
  readonly secure: boolean;
  /** Names this request in answers and logs; made by the server's `requestId` option. */
  readonly id: string;
  /** The declared length; undefined without one (no body, or a chunked one). */
  readonly contentLength: number | undefined;
  /** True for `Transfer-Encoding: chunked`. */
  readonly chunked: boolean;
  /** False when it is known that no byte follows. */
  readonly hasBody: boolean;
  readonly body: HttpBody;
}

export interface HttpBody {
  /**
   * Starts the flow into `sink`, at most once, now or later. Chunks, `end` and `fail` may come before
   * it returns. Until then the socket is held back, so nothing is lost.
   */
  start(sink: HttpBodySink): void;
  /** Lets the flow go on after `write` returned false. */
  resume(): void;
  /**
   * Reads the rest and throws it away (up to the server's limit, then the connection closes). A sink
   * that was started hears nothing more.
   */
  discard(): void;
}

export interface HttpBodySink {
  /**
   * Takes a chunk that is valid during the call only: copy what you keep. False holds the socket
   * back until `resume`; the chunk itself was taken, and what the server had already read from the
   * socket is kept until then.
   */
  write(chunk: Uint8Array): boolean;
  /** The body is complete. Exactly one of `end` and `fail` is called, and nothing after it. */
  end(): void;
  /** `incomplete-body`: framing was broken or shorter than declared. `client-gone`: it vanished. */
  fail(error: StoreError): void;
}

/** Response headers in order; names and values are refused when they hold control characters. */
export type ResponseHeaders = ReadonlyArray<readonly [name: string, value: string]>;

export interface HttpResponse {
  /** True once `send` or `begin` was called: the status can no longer change. */
  readonly started: boolean;
  /** True once the client vanished or `abort` was called. */
  readonly aborted: boolean;
  /**
   * The whole answer at once; `body` may be reused when it returns. Content-Length is set from it,
   * except for 204 and 304, which have neither. To HEAD, the length is declared and no body is sent.
   */
  send(status: number, headers: ResponseHeaders, body?: string | Uint8Array): void;
  /**
   * Starts an answer whose body follows by `write`. A known `contentLength` is declared and must be
   * met exactly; undefined means chunked. To HEAD the length is declared and writes go nowhere, so
   * `begin(200, headers, size); end()` is the whole answer.
   */
  begin(status: number, headers: ResponseHeaders, contentLength: number | undefined): void;
  /**
   * Hands over a part of the body, which may be a view over shared memory. Undefined: it was taken
   * at once, the memory is yours again. A promise: resolves when it is (also when the client is
   * gone: ask `aborted`), never rejects. One write at a time.
   */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** Completes the answer. With fewer bytes than declared it is an abort and an assertion fails. */
  end(): void;
  /** Closes the connection hard, so that the client cannot take a part for the whole. */
  abort(): void;
  /** Called once if the answer can no longer reach the client. Not called by the own `abort`. */
  onAbort(callback: () => void): void;
}

/** A failure that escapes it is logged and answered 500, or aborts an answer already begun. */
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void | Promise<void>;
