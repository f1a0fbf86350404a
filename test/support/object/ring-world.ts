/**
 * Nodes that know a ring and drive its changes, on a register that is a variable and a network that
 * is a function call. Nothing moves but by the tests' doing: `run` lets time pass.
 */
import {
  type ClusterRecord,
  encodeClusterRecord,
} from "../../../cluster/forming/cluster-record.ts";
import { buildLayout } from "../../../cluster/layout/build-layout.ts";
import type { Layout } from "../../../cluster/layout/layout.ts";
import { encodeLayout, layoutRefOf } from "../../../cluster/layout/layout-codec.ts";
import { addNode } from "../../../cluster/layout/member-changes.ts";
import type { ClusterMembers, MemberNode } from "../../../cluster/layout/members.ts";
import { PartitionBits } from "../../../cluster/layout/partition-bits.ts";
import { encodeProgress } from "../../../cluster/layout/ring-codec.ts";
import type { NodeProgress } from "../../../cluster/layout/ring-progress.ts";
import { beginChange, firstRing } from "../../../cluster/layout/ring-state.ts";
import { newPeerIdentity, type PeerId } from "../../../cluster/peers/peer-id.ts";
import type { PeerNetwork, PeerResult, PeerStatus } from "../../../cluster/peers/peer-network.ts";
import type { ChangeFunction, UpdateOutcome } from "../../../cluster/register/register-contract.ts";
import { ZERO_BALLOT } from "../../../src/base/ballot.ts";
import { newDriveId, newNodeId } from "../../../src/base/ids.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import { clusterBody } from "../../../src/object/cluster/cluster-body.ts";
import { RingDriver } from "../../../src/object/cluster/ring-driver.ts";
import { RingKnowledge, type StoredRing } from "../../../src/object/cluster/ring-knowledge.ts";
import { decodeRingCall } from "../../../src/object/cluster/ring-wire.ts";
import { ManualClock } from "../manual-clock.ts";
import { SeededRandom } from "../seeded-random.ts";

const PARTITIONS = 16;
const CLUSTER_ID = "ab".repeat(16);
const TURNS_MAX = 2_000;
const TURN_MS = 10;
const UNREACHABLE: PeerResult = {
  ok: false,
  error: { code: "unreachable", applied: "no", message: "it is down" },
};
const UNKNOWN: Omit<PeerStatus, "peer" | "state"> = {
  reason: undefined,
  refusal: undefined,
  roundTripMs: undefined,
  clockOffsetMs: undefined,
  softwareVersion: undefined,
  protocolVersion: undefined,
};

export interface RingNode {
  readonly peer: PeerId;
  readonly member: MemberNode;
  readonly knowledge: RingKnowledge;
  readonly driver: RingDriver;
  /** What was made durable, in order. */
  readonly saved: StoredRing[];
  /** Does not answer, and nobody tries. */
  down: boolean;
  /** Its drives have not taken the newest epoch. */
  lagging: boolean;
  /** Its work for the present epoch is done. */
  finished: boolean;
}

/** What a node has before any change. */
export interface FirstRing {
  readonly record: ClusterRecord;
  readonly layout: Layout;
}

export const refOf = (layout: Layout) => layoutRefOf(encodeLayout(layout));

export class RingWorld {
  readonly clock = new ManualClock();
  readonly nodes: RingNode[] = [];
  readonly first: FirstRing;
  /** Whoever wrote the record, in order. */
  readonly writers: PeerId[] = [];
  /** Reads of the record. */
  reads = 0;
  /** Awaited by each read. */
  beforeRead: () => Promise<void> = () => Promise.resolve();
  /** Changes what a node answers. */
  tamper: (peer: PeerId, reply: Uint8Array) => Uint8Array = (_, reply) => reply;
  #body: Uint8Array;

  private constructor(first: FirstRing) {
    this.first = first;
    this.#body = clusterBody(encodeClusterRecord(first.record), undefined);
  }

  static async create(count: number): Promise<RingWorld> {
    const random = new SeededRandom(5);
    let members: ClusterMembers = { revision: 0, nodes: [] };
    for (let node = 0; node < count; node++) {
      members = addNode(members, {
        nodeId: newNodeId(random),
        peerId: newPeerIdentity(random).id,
        addresses: [`n${node}:1`],
        zone: "",
        drives: [{ driveId: newDriveId(random), capacityBytes: 1000 }],
      });
    }
    const layout = buildLayout({
      members,
      previous: undefined,
      version: 1,
      partitions: PARTITIONS,
    });
    const ring = firstRing(refOf(layout));
    const record = { clusterId: CLUSTER_ID, members, ring, membersBefore: undefined };
    const world = new RingWorld({ record, layout });
    for (const member of members.nodes) world.#addNode(member);
    return world;
  }

