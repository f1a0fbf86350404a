/**
 * Notices that this node is no member of its cluster any more: it is cut off when it is removed, so what
 * it knows itself still has it among the members. Most of the others refuse it as a stranger and none
 * answers, time after time; a node that knows that it was being drained takes that sooner for true than
 * one that may have been let in a moment ago.
 */
import type { MemberNode } from "../../../cluster/layout/members.ts";
import { type PeerId, parsePeerId } from "../../../cluster/peers/peer-id.ts";
import type { PeerNetwork, PeerResult } from "../../../cluster/peers/peer-network.ts";
import { majority } from "../../../cluster/register/replica-set.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { createDeferred } from "../../base/deferred.ts";
import type { ClusterMap } from "../../object/cluster/cluster-map.ts";

/** Another member of the cluster has this node's place, or nobody has. */
export class NodeRemovedError extends Error {
  constructor() {
    super(
      "this node is not a member of its cluster any more: it was drained, removed or replaced. " +
        "Nothing on its drives is needed there; empty them before they are used for anything else",
    );
    this.name = "NodeRemovedError";
  }
}

export interface RemovalModules {
  map(): ClusterMap;
  readonly network: Pick<PeerNetwork, "call" | "self">;
  readonly clock: Clock;
}

/** Every member answers it, if only by saying that it does not know it. */
const ASK_METHOD = "work";
const LOOK_MS = 5_000;
const ASK_WITHIN_MS = 4_000;
const LOOKS_DRAINED = 2;
const LOOKS_OTHERWISE = 12;
const NOTHING = new Uint8Array(0);

export class RemovalWatch {
  readonly #modules: RemovalModules;
  readonly #removed = createDeferred<NodeRemovedError>();
  #timer: Timer | undefined;
  #looks = 0;
  #stopped = false;

  constructor(modules: RemovalModules) {
    this.#modules = modules;
  }

  /** Resolves when it is sure. */
  get removed(): Promise<NodeRemovedError> {
    return this.#removed.promise;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = this.#modules.clock.after(LOOK_MS, () => {
      void this.look().then(() => this.start());
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async look(): Promise<void> {
    const { map, network } = this.#modules;
    const { nodes } = map().record.members;
    const own = nodes.find(({ peerId }) => peerId === network.self);
    const others = nodes.flatMap((node) => peerOf(node, network.self));
    const options = { deadlineMs: ASK_WITHIN_MS };
    const replies = await Promise.all(
      others.map((peer) => network.call(peer, ASK_METHOD, NOTHING, options)),
    );
    const refused = replies.filter(isStranger).length;
    const isOut =
      others.length > 0 && refused >= majority(others.length) && !replies.some(({ ok }) => ok);
    this.#looks = isOut ? this.#looks + 1 : 0;
    const needed = own?.state === "active" ? LOOKS_OTHERWISE : LOOKS_DRAINED;
    if (this.#looks >= needed) this.#removed.resolve(new NodeRemovedError());
  }
}

function peerOf({ peerId, state }: MemberNode, self: PeerId): PeerId[] {
  const peer = state === "removed" ? undefined : parsePeerId(peerId);
  return peer === undefined || peer === self ? [] : [peer];
}

function isStranger(reply: PeerResult): boolean {
  if (reply.ok || reply.error.code !== "refused") return false;
  return reply.error.reason.kind === "not-a-member";
}
