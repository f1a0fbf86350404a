/**
 * What a node knows of the ring, and how it comes to know more. The newest record and the layouts
 * that it names are durable on the node before it goes by them, before its drives serve under their
 * epoch, and before it tells anybody that it knows: so an epoch that any drive has acknowledged can
 * be learnt from some node after a power cut of all of them.
 *
 * A record is taken from this node's own driver, which has seen it chosen, or from a member, which
 * took it so as well; only ever one with a higher epoch. A layout is whatever has the hash.
 */
import {
  type ClusterRecord,
  decodeClusterRecord,
  encodeClusterRecord,
  layoutRefsOf,
} from "../../../cluster/forming/cluster-record.ts";
import type { Layout, LayoutRef } from "../../../cluster/layout/layout.ts";
import { decodeLayout, encodeLayout, layoutRefOf } from "../../../cluster/layout/layout-codec.ts";
import { type PeerId, parsePeerId } from "../../../cluster/peers/peer-id.ts";
import type { PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import { ClusterMap } from "./cluster-map.ts";
import {
  decodePiece,
  encodePieceAt,
  encodeRingCall,
  RING_METHOD,
  type RingCall,
} from "./ring-wire.ts";

/** What a node has on its drives. */
export interface StoredRing {
  readonly record: ClusterRecord;
  /** Those that the record names, and one that the next may name. */
  readonly layouts: readonly Layout[];
}

export interface RingKnowledgeModules {
  readonly network: Pick<PeerNetwork, "call" | "self">;
  /** Resolves when it is durable on every drive of this node that is there. */
  save(ring: StoredRing): Promise<void>;
  readonly random: Random;
  readonly log: Logger;
}

const CALL_MS = 10_000;

export class RingKnowledge {
  readonly #modules: RingKnowledgeModules;
  readonly #listeners: ((map: ClusterMap) => void)[] = [];
  #map: ClusterMap;
  /** By hash: those of the record, and candidates for the next. */
  readonly #layouts = new Map<string, Layout>();
  #recordBytes: Buffer;
  /** Changes of what is stored, one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #learning: Promise<void> | undefined;

  /** `stored` is on this node's drives already. */
  constructor(stored: StoredRing, modules: RingKnowledgeModules) {
    this.#modules = modules;
    this.#map = new ClusterMap(stored.record, stored.layouts);
    for (const layout of stored.layouts) this.#layouts.set(hashOf(layout), layout);
    this.#recordBytes = encodeClusterRecord(stored.record);
  }

  get map(): ClusterMap {
    return this.#map;
  }

  /** What is durable here, and what no drive of this node goes below. */
  get epoch(): number {
    return this.#map.epoch;
  }

  /** Called at once with each newer map, in the order of epochs. */
  onAdopted(listener: (map: ClusterMap) => void): void {
    this.#listeners.push(listener);
  }

  /** A record that was chosen. Resolves when it, or a newer one, is durable and gone by. */
  adopt(record: ClusterRecord, layouts: readonly Layout[] = []): Promise<void> {
    return this.#inTurn(async () => {
      if (record.ring.epoch <= this.epoch) return;
      if (record.clusterId !== this.#map.record.clusterId) throw foreign();
      const known = new Map([...this.#layouts, ...layouts.map((it) => [hashOf(it), it] as const)]);
      const named = layoutRefsOf(record).map(({ version, hash }) => {
        const layout = known.get(hash);
        if (layout !== undefined) return layout;
        throw new StoreError({ code: "internal", message: `layout ${version} is not here` });
      });
      const map = new ClusterMap(record, named);
      await this.#modules.save({ record, layouts: named });
      this.#layouts.clear();
      for (const layout of named) this.#layouts.set(hashOf(layout), layout);
      this.#recordBytes = encodeClusterRecord(record);
      this.#map = map;
      const { epoch, phase } = record.ring;
      this.#modules.log.info("the ring has changed", {
        epoch,
        phase,
        layout: map.data.layout.version,
      });
      for (const listener of this.#listeners) listener(map);
    });
  }

  /** Makes a layout durable that the next record may name. */
  keep(layout: Layout): Promise<void> {
    return this.#inTurn(async () => {
      const hash = hashOf(layout);
      if (this.#layouts.has(hash)) return;
      const layouts = [...this.#map.layouts, layout];
      await this.#modules.save({ record: this.#map.record, layouts });
      // One candidate: there is one change at a time.
      for (const [other, { version }] of this.#layouts) {
        if (!this.#map.layouts.some((it) => it.version === version)) this.#layouts.delete(other);
      }
      this.#layouts.set(hash, layout);
    });
  }

  /** The layout with a hash: from here, or from whoever has it. Rejects when nobody answers with it. */
  async layoutWith(ref: LayoutRef, from: readonly PeerId[] = this.#members()): Promise<Layout> {
    const known = this.#layouts.get(ref.hash);
    if (known !== undefined) return known;
    for (const peer of from) {
      const bytes = await this.#fetch(peer, (offset) => ({
        kind: "layout",
        hash: ref.hash,
        offset,
      }));
      if (bytes === undefined) continue;
      const layout = decodeLayout(bytes);
      if (layoutRefOf(bytes).hash === ref.hash && layout.version === ref.version) return layout;
    }
    throw new StoreError({
      code: "data-unavailable",
      message: `no node answers with layout ${ref.version}`,
    });
  }

  /** Takes the record and its layouts from a member that goes by a later epoch. */
  async learnFrom(peer: PeerId, epoch: number): Promise<void> {
    if (epoch <= this.epoch) return;
    const bytes = await this.#fetch(peer, (offset) => ({ kind: "record", epoch, offset }));
    if (bytes === undefined) return;
    const record = decodeClusterRecord(bytes);
    const others = this.#members().filter((it) => it !== peer);
    const layouts = await Promise.all(
      layoutRefsOf(record).map((ref) => this.layoutWith(ref, [peer, ...others])),
    );
    await this.adopt(record, layouts);
  }

  /** Asks the others until this node goes by `epoch` or later, each once. False: nobody told. */
  async learn(epoch: number, ask: (peer: PeerId) => Promise<number | undefined>): Promise<boolean> {
    if (epoch <= this.epoch) return true;
    this.#learning ??= this.#askAll(epoch, ask).finally(() => {
      this.#learning = undefined;
    });
    await this.#learning;
    return epoch <= this.epoch;
  }

  async #askAll(epoch: number, ask: (peer: PeerId) => Promise<number | undefined>): Promise<void> {
    for (const peer of this.#members()) {
      try {
        await this.learnFrom(peer, (await ask(peer)) ?? 0);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        this.#modules.log.debug("a node does not tell about the ring", { peer, error });
      }
      if (epoch <= this.epoch) return;
    }
  }

  /** The reply to a call for a record or a layout. Throws `data-unavailable`. */
  pieceFor(call: Extract<RingCall, { kind: "record" | "layout" }>): Uint8Array {
    if (call.kind === "record") {
      if (call.epoch === this.epoch) return encodePieceAt(this.#recordBytes, call.offset);
      throw new StoreError({ code: "data-unavailable", message: `not at epoch ${call.epoch}` });
    }
    const layout = this.#layouts.get(call.hash);
    if (layout !== undefined) return encodePieceAt(encodeLayout(layout), call.offset);
    throw new StoreError({ code: "data-unavailable", message: "no such layout here" });
  }

  /** All pieces; undefined when the other does not answer, or has not got it. */
  async #fetch(
    peer: PeerId,
    callAt: (offset: number) => RingCall,
  ): Promise<Uint8Array | undefined> {
    const pieces: Uint8Array[] = [];
    for (let offset = 0, total = 1; offset < total; ) {
      const request = encodeRingCall(callAt(offset));
      const options = { deadlineMs: CALL_MS };
      const result = await this.#modules.network.call(peer, RING_METHOD, request, options);
      if (!result.ok) return undefined;
      const piece = decodePiece(result.payload);
      if (piece.content.length === 0) return undefined;
      total = piece.total;
      offset += piece.content.length;
      pieces.push(piece.content);
    }
    return Buffer.concat(pieces);
  }

  /** The others, in an order of its own for each call. */
  #members(): PeerId[] {
    const { network, random } = this.#modules;
    const peers = this.#map.record.members.nodes.flatMap((node) => {
      const peer = node.state === "removed" ? undefined : parsePeerId(node.peerId);
      return peer === undefined || peer === network.self
        ? []
        : [{ peer, at: random.below(2 ** 30) }];
    });
    return peers.sort((one, other) => one.at - other.at).map(({ peer }) => peer);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

function hashOf(layout: Layout): string {
  return layoutRefOf(encodeLayout(layout)).hash;
}

function foreign(): StoreError {
  return new StoreError({ code: "internal", message: "the record of another cluster" });
}
