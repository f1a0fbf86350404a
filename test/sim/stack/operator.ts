/**
 * The operator: takes machines in, empties and weighs them, gives changes up, and replaces or removes
 * the machine that was lost; through whatever node answers, while clients work and things fail.
 */
import { StoreError } from "../../../src/base/store-error.ts";
import type {
  ClusterAdministration,
  MemberChange,
} from "../../../src/object/cluster/cluster-administration.ts";
import type { ClusterMap } from "../../../src/object/cluster/cluster-map.ts";
import type { StackCluster } from "./stack-cluster.ts";
import type { Process, StackNode } from "./stack-node.ts";
import { newestOf } from "./stack-ring.ts";

/** How soon what was admitted is started, and what was removed is switched off. */
const LOOK_MS = 200;
/** So many nodes are left at least: what the parity of the first layout needs. */
const NODES_MIN = 4;
const PATIENCE_MS = 15_000;
/** A change that waits this long is given up, when a machine is lost. */
const STUCK_MS = 6_000;
const NEXT_MS = 1_000;
const BEHIND_MS_MAX = 12_000;
const WEIGHT_BYTES = 1 << 28;

export class Operator {
  readonly #cluster: StackCluster;
  #untilMs = 0;
  #busy = false;
  #changeSinceMs = 0;
  #epoch = 0;

  constructor(cluster: StackCluster) {
    this.#cluster = cluster;
  }

  /** Begins no change of its own accord after `untilMs`; the lost machine is seen to until the end. */
  start(untilMs: number): void {
    this.#untilMs = untilMs;
    if (this.#cluster.options.pressure.changeMsMean === 0) return;
    this.#look();
    this.#act();
  }

  /** Whether the members are what they shall stay. */
  get isDone(): boolean {
    return this.#cluster.map.record.ring.phase === "stable" && this.#lost() === undefined;
  }

  /** Newcomers get what the member knows that took them in; who was removed is switched off. */
  #look(): void {
    const { world, machines } = this.#cluster;
    world.after(LOOK_MS, () => this.#look());
    const newest = newestOf(this.#cluster.nodes.flatMap(({ known }) => known ?? []));
    if (newest === undefined) return;
    for (const { peerId, state } of newest.record.members.nodes) {
      const machine = machines.find(({ card }) => card.peerId === peerId);
      if (machine === undefined) throw new Error("members are machines");
      if (state === "removed" && !machine.gone) this.#switchOff(machine);
      if (state !== "removed" && machine.known === undefined) {
        world.note(`node-${machine.number} was let in`);
        machine.known = newest;
        world.after(world.between(0, 1000), () => this.#cluster.start(machine));
      }
    }
  }

  /** Late enough that it may still do something. */
  #switchOff(machine: StackNode): void {
    const { world } = this.#cluster;
    if (machine.known === undefined) {
      machine.gone = true;
      return;
    }
    world.after(world.between(0, 3000), () => {
      this.#cluster.end(machine, "killed");
      machine.gone = true;
    });
  }

  #act(): void {
    const { world, options } = this.#cluster;
    const { changeMsMean } = options.pressure;
    const goOn = world.nowMs <= this.#untilMs;
    const waitMs = goOn ? world.between(changeMsMean / 4, changeMsMean * 1.75) : NEXT_MS;
    world.after(waitMs, () => {
      this.#act();
      if (this.#busy || (this.isDone && world.nowMs > this.#untilMs)) return;
      this.#busy = true;
      const done = (): void => {
        this.#busy = false;
      };
      // A call whose node dies is never answered.
      const given = world.after(PATIENCE_MS, done);
      void this.#change(world.nowMs <= this.#untilMs).finally(() => {
        given.cancel();
        done();
      });
    });
  }