  /** A layout that could come next, and the record that names it. */
  next(record: ClusterRecord = this.first.record): FirstRing {
    const version = record.ring.latestVersion + 1;
    const previous = this.first.layout;
    const layout = buildLayout({ members: record.members, previous, version });
    return { layout, record: { ...record, ring: beginChange(record.ring, refOf(layout)) } };
  }

  /** A change begins through this node. */
  async begin(position: number): Promise<void> {
    const { layout } = this.next();
    for (const { knowledge } of this.nodes) await knowledge.keep(layout);
    const { driver, knowledge } = this.at(position);
    await driver.replace(
      knowledge.epoch,
      (record) => ({ ...record, ring: beginChange(record.ring, refOf(layout)) }),
      [layout],
    );
  }

  at(position: number): RingNode {
    const node = this.nodes[position];
    if (node === undefined) throw new Error(`no node ${position}`);
    return node;
  }

  /** Lets time pass until it is so; false when it never is. */
  async run(isSo: () => boolean): Promise<boolean> {
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      if (isSo()) return true;
      await this.turn();
      this.clock.advance(TURN_MS);
    }
    return false;
  }

  /** What is under way goes on as far as it can without time passing. */
  async turn(): Promise<void> {
    for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(({ driver }) => driver.stop()));
  }

  reportOf({ member, knowledge, lagging, finished }: RingNode): NodeProgress {
    const { epoch, map } = knowledge;
    const done = new PartitionBits(map.registers.partitions);
    if (finished) for (let at = 0; at < map.registers.partitions; at++) done.add(at);
    return {
      nodeId: member.nodeId,
      acknowledged: lagging ? epoch - 1 : epoch,
      epoch,
      done,
      cleaned: 0,
      shardsMoved: 0,
      bytesMoved: 0,
      shardsFailed: 0,
    };
  }

  #addNode(member: MemberNode): void {
    const peer = member.peerId as PeerId; // made by newPeerIdentity
    const random = new SeededRandom(member.proposer);
    const network = this.#networkOf(peer);
    const saved: StoredRing[] = [];
    const save = (ring: StoredRing): Promise<void> => {
      saved.push(ring);
      return Promise.resolve();
    };
    const { record, layout } = this.first;
    const stored = { record, layouts: [layout] };
    const knowledge = new RingKnowledge(stored, { network, save, random, log: silentLogger });
    const driver = new RingDriver({
      knowledge,
      registers: this.#registersOf(peer),
      network,
      report: () => this.reportOf(node),
      clock: this.clock,
      random,
      log: silentLogger,
    });
    const state = { down: false, lagging: false, finished: true };
    const node: RingNode = { peer, member, knowledge, driver, saved, ...state };
    this.nodes.push(node);
  }

  #registersOf(peer: PeerId): ConstructorParameters<typeof RingDriver>[0]["registers"] {
    return {
      read: async () => {
        this.reads += 1;
        await this.beforeRead();
        return this.#body;
      },
      update: async <Answer>(
        _: Uint8Array,
        change: ChangeFunction<Answer>,
      ): Promise<UpdateOutcome<Answer>> => {
        const made = await change(this.#body);
        if (made.kind === "keep") return { kind: "kept", answer: made.answer };
        if (made.kind === "refuse") return { kind: "refused", answer: made.answer };
        if (made.body === undefined) throw new Error("the record is never deleted");
        this.#body = made.body;
        this.writers.push(peer);
        return { kind: "written", ballot: ZERO_BALLOT, result: made.result };
      },
    };
  }

  #networkOf(self: PeerId): Pick<PeerNetwork, "call" | "self" | "statusOf"> {
    const nodeOf = (peer: PeerId) => this.nodes.find((node) => node.peer === peer);
    return {
      self,
      statusOf: (peer) => ({
        ...UNKNOWN,
        peer,
        state: nodeOf(peer)?.down === false ? "up" : "down",
      }),
      call: async (peer, _, payload) => {
        const node = nodeOf(peer);
        if (node === undefined || node.down || nodeOf(self)?.down === true) return UNREACHABLE;
        try {
          const reply = await this.#answer(node, payload, self);
          return { ok: true, payload: this.tamper(peer, reply) };
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          return { ok: false, error: { code: "remote", applied: "unknown", data: error.data } };
        }
      },
    };
  }

  async #answer(node: RingNode, payload: Uint8Array, from: PeerId): Promise<Uint8Array> {
    const call = decodeRingCall(payload);
    switch (call.kind) {
      case "report":
        await node.knowledge.learnFrom(from, call.epoch);
        return encodeProgress(this.reportOf(node));
      case "record":
      case "layout":
        return node.knowledge.pieceFor(call);
      case "keep":
        await node.knowledge.keep(await node.knowledge.layoutWith(call.layout, [from]));
        return new Uint8Array(0);
    }
  }
}
