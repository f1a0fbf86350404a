/**
 * The ring as a node takes part in it, put together: what it knows, what it tells the others, its
 * share of the work, its driver, and what operators ask of it.
 *
 * Learning comes before acknowledging: the record is durable, then the marks of the node's own drives
 * are raised, and only when they are does the node report the epoch.
 */

import { PartitionBits } from "../../../cluster/layout/partition-bits.ts";
import { encodeProgress } from "../../../cluster/layout/ring-codec.ts";
import type { NodeProgress } from "../../../cluster/layout/ring-progress.ts";
import type { PeerId } from "../../../cluster/peers/peer-id.ts";
import type { PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import { assert } from "../../base/assert.ts";
import type { Clock } from "../../base/clock.ts";
import type { NodeId } from "../../base/ids.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import type { Drive, DriveStatus } from "../../store/drive.ts";
import type { Registers } from "../contract/registers.ts";
import type { DataMover, MoveCounts } from "../upkeep/data-mover.ts";
import type { ClusterAdministration, HealBacklog } from "./cluster-administration.ts";
import type { ClusterMap } from "./cluster-map.ts";
import { RingAdministration } from "./ring-administration.ts";
import { RingDriver } from "./ring-driver.ts";
import type { RingKnowledge } from "./ring-knowledge.ts";
import { decodeRingCall, RING_METHOD, type RingCall } from "./ring-wire.ts";
import { RingWorker } from "./ring-worker.ts";
import type { SharedDrive } from "./shared-drive.ts";

export interface ClusterRingModules {
  readonly knowledge: RingKnowledge;
  readonly network: Pick<PeerNetwork, "call" | "serve" | "self" | "statusOf">;
  readonly registers: Pick<Registers, "read" | "update">;
  readonly own: readonly { readonly drive: Drive; readonly guard: SharedDrive }[];
  driveOf(driveId: string): SharedDrive | undefined;
  statusOf(driveId: string): DriveStatus | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const NO_BACKLOG: HealBacklog = { waiting: undefined, done: 0, failed: 0 };
const NO_COUNTS: MoveCounts = { shards: 0, bytes: 0, failed: 0 };
const NOTHING = new Uint8Array(0);
const NO_WORK = new PartitionBits(1);

export class ClusterRing {
  readonly administration: ClusterAdministration;
  readonly #modules: ClusterRingModules;
  readonly #driver: RingDriver;
  /** By drive id: the epoch that its mark was raised to. */
  readonly #raised = new Map<string, number>();
  #acknowledged = 0;
  #worker: RingWorker | undefined;
  #mover: DataMover | undefined;
  /** Of the mover when the present epoch began. */
  #countsBefore = NO_COUNTS;
  #epochSinceMs: number;
  #healBacklog: () => HealBacklog = () => NO_BACKLOG;

  constructor(modules: ClusterRingModules) {
    this.#modules = modules;
    const { knowledge, network, registers, clock, random, log } = modules;
    this.#epochSinceMs = clock.monotonicMs();
    this.#driver = new RingDriver({
      knowledge,
      registers,
      network,
      report: () => this.#report(),
      clock,
      random,
      log,
    });
    this.administration = new RingAdministration({
      knowledge,
      driver: this.#driver,
      network,
      statusOf: (id) => modules.statusOf(id),
      healBacklog: () => this.#healBacklog(),
      epochAgeMs: () => clock.monotonicMs() - this.#epochSinceMs,
    });
    knowledge.onAdopted(() => this.#begin());
    void this.#raiseMarks();
  }

  get map(): ClusterMap {
    return this.#modules.knowledge.map;
  }

  /** For how long a change that was given up has been on its way back, as this node knows; else 0. */
  get returningMs(): number {
    if (this.map.record.ring.phase !== "returning") return 0;
    return this.#modules.clock.monotonicMs() - this.#epochSinceMs;
  }

  /** Called at once with each newer map, in the order of epochs. */
  onAdopted(listener: (map: ClusterMap) => void): void {
    this.#modules.knowledge.onAdopted(listener);
  }

  /** The node's share of the work. `healBacklog` is for the status. */
  createWorker(mover: DataMover, healBacklog: () => HealBacklog): RingWorker {
    const { registers, log, clock } = this.#modules;
    this.#mover = mover;
    this.#healBacklog = healBacklog;
    this.#worker = new RingWorker({
      map: () => this.map,
      ownDrives: () => this.#onlineDrives().map(({ guard }) => guard),
      driveOf: (id) => this.#modules.driveOf(id),
      isOnline: (id) => this.#modules.statusOf(id)?.state === "online",
      read: (key) => registers.read(key),
      tend: (key, body) => mover.tend(key, body),
      counts: () => mover.counts,
      clock,
      log,
    });
    return this.#worker;
  }

  serve(): void {
    this.#modules.network.serve(RING_METHOD, (payload, { peer }) => {
      return this.#answer(decodeRingCall(payload), peer);
    });
  }

  start(): void {
    this.#driver.start();
  }

  stop(): Promise<void> {
    return this.#driver.stop();
  }

  /** Somebody carries this epoch: false when nobody tells the record of it. */
  async learn(epoch: number): Promise<boolean> {
    return this.#modules.knowledge.learn(epoch, (peer) => this.#driver.ask(peer));
  }

  async #answer(call: RingCall, peer: PeerId): Promise<Uint8Array> {
    const { knowledge, log } = this.#modules;
    switch (call.kind) {
      case "report":
        try {
          await knowledge.learnFrom(peer, call.epoch);
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          log.warn("what another node tells of the ring cannot be taken", { peer, error });
        }
        await this.#raiseMarks();
        return encodeProgress(this.#report());
      case "record":
      case "layout":
        return knowledge.pieceFor(call);
      case "keep":
        await knowledge.keep(await knowledge.layoutWith(call.layout, [peer]));
        return NOTHING;
    }
  }

  #begin(): void {
    this.#epochSinceMs = this.#modules.clock.monotonicMs();
    this.#countsBefore = this.#mover?.counts ?? NO_COUNTS;
    void this.#raiseMarks();
    this.#driver.wake();
  }

  /** Of every drive that is there: nothing of an older epoch is under way on it afterwards. */
  async #raiseMarks(): Promise<void> {
    const { epoch } = this.#modules.knowledge;
    await Promise.all(
      this.#onlineDrives().map(async ({ guard }) => {
        if ((this.#raised.get(guard.id) ?? 0) >= epoch) return;
        const reply = await guard.raise({ layout: epoch });
        if (reply.ok) this.#raised.set(guard.id, Math.max(epoch, this.#raised.get(guard.id) ?? 0));
      }),
    );
  }

  #report(): NodeProgress {
    const { epoch } = this.#modules.knowledge;
    const raised = this.#onlineDrives().every(
      ({ guard }) => (this.#raised.get(guard.id) ?? 0) >= epoch,
    );
    if (raised) this.#acknowledged = epoch;
    else void this.#raiseMarks();
    const counts = this.#mover?.counts ?? NO_COUNTS;
    const work = this.#worker?.report;
    return {
      nodeId: this.#nodeId(),
      acknowledged: this.#acknowledged,
      epoch: work?.epoch ?? 0,
      done: work?.done ?? NO_WORK,
      cleaned: work?.cleaned ?? 0,
      shardsMoved: counts.shards - this.#countsBefore.shards,
      bytesMoved: counts.bytes - this.#countsBefore.bytes,
      shardsFailed: counts.failed - this.#countsBefore.failed,
    };
  }

  #nodeId(): NodeId {
    const { network } = this.#modules;
    const own = this.map.record.members.nodes.find(({ peerId }) => peerId === network.self);
    assert(own !== undefined, "a node is a member of its cluster");
    return own.nodeId;
  }

  #onlineDrives() {
    return this.#modules.own.filter(({ drive }) => drive.status().state === "online");
  }
}
