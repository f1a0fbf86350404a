/** The machines of a run and what may be done to them. */
import { buildLayout } from "../../../cluster/layout/build-layout.ts";
import { encodeLayout, layoutRefOf } from "../../../cluster/layout/layout-codec.ts";
import type { MemberNode } from "../../../cluster/layout/members.ts";
import { firstRing } from "../../../cluster/layout/ring-state.ts";
import type { ClusterMap } from "../../../src/object/cluster/cluster-map.ts";
import type { StoredRing } from "../../../src/object/cluster/ring-knowledge.ts";
import { World } from "../register/world.ts";
import { type CodecPlace, CodecPlaces } from "./codec-places.ts";
import { type Process, type Site, StackNode } from "./stack-node.ts";
import type { Gap, StackOptions } from "./stack-options.ts";
import { mapOf, newestOf } from "./stack-ring.ts";
import { type Wire, Wires } from "./wires.ts";

/** Kernels and their memories outlive the runs. */
const PLACES = new CodecPlaces();
const PARTITIONS = 4;
const LOOK_MS = 100;
/** From the limit of commits to well beyond the sweeper's grace time. */
const GAP_MS = [5_000, 9_000] as const;

/** For looking at what processes have stored. */
export function surveyPlace(): CodecPlace {
  return PLACES.take(false);
}

export class StackCluster {
  readonly world: World;
  readonly wires: Wires;
  /** All that there are, by the numbers of their nodes and drives. */
  readonly machines: StackNode[] = [];
  readonly options: StackOptions;
  /** What the product must never do, whatever fails. */
  readonly bugs: unknown[] = [];
  /** Shard files of a drive were harmed: what was made anew elsewhere leaves the bad one behind. */
  harmed = false;
  /** Clients work and things fail: neither before it is founded, nor when everything is mended. */
  inTrouble = false;

  private constructor(world: World, options: StackOptions) {
    const { lateMessages, lateMsMax, connectionBreaks } = options.pressure;
    this.world = world;
    this.options = options;
    this.wires = new Wires(world, { late: lateMessages, lateMsMax, breaks: connectionBreaks });
  }

  /** Those that belong to the cluster, or did until a moment ago. */
  get nodes(): readonly StackNode[] {
    return this.machines.filter(({ known, gone }) => known !== undefined && !gone);
  }

  /**
   * Space may be lost, never data: a mover or healer that is not told of the end of its drop leaves
   * a file that nothing refers to (docs/decisions/0023). So does a writer that stands still while others
   * overrule what it has told its own drive: that has let go of the row by which files are swept.
   */
  get mayLeaveShards(): boolean {
    return this.harmed || this.map.epoch > 1 || this.options.pressure.gaps !== undefined;
  }

  /** What the node that knows most has stored of the cluster. */
  get map(): ClusterMap {
    const newest = newestOf(this.machines.flatMap(({ known }) => known ?? []));
    if (newest === undefined) throw new Error("the cluster is being founded");
    return mapOf(newest);
  }

  static async create(seed: number, options: StackOptions): Promise<StackCluster> {
    // Node runs ticks when no promise is left to be run down, and costs no turn of the event loop.
    const drain = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
    const world = new World(seed, { trace: options.trace, drain });
    const cluster = new StackCluster(world, options);
    await cluster.#found();
    return cluster;
  }

  /** Processes that serve clients. */
  open(): readonly Process[] {
    return this.nodes.flatMap(({ process, isStanding }) =>
      process?.open === true && !isStanding ? [process] : [],
    );
  }

  start(node: StackNode): void {
    if (node.isUp) return;
    this.world.note(`node-${node.number} starts`);
    node.start();
  }

  /** The others find out when they hear nothing, or at once. */
  end(node: StackNode, kind: "killed" | "power"): void {
    if (!node.isUp) return;
    this.world.note(`node-${node.number} ends: ${kind}`);
    node.end(kind);
    for (const wire of this.wires.of(node.number)) {
      if (kind === "killed" && this.world.chance(0.5)) wire.break("connection reset");
      wire.fallSilent();
    }
  }

  stand(node: StackNode, forMs: number): void {
    if (!node.isUp || node.isStanding) return;
    this.world.note(`node-${node.number} stands for ${forMs} ms`);
    node.stand();
    for (const wire of this.wires.of(node.number)) wire.fallSilent();
    this.world.after(forMs, () => this.goOn(node));
  }

