/** ClusterAdministration on a running node: see there for what it promises. */
import type { ClusterRecord } from "../../../cluster/forming/cluster-record.ts";
import type { Layout } from "../../../cluster/layout/layout.ts";
import { encodeLayout, layoutRefOf } from "../../../cluster/layout/layout-codec.ts";
import { whileReturning } from "../../../cluster/layout/member-changes.ts";
import type { MemberNode } from "../../../cluster/layout/members.ts";
import { abandonChange, beginChange } from "../../../cluster/layout/ring-state.ts";
import { parsePeerId } from "../../../cluster/peers/peer-id.ts";
import type { PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import { majority } from "../../../cluster/register/replica-set.ts";
import type { DriveId } from "../../base/ids.ts";
import { StoreError } from "../../base/store-error.ts";
import type { DriveStatus } from "../../store/drive.ts";
import type {
  ChangePlan,
  ClusterAdministration,
  ClusterStatus,
  HealBacklog,
  MemberChange,
} from "./cluster-administration.ts";
import type { ClusterMap } from "./cluster-map.ts";
import type { RingDriver } from "./ring-driver.ts";
import type { RingKnowledge } from "./ring-knowledge.ts";
import { type PreparedChange, prepareChange } from "./ring-plan.ts";
import { describeCluster } from "./ring-status.ts";
import { encodeRingCall, RING_METHOD } from "./ring-wire.ts";

export interface RingAdministrationModules {
  readonly knowledge: RingKnowledge;
  readonly driver: RingDriver;
  readonly network: Pick<PeerNetwork, "call" | "self" | "statusOf">;
  statusOf(driveId: DriveId): DriveStatus | undefined;
  healBacklog(): HealBacklog;
  /** Since this node goes by the present epoch. */
  epochAgeMs(): number;
}

const KEEP_MS = 60_000;

export class RingAdministration implements ClusterAdministration {
  readonly #modules: RingAdministrationModules;

  constructor(modules: RingAdministrationModules) {
    this.#modules = modules;
  }

  async status(): Promise<ClusterStatus> {
    const { knowledge, driver } = this.#modules;
    await driver.askAll();
    const { map } = knowledge;
    return describeCluster(map, {
      ...this.#modules,
      reports: driver.reports,
      done: driver.doneNow(map),
      verdict: driver.verdict(map),
      heal: this.#modules.healBacklog(),
      ageMs: this.#modules.epochAgeMs(),
      isUp: (node) => this.#isUp(node),
      isSelf: (node) => node.peerId === this.#modules.network.self,
    });
  }

  async plan(change: MemberChange): Promise<ChangePlan> {
    const { map } = this.#modules.knowledge;
    refuseDuringChange(map);
    return this.#prepare(change, map).plan;
  }

  async apply(change: MemberChange, expectedRevision: number): Promise<void> {
    const { driver, knowledge } = this.#modules;
    const record = await driver.readRecord();
    const { map } = knowledge;
    if (record.members.revision !== expectedRevision) throw new StoreError({ code: "busy" });
    if (change.kind === "return-node" || change.kind === "return-drive") {
      refuseUnlessDraining(record, change);
      return this.abandon();
    }
    refuseDuringChange(map);
    const prepared = this.#prepare(change, map);
    await this.#refuseUnclean(map, prepared);
    const { layout, members } = prepared;
    await this.#distribute(map, layout);
    const next = layoutRefOf(encodeLayout(layout));
    await driver.replace(
      map.epoch,
      (found) => ({
        ...found,
        ring: beginChange(found.ring, next),
        members,
        membersBefore: found.members,
      }),
      [layout],
    );
  }

  async abandon(): Promise<void> {
    const { driver } = this.#modules;
    const record = await driver.readRecord();
    // Refused before anything is written.
    abandonChange(record.ring);
    await driver.replace(record.ring.epoch, (found) => ({
      ...found,
      ring: abandonChange(found.ring),
      members:
        found.membersBefore === undefined
          ? found.members
          : whileReturning(found.members, found.membersBefore),
      membersBefore: undefined,
    }));
  }

  #prepare(change: MemberChange, map: ClusterMap): PreparedChange {
    return prepareChange(change, map, { statusOf: (id) => this.#modules.statusOf(id) });
  }

  /** Old copies of what a drive is to keep again could bring back what was deleted meanwhile. */
  async #refuseUnclean(map: ClusterMap, { newReplicas }: PreparedChange): Promise<void> {
    if (map.record.ring.latestVersion === 1) return;
    const { driver } = this.#modules;
    await driver.askAll();
    for (const node of map.record.members.nodes) {
      if (!node.drives.some(({ driveId }) => newReplicas.has(driveId))) continue;
      const cleaned = driver.reports.get(node.nodeId)?.cleaned ?? 0;
      if (cleaned < map.epoch) throw new StoreError({ code: "busy" });
    }
  }

  /** The layout is durable on most nodes before anything names it. */
  async #distribute(map: ClusterMap, layout: Layout): Promise<void> {
    const { knowledge, network } = this.#modules;
    await knowledge.keep(layout);
    const request = encodeRingCall({ kind: "keep", layout: layoutRefOf(encodeLayout(layout)) });
    const nodes = map.record.members.nodes.filter(({ state }) => state !== "removed");
    const kept = await Promise.all(
      nodes.map(async ({ peerId }) => {
        const peer = parsePeerId(peerId);
        if (peer === undefined) return false;
        if (peer === network.self) return true;
        const reply = await network.call(peer, RING_METHOD, request, { deadlineMs: KEEP_MS });
        return reply.ok;
      }),
    );
    const got = kept.filter(Boolean).length;
    const needed = majority(nodes.length);
    if (got < needed) throw new StoreError({ code: "no-quorum", needed, got });
  }

  #isUp({ peerId }: MemberNode): boolean {
    const { network } = this.#modules;
    const peer = parsePeerId(peerId);
    if (peer === undefined) return false;
    return peer === network.self || network.statusOf(peer).state === "up";
  }
}

function refuseDuringChange({ record }: ClusterMap): void {
  if (record.ring.phase !== "stable") throw new StoreError({ code: "busy" });
}

function refuseUnlessDraining(
  { members, membersBefore }: ClusterRecord,
  change: Extract<MemberChange, { kind: "return-node" | "return-drive" }>,
): void {
  const isDraining = members.nodes.some((node) => {
    if (change.kind === "return-node") {
      return node.nodeId === change.nodeId && node.state === "draining";
    }
    const drive = node.drives.find(({ driveId }) => driveId === change.driveId);
    return drive?.state === "draining";
  });
  if (isDraining && membersBefore !== undefined) return;
  const message = isDraining
    ? "it is too late: its data has been moved"
    : "it is not being drained";
  throw new StoreError({ code: "invalid-argument", message });
}
