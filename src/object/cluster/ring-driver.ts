/**
 * Drives changes of the ring from one state to the next. Every node has a driver; the one with the
 * lowest proposer number that answers acts, and should two of them act, the register of the cluster
 * record lets one be first: each step is a compare-and-set on it. Nothing is kept but what the record
 * says and what the nodes report, so any driver goes on where another stopped.
 *
 * It also looks for news: whoever goes by a later epoch is asked for the record.
 */
import {
  type ClusterRecord,
  decodeClusterRecord,
  encodeClusterRecord,
} from "../../../cluster/forming/cluster-record.ts";
import type { Layout } from "../../../cluster/layout/layout.ts";
import { settleMembers } from "../../../cluster/layout/member-changes.ts";
import type { MemberNode } from "../../../cluster/layout/members.ts";
import type { PartitionBits } from "../../../cluster/layout/partition-bits.ts";
import { decodeProgress } from "../../../cluster/layout/ring-codec.ts";
import {
  doneOf,
  mayAdvance,
  type NodeProgress,
  type RingLayouts,
  type RingVerdict,
} from "../../../cluster/layout/ring-progress.ts";
import { advance, nextOf } from "../../../cluster/layout/ring-state.ts";
import { type PeerId, parsePeerId } from "../../../cluster/peers/peer-id.ts";
import type { PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import { assert } from "../../base/assert.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import { CLUSTER_KEY } from "../contract/register-keys.ts";
import type { Registers } from "../contract/registers.ts";
import { RECORD_HEAD_BYTES } from "../records/record-head.ts";
import { clusterBody } from "./cluster-body.ts";
import type { ClusterMap } from "./cluster-map.ts";
import type { RingKnowledge } from "./ring-knowledge.ts";
import { encodeRingCall, RING_METHOD } from "./ring-wire.ts";

export interface RingDriverModules {
  readonly knowledge: RingKnowledge;
  readonly registers: Pick<Registers, "read" | "update">;
  readonly network: Pick<PeerNetwork, "call" | "self" | "statusOf">;
  /** What this node reports itself. */
  report(): NodeProgress;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const STABLE_MS = 2_000;
const CHANGING_MS = 250;
/** While stable, the record is read as often as this many looks. */
const LOOKS_PER_READ = 5;
const REPORT_MS = 5_000;
const NO_RESULT = new Uint8Array(0);

export class RingDriver {
  readonly #modules: RingDriverModules;
  readonly #reports = new Map<string, NodeProgress>();
  /** What was ever reported done in an epoch: done stays done. */
  #done: { readonly epoch: number; readonly bits: PartitionBits } | undefined;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #looks = 0;
  /** Something has happened during the look that is under way. */
  #woken = false;
  #stopped = false;

  constructor(modules: RingDriverModules) {
    this.#modules = modules;
  }

  start(): void {
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** Something has happened: does not wait for the next look. */
  wake(): void {
    if (this.#stopped) return;
    if (this.#running !== undefined) {
      this.#woken = true;
      return;
    }
    this.#timer?.cancel();
    this.#run();
  }

  /** What the nodes last reported, by node id; this one's is new. */
  get reports(): ReadonlyMap<string, NodeProgress> {
    const own = this.#modules.report();
    return new Map(this.#reports).set(own.nodeId, own);
  }

  /** Asks all nodes now. */
  async askAll(): Promise<void> {
    await Promise.all(this.#others().map(({ peer }) => this.ask(peer)));
  }

  /** The epoch that another node goes by; undefined when it does not say. Tells it ours. */
  async ask(peer: PeerId): Promise<number | undefined> {
    const { knowledge, network } = this.#modules;
    const request = encodeRingCall({ kind: "report", epoch: knowledge.epoch });
    const result = await network.call(peer, RING_METHOD, request, { deadlineMs: REPORT_MS });
    if (!result.ok) return undefined;
    const progress = decodeProgress(result.payload);
    this.#reports.set(progress.nodeId, progress);
    return progress.acknowledged;
  }

  /** Partitions done in this epoch, whoever did them. */
  doneNow(map: ClusterMap): PartitionBits {
    const now = doneOf(map.record.ring, layoutsOf(map), [...this.reports.values()]);
    if (this.#done?.epoch !== map.epoch) this.#done = { epoch: map.epoch, bits: now };
    else this.#done.bits.addAll(now);
    return this.#done.bits;
  }

  /** Whether the ring may go on, and what it waits for. */
  verdict(map: ClusterMap): RingVerdict {
    const done = this.doneNow(map);
    const reports = [...this.reports.values()];
    const all = { nodeId: this.#modules.report().nodeId, acknowledged: 0, epoch: map.epoch, done };
    // What was done is known of nodes, too, that do not answer any more.
    return mayAdvance(map.record.ring, layoutsOf(map), [all, ...reports]);
  }

  /** The chosen record; this node goes by it afterwards. Rejects as reading a register does. */
  async readRecord(): Promise<ClusterRecord> {
    const { knowledge, registers } = this.#modules;
    const record = recordIn(await registers.read(CLUSTER_KEY));
    if (record !== undefined) await this.#take(record);
    return knowledge.map.record;
  }

  /**
   * Replaces the record by what `change` makes of it, if it is still the one of `epoch`. Resolves
   * when this node goes by the new one. Rejects with `busy` when another has come first, with
   * `unknown-outcome` when nobody can tell.
   */
  async replace(
    epoch: number,
    change: (record: ClusterRecord) => ClusterRecord,
    layouts: readonly Layout[] = [],
  ): Promise<void> {
    const { knowledge, registers } = this.#modules;
    let next: ClusterRecord | undefined;
    const outcome = await registers.update<ClusterRecord | undefined>(CLUSTER_KEY, (body) => {
      const found = recordIn(body);
      if (found === undefined || found.ring.epoch !== epoch) return { kind: "keep", answer: found };
      next = change(found);
      const bytes = clusterBody(encodeClusterRecord(next), body);
      return { kind: "write", body: bytes, result: NO_RESULT };
    });
    if (outcome.kind !== "written") {
      if (outcome.answer !== undefined) await this.#take(outcome.answer);
      throw new StoreError({ code: "busy" });
    }
    assert(next !== undefined, "what was written was made");
    await knowledge.adopt(next, layouts);
    this.wake();
  }

  async #take(record: ClusterRecord): Promise<void> {
    const { knowledge } = this.#modules;
    if (record.ring.epoch <= knowledge.epoch) return;
    const { current, next } = record.ring;
    const refs = next === undefined ? [current] : [current, next];
    const layouts = await Promise.all(refs.map((ref) => knowledge.layoutWith(ref)));
    await knowledge.adopt(record, layouts);
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = this.#modules.clock.after(delayMs, () => this.#run());
  }

  #run(): void {
    this.#running = this.#look()
      .catch((error: unknown) => {
        if (!(error instanceof StoreError)) throw error;
        this.#modules.log.debug("the ring cannot be looked at now", { error });
      })
      .finally(() => {
        this.#running = undefined;
        const { phase } = this.#modules.knowledge.map.record.ring;
        const pauseMs = phase === "stable" ? STABLE_MS : CHANGING_MS;
        this.#schedule(this.#woken ? 0 : pauseMs);
        this.#woken = false;
      });
  }

  async #look(): Promise<void> {
    const { knowledge } = this.#modules;
    const stable = knowledge.map.record.ring.phase === "stable";
    this.#looks += 1;
    if (!this.#acts()) {
      await this.#askAny();
      return;
    }
    if (stable) {
      await this.#askAny();
      if (this.#looks % LOOKS_PER_READ === 1) await this.readRecord();
      return;
    }
    await this.readRecord();
    await this.askAll();
    await this.#advance();
  }

  async #advance(): Promise<void> {
    const { knowledge, log } = this.#modules;
    const { map } = knowledge;
    const { phase } = map.record.ring;
    if (phase === "stable" || !this.verdict(map).allowed) return;
    try {
      await this.replace(map.epoch, advanced);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      log.debug("another node is first, or the outcome is not known", { phase, error });
    }
  }

  /** One that answers, and learns from it what is new. */
  async #askAny(): Promise<void> {
    const { knowledge, network, random } = this.#modules;
    const up = this.#others().filter(({ peer }) => network.statusOf(peer).state === "up");
    const chosen = up[random.below(Math.max(1, up.length))];
    if (chosen === undefined) return;
    const epoch = await this.ask(chosen.peer);
    if (epoch !== undefined) await knowledge.learnFrom(chosen.peer, epoch);
  }

  /** Of the nodes that answer none has a lower number. */
  #acts(): boolean {
    const { knowledge, network } = this.#modules;
    const self = knowledge.map.record.members.nodes.find(({ peerId }) => peerId === network.self);
    const own = self?.proposer ?? Number.POSITIVE_INFINITY;
    return !this.#others().some(
      ({ peer, node }) => node.proposer < own && network.statusOf(peer).state === "up",
    );
  }

  #others(): { peer: PeerId; node: MemberNode }[] {
    const { knowledge, network } = this.#modules;
    return knowledge.map.record.members.nodes.flatMap((node) => {
      const peer = node.state === "removed" ? undefined : parsePeerId(node.peerId);
      return peer === undefined || peer === network.self ? [] : [{ peer, node }];
    });
  }
}

/** The record after a step of its change. */
function advanced(record: ClusterRecord): ClusterRecord {
  const ring = advance(record.ring);
  const members = ring.phase === "stable" ? settleMembers(record.members) : record.members;
  const membersBefore = ring.phase === "joint" ? record.membersBefore : undefined;
  return { ...record, ring, members, membersBefore };
}

export function layoutsOf({ record, layouts }: ClusterMap): RingLayouts {
  const { ring } = record;
  const find = (version: number): Layout => {
    const layout = layouts.find((it) => it.version === version);
    assert(layout !== undefined, "a map has the layouts of its record");
    return layout;
  };
  const next = ring.phase === "stable" ? undefined : find(nextOf(ring).version);
  return { current: find(ring.current.version), next };
}

function recordIn(body: Uint8Array | undefined): ClusterRecord | undefined {
  return body === undefined ? undefined : decodeClusterRecord(body.subarray(RECORD_HEAD_BYTES));
}