  /** Perhaps, at this very moment: true when it does. */
  #standIn(number: number, gap: Gap): boolean {
    const chance = this.options.pressure.gaps?.[gap];
    const node = this.machines[number];
    if (chance === undefined || !this.inTrouble || node === undefined) return false;
    if (!this.world.chance(chance) || this.nodes.some(({ isStanding }) => isStanding)) return false;
    this.world.note(`node-${number} is stopped before ${gap}`);
    this.stand(node, this.world.between(...GAP_MS));
    return true;
  }

  goOn(node: StackNode): void {
    if (!node.isStanding) return;
    this.world.note(`node-${node.number} goes on`);
    node.goOn();
    this.#connect(this.wires.of(node.number));
  }

  /** Cuts the nodes into those of the one side and those of the other. */
  part(sides: readonly boolean[], forMs: number): void {
    this.partUntil(sides, () => false, forMs);
  }

  /** The same until something has happened. */
  partUntil(sides: readonly boolean[], isOver: () => boolean, forMsMax: number): void {
    const { world } = this;
    world.note(`partition ${sides.map((side) => (side ? 1 : 0)).join("")} for ${forMsMax} ms`);
    const cut = this.wires.all().filter(({ ends }) => sides[ends[0]] !== sides[ends[1]]);
    for (const wire of cut) wire.fallSilent();
    const endMs = world.nowMs + forMsMax;
    const look = (): void => {
      if (world.nowMs >= endMs || isOver()) this.#connect(cut);
      else world.after(Math.min(LOOK_MS, endMs - world.nowMs), look);
    };
    look();
  }

  /** Those between processes that are there. */
  #connect(wires: readonly Wire[]): void {
    for (const wire of wires) {
      const [left, right] = wire.ends.map((end) => this.machines[end]);
      if (isTalking(left) && isTalking(right)) wire.speak();
    }
  }

  /** Everything works again. */
  mend(): void {
    this.inTrouble = false;
    this.wires.pressure = { late: 0, lateMsMax: 0, breaks: 0 };
    for (const node of this.nodes) {
      this.goOn(node);
      this.start(node);
      node.hardware.disk.setFreeBytes(undefined);
    }
    this.#connect(this.wires.all());
  }

  async #found(): Promise<void> {
    const { world, options, wires } = this;
    PLACES.reuse();
    const board = new Map();
    const site: Site = {
      world,
      wires,
      board,
      places: PLACES,
      options,
      onGap: (number, gap) => this.#standIn(number, gap),
      onBug: (error) => {
        world.note(`BUG: ${error instanceof Error ? error.stack : String(error)}`);
        this.bugs.push(error);
      },
    };
    const { nodes, spares } = options.pressure;
    for (let number = 0; number < nodes + spares; number++) {
      this.machines.push(await StackNode.create(number, site));
    }
    for (const left of this.machines) {
      for (const right of this.machines) {
        if (left.number < right.number) wires.between(left.number, right.number);
      }
    }
    wires.onState = (end, wire) => {
      const other = wire.ends[0] === end ? wire.ends[1] : wire.ends[0];
      board.get(end)?.noteState(other, wire.isDown);
    };
    const first = this.#firstRing(this.machines.slice(0, nodes));
    for (const node of this.machines.slice(0, nodes)) node.known = first;
    for (const { number } of this.machines.slice(nodes)) {
      for (const wire of wires.of(number)) wire.fallSilent();
    }
  }

  #firstRing(founders: readonly StackNode[]): StoredRing {
    const { world } = this;
    const usual = 4 + world.below(2);
    const slots = Math.min(founders.length, this.options.pressure.slots ?? usual);
    const nodes = founders.map((node): MemberNode => {
      const { nodeId, peerId, addresses, zone, drives } = node.card;
      const own = drives.map((drive) => ({
        ...drive,
        number: node.number,
        weight: undefined,
        state: "active" as const,
      }));
      return {
        nodeId,
        peerId,
        addresses,
        zone,
        proposer: node.number + 1,
        state: "active",
        drives: own,
      };
    });
    const members = { revision: 1, nodes };
    const layout = buildLayout({
      members,
      previous: undefined,
      version: 1,
      slots,
      partitions: PARTITIONS,
    });
    const clusterId = world.bytes(16).toString("hex");
    const ring = firstRing(layoutRefOf(encodeLayout(layout)));
    return { record: { clusterId, members, ring, membersBefore: undefined }, layouts: [layout] };
  }
}

function isTalking(node: StackNode | undefined): boolean {
  return node?.isUp === true && !node.isStanding;
}
