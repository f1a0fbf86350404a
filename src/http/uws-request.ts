/** A request on uWebSockets.js, as handlers see it. */
import { formatRemoteAddress } from "./remote-address.ts";
import type { HttpBody, HttpRequest } from "./request.ts";
import type { RequestHead } from "./request-head.ts";

export interface UwsConnection {
  readonly secure: boolean;
  /** The peer's address in bytes; undefined when the library cannot tell any more. */
  remoteAddress(): ArrayBuffer | undefined;
}

/**
 * A class because of its getter: V8 makes a hidden class of its own for each object literal that has
 * one, in memory that only a full collection frees, and the whole exchange hangs on it. Measured: a
 * seventh of the processor time of a PUT.
 */
export class UwsRequest implements HttpRequest {
  readonly method: string;
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly headers: RequestHead["headers"];
  readonly secure: boolean;
  readonly id: string;
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
  readonly hasBody: boolean;
  readonly body: HttpBody;
  readonly #connection: UwsConnection;
  #remoteAddress: string | undefined;

  constructor(head: RequestHead, id: string, body: HttpBody, connection: UwsConnection) {
    this.method = head.method;
    this.rawPath = head.rawPath;
    this.rawQuery = head.rawQuery;
    this.headers = head.headers;
    this.secure = connection.secure;
    this.id = id;
    this.contentLength = head.contentLength;
    this.chunked = head.chunked;
    this.hasBody = hasBody(head);
    this.body = body;
    this.#connection = connection;
  }

  /** Dear to find out and seldom asked for. */
  get remoteAddress(): string {
    if (this.#remoteAddress === undefined) {
      const bytes = this.#connection.remoteAddress();
      this.#remoteAddress = bytes === undefined ? "" : formatRemoteAddress(new Uint8Array(bytes));
    }
    return this.#remoteAddress;
  }
}

export function hasBody({ chunked, contentLength }: RequestHead): boolean {
  return chunked || (contentLength ?? 0) > 0;
}
