/**
 * Follows the events of the other nodes while this one has listeners: one question under way to each
 * of them, answered as soon as there is news there.
 */
import { type Clock, sleep } from "../base/clock.ts";
import type { EventHub } from "./event-hub.ts";
import { decodeAnswer, encodeQuestion, type RelayQuestion } from "./relay-messages.ts";

/** The other nodes. */
export interface EventPeers {
  /** As they are now. */
  list(): readonly string[];
  /** Undefined: no answer in time. Never rejects. */
  ask(peer: string, question: Uint8Array): Promise<Uint8Array | undefined>;
}

const RETRY_MS = 2_000;
const FIRST: RelayQuestion = { epoch: undefined, after: 0 };

export class PeerListening {
  readonly #hub: Pick<EventHub, "onListeners" | "hearFromPeer">;
  readonly #peers: EventPeers;
  readonly #clock: Clock;
  readonly #followed = new Set<string>();
  #wanted = false;

  constructor(modules: {
    readonly hub: Pick<EventHub, "onListeners" | "hearFromPeer">;
    readonly peers: EventPeers;
    readonly clock: Clock;
  }) {
    this.#hub = modules.hub;
    this.#peers = modules.peers;
    this.#clock = modules.clock;
  }

  start(): void {
    this.#hub.onListeners((some) => {
      this.#wanted = some;
      this.#followAll();
    });
  }

  stop(): void {
    this.#hub.onListeners(() => {});
    this.#wanted = false;
  }

  #followAll(): void {
    if (!this.#wanted) return;
    for (const peer of this.#peers.list()) {
      if (this.#followed.has(peer)) continue;
      this.#followed.add(peer);
      void this.#follow(peer);
    }
  }

  /** Until nobody listens here, or it is no peer any more. */
  async #follow(peer: string): Promise<void> {
    let question = FIRST;
    while (this.#wanted && this.#peers.list().includes(peer)) {
      const bytes = await this.#peers.ask(peer, encodeQuestion(question));
      const answer = bytes === undefined ? undefined : decodeAnswer(bytes);
      if (answer === undefined) {
        await sleep(this.#clock, RETRY_MS);
        continue;
      }
      for (const event of answer.events) this.#hub.hearFromPeer(event);
      question = { epoch: answer.epoch, after: answer.next };
      // Whoever has joined meanwhile.
      this.#followAll();
    }
    this.#followed.delete(peer);
    // Somebody may have begun to listen just now.
    if (this.#peers.list().includes(peer)) this.#followAll();
  }
}
