/**
 * What this node tells the listeners of other nodes: a short memory of what happened here, kept only
 * while another node asks. They ask with the number of the last event they have; the answer comes
 * when there is news, or empty after a while.
 *
 * Best effort like all listening: who asks too seldom misses what was forgotten meanwhile, and a node
 * that was restarted begins anew, which its answer says.
 */
import type { Clock, Timer } from "../base/clock.ts";
import { createDeferred, type Deferred } from "../base/deferred.ts";
import type { EventHub } from "./event-hub.ts";
import { decodeQuestion, encodeAnswer, type RelayedEvent } from "./relay-messages.ts";

export const RELAY_BYTES_MAX = 1024 * 1024;
const ANSWER_BYTES = 256 * 1024;
const WAIT_MS = 10_000;
/** Without a question for so long, nobody listens any more. */
const FORGET_MS = 30_000;

interface Remembered {
  readonly number: number;
  readonly event: RelayedEvent;
  readonly bytes: number;
}

export class EventRelay {
  readonly #epoch: string;
  readonly #hub: Pick<EventHub, "relayTo">;
  readonly #clock: Clock;
  #remembered: Remembered[] = [];
  #bytes = 0;
  #last = 0;
  #news: Deferred<void> = createDeferred<void>();
  #forget: Timer | undefined;

  /** `epoch` names this process: numbers of another mean nothing. */
  constructor(
    epoch: string,
    { hub, clock }: { readonly hub: Pick<EventHub, "relayTo">; readonly clock: Clock },
  ) {
    this.#epoch = epoch;
    this.#hub = hub;
    this.#clock = clock;
  }

  async answer(question: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const asked = decodeQuestion(question);
    this.#listen();
    if (asked?.epoch !== this.#epoch) return this.#encode([], this.#last);
    if (asked.after >= this.#last) await this.#waitForNews(signal);
    const events: RelayedEvent[] = [];
    let [bytes, next] = [0, asked.after];
    for (const entry of this.#remembered) {
      if (entry.number <= asked.after) continue;
      if (bytes > 0 && bytes + entry.bytes > ANSWER_BYTES) break;
      bytes += entry.bytes;
      next = entry.number;
      events.push(entry.event);
    }
    return this.#encode(events, next);
  }

  #encode(events: readonly RelayedEvent[], next: number): Uint8Array {
    return encodeAnswer({ epoch: this.#epoch, next, events });
  }

  #listen(): void {
    this.#forget?.cancel();
    this.#forget = this.#clock.after(FORGET_MS, () => {
      this.#hub.relayTo(undefined);
      this.#remembered = [];
      this.#bytes = 0;
    });
    this.#hub.relayTo((event) => this.#remember(event));
  }

  #remember(event: RelayedEvent): void {
    this.#last += 1;
    const bytes = Buffer.byteLength(event.line);
    this.#remembered.push({ number: this.#last, event, bytes });
    this.#bytes += bytes;
    while (this.#bytes > RELAY_BYTES_MAX) this.#bytes -= this.#remembered.shift()?.bytes ?? 0;
    this.#news.resolve();
    this.#news = createDeferred<void>();
  }

  async #waitForNews(signal: AbortSignal): Promise<void> {
    const over = createDeferred<void>();
    const timer = this.#clock.after(WAIT_MS, () => over.resolve());
    const stop = () => over.resolve();
    signal.addEventListener("abort", stop, { once: true });
    await Promise.race([this.#news.promise, over.promise]);
    signal.removeEventListener("abort", stop);
    timer.cancel();
  }
}