  async #change(ofOwnAccord: boolean): Promise<void> {
    const { world } = this.#cluster;
    const able = this.#cluster.open();
    if (able.length === 0) return;
    const process = world.pick(able);
    const { administration, map } = process.cluster.ring;
    try {
      if (map.record.ring.phase !== "stable") {
        await this.#duringChange(administration, map.epoch, ofOwnAccord);
        return;
      }
      const change = this.#lossRepair(process) ?? (ofOwnAccord ? this.#pick(process) : undefined);
      if (change === undefined) return;
      const { revision } = await administration.plan(change);
      world.note(`operator: ${describe(change)}`);
      await administration.apply(change, revision);
      world.note(`operator: ${change.kind} is agreed`);
      this.#leaveBehind();
    } catch (error) {
      if (!(error instanceof StoreError)) this.#cluster.bugs.push(error);
      world.note(`operator: ${String(error)}`);
    }
  }

  /** A member does not hear of the change, and is back as soon as the others have gone on. */
  #leaveBehind(): void {
    const { world, machines, nodes, options, map } = this.#cluster;
    if (!world.chance(options.pressure.leftBehind ?? 0)) return;
    const keepers = keepersOf(map);
    // The change waits for those that keep records, as long as there is no majority without them.
    const others = nodes.filter(({ hardware }) => !keepers.has(hardware.planned.format.drive));
    if (others.length === 0) return;
    const behind = world.pick(others);
    const sides = machines.map((machine) => machine === behind);
    const { epoch } = map;
    const isOver = (): boolean => {
      const { map: now } = this.#cluster;
      return now.epoch > epoch && now.record.ring.phase === "stable";
    };
    this.#cluster.partUntil(sides, isOver, BEHIND_MS_MAX);
  }

  async #duringChange(
    administration: ClusterAdministration,
    epoch: number,
    ofOwnAccord: boolean,
  ): Promise<void> {
    const { world, options } = this.#cluster;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#changeSinceMs = world.nowMs;
    }
    const isStuck = this.#lost() !== undefined && world.nowMs > this.#changeSinceMs + STUCK_MS;
    const givesUp = ofOwnAccord && options.pressure.onlyGrows !== true && world.chance(0.25);
    if (!isStuck && !givesUp) return;
    world.note("operator: abandon");
    await administration.abandon();
    world.note("operator: abandoned");
  }

  /** A member that is no more. */
  #lost(): StackNode | undefined {
    const { machines, map } = this.#cluster;
    return machines.find(
      ({ gone, nodeId }) =>
        gone &&
        map.record.members.nodes.some((it) => it.nodeId === nodeId && it.state === "active"),
    );
  }

  #lossRepair(process: Process): MemberChange | undefined {
    const lost = this.#lost();
    if (lost === undefined) return undefined;
    const spare = this.#spare(process);
    if (spare === undefined) return { kind: "remove-node", nodeId: lost.nodeId };
    return { kind: "replace-node", nodeId: lost.nodeId, by: spare.card };
  }

  #pick(process: Process): MemberChange | undefined {
    const { world, machines, options } = this.#cluster;
    const { nodes } = process.cluster.ring.map.record.members;
    const active = nodes.filter(({ state }) => state === "active");
    const member = world.pick(active);
    const machine = machines.find(({ nodeId }) => nodeId === member.nodeId);
    const spare = this.#spare(process);
    const driveId = member.drives[0]?.driveId;
    const mayLeave = options.pressure.onlyGrows !== true;
    const dice = world.next();
    if (dice < 0.4 && spare !== undefined) return { kind: "add-node", node: spare.card };
    if (dice < 0.5 && mayLeave && spare !== undefined && machine?.isUp === true) {
      return { kind: "replace-node", nodeId: member.nodeId, by: spare.card };
    }
    if (dice < 0.8 && mayLeave && active.length > NODES_MIN)
      return { kind: "drain-node", nodeId: member.nodeId };
    if (driveId === undefined) return undefined;
    const weight = world.chance(0.3) ? undefined : world.between(1, 8) * WEIGHT_BYTES;
    return { kind: "weight", driveId, weight };
  }

  /** The first that was never let in: numbers are given in this order. */
  #spare(process: Process): StackNode | undefined {
    const { nodes } = process.cluster.ring.map.record.members;
    return this.#cluster.machines[nodes.length];
  }
}

/** The drives that keep records now. */
function keepersOf({ registers }: ClusterMap): Set<string> {
  const keepers = new Set<string>();
  for (let partition = 0; partition < registers.partitions; partition++) {
    for (const id of registers.groupsOf(partition)[0] ?? []) keepers.add(id);
  }
  return keepers;
}

function describe(change: MemberChange): string {
  if ("nodeId" in change) return `${change.kind} ${change.nodeId}`;
  return "driveId" in change ? `${change.kind} ${change.driveId}` : change.kind;
}
