/**
 * Where nodes of a list of URLs offer themselves. Before there is a cluster, the first node of the
 * list waits for all the others and founds it; afterwards any member tells a node of the list what it
 * was founded as, as often as it asks: nodes may come in any order and crash at any point.
 */
import type { Clock } from "../../src/base/clock.ts";
import type { Logger } from "../../src/base/log.ts";
import type { PeerId } from "../peers/peer-id.ts";
import { type ClusterRecord, encodeClusterRecord, memberOfPeer } from "./cluster-record.ts";
import {
  decodeOffer,
  encodeForm,
  type FormAnswer,
  type ListedNode,
  type NodeOffer,
} from "./form-messages.ts";
import { type FormingKey, seal, unseal } from "./forming-seal.ts";
import type { OfferedNode } from "./found-cluster.ts";

export interface FormDeskOptions {
  readonly self: PeerId;
  readonly list: readonly ListedNode[];
  readonly key: FormingKey;
}

export interface FormDeskModules {
  /** What this node knows; undefined before there is a cluster. */
  record(): ClusterRecord | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An offer not repeated for so long is of a node that has gone again. */
const OFFER_MS = 30_000;

interface HeldOffer extends OfferedNode {
  readonly heardMs: number;
}

export class FormDesk {
  readonly #options: FormDeskOptions;
  readonly #modules: FormDeskModules;
  readonly #offers = new Map<number, HeldOffer>();
  #onComplete: ((offers: readonly OfferedNode[]) => void) | undefined;

  constructor(options: FormDeskOptions, modules: FormDeskModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Resolves when every node of the list has offered itself; `own` is this node's offer. */
  gather(own: NodeOffer): Promise<readonly OfferedNode[]> {
    return new Promise((resolve) => {
      this.#onComplete = resolve;
      this.#take(this.#options.self, own);
    });
  }

  /** Answers a message of the join protocol. */
  answer(message: Uint8Array, peer: PeerId): Uint8Array {
    const { key, self } = this.#options;
    const offer = decodeOffer(unseal(key, message, { kind: "offer", from: peer, to: self }));
    const answer = encodeForm(this.#answer(offer, peer));
    return seal(key, answer, { kind: "answer", from: self, to: peer });
  }

  /** Nodes that have not offered themselves, as HOST:PORT. */
  missing(): string[] {
    return this.#options.list
      .filter((_, position) => this.#held(position) === undefined)
      .map(({ host, port }) => `${host}:${port}`);
  }

  #answer(offer: NodeOffer, peer: PeerId): FormAnswer {
    const { nonce } = offer;
    const record = this.#modules.record();
    if (record !== undefined) {
      if (memberOfPeer(record, peer) === undefined) {
        const message =
          "this cluster was formed without that node: all of its drives were emptied, or it is new. " +
          "Nothing was changed. If its drives are elsewhere, give it those. If they are lost, let it " +
          "take its old place: ringfort cluster token --replaces NODE on another node, here " +
          "ringfort server --join TOKEN DIR...; without --replaces it comes as a further node";
        return { kind: "refused", nonce, message };
      }
      return { kind: "formed", nonce, record: encodeClusterRecord(record).toString("base64") };
    }
    if (this.#options.list[offer.position]?.drives.length !== offer.capacities.length) {
      const message = `node ${offer.position} of the list has another number of drives`;
      return { kind: "refused", nonce, message };
    }
    const held = this.#held(offer.position);
    if (held !== undefined && held.peer !== peer) {
      const message = `two nodes say that they are number ${offer.position} of the list`;
      return { kind: "refused", nonce, message };
    }
    this.#take(peer, offer);
    return { kind: "waiting", nonce, missing: this.missing() };
  }

  #take(peer: PeerId, offer: NodeOffer): void {
    const heardMs = this.#modules.clock.monotonicMs();
    if (this.#held(offer.position) === undefined) {
      this.#modules.log.info("a node of the list is here", { position: offer.position });
    }
    this.#offers.set(offer.position, { peer, offer, heardMs });
    if (this.#onComplete === undefined || this.missing().length > 0) return;
    const offers = this.#options.list.flatMap((_, position) => this.#held(position) ?? []);
    this.#onComplete(offers);
    this.#onComplete = undefined;
  }

  #held(position: number): HeldOffer | undefined {
    const offer = this.#offers.get(position);
    if (offer === undefined || offer.peer === this.#options.self) return offer;
    const age = this.#modules.clock.monotonicMs() - offer.heardMs;
    return age > OFFER_MS ? undefined : offer;
  }
}
