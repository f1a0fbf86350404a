/** An answer that remembers what the log of the bucket says about it. */
import type { Clock } from "../../base/clock.ts";
import type { HttpResponse, ResponseHeaders } from "../../http/request.ts";

export class RecordedResponse implements HttpResponse {
  status: number | undefined;
  bytesSent = 0;
  beganMs: number | undefined;
  headers: ResponseHeaders = [];
  /** As declared, also where nothing is sent: to HEAD. */
  declaredBytes: number | undefined;
  readonly #response: HttpResponse;
  readonly #clock: Clock;
  readonly #isHead: boolean;

  constructor(response: HttpResponse, clock: Clock, method: string) {
    this.#response = response;
    this.#clock = clock;
    this.#isHead = method === "HEAD";
  }

  get started(): boolean {
    return this.#response.started;
  }

  get aborted(): boolean {
    return this.#response.aborted;
  }

  send(status: number, headers: ResponseHeaders, body?: string | Uint8Array): void {
    this.#note(status, headers, body === undefined ? 0 : Buffer.byteLength(body));
    if (!this.#isHead) this.bytesSent = this.declaredBytes ?? 0;
    this.#response.send(status, headers, body);
  }

  begin(status: number, headers: ResponseHeaders, contentLength: number | undefined): void {
    this.#note(status, headers, contentLength);
    this.#response.begin(status, headers, contentLength);
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    if (!this.#isHead) this.bytesSent += chunk.byteLength;
    return this.#response.write(chunk);
  }

  end(): void {
    this.#response.end();
  }

  abort(): void {
    this.#response.abort();
  }

  onAbort(callback: () => void): void {
    this.#response.onAbort(callback);
  }

  header(name: string): string | undefined {
    return this.headers.find(([known]) => known.toLowerCase() === name)?.[1];
  }

  #note(status: number, headers: ResponseHeaders, bytes: number | undefined): void {
    this.status = status;
    this.headers = headers;
    this.declaredBytes = bytes;
    this.beganMs = this.#clock.nowMs();
  }
}
