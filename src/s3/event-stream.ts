/**
 * An answer that never ends by itself: one line of JSON for each event, and signs of life between.
 *
 * Events wait in memory while the client is slow, up to a limit; beyond it the client is cut off,
 * because a stream with a hole in it would pass for the whole. Whoever asks again goes on from then.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { createDeferred } from "../base/deferred.ts";
import type { HttpResponse } from "../http/request.ts";

/** What may wait for one client. */
export const LISTENER_BACKLOG_BYTES_MAX = 1024 * 1024;

/** JSON may begin with it. */
const BLANK = " ";

export interface Pulse {
  readonly everyMs: number;
  /** Sent as a line of its own, or as it is: MinIO's clients skip blanks before a line. */
  readonly text: string;
}

export class EventStream {
  readonly #response: HttpResponse;
  readonly #clock: Clock;
  readonly #pulse: Pulse;
  readonly #done = createDeferred<void>();
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing = false;
  #quiet = true;
  #ended = false;
  #timer: Timer | undefined;

  /** The answer has begun. */
  constructor(response: HttpResponse, pulse: Pulse, clock: Clock) {
    this.#response = response;
    this.#pulse = pulse;
    this.#clock = clock;
    response.onAbort(() => this.#finish());
    // The answer's head goes out with its first byte, and the client waits for that.
    this.#push(BLANK);
    this.#beat();
  }

  /** Resolves when nothing is sent any more, for whatever reason. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  send(line: string): void {
    this.#quiet = false;
    this.#push(`${line}\n`);
  }

  /** In good order, after what waits. */
  end(): void {
    this.#ended = true;
    void this.#write();
  }

  #push(text: string): void {
    if (this.#ended || this.#response.aborted) return;
    this.#waitingBytes += Buffer.byteLength(text);
    if (this.#waitingBytes > LISTENER_BACKLOG_BYTES_MAX) {
      this.#response.abort();
      this.#finish();
      return;
    }
    this.#waiting.push(text);
    void this.#write();
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    while (this.#waiting.length > 0 && !this.#response.aborted) {
      const bytes = Buffer.from(this.#waiting.join(""));
      this.#waiting = [];
      const taken = this.#response.write(bytes);
      // What was taken at once costs no turn.
      if (taken !== undefined) await taken;
      this.#waitingBytes -= bytes.length;
    }
    this.#writing = false;
    if (!this.#ended) return;
    if (!this.#response.aborted) this.#response.end();
    this.#finish();
  }

  #beat(): void {
    this.#timer = this.#clock.after(this.#pulse.everyMs, () => {
      if (this.#quiet && !this.#writing) this.#push(this.#pulse.text);
      this.#quiet = true;
      this.#beat();
    });
  }

  #finish(): void {
    this.#ended = true;
    this.#waiting = [];
    this.#timer?.cancel();
    this.#done.resolve();
  }
}
