/**
 * Whether clients are being served: by this node, or by others, whose requests this node's drives answer
 * as well. The others are asked at most once a second, and only while somebody wants to know.
 */
import { parsePeerId } from "../../cluster/peers/peer-id.ts";
import type { PeerNetwork } from "../../cluster/peers/peer-network.ts";
import type { Clock } from "../base/clock.ts";
import type { ClusterMap } from "../object/cluster/cluster-map.ts";

export interface LoadOfOthers {
  map(): ClusterMap;
  readonly network: Pick<PeerNetwork, "call" | "serve" | "self" | "statusOf">;
}

const LOAD_METHOD = "load";
/** After the last request began or ended: the next one is expected. */
const AFTER_MS = 1_000;
/** A request that lasts longer is a listener, or one that waits for a client that does nothing. */
const REQUEST_MS_MAX = 60_000;
const ASK_EVERY_MS = 1_000;
const ASK_WITHIN_MS = 1_000;
const NOTHING = new Uint8Array(0);
const BUSY = Uint8Array.of(1);

export class ForegroundLoad {
  readonly #clock: Clock;
  #others: LoadOfOthers | undefined;
  #inFlight = 0;
  #startedMs = Number.NEGATIVE_INFINITY;
  #changedMs = Number.NEGATIVE_INFINITY;
  #askedMs = Number.NEGATIVE_INFINITY;
  #othersBusyMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The node is one of a cluster. */
  follow(others: LoadOfOthers): void {
    this.#others = others;
    others.network.serve(LOAD_METHOD, () => (this.#isServing() ? BUSY : NOTHING));
  }

  enter(): void {
    this.#inFlight += 1;
    this.#startedMs = this.#clock.monotonicMs();
    this.#changedMs = this.#startedMs;
  }

  leave(): void {
    this.#inFlight -= 1;
    this.#changedMs = this.#clock.monotonicMs();
  }

  isBusy(): boolean {
    if (this.#isServing()) return true;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#askedMs >= ASK_EVERY_MS) this.#askOthers(nowMs);
    return nowMs - this.#othersBusyMs < AFTER_MS + ASK_EVERY_MS;
  }

  #isServing(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#changedMs < AFTER_MS) return true;
    return this.#inFlight > 0 && nowMs - this.#startedMs < REQUEST_MS_MAX;
  }

  #askOthers(nowMs: number): void {
    this.#askedMs = nowMs;
    if (this.#others === undefined) return;
    const { map, network } = this.#others;
    for (const { peerId, state } of map().record.members.nodes) {
      const peer = state === "removed" ? undefined : parsePeerId(peerId);
      if (peer === undefined || peer === network.self) continue;
      if (network.statusOf(peer).state !== "up") continue;
      void network.call(peer, LOAD_METHOD, NOTHING, { deadlineMs: ASK_WITHIN_MS }).then((reply) => {
        // A node of an earlier version does not know the question, and then nothing is known of it.
        if (reply.ok && reply.payload.length > 0) this.#othersBusyMs = this.#clock.monotonicMs();
      });
    }
  }
}
