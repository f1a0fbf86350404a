/** Events of the other nodes of a cluster for the listeners here, and ours for theirs. */
import { type PeerId, parsePeerId } from "../../cluster/peers/peer-id.ts";
import type { PeerNetwork } from "../../cluster/peers/peer-network.ts";
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { EventHub } from "../events/event-hub.ts";
import { EventRelay } from "../events/event-relay.ts";
import { type EventPeers, PeerListening } from "../events/peer-listening.ts";
import type { ClusterMap } from "../object/cluster/cluster-map.ts";

export interface PeerEventsModules {
  readonly hub: EventHub;
  readonly network: Pick<PeerNetwork, "self" | "call" | "serve">;
  readonly map: Pick<ClusterMap, "record">;
  readonly clock: Clock;
  readonly random: Random;
}

const EVENTS_METHOD = "events";
/** Longer than the other node waits for news. */
const ASK_MS_MAX = 20_000;
/** Questions of one node under way here: one, and one whose asker was restarted. */
const QUESTIONS_MAX = 4;
const EPOCH_BYTES = 8;

/** Returns how to stop it. */
export function sharePeerEvents(modules: PeerEventsModules): () => void {
  const { hub, network, clock, random } = modules;
  const relay = new EventRelay(random.bytes(EPOCH_BYTES).toString("hex"), { hub, clock });
  network.serve(EVENTS_METHOD, (payload, { signal }) => relay.answer(payload, signal), {
    inFlightMax: QUESTIONS_MAX,
  });
  const listening = new PeerListening({ hub, clock, peers: eventPeers(modules) });
  listening.start();
  return () => listening.stop();
}

function eventPeers({ network, map }: PeerEventsModules): EventPeers {
  return {
    list: () =>
      map.record.members.nodes
        .filter(({ state, peerId }) => state !== "removed" && peerId !== network.self)
        .map(({ peerId }) => peerId),
    async ask(peer, question) {
      const id: PeerId | undefined = parsePeerId(peer);
      if (id === undefined) return undefined;
      const options = { deadlineMs: ASK_MS_MAX };
      const result = await network.call(id, EVENTS_METHOD, question, options);
      return result.ok ? result.payload : undefined;
    },
  };
}
